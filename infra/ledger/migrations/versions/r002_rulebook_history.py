"""Rulebook versions with authors, a history that can be audited, and drafts that several people may edit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "002"
down_revision = "001"

MOMENT = sa.DateTime(timezone=True)
ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

_SQLITE = """
CREATE TRIGGER rulebook_history_no_{verb} BEFORE {verb} ON rulebook_history
BEGIN SELECT RAISE(ABORT, 'the history of rulebooks is append-only'); END
"""
_POSTGRES = (
    """
CREATE TRIGGER rulebook_history_append_only BEFORE UPDATE OR DELETE ON rulebook_history
FOR EACH ROW EXECUTE FUNCTION entries_append_only()
""",
    """
CREATE TRIGGER rulebook_history_not_emptied BEFORE TRUNCATE ON rulebook_history
FOR EACH STATEMENT EXECUTE FUNCTION entries_append_only()
""",
)
_KNOWN = """
INSERT INTO rulebook_history (version, state, "by", at, note, active_from)
SELECT version, 'active', 'deploy', activated_at, '', activated_at FROM rulebooks ORDER BY activated_at, version
"""
"""Until now whoever deployed a folder put it in force, and only the last time was kept."""


def upgrade() -> None:
    op.add_column("rulebooks", sa.Column("base", sa.Text))
    op.add_column("rulebooks", sa.Column("authors", sa.JSON))
    _history()
    _drafts()
    op.execute(_KNOWN)
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in [_SQLITE.format(verb=verb) for verb in ("UPDATE", "DELETE")] if is_sqlite else _POSTGRES:
        op.execute(statement)


def _history() -> None:
    op.create_table(
        "rulebook_history",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("active_from", MOMENT),
    )
    forced = sa.text("state = 'active'")
    op.create_index(
        "ix_rulebook_history_active", "rulebook_history", ["active_from"],
        sqlite_where=forced, postgresql_where=forced,
    )  # fmt: skip


def _drafts() -> None:
    op.create_table(
        "drafts",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("version", sa.Text),
    )
    op.create_table(
        "draft_files",
        sa.Column("draft", ID, primary_key=True, autoincrement=False),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("text", sa.Text),
        sa.Column("by", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
    )
