"""一案一流程: how a step is carried out: retried with back-off and jitter, fenced, at most one commit, no result kept.

The only place that knows how tasks reach the ledger, the mail and Prefect.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.tasks import exponential_backoff

from infra.handover import shared_ledger
from infra.ledger import Ledger, NoRulebook, StaleAttempt, Undecidable
from infra.mail.courier import HOLD, Courier
from infra.mail.smtp import Mailer
from infra.moment import now
from infra.orchestrator import Orchestrator
from infra.settings import prefect_api_url, prefect_auth, settings
from infra.tracing import steps
from rules.case import Case, Entry, Signal
from rules.decide import PROCEED
from rules.refusals import Refusal

log = logging.getLogger("minsheng.tasks")

RETRIES = 4
FINAL = (Refusal, StaleAttempt, NoRulebook, Undecidable)
"""Repeating does not help: the rules said no, or break, or are not there, or somebody else has the case."""

StepFunction = TypeVar("StepFunction", bound=Callable[..., Awaitable[Any]])


@dataclass(frozen=True, slots=True)
class Means:
    """What steps need of the world; one of each per event loop, kept for the life of the process."""

    ledger: Ledger
    courier: Courier
    orchestrator: Orchestrator


_means: WeakKeyDictionary[asyncio.AbstractEventLoop, Means] = WeakKeyDictionary()


def means() -> Means:
    """The means of the running event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _means:
        ledger = shared_ledger() or Ledger(settings().ledger_url)
        courier = Courier(ledger, Mailer(settings().smtp_url), settings())
        _means[loop] = Means(ledger, courier, Orchestrator(ledger, prefect_api_url(), auth=prefect_auth()))
    return _means[loop]


def step(function: StepFunction) -> StepFunction:
    """A Prefect task: four retries with exponential back-off and jitter, nothing cached or kept (P48, P49)."""
    made = task(
        retries=RETRIES,
        retry_delay_seconds=exponential_backoff(backoff_factor=1),
        retry_jitter_factor=0.5,
        retry_condition_fn=_worth_repeating,
        cache_policy=NO_CACHE,
        refresh_cache=True,  # else the engine looks for a file with an earlier result, whatever the policy says
        persist_result=False,
        log_prints=False,
        task_run_name=function.__name__,
    )
    return made(steps(function))  # type: ignore[return-value]  # a task is called like its function


def _worth_repeating(_task: Any, _run: Any, state: Any) -> bool:
    return not isinstance(state.data, FINAL) and not isinstance(getattr(state.data, "exception", None), FINAL)


async def record(number: str, signal: Signal, *, attempt: int) -> list[Entry]:
    """One transaction under the fence of this activation, then the letters it decided, as far as they go now."""
    recorded = await means().ledger.record(number, signal, at=now(), attempt=attempt, hold_for=HOLD)
    await _leave_in_the_outbox(means().courier.carry(recorded.letters))
    return list(recorded.entries)


async def proceed(number: str, *, attempt: int) -> list[Entry]:
    """Carry the case into its next stage; with nothing to do, nothing happens."""
    return await record(number, Signal(PROCEED), attempt=attempt)


async def send_letters(number: str | None = None) -> None:
    """Due letters of one case, or of all."""
    await _leave_in_the_outbox(means().courier.deliver(number))


async def _leave_in_the_outbox(sending: Awaitable[object]) -> None:
    """Letters leave by the outbox; whatever goes wrong here, they are still in it, and the pulse tries again."""
    try:
        await sending
    except Exception:
        log.exception("letters stay in the outbox for now")


async def case_as_left(number: str) -> Case:
    """The case after the step that this process has just done."""
    return (await means().ledger.as_left(number)).case
