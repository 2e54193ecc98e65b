"""首接负责: a case is taken up by one run at a time, put down when it waits, and found again when it was forgotten."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime

from prefect.runtime import flow_run

from infra.chance import token
from infra.handover import handed_over
from infra.ledger import Activation, LeaseHeld, StaleAttempt, UnknownCase
from infra.moment import now, wall
from infra.prefect_api import PrefectAway
from rules.case import Case
from rules.process import StageKind
from tasks._step import case_as_left, means

log = logging.getLogger("minsheng.tasks")

RUNG, AT_ONCE = 5000, 500
"""Cases one pulse rings for, and wakes by Prefect where nobody hears, at most; the next pulse goes on."""
CHECKED = 1000
"""Open cases whose run one pulse looks after."""

Overtaken = StaleAttempt
"""Another activation has the case now; this one ends without a trace."""


@dataclass(frozen=True, slots=True)
class Work:
    """A case as one activation of its run sees it now; ``is_due``: a clock has spoken, or has something to say."""

    case: Case
    attempt: int
    is_due: bool
    next_kind: StageKind | None

    @property
    def number(self) -> str:
        return self.case.number

    @property
    def wait_key(self) -> str:
        """Names this wait for Prefect, which refuses a key that was used before (P2)."""
        stage = self.case.stage or "received"
        return f"{stage}-{self.case.visits.get(stage, 0)}-{self.attempt}"


def somewhere_else() -> str:
    """A wait key for an activation that has no case: never used before, so that Prefect accepts it."""
    return f"elsewhere-{token()}"


async def take_up(number: str) -> Work | None:
    """The case under a lease and a fencing attempt; ``None`` when another activation, or another run, has it."""
    taken = handed_over(number) or await _taken(number)
    if taken is None:
        return None
    try:
        return await _seen(taken.case, taken.attempt, unshown=taken.unshown)
    except Exception:
        await _give_back(number, taken.attempt)
        raise


async def _taken(number: str) -> Activation | None:
    try:
        return None if await is_double(number) else await means().ledger.take(number)
    except LeaseHeld:
        return None


async def is_double(number: str) -> bool:
    """Whether this run is not the one that carries the case, but for example one more, started by hand."""
    bound = (await means().ledger.run_of(number)).run_id
    return bound is not None and bound != str(flow_run.id)


async def look_again(work: Work) -> Work:
    """The case after a step; no variable of the flow is the truth, the ledger is. A signal that came since the step is
    seen when the case is put down."""
    return await _seen(await case_as_left(work.number), work.attempt)


async def put_down(work: Work, *, wake: bool = True) -> None:
    """Give the case back; if a signal came while the run was going to sleep, ``wake`` it again at once (P9)."""
    if await _give_back(work.number, work.attempt) and wake:
        await _wake(work.number)


async def _give_back(number: str, attempt: int) -> bool:
    """Whether the case wants another wake already."""
    try:
        return await means().ledger.release(number, attempt, now=now())
    except StaleAttempt:
        return False


_last_beats: dict[str, datetime] = {}
"""Flow that beats -> when it last began in this process (wall time)."""


def has_beaten_since() -> bool:
    """Whether a beat of the same flow in this process began after this one was due; if not, this one begins now."""
    name, due, at = str(flow_run.flow_name), flow_run.scheduled_start_time, wall()
    if due is not None and name in _last_beats and due < _last_beats[name] <= at:  # a clock may be put back
        return True
    _last_beats[name] = at
    return False


async def wake_who_is_due() -> int:
    """Every case with somewhere to go, a clock that ran out, or a dead activation; the number woken."""
    numbers = [run.number for run in await means().ledger.to_wake(now(), limit=RUNG)]
    unheard = await means().orchestrator.ring(numbers)
    woken = await asyncio.gather(*(_wake(number) for number in unheard[:AT_ONCE]))
    return len(numbers) - len(unheard) + sum(woken)


async def put_runs_right() -> int:
    """Runs that somebody cancelled, completed or deleted, or whose worker died; the number mended."""
    orchestrator = means().orchestrator
    mended = await orchestrator.put_right()
    return mended + await orchestrator.check(await means().ledger.runs_to_check(limit=CHECKED))


async def _wake(number: str) -> bool:
    """One case that cannot be woken does not stop the others; the next pulse asks again."""
    try:
        return await means().orchestrator.wake(number) in ("woken", "started", "rung")
    except (PrefectAway, UnknownCase) as fault:
        log.warning("%s was not woken: %s", number, fault)
        return False


async def _seen(case: Case, attempt: int, *, unshown: int | None = None) -> Work:
    kind = None
    if case.is_moving:
        book = await means().ledger.rulebook(case.rulebook)
        stage = book.process(case.process).next_stage(case)
        kind = stage.kind if stage else None
    is_due = unshown is not None or (not case.is_moving and case.due(now()))
    return Work(case, attempt, is_due, kind)
