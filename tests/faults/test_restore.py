"""建立台账 outlives the machine: last night's backup comes back whole, and open cases go on where they stood."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest

from infra.deployments import deploy
from infra.ledger import Ledger
from infra.moment import ANCHOR_FILE
from infra.orchestrator import Orchestrator
from infra.settings import ROOT
from tests import lives
from tests.conftest import opened
from tests.postgres import Postgres, find_programs
from tests.prefect_server import PrefectServer, Town, surroundings, until

DEPLOY = ROOT / "infra" / "deploy"


def script(name: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One of the scripts of infra/deploy, with PostgreSQL's programs in reach."""
    programs = {"PATH": f"{find_programs()}:{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", DEPLOY / name, *arguments], env={**os.environ, **programs, **more},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@dataclass
class Night:
    """What the backup of a night holds: one case was closed, one waited for its department, one had just arrived."""

    file: Path
    closed: str
    waiting: str
    arrived: str

    @property
    def numbers(self) -> tuple[str, ...]:
        return self.closed, self.waiting, self.arrived


@pytest.fixture
async def night(postgres_url: str, book_files: dict[str, str], tmp_path: Path) -> Night:
    async with opened(postgres_url, book_files) as ledger:
        made = [await of(ledger, lives.NOW) for of in (lives.closed, lives.waiting, lives.received)]
        for case in made[:2]:
            await ledger.bind_run(case.number, str(uuid4()))  # the runs of a Prefect that is lost
    done = await asyncio.to_thread(script, "backup.sh", str(tmp_path), MINSHENG_DATABASE_URL=postgres_url)
    assert done.returncode == 0, done.stderr
    (file,) = await asyncio.to_thread(lambda: list(tmp_path.glob("ledger-?.dump")))
    return Night(file, *(case.number for case in made))


@pytest.fixture
async def restored_url(postgres_server: Postgres, night: Night) -> AsyncIterator[str]:
    name = await postgres_server.create()
    url = postgres_server.url(name)
    done = await asyncio.to_thread(script, "restore.sh", str(night.file), url)
    assert done.returncode == 0, done.stderr
    yield url
    await postgres_server.drop(name)


@pytest.fixture
async def town(
    prefect_server: PrefectServer, restored_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Town]:
    """The restored ledger under a Prefect that never heard of its cases."""
    await prefect_server.forget_runs()
    await deploy(prefect_server.api, pulse_seconds=3600)  # the test beats the pulse itself
    worker = prefect_server.worker(home=tmp_path, **surroundings(tmp_path, restored_url))
    worker.start()
    monkeypatch.setenv(ANCHOR_FILE, worker.environment[ANCHOR_FILE])
    ledger = Ledger(restored_url)
    orchestrator = Orchestrator(ledger, prefect_server.api)
    yield Town(prefect_server, ledger, orchestrator, worker, Path(worker.environment[ANCHOR_FILE]))
    worker.kill()
    await orchestrator.close()
    await ledger.close()


async def test_a_restored_ledger_is_the_ledger_that_was(night: Night, postgres_url: str, restored_url: str):
    before, after = Ledger(postgres_url), Ledger(restored_url)
    assert night.file.stat().st_mode & 0o077 == 0, "nobody else may read it"
    assert await after.verify() == []
    for number in night.numbers:
        assert await after.entries(number) == await before.entries(number)
        assert await after.told(number) == await before.told(number)
    for ledger in (before, after):
        await ledger.close()


async def test_a_backup_is_never_restored_over_what_is_there(night: Night, postgres_url: str):
    done = await asyncio.to_thread(script, "restore.sh", str(night.file), postgres_url)
    assert (done.returncode, "empty" in done.stderr) == (2, True)


@pytest.mark.slow
async def test_open_cases_of_a_restored_ledger_go_on_where_they_stood(night: Night, town: Town):
    lost = await town.run_id(night.waiting)
    await town.pulse()
    await until("a new run", partial(town.run_id, night.waiting), lambda found: found != lost)
    for number in (night.waiting, night.arrived):
        await town.rests(number, "departmental_fix")
    await town.act(night.waiting, "fix", "lead-1", reply="修好了")
    await town.rests(night.waiting, "feedback")
    assert await town.ledger.verify() == []
