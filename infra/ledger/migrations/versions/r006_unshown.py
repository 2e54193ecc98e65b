"""Clocks are decided in the ledger, those first that waited longest; a mark tells which runs have yet to show what a
clock said."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "006"
down_revision = "005"


def upgrade() -> None:
    op.add_column("cases", sa.Column("unshown", sa.Integer))
    _index("ix_cases_unshown", ["number"], "unshown IS NOT NULL")
    op.drop_index("ix_cases_next", "cases")
    _index("ix_cases_next", ["next_at", "number"], "next_at IS NOT NULL")


def _index(name: str, columns: list[str], condition: str) -> None:
    only = sa.text(condition)
    op.create_index(name, "cases", columns, sqlite_where=only, postgresql_where=only)
