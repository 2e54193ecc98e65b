"""Many waiting cases, one warm process: a Prefect worker type that runs flows without starting Python for each wake.

Start it with ``prefect worker start --pool complaints --type warm``. A ring of the bell is acted upon at once: the case
is taken in the ledger, its run set to Running, its step done; what nobody rang for comes by Prefect's own polling. It
leans on private parts of the pinned Prefect, which tests/infra/test_worker.py watches. See ADR 0004.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Abort, ObjectNotFound, Pause
from prefect.flows import Flow
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

from infra import tracing
from infra.board import board_kept
from infra.deployments import AT_ONCE
from infra.garbage import seldom_collected
from infra.handover import hand_over, share
from infra.ledger import Activation, LeaseHeld, Ledger, NoRulebook, NotWanted, UnknownCase
from infra.moment import now
from infra.orchestrator import Orchestrator
from infra.overheard import answering
from infra.prefect_api import PrefectAway
from infra.run_events import events_told
from infra.settings import prefect_api_url, prefect_auth, settings
from infra.stray import is_asked_to_stop
from infra.waking import note_wake, wakes_shown
from infra.warm_engine import KnowingClient, adapt_the_engine, carry_out, load, one_client, story
from infra.watchdog import watched

DRAIN_SECONDS = 6
"""How long runs may finish their step after SIGTERM; the supervisor kills after ten."""
LEAVING_SECONDS = 3
"""How long connections may take to close after that; what hangs is cut off, because the ledger makes it harmless."""
LOOK_IN_A_RUSH = 5.0
"""Seconds between two looks for runs that nobody rang for, while cases wait that somebody did ring for."""
STUCK_SECONDS = 600.0
"""How long cases may wait for hands of which none begins or ends anything; a Prefect that takes calls and answers none
keeps a hand for six minutes (``infra.prefect_api.TRIES``)."""
MISSED = 5000
"""Cases that a worker looks for when it starts, because nobody heard the rings for them; the pulse finds the others."""


class WarmResult(BaseWorkerResult):
    """What the worker says of a run it has carried out."""


class WarmWorker(BaseWorker[BaseJobConfiguration, BaseVariables, WarmResult]):
    """Runs the flows of its pool inside this process, in this event loop."""

    type = "warm"
    job_configuration = BaseJobConfiguration
    job_configuration_variables = BaseVariables
    _description = "Runs flows inside one long-lived process: a wake costs milliseconds, not seconds."
    _display_type = "Warm process"

    _known: KnowingClient
    _ledger: Ledger
    _orchestrator: Orchestrator

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._flows: dict[UUID, Flow[..., Any]] = {}
        self._active: set[str] = set()
        self._idle = asyncio.Event()
        self._rung: dict[str, bool] = {}
        self._again: set[str] = set()
        self._more = asyncio.Event()
        self._looked = float("-inf")
        self._moved = 0.0
        self._draining = False
        self._go_deaf: Callable[[], object] = bool
        self._main: asyncio.Task[Any] | None = None
        self._leaving: asyncio.Future[None] | None = None

    async def setup(self) -> None:
        """The worker owns its signals; the engine's own handler would crash whatever run is at work (P26)."""
        adapt_the_engine()
        tracing.start("minsheng-worker")
        self._main = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._drain)
        try:
            await self._open_the_ledger()
            self._known = await self._exit_stack.enter_async_context(one_client())
            await self._exit_stack.enter_async_context(events_told())
            self._exit_stack.enter_context(wakes_shown())
            await super().setup()
            await self._answer_the_bell()
        except BaseException:
            await self._exit_stack.aclose()  # asked to stop before it has begun; nobody else would close it
            raise

    async def teardown(self, *exc_info: Any) -> None:
        """An end that nobody asked for is told; Prefect's command takes a cancelled group for an orderly stop."""
        if any(exc_info) and not self._draining:
            self._logger.error("the worker ends though nobody asked it to: %r", exc_info[1])
        await super().teardown(*exc_info)

    async def _open_the_ledger(self) -> None:
        """Before Prefect hears of a worker, which has to be there then."""
        self._ledger = Ledger(settings().ledger_url, pool_size=self._limit or AT_ONCE)
        share(self._ledger)
        self._orchestrator = Orchestrator(self._ledger, prefect_api_url(), auth=prefect_auth())
        self._exit_stack.push_async_callback(self._ledger.close)
        self._exit_stack.push_async_callback(self._orchestrator.close)
        with contextlib.suppress(NoRulebook):
            await self._ledger.active()  # half a second of reading

    async def _answer_the_bell(self) -> None:
        at_once = self._limit or AT_ONCE
        seldom_collected()
        await self._exit_stack.enter_async_context(watched(self._is_stuck, self._drain))
        await self._exit_stack.enter_async_context(board_kept(self._has_more_to_do))
        hands = [asyncio.create_task(self._carry_what_is_rung()) for _ in range(at_once)]
        for hand in hands:
            self._exit_stack.callback(hand.cancel)
        bell = answering(self._ledger, self._hear, is_busy=lambda: bool(self._rung))
        self._go_deaf = await self._exit_stack.enter_async_context(bell)
        for run in await self._ledger.to_wake(now(), limit=MISSED):
            self._hear(run.number)

    def _hear(self, number: str, *, is_asked_for: bool = False) -> None:
        """Many rings for a waiting case are one. What Prefect hands out, maybe by hand, is carried in any case."""
        if not self._rung:
            self._moved = asyncio.get_running_loop().time()
        self._rung[number] = is_asked_for or self._rung.get(number, False)
        self._more.set()

    def _has_more_to_do(self) -> bool:
        """More than the case that asks."""
        return len(self._active) > 1 or bool(self._rung)

    def _is_stuck(self) -> bool:
        """Whether somebody rang, and no hand has begun or ended anything for long."""
        return bool(self._rung) and asyncio.get_running_loop().time() > self._moved + STUCK_SECONDS

    async def _carry_what_is_rung(self) -> None:
        """One pair of hands: first rung, first carried."""
        loop = asyncio.get_running_loop()
        while True:
            await self._more.wait()
            if not self._rung or self._draining:
                self._more.clear()
                continue
            number = next(iter(self._rung))
            is_asked_for = self._rung.pop(number)
            self._moved = loop.time()
            try:
                await self._take_up(number, is_asked_for=is_asked_for)
            except (LeaseHeld, NotWanted, UnknownCase):
                pass  # somebody is at it, or was already, or it is not from our ledger
            except (Exception, asyncio.CancelledError):
                if is_asked_to_stop():
                    raise
                self._logger.exception("%s was rung for in vain", number)
            finally:
                self._moved = loop.time()

    async def _take_up(self, number: str, *, is_asked_for: bool = False) -> None:
        """Take the case first, then its run; a run that may not start gives the case back.

        Twice the same run in one process would put each other to sleep: Prefect marks suspensions by the run's id.
        """
        if number in self._active:
            self._again.add(number)  # the run rings for itself when an answer came while it was going to sleep (P9)
            return
        activation = await self._ledger.take(number, if_wanted=None if is_asked_for else now())
        note_wake(activation.case)
        handover = hand_over(activation)
        try:
            if not activation.case.is_closed:
                await self._carry_out(await self._run_of(activation), name=number, is_ours=True)
        except ObjectNotFound:
            await self._carry_out(await self._run_of(activation, anew=True), name=number, is_ours=True)
        except (PrefectAway, httpx.HTTPError) as fault:
            self._logger.warning("%s waits for Prefect: %s", number, fault)
        finally:
            if handover.take(number):
                await self._ledger.release(number, activation.attempt, now=now())

    async def _run_of(self, activation: Activation, *, anew: bool = False) -> UUID:
        found = await self._orchestrator.running(activation.run, activation.case, anew=anew)
        if isinstance(found, str):
            return UUID(found)
        made = FlowRun.model_validate(found)
        self._known.remember(made)
        return made.id

    async def run(self, flow_run: FlowRun, configuration: BaseJobConfiguration, task_status: Any = None) -> WarmResult:
        """Carry out one activation of a run; nothing it raises ends the worker (P27)."""
        if task_status is not None:
            task_status.started(os.getpid())
        await self._carry_out(flow_run.id, name=flow_run.name)
        return WarmResult(status_code=0, identifier=str(flow_run.id))

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """What nobody rang for. A look costs Prefect's server more than half of what carrying a case on does, and finds
        mostly runs that wait for their turn here already."""
        at = asyncio.get_running_loop().time()
        if self._draining or (self._rung and at < self._looked + LOOK_IN_A_RUSH):
            return []
        self._looked = at
        return await super().get_and_submit_flow_runs()

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """A run of a case is as good as a ring; any other run is claimed by Pending, as every worker does."""
        try:
            if await self._belongs_to_a_case(flow_run):
                if flow_run.name not in self._active:
                    self._hear(flow_run.name, is_asked_for=True)
            elif await self._propose_pending_state(flow_run):
                self._known.forget(flow_run.id)
                await self._carry_out(flow_run.id, name=flow_run.name)
        except (Exception, asyncio.CancelledError) as fault:
            # neither Prefect nor the ledger being away ends the worker (P27)
            if is_asked_to_stop():
                raise
            self._logger.warning("run %s is left to the pulse: %r", flow_run.name, fault)
        finally:
            self._submitting_flow_run_ids.discard(flow_run.id)
            self._release_limit_slot(flow_run.id)

    async def _belongs_to_a_case(self, flow_run: FlowRun) -> bool:
        try:
            run = await self._ledger.run_of(flow_run.name)
        except UnknownCase:
            return False
        return run.is_open and run.run_id == str(flow_run.id)

    async def _carry_out(self, run_id: UUID, *, name: str, is_ours: bool = False) -> None:
        self._active.add(name)
        self._idle.clear()
        try:
            run = await self._known.read_flow_run(run_id)
            with tracing.span("flow", name) if is_ours else contextlib.nullcontext():
                flow = story() if is_ours else await self._flow(run)
                await carry_out(flow, run, is_ours=is_ours)
        except Pause:
            pass  # the run sleeps
        except Abort:
            self._known.forget(run_id)  # somebody else moved it
        except (ObjectNotFound, httpx.HTTPError):
            self._known.forget(run_id)
            raise
        except (Exception, asyncio.CancelledError):
            self._known.forget(run_id)
            if is_asked_to_stop():
                raise
            self._logger.exception("run %s broke", name)
        finally:
            self._active.discard(name)
            if name in self._again:
                self._again.discard(name)
                self._hear(name)
            if not self._active:
                self._idle.set()

    async def _flow(self, flow_run: FlowRun) -> Flow[..., Any]:
        """The flow of the run's deployment, imported once."""
        id = flow_run.deployment_id
        if id is None:
            raise LookupError(f"run {flow_run.name} has no deployment")
        if id not in self._flows:
            deployment = await self._known.read_deployment(id)
            self._flows[id] = load(deployment.entrypoint or "")
        return self._flows[id]

    def _drain(self) -> None:
        """Take nothing new, let the steps at work finish, then leave; asked a second time, leave at once."""
        if self._draining:
            self._leave()
        self._draining = True
        self._go_deaf()  # what comes now is for others
        self._leaving = asyncio.ensure_future(self._leave_when_idle())

    async def _leave_when_idle(self) -> None:
        if self._active:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), DRAIN_SECONDS)
        self._leave()

    def _leave(self) -> None:
        """Prefect's command takes the end of its main task for an orderly stop, with exit code 0."""
        last_word = threading.Timer(LEAVING_SECONDS, os._exit, [0])
        last_word.daemon = True
        last_word.start()
        if self._main is not None:
            self._main.cancel()
