"""A real Prefect server on SQLite and real workers, each a process of its own on ports and folders of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from infra.deployments import POOL, SERVER_COMMAND, WORKER_COMMAND, deploy, server_environment, worker_environment
from infra.ledger import Ledger
from infra.moment import ANCHOR_FILE, now, run_at
from infra.orchestrator import Orchestrator
from infra.settings import ROOT
from infra.up.part import LEASH
from rules.case import Case, Complaint
from tests.conftest import apart, opened
from tests.lives import NOISE, NOW, ZHANG, act

T = TypeVar("T")
PREFECT = (sys.executable, "-m", "prefect")
START_SECONDS = 120


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def until(
    what: str, look: Callable[[], Awaitable[T]], good: Callable[[T], Any] = bool, *, within: float = 40
) -> T:
    """What ``look`` finds as soon as it is good; fails by name, with what was seen last, when that takes too long."""
    end, seen = time.monotonic() + within, await look()
    while not good(seen):
        assert time.monotonic() < end, f"waited {within} s for: {what}; last seen: {seen}"
        await asyncio.sleep(0.1)
        seen = await look()
    return seen


@dataclass
class Process:
    """A process with a log; whoever starts it stops it, and nothing else."""

    command: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    folder: Path = ROOT
    running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self.running is not None
        return self.running.pid

    def start(self) -> None:
        command = [
            sys.executable,
            "-I",
            "-S",
            str(LEASH),
            str(os.getpid()),
            "0",
            *self.command,
        ]  # no test run leaves one behind
        with self.log.open("ab") as out:
            self.running = subprocess.Popen(
                command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment}, start_new_session=True,
            )  # fmt: skip

    def stop(self, number: signal.Signals = signal.SIGTERM, *, within: float = 30) -> int:
        """Send the signal to the process alone; its exit code."""
        if self.running is None:
            return 0
        self.running.send_signal(number)
        try:
            return self.running.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """kill -9 for the process and for what it started; harmless when it is over."""
        if self.running is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.running.pid, signal.SIGKILL)
            self.running.wait(10)

    @property
    def text(self) -> str:
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


@dataclass
class PrefectServer:
    """A server of these tests alone, with its database in ``home``."""

    home: Path
    port: int = field(default_factory=free_port)
    process: Process = field(init=False)

    def __post_init__(self) -> None:
        command = (*SERVER_COMMAND, "--host", "127.0.0.1", "--port", str(self.port))
        self.process = Process(command, server_environment(self.home, self.port), self.home / "server.log")

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        """Start, or start again after :meth:`Process.kill`; returns when it answers."""
        self.process.start()
        self.wait()

    def wait(self) -> None:
        """Until it answers. In any thread, whereas a process dies with the thread that started it."""
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.running is not None and self.process.running.poll() is None, self.process.text[-2000:]
            assert time.monotonic() < end, self.process.text[-2000:]
            time.sleep(0.2)

    def worker(self, *, home: Path, kind: str = "warm", **more: str) -> Process:
        """A worker that is not started yet; ``more`` is environment. The process worker has no limit: with one it
        ends when a run is woken whose process of before has not quite ended."""
        limit = ("--limit", "2") if kind == "warm" else ()
        options = ("--pool", POOL, "--type", kind, "--name", f"{kind}-{home.name}", *limit)
        start = WORKER_COMMAND if kind == "warm" else (*PREFECT, "worker", "start")
        own = {"TMPDIR": str(home)}  # Prefect's runner would use a folder that may be another user's
        environment = {**worker_environment(home, self.api), **own, **more}
        return Process((*start, *options), environment, home / "worker.log")

    async def call(self, method: str, path: str, **body: Any) -> Any:
        """The JSON answer of the API; asks again when SQLite was locked (P8) or the line broke."""
        async with httpx.AsyncClient(base_url=self.api, timeout=60) as http:
            for _ in range(5):
                with suppress(httpx.ReadError):
                    answer = await http.request(method, path, json=body or None)
                    if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                        break
        answer.raise_for_status()
        return answer.json() if answer.content else None

    async def run(self, run_id: str | None) -> dict[str, Any]:
        return dict(await self.call("GET", f"/flow_runs/{run_id}"))

    async def history(self, run_id: str | None) -> list[str]:
        """Names of the states the run went through, oldest first."""
        async with httpx.AsyncClient(base_url=self.api, timeout=60) as http:
            answer = await http.get("/flow_run_states/", params={"flow_run_id": str(run_id)})
        return [state["name"] for state in sorted(answer.json(), key=lambda state: state["timestamp"])]

    async def set_state(self, run_id: str | None, kind: str, *, force: bool = False, name: str | None = None) -> str:
        """What a hand in the UI does; how the server answers."""
        state = {"type": kind, "name": name or kind.capitalize()}
        answer = await self.call("POST", f"/flow_runs/{run_id}/set_state", state=state, force=force)
        return str(answer["status"])

    async def start_run(self, deployment: str, **parameters: Any) -> str:
        """A run of a deployment, due now, as a hand in the UI starts it."""
        found = await self.call("GET", f"/deployments/name/{deployment}")
        path = f"/deployments/{found['id']}/create_flow_run"
        made = await self.call("POST", path, state={"type": "SCHEDULED"}, parameters=parameters)
        return str(made["id"])

    async def forget_runs(self) -> None:
        """Delete every flow run, so that no test finds those of another."""
        while found := await self.call("POST", "/flow_runs/filter", limit=200):
            for run in found:
                with suppress(httpx.HTTPStatusError):  # gone already
                    await self.call("DELETE", f"/flow_runs/{run['id']}")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.api}/health", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False


_shared: list[PrefectServer] = []


@pytest.fixture(scope="session")
def prefect_server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> PrefectServer:
    """The server that all tests of this session share; started when the first one asks."""
    if not _shared:
        server = PrefectServer(tmp_path_factory.mktemp("prefect"))
        request.config.add_cleanup(server.process.kill)
        server.start()
        _shared.append(server)
    return _shared[0]


@dataclass
class Town:
    """A ledger, a Prefect and a worker: everything but portal and mail. Its clock stands at ten on a Monday."""

    server: PrefectServer
    ledger: Ledger
    orchestrator: Orchestrator
    worker: Process
    moment: Path

    def turn_clock(self, days: float) -> None:
        """Let so much case time pass at once, for every process of the town."""
        run_at(self.moment, speed=1, not_before=now() + timedelta(days=days))

    async def run_id(self, number: str) -> str:
        return str((await self.ledger.run_of(number)).run_id)

    async def run(self, number: str) -> dict[str, Any]:
        return await self.server.run(await self.run_id(number))

    async def complain(self, what: Complaint = NOISE) -> str:
        """A new complaint, as the portal takes it; its number."""
        number = (await self.ledger.submit(what, ZHANG, at=now(), key=None)).case.number
        await self.orchestrator.wake(number)
        return number

    async def act(self, number: str, action: str, assignment: str, **data: Any) -> Case:
        """What somebody does at the portal, which wakes the run when that ends a stage."""
        case = (await act(self.ledger, await self.ledger.case(number), action, assignment, at=now(), **data)).case
        if case.is_moving:
            await self.orchestrator.wake(number)
        return case

    async def rests(self, number: str, stage: str, *, within: float = 40) -> Case:
        """The case, once it waits in ``stage`` (or is closed) and its run says so too."""
        case = await until(
            f"{number} in {stage}", partial(self.ledger.case, number), lambda c: _at(c, stage), within=within
        )
        name = "Closed" if case.is_closed else "Suspended"
        await until(f"{number} {name}", partial(self.run, number), lambda r: r["state"]["name"] == name, within=within)
        return case

    async def pulse(self) -> None:
        """One beat, now."""
        made = await self.server.start_run("pulse/pulse")
        run = await until("a pulse", partial(self.server.run, made), lambda r: r["state"]["type"] in ENDED)
        assert run["state"]["name"] == "Completed", run["state"]

    async def kinds(self, number: str) -> list[str]:
        """What is in the ledger of the case."""
        return [entry.kind for entry in await self.ledger.entries(number)]


ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def _at(case: Case, stage: str) -> bool:
    return case.stage == stage and not case.is_moving


@pytest.fixture(scope="module")
def town_worker(
    prefect_server: PrefectServer, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Process]:
    """A worker on a ledger of its own, for all tests of a module."""
    home = tmp_path_factory.mktemp("town")
    ledger = shutil.copy(sqlite_template, home / "ledger.db")
    apart(lambda: asyncio.run(deploy(prefect_server.api, pulse_seconds=3600)))  # tests beat the pulse themselves
    worker = prefect_server.worker(home=home, **surroundings(home, f"sqlite+aiosqlite:///{ledger}"))
    worker.start()
    yield worker
    worker.kill()


def surroundings(home: Path, ledger: str) -> dict[str, str]:
    """What a worker of a town must know."""
    return {
        "MINSHENG_DATABASE_URL": ledger,
        "MINSHENG_DATA_DIR": str(home),
        "MINSHENG_SMTP_URL": "smtp://127.0.0.1:1",  # nobody is there: letters stay in the outbox
        ANCHOR_FILE: str(home / "moment.json"),
    }


def _stand_at(moment: Path, then: datetime) -> None:
    """Case time goes on from ``then``."""
    moment.write_text(f'{{"wall": {time.time()}, "case": {then.timestamp()}, "speed": 1}}', "utf-8")


@pytest.fixture
async def town(
    prefect_server: PrefectServer, town_worker: Process, book_files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Town]:
    """The town of this module, as the running event loop sees it, with no run left from another test."""
    await prefect_server.forget_runs()
    moment = Path(town_worker.environment[ANCHOR_FILE])
    monkeypatch.setenv(ANCHOR_FILE, str(moment))
    _stand_at(moment, NOW)
    async with opened(town_worker.environment["MINSHENG_DATABASE_URL"], book_files) as ledger:
        orchestrator = Orchestrator(ledger, prefect_server.api)
        yield Town(prefect_server, ledger, orchestrator, town_worker, moment)
        await orchestrator.close()
