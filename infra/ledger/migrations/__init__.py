"""Schema revisions, the same on SQLite and PostgreSQL; each works while the release before it still runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.ext.asyncio import create_async_engine

VERSION_TABLE = "minsheng_version"


def config(url: str) -> Config:
    """Alembic's configuration without a file of its own."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent))
    made.attributes["url"] = url
    return made


def upgrade(url: str, revision: str = "head") -> None:
    """Run in a thread of its own: the migration opens an event loop."""
    command.upgrade(config(url), revision)


def run_async(url: str, run: object) -> None:
    """Run ``run(sync_connection)`` over an async engine."""

    async def go() -> None:
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(run)  # type: ignore[arg-type]  # a plain callable
        await engine.dispose()

    asyncio.run(go())
