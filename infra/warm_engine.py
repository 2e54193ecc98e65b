"""及时回应: one activation of a run costs the calls that change something at the server, and no others.

Prefect's engine reads the run again, writes its retry policy and its name, and asks for the default result storage
each time (engine-notes.md: 15-25 ms of the server's processor for each call). Here it finds what it already knows.
"""

from __future__ import annotations

import logging
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
from prefect import flow_engine, task_engine
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, TaskRun
from prefect.context import AsyncClientContext, SyncClientContext
from prefect.events import Event
from prefect.filesystems import LocalFileSystem
from prefect.flow_engine import AsyncFlowRunEngine
from prefect.flows import Flow, load_flow_from_entrypoint
from prefect.settings import get_current_settings
from prefect.states import Running
from prefect.utilities.engine import emit_task_run_state_change_event

from infra.deployments import AT_ONCE, STORY
from infra.quick_http import transport
from infra.settings import prefect_api_url, prefect_auth

REMEMBERED = 2000
"""Runs whose description is kept; a few kilobytes each."""
NOTHING = httpx.Response(204)


class KnowingClient(PrefectClient):
    """Prefect's client that answers from memory what this worker knows of the runs it carries."""

    def __init__(self) -> None:
        authorities = _authorities()
        http = {"verify": authorities, "transport": transport(authorities, at_once=AT_ONCE)}
        super().__init__(prefect_api_url(), auth_string=prefect_auth() or None, httpx_settings=http)
        self._runs: OrderedDict[UUID, FlowRun] = OrderedDict()

    def remember(self, run: FlowRun) -> None:
        self._runs[run.id] = run
        self._runs.move_to_end(run.id)
        while len(self._runs) > REMEMBERED:
            self._runs.popitem(last=False)

    def forget(self, run_id: UUID) -> None:
        """Ask the server the next time."""
        self._runs.pop(run_id, None)

    async def read_flow_run(self, flow_run_id: UUID) -> FlowRun:
        """What is remembered, else what the server says, which is remembered from now on."""
        if flow_run_id not in self._runs:
            self.remember(await super().read_flow_run(flow_run_id))
        return self._runs[flow_run_id]

    async def update_flow_run(self, flow_run_id: UUID, *args: Any, **changes: Any) -> httpx.Response:
        """The engine only says what the deployment says already; everything else goes to the server."""
        changes = {name: value for name, value in changes.items() if name not in ("flow_version", "empirical_policy")}
        if not args and not changes:
            return NOTHING
        answer = await super().update_flow_run(flow_run_id, *args, **changes)
        if (run := self._runs.get(flow_run_id)) is not None and "tags" in changes:
            run.tags = list(changes["tags"])
        return answer

    async def set_flow_run_name(self, flow_run_id: UUID, name: str) -> httpx.Response:
        run = self._runs.get(flow_run_id)
        if run is not None and run.name == name:
            return NOTHING
        return await super().set_flow_run_name(flow_run_id, name)


def _authorities() -> ssl.SSLContext:
    """Whose certificates Prefect's settings believe; anybody's, when they say so."""
    api = get_current_settings().api
    if api.ssl_cert_file and not api.tls_insecure_skip_verify:
        return ssl.create_default_context(cafile=api.ssl_cert_file)
    return httpx.create_ssl_context(verify=not api.tls_insecure_skip_verify)


class _NotAnError(logging.Filter):
    """A suspended run is no failure, but the engine logs it as an error (P16)."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Finished in state Suspended" not in record.getMessage()


def _tell_from_running_on(*, task_run: TaskRun, **change: Any) -> Event | None:
    """What the engine tells of a task run, except that it waits to begin."""
    if change["initial_state"] is None:
        return None
    return emit_task_run_state_change_event(task_run=task_run, **change)


def adapt_the_engine() -> None:
    """Leave out what the engine does for every run in case something happens to it: a signal handler, a thread with an
    event loop and a websocket of its own that this loop would wait for (P13: 0.3 s per wake), and a thread with
    heartbeats. A step lasts milliseconds; whatever was done to the run meanwhile is seen when it goes to sleep, and
    the sign of life is the lease in the ledger. A task begins at once, so it is not told as Pending before it is
    Running: each such event is several rows in Prefect's database.
    """
    vars(flow_engine)["capture_sigterm"] = nullcontext
    vars(flow_engine)["observe_flow_run_suspension"] = lambda *_: nullcontext()
    vars(flow_engine)["_send_heartbeats"] = lambda *_, **__: nullcontext()
    vars(task_engine)["emit_task_run_state_change_event"] = _tell_from_running_on
    logging.getLogger("prefect.flow_runs").addFilter(_NotAnError())
    for quiet in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
    logging.getLogger("minsheng").setLevel(logging.INFO)


class _ClaimingEngine(AsyncFlowRunEngine[Any, Any]):
    """The engine of somebody who holds the lease of the case: nobody else may run it, whatever Prefect has been told.

    Asleep, cancelled by hand or put off until next year: the run is Running now, without Pending before it.
    """

    async def begin_run(self) -> State:
        if self.state.is_running():  # created so a moment ago
            return self.state
        return await self.set_state(Running(), force=True)


async def carry_out(flow: Flow[..., Any], run: FlowRun, *, is_ours: bool) -> None:
    """One activation of ``run``; with ``is_ours`` the caller holds the lease of its case.

    Raises ``Pause`` when it went to sleep, ``Abort`` when it is not ours to carry.
    """
    engine = (_ClaimingEngine if is_ours else AsyncFlowRunEngine)(flow=flow, flow_run=run, parameters=run.parameters)
    async with engine.start():
        while engine.is_running():
            async with engine.run_context():
                await cast("Awaitable[Any]", engine.call_flow_fn())


class _Nowhere(LocalFileSystem):
    """Where results would be if any were kept. Prefect asks for the place of each all the same, and has the system look
    at every folder on the way to it, twice."""

    _block_type_name = _block_type_slug = "nowhere"
    basepath: str | None = "/nonexistent"

    def _resolve_path(self, path: str) -> Path:
        return Path(self.basepath or "/", path)


def load(entrypoint: str) -> Flow[..., Any]:
    """The flow of an entrypoint; nothing of it is ever stored, so the place for results needs no question."""
    flow: Flow[..., Any] = load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    flow.result_storage = _Nowhere()
    return flow


@cache
def story() -> Flow[..., Any]:
    """The flow of a case: one for every process, known without its deployment, which somebody may have deleted."""
    return load(STORY)


@asynccontextmanager
async def one_client() -> AsyncIterator[KnowingClient]:
    """The client that everything in this context uses: one pool of connections, one TLS context."""
    client = KnowingClient()
    context = AsyncClientContext.model_construct(client=client)
    with SyncClientContext():
        async with context:
            yield client
