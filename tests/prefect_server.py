"""A real Prefect server on SQLite and real workers, each a process of its own on ports and folders of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from infra.deployments import POOL, server_environment, worker_environment
from infra.settings import ROOT

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
    running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.running = subprocess.Popen(
                self.command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
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
            try:
                os.killpg(self.running.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
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
        command = (*PREFECT, "server", "start", "--host", "127.0.0.1", "--port", str(self.port))
        self.process = Process(command, server_environment(self.home, self.port), self.home / "server.log")

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    def start(self) -> None:
        """Start, or start again after :meth:`Process.kill`; returns when it answers."""
        self.process.start()
        end = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.running is not None and self.process.running.poll() is None, self.process.text[-2000:]
            assert time.monotonic() < end, self.process.text[-2000:]
            time.sleep(0.2)

    def worker(self, *, home: Path, kind: str = "warm", **more: str) -> Process:
        """A worker that is not started yet; ``more`` is environment."""
        options = ("--pool", POOL, "--type", kind, "--limit", "2", "--name", f"{kind}-{home.name}")
        environment = {**worker_environment(home, self.api), **more}
        return Process((*PREFECT, "worker", "start", *options), environment, home / "worker.log")

    async def call(self, method: str, path: str, **body: Any) -> Any:
        """The JSON answer of the API."""
        async with httpx.AsyncClient(base_url=self.api, timeout=60) as http:
            answer = await http.request(method, path, json=body or None)
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

    async def forget_runs(self) -> None:
        """Delete every flow run, so that no test finds those of another."""
        while found := await self.call("POST", "/flow_runs/filter", limit=200):
            for run in found:
                await self.call("DELETE", f"/flow_runs/{run['id']}")

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.api}/health", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def running(home: Path) -> Iterator[PrefectServer]:
    """A started server, gone afterwards with everything it started."""
    server = PrefectServer(home)
    try:
        server.start()
        yield server
    finally:
        server.process.kill()
