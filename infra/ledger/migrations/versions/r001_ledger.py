"""The first ledger: what ``infra.ledger.schema`` was then, and triggers that keep entries from being changed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)
NUMBER = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")

_SQLITE = """
CREATE TRIGGER entries_no_{verb} BEFORE {verb} ON entries
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END
"""
_POSTGRES = (
    """
CREATE FUNCTION entries_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$
""",
    """
CREATE TRIGGER entries_append_only BEFORE UPDATE OR DELETE ON entries
FOR EACH ROW EXECUTE FUNCTION entries_append_only()
""",
    """
CREATE TRIGGER entries_not_emptied BEFORE TRUNCATE ON entries
FOR EACH STATEMENT EXECUTE FUNCTION entries_append_only()
""",
)


def upgrade() -> None:
    _intake()
    _cases()
    _entries()
    _projections()
    _traffic()
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in [_SQLITE.format(verb=verb) for verb in ("UPDATE", "DELETE")] if is_sqlite else _POSTGRES:
        op.execute(statement)


def _intake() -> None:
    op.create_table(
        "rulebooks",
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("files", sa.JSON, nullable=False),
        sa.Column("activated_at", MOMENT, nullable=False),
    )
    op.create_table(
        "complaints",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("matter", sa.JSON, nullable=False),
        sa.Column("person", sa.LargeBinary),
        sa.Column("key", sa.LargeBinary(16)),
        sa.Column("digest", sa.LargeBinary(16)),
    )
    op.create_index("uq_complaints_key", "complaints", ["key"], unique=True, **_where("key IS NOT NULL"))
    op.create_table(
        "nonces",
        sa.Column("nonce", sa.Text, primary_key=True),
        sa.Column("spent_at", MOMENT, nullable=False),
        sqlite_with_rowid=False,
    )


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("rulebook", sa.Text, nullable=False),
        sa.Column("process", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text),
        sa.Column("is_moving", sa.Boolean, nullable=False),
        sa.Column("urgency", sa.Text, nullable=False),
        sa.Column("category", sa.Text),
        sa.Column("district", sa.Text),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("lead", sa.Text),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        sa.Column("result", sa.Text),
        sa.Column("due_at", MOMENT),
        sa.Column("next_at", MOMENT),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("head", sa.LargeBinary(32), nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("run_checked_at", MOMENT),
        sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
        sa.Column("lease_until", MOMENT),
    )
    op.create_index("ix_cases_moving", "cases", ["number"], **_where("is_moving = true", sqlite="is_moving = 1"))
    op.create_index("ix_cases_next", "cases", ["next_at"], **_where("next_at IS NOT NULL"))
    op.create_index("ix_cases_lease", "cases", ["lease_until"], **_where("lease_until IS NOT NULL"))
    op.create_index("ix_cases_open", "cases", ["due_at", "number"], **_where("closed_at IS NULL"))
    op.create_index("ix_cases_lead", "cases", ["lead"], **_where("closed_at IS NULL"))
    op.create_index("ix_cases_unchecked", "cases", ["run_checked_at", "number"], **_where("closed_at IS NULL"))
    op.create_index("ix_cases_run", "cases", ["run_id"], **_where("run_id IS NOT NULL"))
    op.create_index("ix_cases_closed", "cases", ["closed_at", "number"], **_where("closed_at IS NOT NULL"))


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("hash", sa.LargeBinary(32), nullable=False),
    )


def _projections() -> None:
    op.create_table(
        "assignments",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("party", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("claimed_at", MOMENT),
        sa.Column("contacted_at", MOMENT),
        sa.Column("ended_at", MOMENT),
        sa.Column("how", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_assignments_party", "assignments", ["party"], **_where("ended_at IS NULL"))
    op.create_table(
        "clocks",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("next_at", MOMENT),
        sa.Column("rung", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "promises",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False),
        sa.Column("promised_on", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _traffic() -> None:
    op.create_table(
        "signals",
        sa.Column("number", NUMBER, primary_key=True),
        sa.Column("first_seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last_seq", sa.Integer, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("assignment", sa.Text),
        sa.Column("key", sa.LargeBinary(16)),
        sa.Column("digest", sa.LargeBinary(16)),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "letters",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("number", NUMBER, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("nth", sa.Integer, nullable=False),
        sa.Column("letter", sa.Text, nullable=False),
        sa.Column("recipient", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("queued_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT),
        sa.Column("sent_at", MOMENT),
        sa.Column("error", sa.Text),
        sa.UniqueConstraint("number", "seq", "nth", name="uq_letters"),
    )
    op.create_index("ix_letters_due", "letters", ["due_at"], **_where("due_at IS NOT NULL"))
    op.create_index("ix_letters_given_up", "letters", ["number"], **_where("status = 'given_up'"))


def _where(condition: str, *, sqlite: str | None = None) -> dict[str, Any]:
    """Options of a partial index."""
    return {"sqlite_where": sa.text(sqlite or condition), "postgresql_where": sa.text(condition)}
