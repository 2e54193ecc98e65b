"""What happens in a run reaches Prefect from the worker's own loop: in order, and before the worker leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.events import emit_event, utilities
from prefect.events.related import object_as_related_resource
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_API_URL, PREFECT_EVENTS_WORKER_MAX_QUEUE_SIZE, temporary_settings
from websockets.asyncio.server import ServerConnection, serve

from infra import run_events
from infra.run_events import SENDER, events_told
from tests.prefect_server import PrefectServer, free_port, prefect_server, until

__all__ = ["prefect_server"]


class Socket:
    """Prefect's socket for events, as far as a client sees it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.told: list[dict[str, Any]] = []
        self.cuts = 0
        """Lines that it will still cut while the client signs in."""

    @property
    def names(self) -> list[str]:
        return [event["event"] for event in self.told]

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with serve(self._hear, "127.0.0.1", self.port):
            yield

    async def _hear(self, line: ServerConnection) -> None:
        await line.recv()
        if self.cuts:
            self.cuts -= 1
            await line.close(1012, "service restart")
            return
        await line.send(json.dumps({"type": "auth_success"}))
        async for said in line:
            self.told.append(json.loads(said))


@pytest.fixture
def socket() -> Any:
    socket = Socket()
    with temporary_settings({PREFECT_API_URL: f"http://127.0.0.1:{socket.port}/api"}):
        yield socket


def tell(name: str) -> None:
    emit_event(name, resource={"prefect.resource.id": f"test.{name}"})


async def test_prefect_looks_for_its_sender_where_we_stand():
    assert vars(utilities)[SENDER] is EventsWorker


async def test_what_waits_is_told_in_its_order_before_the_worker_leaves(socket: Socket):
    async with socket.open():
        async with events_told():
            for nth in range(20):
                tell(f"happened-{nth}")
        await until("all events", lambda: _now(socket.names), lambda names: len(names) == 20)
    assert socket.names == [f"happened-{nth}" for nth in range(20)]
    assert vars(utilities)[SENDER] is EventsWorker


async def test_what_happens_while_prefect_is_away_is_told_when_it_is_back(
    socket: Socket, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(run_events, "PAUSE", 0.05)
    async with events_told():
        tell("while-away")
        async with socket.open():
            await until("the event", lambda: _now(socket.names), lambda names: names == ["while-away"])


@pytest.mark.parametrize("before", [True, False], ids=["line lost", "first line"])
async def test_a_line_that_is_cut_while_it_signs_in_is_no_end(
    socket: Socket, monkeypatch: pytest.MonkeyPatch, before: bool
):
    """As when Prefect starts again behind a proxy; its client raises a plain ``Exception`` then."""
    monkeypatch.setattr(run_events, "PAUSE", 0.05)
    async with events_told():
        if before:
            async with socket.open():
                tell("before")
                await until("the first event", lambda: _now(socket.names), bool)
        socket.cuts = 1
        async with socket.open():
            told = await until("an event after the cut", lambda: _tell_one_more(socket), lambda names: "after" in names)
    assert socket.cuts == 0
    assert ("before" in told) is before


async def test_only_so_many_wait_for_a_prefect_that_is_away(socket: Socket, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(run_events, "PAUSE", 0.05)
    with temporary_settings({PREFECT_EVENTS_WORKER_MAX_QUEUE_SIZE: 2}):
        async with events_told():
            for nth in range(4):
                tell(f"happened-{nth}")
            async with socket.open():
                await until("what waited", lambda: _now(socket.names), lambda names: len(names) == 2)
    assert socket.names == ["happened-0", "happened-1"]


async def test_an_event_names_its_run_and_nothing_else_of_it(socket: Socket):
    run = FlowRun(id=uuid4(), flow_id=uuid4(), name="QD000000-A", tags=["lead:water"])
    async with socket.open(), events_told():
        with FlowRunContext.model_construct(flow_run=run):
            tell("in-a-run")
        await until("the event", lambda: _now(socket.names), bool)
    assert socket.told[0]["related"] == [object_as_related_resource("flow-run", "flow-run", run).root]


async def test_prefects_own_server_takes_them(prefect_server: PrefectServer):
    name = f"told-{uuid4()}"
    with temporary_settings({PREFECT_API_URL: prefect_server.api}):
        async with events_told():
            tell(name)

    async def stored() -> int:
        found = await prefect_server.call("POST", "/events/filter", filter={"event": {"name": [name]}})
        return int(found["total"])

    assert await until("the event in Prefect", stored) == 1


async def _tell_one_more(socket: Socket) -> list[str]:
    tell("after")
    return await _now(socket.names)


async def _now(value: Any) -> Any:
    await asyncio.sleep(0)
    return list(value)
