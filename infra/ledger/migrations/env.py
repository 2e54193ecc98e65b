"""Alembic's entry: online only, over the async driver the product uses."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import context

from infra.ledger.migrations import VERSION_TABLE, run_in_one_transaction
from infra.ledger.schema import metadata


def migrate(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


run_in_one_transaction(context.config.attributes["url"], migrate)
