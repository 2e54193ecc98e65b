"""一家牵头、多方联治: before several Prefect servers start at once, one makes the tables and block types they share.

``python -m infra.prefect_tables``; safe to repeat, also by several at the same time. All servers then run with
``PREFECT_SERVER_DATABASE_MIGRATE_ON_START=false`` and ``PREFECT_API_BLOCKS_REGISTER_ON_START=false``: two that migrate
side by side end each other with a duplicate table.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import sqlalchemy as sa
from alembic.util.exc import CommandError
from prefect.server.database import PrefectDBInterface, provide_database_interface
from prefect.server.models.block_registration import run_block_auto_registration
from typer import echo

LOOK = 0.5
"""Seconds between two looks whether somebody else has done it."""
_MINE = sa.text("SELECT pg_try_advisory_lock(hashtext('minsheng prefect tables'))")
"""Asked again and again instead of waited for: a statement that waits would hold up the indexes that Prefect makes
beside its work, which wait for every statement that was there before."""
_OF_A_LATER_RELEASE = "Can't locate revision"


async def make() -> None:
    """Bring Prefect's database to the release that is installed here; one of a later release is left as it is."""
    db = provide_database_interface()
    async with _alone(db):
        try:
            await db.run_migrations_upgrade()
        except CommandError as fault:
            if not str(fault).startswith(_OF_A_LATER_RELEASE):
                raise
            echo(f"Prefect's tables are of a later release and stay as they are: {fault}", err=True)
            return
        async with db.session_context() as session:
            await run_block_auto_registration(session=session)


@asynccontextmanager
async def _alone(db: PrefectDBInterface) -> AsyncIterator[None]:
    """Hold off others that do the same; beside SQLite there is nobody else."""
    engine = await db.engine()
    if engine.dialect.name == "sqlite":
        yield
        return
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        while not await connection.scalar(_MINE):  # noqa: ASYNC110 -- PostgreSQL has no event to wait for
            await asyncio.sleep(LOOK)
        try:
            yield
        finally:
            await connection.invalidate()  # which gives the lock back, whatever became of the line


if __name__ == "__main__":
    asyncio.run(make())
