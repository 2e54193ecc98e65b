"""Schema revisions, the same on SQLite and PostgreSQL; each works while the release before it still runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from infra.ledger.database import Database

VERSION_TABLE = "minsheng_version"


def config(url: str) -> Config:
    """Alembic's configuration without a file of its own."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["url"] = url
    return made


def upgrade(url: str, revision: str = "head") -> None:
    """All or nothing, one at a time. Run it in a thread of its own: the migration opens an event loop."""
    command.upgrade(config(url), revision)


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
