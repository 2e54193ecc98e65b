"""Alembic's entry: online only, over the async driver the product uses.

Tables of a later release are left as they are: whoever goes back to the release before finds them, and can use them.
"""

from __future__ import annotations

import logging

import sqlalchemy as sa
from alembic import context

from infra.ledger.migrations import VERSION_TABLE, run_in_one_transaction
from infra.ledger.schema import metadata

log = logging.getLogger("minsheng.ledger")


def migrate(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    known = {one.revision for one in context.script.walk_revisions()}
    if later := set(context.get_context().get_current_heads()) - known:
        log.warning("the ledger has tables of a later release (%s); they stay as they are", ", ".join(sorted(later)))
        return
    with context.begin_transaction():
        context.run_migrations()


run_in_one_transaction(context.config.attributes["url"], migrate)
