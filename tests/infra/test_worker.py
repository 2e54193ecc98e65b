"""The warm worker leans on private parts of the pinned Prefect; these tests say when a new Prefect has moved them."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from uuid import uuid4

import anyio
import prefect.flow_engine as engine
import pytest
from prefect import task_engine
from prefect.blocks.core import Block
from prefect.client.schemas.objects import FlowRun, FlowRunPolicy
from prefect.filesystems import LocalFileSystem
from prefect.flows import Flow
from prefect.utilities.dispatch import lookup_type
from prefect.utilities.engine import emit_task_run_state_change_event
from prefect.workers.base import BaseWorker
from sqlalchemy.exc import OperationalError

from infra import warm_engine
from infra.handover import hand_over, handed_over
from infra.ledger import Activation, LeaseHeld, NotWanted, Run, UnknownCase
from infra.settings import ROOT
from infra.warm_engine import KnowingClient, load
from infra.worker import STUCK_SECONDS, WarmWorker
from rules.case import Case

API = "http://127.0.0.1:1/api"
"""Nobody listens there: whatever asks the server fails."""


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", API)


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)  # type: ignore[arg-type]  # whatever Prefect has there


def test_the_private_parts_of_the_worker_are_where_they_were():
    assert parameters(BaseWorker._submit_run) == ["self", "flow_run"]
    assert parameters(BaseWorker._propose_pending_state) == ["self", "flow_run"]
    assert parameters(BaseWorker._release_limit_slot) == ["self", "flow_run_id"]
    attributes = vars(WarmWorker(work_pool_name="complaints"))
    assert {"_submitting_flow_run_ids", "_exit_stack", "_limit"} <= attributes.keys()


def test_the_parts_of_the_engine_that_are_left_out_are_where_they_were():
    assert {"capture_sigterm", "observe_flow_run_suspension", "_send_heartbeats"} <= vars(engine).keys()
    assert parameters(emit_task_run_state_change_event) == ["task_run", "initial_state", "validated_state", "follows"]
    told = {emit_task_run_state_change_event, warm_engine._tell_from_running_on}
    assert vars(task_engine)["emit_task_run_state_change_event"] in told
    assert parameters(engine.AsyncFlowRunEngine.begin_run) == ["self"]
    assert parameters(engine.AsyncFlowRunEngine.set_state) == ["self", "state", "force"]


async def test_while_cases_wait_their_turn_the_worker_seldom_looks_for_what_nobody_rang_for(
    monkeypatch: pytest.MonkeyPatch,
):
    looks = []

    async def look(self: BaseWorker) -> list[FlowRun]:
        looks.append(self)
        return []

    monkeypatch.setattr(BaseWorker, "get_and_submit_flow_runs", look)
    worker = WarmWorker(work_pool_name="complaints")
    for _ in range(2):
        await worker.get_and_submit_flow_runs()
    assert len(looks) == 2
    worker._hear("QD000000-A")
    await worker.get_and_submit_flow_runs()
    assert len(looks) == 2
    monkeypatch.setattr("infra.worker.LOOK_IN_A_RUSH", 0.0)
    await worker.get_and_submit_flow_runs()
    assert len(looks) == 3


async def test_a_ledger_that_is_away_for_a_moment_does_not_end_the_worker(caplog: pytest.LogCaptureFixture):
    class Away:
        async def run_of(self, number: str) -> Run:
            raise OperationalError(f"SELECT {number}", None, ConnectionError("gone"))

    worker = WarmWorker(work_pool_name="complaints")
    vars(worker)["_ledger"] = Away()
    with caplog.at_level(logging.WARNING):
        await worker._submit_run(a_run())
    assert "QD000000-A is left to the pulse: OperationalError" in caplog.text


class Cancels:
    """A ledger in which what somebody waits for is cancelled, until it has happened ``times`` times."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.asked: list[str] = []

    async def take(self, number: str, **_: object) -> Activation:
        self.asked.append(number)
        if self.left:
            self.left -= 1
            raise asyncio.CancelledError
        raise LeaseHeld(number)

    async def run_of(self, number: str) -> Run:
        await self.take(number)
        raise UnknownCase(number)


async def test_what_is_cancelled_under_its_hands_takes_no_hand_of_the_worker_away(caplog: pytest.LogCaptureFixture):
    worker, ledger = WarmWorker(work_pool_name="complaints"), Cancels(2)
    vars(worker)["_ledger"] = ledger
    hand = asyncio.create_task(worker._carry_what_is_rung())
    with caplog.at_level(logging.ERROR):
        for number in ("QD000000-A", "QD000000-B", "QD000000-C"):
            worker._hear(number)
        while len(ledger.asked) < 3:  # noqa: ASYNC110 -- a hand tells nobody what it does
            await asyncio.sleep(0)
    assert ledger.asked == ["QD000000-A", "QD000000-B", "QD000000-C"]
    assert "QD000000-B was rung for in vain" in caplog.text
    hand.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hand


async def test_what_is_cancelled_under_a_polled_run_does_not_end_the_worker_and_a_wish_to_stop_does(
    caplog: pytest.LogCaptureFixture,
):
    worker = WarmWorker(work_pool_name="complaints")
    vars(worker)["_ledger"] = Cancels(1)
    with caplog.at_level(logging.WARNING):
        async with anyio.create_task_group() as group:
            group.start_soon(worker._submit_run, a_run())
    assert not group.cancel_scope.cancel_called, "anyio ends the whole group for a cancellation that comes through"
    assert "QD000000-A is left to the pulse: CancelledError" in caplog.text

    class Waits:
        async def run_of(self, number: str) -> Run:
            await asyncio.Event().wait()
            raise UnknownCase(number)

    vars(worker)["_ledger"] = Waits()
    asked = asyncio.create_task(worker._submit_run(a_run()))
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_what_prefect_hands_out_is_carried_whatever_the_case_wants_and_a_ring_is_only_a_hint():
    worker, wanted = WarmWorker(work_pool_name="complaints"), []

    class Notes:
        async def take(self, number: str, *, if_wanted: datetime | None = None) -> Activation:
            wanted.append((number, if_wanted is not None))
            raise NotWanted(number)

    vars(worker)["_ledger"] = Notes()
    worker._hear("QD000000-A")
    worker._hear("QD000000-B")
    worker._hear("QD000000-B", is_asked_for=True)  # resumed by hand
    worker._hear("QD000000-B")
    hand = asyncio.create_task(worker._carry_what_is_rung())
    while len(wanted) < 2:  # noqa: ASYNC110 -- a hand tells nobody what it does
        await asyncio.sleep(0)
    hand.cancel()
    assert wanted == [("QD000000-A", True), ("QD000000-B", False)]


async def test_a_case_goes_on_though_somebody_deleted_its_deployment(monkeypatch: pytest.MonkeyPatch):
    carried: list[str] = []

    class Deleted:
        async def read_flow_run(self, run_id: object) -> FlowRun:
            return a_run()

        async def read_deployment(self, id: object) -> None:
            raise AssertionError("nobody needs it")

    async def carry(flow: Flow[..., object], run: FlowRun, *, is_ours: bool) -> None:
        carried.append(flow.name)

    monkeypatch.setattr("infra.worker.carry_out", carry)
    worker = WarmWorker(work_pool_name="complaints")
    vars(worker)["_known"] = Deleted()
    await worker._carry_out(uuid4(), name="QD000000-A", is_ours=True)
    assert carried == ["complaint"]


async def test_cases_that_wait_while_no_hand_moves_are_noticed():
    worker = WarmWorker(work_pool_name="complaints")
    assert not worker._is_stuck()
    worker._moved -= STUCK_SECONDS + 1
    worker._hear("QD000000-A")
    assert not worker._is_stuck(), "however long nobody rang before"
    worker._moved -= STUCK_SECONDS + 1
    worker._hear("QD000000-B")
    assert worker._is_stuck()
    worker._rung.clear()
    assert not worker._is_stuck(), "whoever has nothing to do may rest"


@pytest.mark.parametrize("fault", [RuntimeError("Service exceeded error threshold."), None])
async def test_an_end_that_nobody_asked_for_is_told(
    fault: Exception | None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    async def teardown(self: BaseWorker, *exc_info: object) -> None:
        """What Prefect does."""

    monkeypatch.setattr(BaseWorker, "teardown", teardown)
    with caplog.at_level(logging.ERROR):
        await WarmWorker(work_pool_name="complaints").teardown(fault and type(fault), fault, None)
    assert ("though nobody asked it to: RuntimeError('Service exceeded" in caplog.text) == (fault is not None)


class Locked(BaseHTTPRequestHandler):
    """A Prefect server with a password, which we do not know."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()

    def do_POST(self) -> None:
        self.send_response(401)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.mark.parametrize("known", [True, False])
def test_a_worker_that_cannot_begin_says_why_in_a_sentence(known, tmp_path):
    server = HTTPServer(("127.0.0.1", 0), Locked)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    address = {"PREFECT_API_URL": f"http://127.0.0.1:{server.server_port}/api"} if known else {}
    done = subprocess.run(
        [sys.executable, "-m", "infra.prefect_worker", "worker", "start", "--pool", "complaints"],
        env={**clean, **address, "PREFECT_HOME": str(tmp_path)}, cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    server.shutdown()
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert ("HTTP 401" if known else "PREFECT_API_URL is not set") in done.stderr


def a_run(**more: object) -> FlowRun:
    return FlowRun.model_validate({"id": uuid4(), "flow_id": uuid4(), "name": "QD000000-A", **more})


async def test_what_the_worker_knows_of_a_run_is_not_asked_again():
    client, run = KnowingClient(), a_run()
    client.remember(run)

    assert await client.read_flow_run(run.id) is run
    assert (await client.set_flow_run_name(run.id, "QD000000-A")).status_code == 204
    policy = FlowRunPolicy(retries=0)
    assert (await client.update_flow_run(flow_run_id=run.id, flow_version="1", empirical_policy=policy)).is_success


async def test_only_so_many_runs_are_remembered(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("infra.warm_engine.REMEMBERED", 2)
    client, runs = KnowingClient(), [a_run() for _ in range(3)]
    for run in runs:
        client.remember(run)
    assert list(client._runs) == [run.id for run in runs[1:]]


def test_the_flow_that_is_loaded_has_a_place_for_results_and_keeps_none():
    flow = load("flows.complaint.complaint")
    assert isinstance(flow.result_storage, LocalFileSystem)
    assert flow.persist_result is False
    usual = LocalFileSystem(basepath="/nonexistent")
    assert flow.result_storage._resolve_path("key") == usual._resolve_path("key")
    assert lookup_type(Block, "local-file-system") is LocalFileSystem


def test_an_activation_is_handed_over_once_and_to_its_own_case_only():
    opened = datetime(2026, 11, 23, tzinfo=UTC)
    case = Case(
        number="QD000000-A", rulebook="1", process="standard", opened_at=opened, channel="web", type="complaint",
        category=None, district=None,
    )  # fmt: skip
    given = Activation("QD000000-A", 3, case, Run("QD000000-A", "standard", None, None, None, True, None))
    handover = hand_over(given)

    assert handed_over("QD000000-B") is None
    assert handed_over("QD000000-A") is given
    assert handed_over("QD000000-A") is handover.take("QD000000-A") is None
