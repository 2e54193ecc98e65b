"""一家牵头、多方联治: before several Prefect servers start at once, one makes the tables and block types they share.

``python -m infra.prefect_tables``; safe to repeat. All servers then run with
``PREFECT_SERVER_DATABASE_MIGRATE_ON_START=false`` and ``PREFECT_API_BLOCKS_REGISTER_ON_START=false``: two that migrate
side by side end each other with a duplicate table.
"""

from __future__ import annotations

import asyncio

from prefect.server.database import provide_database_interface
from prefect.server.models.block_registration import run_block_auto_registration


async def make() -> None:
    """Bring Prefect's database to the release that is installed here."""
    db = provide_database_interface()
    await db.run_migrations_upgrade()
    async with db.session_context() as session:
        await run_block_auto_registration(session=session)


if __name__ == "__main__":
    asyncio.run(make())
