"""What every test may ask for: settings of its own, a rulebook, a ledger on each database, and cases in it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pytest

for name in [name for name in os.environ if name.startswith("MINSHENG_")]:
    del os.environ[name]  # a developer's own settings must not decide what the tests see
os.environ["MINSHENG_SECRET_KEY"] = "only for tests, and long enough to be accepted"
os.environ["MINSHENG_DATA_DIR"] = tempfile.mkdtemp(prefix="minsheng-test-")

from infra.ledger import Ledger  # noqa: E402 -- after the environment is clean
from infra.ledger.migrations import upgrade  # noqa: E402
from infra.rulebook_files import read_folder  # noqa: E402
from infra.settings import ROOT, Settings  # noqa: E402
from rules.rulebook import Rulebook, build  # noqa: E402
from tests import postgres  # noqa: E402
from tests.lives import NOW  # noqa: E402

Settings.model_config["env_file"] = None
T = TypeVar("T")
TOLD_AT_THE_END = "told at the end"
"""The property of a test whose value is printed below all tests."""


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["MINSHENG_DATA_DIR"], ignore_errors=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that start servers first: one of them waits while the other process computes, and none is left for the end,
    when that has nothing more to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What a test has to tell, whichever process it ran in: of those nobody sees what they print."""
    for report in terminalreporter.getreports("passed"):
        for name, told in report.user_properties:
            if name == TOLD_AT_THE_END:
                terminalreporter.write_line(f"\n{told}")


def apart(call: Callable[[], T]) -> T:
    """Run ``call`` in a thread of its own, because it opens an event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


@pytest.fixture
def now() -> datetime:
    """Case time at which a story begins."""
    return NOW


@pytest.fixture(scope="session")
def book_files() -> dict[str, str]:
    """The rulebook of Qingdao as texts."""
    return dict(read_folder(ROOT / "rules" / "qingdao"))


@pytest.fixture(scope="session")
def book(book_files: dict[str, str]) -> Rulebook:
    """The rulebook of Qingdao."""
    return build(book_files)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Postgres]:
    """A PostgreSQL of this test process alone; started when the first test asks for it."""
    with postgres.running() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty ledger; copying it is quicker than migrating again."""
    made = tmp_path_factory.mktemp("template") / "ledger.db"
    apart(lambda: upgrade(f"sqlite+aiosqlite:///{made}"))
    with sqlite3.connect(made) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return made


@pytest.fixture(scope="session")
def postgres_template(postgres_server: postgres.Postgres) -> str:
    """The same on PostgreSQL: the name of the database."""
    name = apart(lambda: asyncio.run(postgres_server.create()))
    apart(lambda: upgrade(postgres_server.url(name)))
    return name


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """An empty ledger in a SQLite file."""
    return f"sqlite+aiosqlite:///{shutil.copy(sqlite_template, tmp_path / 'ledger.db')}"


@pytest.fixture
async def postgres_url(postgres_server: postgres.Postgres, postgres_template: str) -> AsyncIterator[str]:
    """An empty ledger in a PostgreSQL database."""
    name = await postgres_server.create(template=postgres_template)
    yield postgres_server.url(name)
    await postgres_server.drop(name)


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_url(request: pytest.FixtureRequest) -> str:
    """An empty ledger; the test runs once for each database."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def ledger(ledger_url: str, book_files: dict[str, str]) -> AsyncIterator[Ledger]:
    """A ledger with Qingdao's rulebook in force; the test runs once for each database."""
    async with opened(ledger_url, book_files) as ready:
        yield ready


@pytest.fixture
async def sqlite_ledger(sqlite_url: str, book_files: dict[str, str]) -> AsyncIterator[Ledger]:
    """The same on SQLite only, for tests that are not about the database."""
    async with opened(sqlite_url, book_files) as ready:
        yield ready


@asynccontextmanager
async def opened(url: str, book_files: dict[str, str]) -> AsyncIterator[Ledger]:
    ledger = Ledger.connect(url)
    await ledger.activate(book_files, at=NOW)
    yield ledger
    await ledger.close()
