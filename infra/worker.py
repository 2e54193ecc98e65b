"""Many waiting cases, one warm process: a Prefect worker type that runs flows without starting Python for each wake.

Start it with ``prefect worker start --pool complaints --type warm``. It leans on two private methods of the pinned
Prefect (``_submit_run``, ``_propose_pending_state``); tests/infra/test_worker.py watches them. See ADR 0004.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import Any
from uuid import UUID

import prefect.flow_engine as engine
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import Abort, Pause
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.workers.base import BaseJobConfiguration, BaseVariables, BaseWorker, BaseWorkerResult

DRAIN_SECONDS = 6
"""How long runs may finish their step after SIGTERM; the supervisor kills after ten."""


class WarmResult(BaseWorkerResult):
    """What the worker says of a run it has carried out."""


class _NotAnError(logging.Filter):
    """A suspended run is no failure, but the engine logs it as an error (P16)."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Finished in state Suspended" not in record.getMessage()


class WarmWorker(BaseWorker[BaseJobConfiguration, BaseVariables, WarmResult]):
    """Runs the flows of its pool inside this process, in this event loop."""

    type = "warm"
    job_configuration = BaseJobConfiguration
    job_configuration_variables = BaseVariables
    _description = "Runs flows inside one long-lived process: a wake costs milliseconds, not seconds."
    _display_type = "Warm process"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._flows: dict[UUID, Flow[..., Any]] = {}
        self._active: set[UUID] = set()
        self._idle = asyncio.Event()
        self._draining = False
        self._main: asyncio.Task[Any] | None = None
        self._leaving: asyncio.Future[None] | None = None

    async def setup(self) -> None:
        """The worker owns its signals; the engine's own handler would crash whatever run is at work (P26)."""
        _adapt_the_engine()
        self._main = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._drain)
        await super().setup()

    async def run(self, flow_run: FlowRun, configuration: BaseJobConfiguration, task_status: Any = None) -> WarmResult:
        """Carry out one activation of a run; nothing it raises ends the worker (P27)."""
        if task_status is not None:
            task_status.started(os.getpid())
        await self._carry_out(flow_run)
        return WarmResult(status_code=0, identifier=str(flow_run.id))

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        return [] if self._draining else await super().get_and_submit_flow_runs()

    async def _submit_run(self, flow_run: FlowRun) -> None:
        """Claim the run and carry it out: one state change instead of the six calls of a process worker."""
        try:
            if await self._propose_pending_state(flow_run):
                await self._carry_out(flow_run)
        finally:
            self._submitting_flow_run_ids.discard(flow_run.id)
            self._release_limit_slot(flow_run.id)

    async def _carry_out(self, flow_run: FlowRun) -> None:
        self._active.add(flow_run.id)
        self._idle.clear()
        try:
            current = await self.client.read_flow_run(flow_run.id)
            flow = await self._flow(current)
            await engine.run_flow_async(flow, flow_run=current, parameters=current.parameters, return_type="state")
        except (Pause, Abort):
            pass  # the run sleeps, or Prefect gave it to somebody else
        except Exception:
            self._logger.exception("run %s broke", flow_run.name)
        finally:
            self._active.discard(flow_run.id)
            if not self._active:
                self._idle.set()

    async def _flow(self, flow_run: FlowRun) -> Flow[..., Any]:
        """The flow of the run's deployment, imported once."""
        id = flow_run.deployment_id
        if id is None:
            raise LookupError(f"run {flow_run.name} has no deployment")
        if id not in self._flows:
            deployment = await self.client.read_deployment(id)
            self._flows[id] = load_flow_from_entrypoint(deployment.entrypoint or "", use_placeholder_flow=False)
        return self._flows[id]

    def _drain(self) -> None:
        """Take nothing new, let the steps at work finish, then leave; asked a second time, leave at once."""
        if self._draining:
            self._leave()
        self._draining = True
        self._leaving = asyncio.ensure_future(self._leave_when_idle())

    async def _leave_when_idle(self) -> None:
        if self._active:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), DRAIN_SECONDS)
        self._leave()

    def _leave(self) -> None:
        """Prefect's command takes the end of its main task for an orderly stop, with exit code 0."""
        if self._main is not None:
            self._main.cancel()


def _adapt_the_engine() -> None:
    """Leave out what the engine does for every run in case somebody stops it from outside: a signal handler, and a
    thread with an event loop and a websocket of its own that this loop would wait for (P13: 0.3 s per wake). A step
    lasts milliseconds; whatever was done to the run meanwhile is seen when it goes to sleep."""
    vars(engine)["capture_sigterm"] = contextlib.nullcontext
    vars(engine)["observe_flow_run_suspension"] = lambda *_: contextlib.nullcontext()
    logging.getLogger("prefect.flow_runs").addFilter(_NotAnError())
    logging.getLogger("minsheng").setLevel(logging.INFO)
