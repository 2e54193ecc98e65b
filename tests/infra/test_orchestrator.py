"""党务公开: operators see every case as a run. What a wake does to a run in each of its states, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import sqlalchemy as sa

from infra import orchestrator as module
from infra.bell import listening
from infra.deployments import POOL, deploy
from infra.ledger import Ledger, UnknownCase, schema
from infra.moment import wall
from infra.orchestrator import Orchestrator
from infra.prefect_api import PrefectApi, PrefectAway
from rules.case import Complaint
from tests import lives
from tests.lives import NOW
from tests.prefect_server import PrefectServer, free_port, prefect_server, until

__all__ = ["prefect_server"]
pytestmark = pytest.mark.slow


@dataclass
class Desk:
    """A case in the ledger, its run at a server, and no worker."""

    server: PrefectServer
    ledger: Ledger
    orchestrator: Orchestrator
    number: str

    async def run(self) -> dict[str, object]:
        return await self.server.run((await self.ledger.run_of(self.number)).run_id)

    async def state(self, kind: str, **details: str) -> None:
        """Put the run in this state, whatever it was in."""
        run_id = (await self.ledger.run_of(self.number)).run_id
        state = {"type": kind, "state_details": details}
        await self.server.call("POST", f"/flow_runs/{run_id}/set_state", state=state, force=True)


@pytest.fixture
async def desk(prefect_server: PrefectServer, sqlite_ledger: Ledger) -> AsyncIterator[Desk]:
    await prefect_server.forget_runs()
    await deploy(prefect_server.api, pulse_seconds=3600)
    orchestrator = Orchestrator(sqlite_ledger, prefect_server.api)
    number = (await lives.received(sqlite_ledger, NOW)).number
    yield Desk(prefect_server, sqlite_ledger, orchestrator, number)
    await orchestrator.close()


async def test_the_first_wake_starts_the_run_that_bears_the_number_and_a_second_leaves_it(desk: Desk):
    assert await desk.orchestrator.wake(desk.number) == "started"
    assert await desk.orchestrator.wake(desk.number) == "left"

    run = await desk.run()
    assert (run["name"], run["parameters"]) == (desk.number, {"number": desk.number})
    assert run["idempotency_key"] == desk.number
    assert run["work_pool_name"] == "complaints"


async def test_two_that_start_the_same_case_at_once_get_one_run(desk: Desk):
    others = [Orchestrator(desk.ledger, desk.server.api) for _ in range(3)]
    await asyncio.gather(*(other.wake(desk.number) for other in others))
    for other in others:
        await other.close()

    assert await desk.server.call("POST", "/flow_runs/count", flow_runs={"name": {"any_": [desk.number]}}) == 1


async def test_a_process_that_was_activated_on_the_pages_gets_its_deployment_with_its_first_complaint(
    desk: Desk, book_files: dict[str, str]
):
    text = book_files["process/standard.yaml"].replace("name: standard", "name: gentle")
    text = text.replace("zh: 标准流程, en: Standard process", "zh: 温和流程, en: Gentle process")
    processes = book_files["processes.csv"].replace("danger,", "gentle,suggestion,,,,gentle,立行立改\ndanger,", 1)
    await desk.ledger.activate({**book_files, "process/gentle.yaml": text, "processes.csv": processes}, at=NOW)
    idea = Complaint(channel="web", type="suggestion", subject="多种树", description="路边没有树荫。")
    number = (await lives.received(desk.ledger, NOW, what=idea)).number

    assert await desk.orchestrator.wake(number) == "started"

    made = await desk.server.call("GET", "/deployments/name/complaint/gentle")
    assert (made["entrypoint"], made["tags"]) == ("flows.complaint.complaint", ["complaint"])
    assert made["description"] == "温和流程 — Gentle process."
    run_id = (await desk.ledger.run_of(number)).run_id
    assert (await desk.server.run(run_id))["deployment_id"] == made["id"]


@pytest.mark.parametrize("kind", ["PAUSED", "COMPLETED", "FAILED", "CRASHED", "CANCELLED"])
async def test_a_run_that_does_not_look_at_its_case_is_scheduled_now(desk: Desk, kind: str):
    await desk.orchestrator.wake(desk.number)
    await desk.state(kind)

    assert await desk.orchestrator.wake(desk.number) == "woken"

    state = (await desk.run())["state"]
    assert (state["type"], state["name"]) == ("SCHEDULED", "Resuming")


async def test_a_run_put_off_is_brought_forward(desk: Desk):
    await desk.orchestrator.wake(desk.number)
    await desk.state("SCHEDULED", scheduled_time="2036-01-01T00:00:00Z")

    assert await desk.orchestrator.wake(desk.number) == "woken"

    assert str((await desk.run())["expected_start_time"]) < "2036"


@pytest.mark.parametrize("kind", ["PENDING", "RUNNING"])
async def test_a_run_at_work_is_left_alone_until_it_counts_as_dead(
    desk: Desk, kind: str, monkeypatch: pytest.MonkeyPatch
):
    await desk.orchestrator.wake(desk.number)
    await desk.state(kind)
    assert await desk.orchestrator.wake(desk.number) == "left"

    monkeypatch.setattr(module, "PATIENCE", timedelta())
    await desk.ledger.take(desk.number)
    assert await desk.orchestrator.wake(desk.number) == "left", "somebody holds the lease"
    c = schema.cases.c
    async with desk.ledger.db.write() as connection:
        over = sa.update(schema.cases).where(c.number == desk.number).values(lease_until=wall() - timedelta(seconds=1))
        await connection.execute(over)

    assert await desk.orchestrator.wake(desk.number) == "woken"


async def test_a_case_that_waits_for_its_turn_is_rung_for_and_gets_its_run_from_the_worker_that_hears(desk: Desk):
    number = desk.number
    heard: list[str] = []
    async with listening(desk.ledger.db, heard.append):
        assert await desk.orchestrator.check(await desk.ledger.runs_to_check(limit=9)) == 0
        await until("the ring", lambda: _now(heard), bool)
    assert heard == [number]
    assert (await desk.ledger.run_of(number)).run_id is None

    assert await desk.orchestrator.check(await desk.ledger.runs_to_check(limit=9)) == 1, "nobody hears any more"
    assert (await desk.run())["state"]["type"] == "SCHEDULED"

    await desk.state("PAUSED")
    heard.clear()
    async with listening(desk.ledger.db, heard.append):
        assert await desk.orchestrator.check(await desk.ledger.runs_to_check(limit=9)) == 0
        await until("the ring", lambda: _now(heard), bool)
    assert (await desk.run())["state"]["type"] == "PAUSED"
    assert await desk.orchestrator.check(await desk.ledger.runs_to_check(limit=9)) == 1
    assert (await desk.run())["state"]["type"] == "SCHEDULED"


async def test_many_that_begin_at_once_ask_for_their_deployment_once(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    asked: list[str] = []
    ask = PrefectApi.ask

    async def noted(self: PrefectApi, method: str, path: str, body: object = None) -> object:
        asked.append(path)
        return await ask(self, method, path, body)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(PrefectApi, "ask", noted)
    numbers = [(await lives.received(desk.ledger, NOW)).number for _ in range(5)]
    done = await asyncio.gather(*(desk.orchestrator.wake(number) for number in numbers))
    assert done == ["started"] * 5
    assert asked.count("/deployments/name/complaint/standard") == 1


@pytest.mark.parametrize("kind", ["PENDING", "RUNNING"])
async def test_a_run_whose_worker_died_when_the_case_was_closed_is_ended(
    desk: Desk, kind: str, monkeypatch: pytest.MonkeyPatch
):
    still_open = desk.number
    await desk.orchestrator.wake(still_open)
    await desk.state(kind)
    done = (await lives.closed(desk.ledger, NOW)).number
    made = await desk.server.call("POST", "/flow_runs/", name=done, flow_id=(await desk.run())["flow_id"])
    await desk.ledger.bind_run(done, made["id"])
    await desk.server.call("POST", f"/flow_runs/{made['id']}/set_state", state={"type": kind}, force=True)

    assert await desk.orchestrator.put_right() == 0, "its worker may still be at it"
    monkeypatch.setattr(module, "PATIENCE", timedelta())
    assert await desk.orchestrator.put_right() == 1

    state = (await desk.server.run(made["id"]))["state"]
    assert (state["type"], state["name"]) == ("COMPLETED", "Closed")
    assert (await desk.run())["state"]["type"] == kind, "the runs of open cases are looked after case by case"


async def test_what_looks_at_everything_is_handed_out_before_the_cases_that_wait(desk: Desk):
    """After an outage thousands of runs wait; clocks and letters do not wait behind them."""
    cases = [await desk.server.start_run("complaint/standard") for _ in range(3)]
    beats = [await desk.server.start_run(name) for name in ("clocks/clocks", "pulse/pulse")]

    handed_out = await desk.server.call("POST", f"/work_pools/{POOL}/get_scheduled_flow_runs", limit=100)

    ours = {*cases, *beats}  # the scheduler may have made others, of later
    ids = [id for one in handed_out if (id := one["flow_run"]["id"]) in ours]
    assert ids[:2] == beats and set(ids[2:]) == set(cases)


async def test_many_are_rung_for_at_once_and_those_nobody_hears_are_told(desk: Desk):
    numbers = [desk.number, *[(await lives.received(desk.ledger, NOW)).number for _ in range(3)]]
    assert await desk.orchestrator.ring(numbers) == numbers
    heard: list[str] = []
    async with listening(desk.ledger.db, heard.append):
        assert await desk.orchestrator.ring(numbers) == []
        await until("the rings", lambda: _now(heard), lambda told: len(told) == 4)
    assert heard == numbers


async def test_the_run_of_a_closed_case_is_never_woken(desk: Desk):
    done = (await lives.closed(desk.ledger, NOW)).number
    assert await desk.orchestrator.wake(done) == "closed"
    with pytest.raises(UnknownCase):
        await desk.orchestrator.wake("QD000000-NOBODY")


async def test_nobody_there_is_said_after_a_while(sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("infra.prefect_api.TRIES", 2)
    nobody = PrefectApi(f"http://127.0.0.1:{free_port()}/api")
    with pytest.raises(PrefectAway):
        await nobody.ask("GET", "/health")
    await nobody.close()


async def test_what_prefect_refuses_is_not_asked_again(desk: Desk):
    api = PrefectApi(desk.server.api)
    with pytest.raises(PrefectAway, match="422"):
        await api.ask("POST", "/flow_runs/filter", {"limit": -1})
    await api.close()


async def _now(value: list[str]) -> list[str]:
    return value
