"""Schema revisions, the same on SQLite and PostgreSQL; each works while the release before it still runs."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from infra.ledger.database import Database, sqlite_file

VERSION_TABLE = "minsheng_version"


def config(url: str) -> Config:
    """Alembic's configuration without a file of its own."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["url"] = url
    return made


def upgrade(url: str, revision: str = "head") -> None:
    """All or nothing, one at a time. Run it in a thread of its own: the migration opens an event loop."""
    with _alone(sqlite_file(url)):
        command.upgrade(config(url), revision)


@contextmanager
def _alone(file: Path | None) -> Iterator[None]:
    """Hold off other processes: SQLite does not queue those that switch a new file to WAL, it answers "locked"."""
    if file is None:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)  # which gives the lock back


def run_in_one_transaction(url: str, run: Callable[[sa.Connection], None]) -> None:
    """Call ``run`` with a connection that holds off every other migration until it is done."""

    async def go() -> None:
        db = Database(url)
        try:
            async with db.write() as connection:
                if not db.is_sqlite:
                    await connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('minsheng migration'))"))
                await connection.run_sync(run)
        finally:
            await db.close()

    asyncio.run(go())
