"""Each revision of the ledger's tables is the same on both databases, and says what the code says."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.schema import CreateIndex

from infra.ledger import Ledger, schema
from infra.ledger.migrations import VERSION_TABLE
from infra.settings import ROOT
from tests.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgres"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A database without any table; for SQLite not even a file, nor its folder."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'new' / 'ledger.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = await server.create()
    yield server.url(name)
    await server.drop(name)


async def test_an_empty_database_becomes_what_the_code_expects(empty: str):
    ledger = Ledger.connect(empty)
    await ledger.upgrade()
    assert await differences(ledger) == []
    await ledger.close()


async def test_upgrading_again_is_harmless(empty: str):
    ledger = Ledger.connect(empty)
    await ledger.upgrade()
    await ledger.upgrade()
    async with ledger.db.read() as connection:
        versions = await connection.scalars(sa.text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608
    assert len(versions.all()) == 1
    await ledger.close()


async def test_whoever_goes_back_to_the_release_before_finds_tables_that_are_left_as_they_are(
    empty: str, caplog: pytest.LogCaptureFixture
):
    ledger = Ledger.connect(empty)
    await ledger.upgrade()
    async with ledger.db.write() as connection:
        await connection.execute(sa.text(f"UPDATE {VERSION_TABLE} SET version_num = '999'"))  # noqa: S608
    await ledger.upgrade()
    assert "tables of a later release (999)" in caplog.text
    async with ledger.db.read() as connection:
        assert await connection.scalar(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")) == "999"  # noqa: S608
    await ledger.close()


async def test_several_processes_may_upgrade_at_once(empty: str):
    order = f"import asyncio; from infra.ledger import Ledger; asyncio.run(Ledger({empty!r}).upgrade())"
    several = [await asyncio.create_subprocess_exec(sys.executable, "-c", order, cwd=ROOT) for _ in range(4)]
    assert [await process.wait() for process in several] == [0] * 4


async def test_entries_and_the_history_of_rulebooks_are_guarded(empty: str):
    ledger = Ledger.connect(empty)
    await ledger.upgrade()
    async with ledger.db.read() as connection:
        guards = (
            "pg_trigger WHERE NOT tgisinternal"
            if not ledger.db.is_sqlite
            else "sqlite_master WHERE type = 'trigger' AND name NOT LIKE 'search%'"
        )
        assert await connection.scalar(sa.text(f"SELECT count(*) FROM {guards}")) == 4  # noqa: S608
    await ledger.close()


async def differences(ledger: Ledger) -> list[Any]:
    """What Alembic would write into a next revision."""

    def compare(connection: sa.Connection) -> list[Any]:
        opts = {"version_table": VERSION_TABLE, "compare_type": True, "include_name": is_compared}
        context = MigrationContext.configure(connection, opts=opts)
        return [*compare_metadata(context, schema.metadata), *partial(connection)]

    async with ledger.db.read() as connection:
        return await connection.run_sync(compare)


def is_compared(name: str | None, _kind: str, _parents: Any) -> bool:
    """What finds words is another thing on each database, see test_ledger_words.py."""
    return not (name or "").startswith("search_words")


def partial(connection: sa.Connection) -> Iterator[str]:
    """Indexes whose condition is another one than the code's; Alembic does not compare these."""
    dialect = connection.dialect
    for table in schema.metadata.sorted_tables:
        there = {index["name"]: index for index in sa.inspect(connection).get_indexes(table.name)}
        for index in table.indexes:
            expected = str(CreateIndex(index).compile(dialect=dialect)).partition(" WHERE ")[2]
            found = str(there[index.name]["dialect_options"].get(f"{dialect.name}_where"))
            if bare(expected) != bare(found):
                yield f"{index.name}: {found} instead of {expected}"


def bare(condition: str) -> str:
    """A condition without what a database adds to it."""
    return condition.replace("::text", "").replace("<>", "!=").translate(str.maketrans("", "", '()"'))
