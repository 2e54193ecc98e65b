"""建立台账: the tables of the ledger, the same on SQLite and PostgreSQL.

``entries`` is the record: append-only, hash-chained per case, guarded by triggers. ``cases``, ``assignments``,
``clocks`` and ``promises`` are projections of it, written in the same transaction. ``complaints`` keeps the words and
the person apart from the chain, so that they can be erased. ``rulebook_history`` is append-only like the entries.
Moments are stored in UTC.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from infra.ledger.seal import opened, sealed

metadata = sa.MetaData()


class Moment(TypeDecorator[datetime]):
    """An aware moment in UTC; SQLite keeps it as naive text, which sorts."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Sealed(TypeDecorator[dict[str, Any]]):
    """Plain JSON, encrypted with the city's secret key; nothing readable reaches the disk."""

    impl = sa.LargeBinary
    cache_ok = True

    def process_bind_param(self, value: dict[str, Any] | None, dialect: sa.Dialect) -> bytes | None:
        return None if value is None else sealed(value)

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> dict[str, Any] | None:
        return None if value is None else opened(value)


Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")

Number = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
"""Numbers sort the same everywhere, and a search for the beginning of one finds the index."""


NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""For the release before this one, which takes the rulebook activated last: it must not take this one yet."""


def only_where(condition: sa.ColumnElement[bool]) -> dict[str, Any]:
    """Options of a partial index: it holds the rows of the condition only, so closed cases do not weigh it down."""
    return {"sqlite_where": condition, "postgresql_where": condition}


rulebooks = sa.Table(
    "rulebooks",
    metadata,
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("files", sa.JSON, nullable=False),
    # Asked by the release before this one only; ``rulebook_history`` says which version is in force when.
    sa.Column("activated_at", Moment, nullable=False),
    sa.Column("base", sa.Text),
    sa.Column("authors", sa.JSON),
)

rulebook_history = sa.Table(
    "rulebook_history",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("active_from", Moment),
)
_forced = only_where(rulebook_history.c.state == "active")
sa.Index("ix_rulebook_history_active", rulebook_history.c.active_from, **_forced)

drafts = sa.Table(
    "drafts",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("base", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("version", sa.Text),
)

draft_files = sa.Table(
    "draft_files",
    metadata,
    sa.Column("draft", Id, primary_key=True, autoincrement=False),
    sa.Column("path", sa.Text, primary_key=True),
    # Nothing: the file is taken out of the rulebook.
    sa.Column("text", sa.Text),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
)

complaints = sa.Table(
    "complaints",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("matter", sa.JSON, nullable=False),
    sa.Column("person", Sealed),
    # Which request brought it in (fingerprints, see seal.py); empty when the sender gave no key.
    sa.Column("key", sa.LargeBinary(16)),
    sa.Column("digest", sa.LargeBinary(16)),
)
sa.Index("uq_complaints_key", complaints.c.key, unique=True, **only_where(complaints.c.key.is_not(None)))

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("number", Number, primary_key=True),
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
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("closed_at", Moment),
    sa.Column("result", sa.Text),
    sa.Column("due_at", Moment),
    sa.Column("next_at", Moment),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("head", sa.LargeBinary(32), nullable=False),
    # What follows is about the Prefect run, not about the case: no projection.
    sa.Column("run_id", sa.Text),
    sa.Column("run_checked_at", Moment),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("lease_until", Moment),
    # The first entry that a clock brought about and the run has not shown yet.
    sa.Column("unshown", sa.Integer),
)
_open = only_where(cases.c.closed_at.is_(None))
sa.Index("ix_cases_moving", cases.c.number, **only_where(cases.c.is_moving == sa.true()))
sa.Index("ix_cases_next", cases.c.next_at, cases.c.number, **only_where(cases.c.next_at.is_not(None)))
sa.Index("ix_cases_lease", cases.c.lease_until, **only_where(cases.c.lease_until.is_not(None)))
sa.Index("ix_cases_unshown", cases.c.number, **only_where(cases.c.unshown.is_not(None)))
sa.Index("ix_cases_open", cases.c.due_at, cases.c.number, **_open)
sa.Index("ix_cases_lead", cases.c.lead, cases.c.due_at, cases.c.number, **_open)
sa.Index("ix_cases_unchecked", cases.c.run_checked_at, cases.c.number, **_open)
sa.Index("ix_cases_run", cases.c.run_id, **only_where(cases.c.run_id.is_not(None)))
_closed = only_where(cases.c.closed_at.is_not(None))
sa.Index("ix_cases_closed", cases.c.closed_at, cases.c.number, **_closed)
sa.Index("ix_cases_closed_district", cases.c.district, cases.c.closed_at, cases.c.number, **_closed)
sa.Index(
    "ix_cases_closed_category",
    cases.c.category,
    cases.c.closed_at,
    cases.c.number,
    postgresql_ops={"category": "text_pattern_ops"},
    **_closed,
)  # a category is asked for with everything below it

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)

assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("party", sa.Text, nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("claimed_at", Moment),
    sa.Column("contacted_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Column("how", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
sa.Index("ix_assignments_party", assignments.c.party, **only_where(assignments.c.ended_at.is_(None)))
_is_over = sa.and_(assignments.c.ended_at.is_not(None), assignments.c.role != sa.literal_column("'citizen'"))
sa.Index("ix_assignments_over", assignments.c.party, assignments.c.number, **only_where(_is_over))

clocks = sa.Table(
    "clocks",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("holder", sa.Text, nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("next_at", Moment),
    sa.Column("rung", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

promises = sa.Table(
    "promises",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("promised_on", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

signals = sa.Table(
    "signals",
    metadata,
    sa.Column("number", Number, primary_key=True),
    sa.Column("first_seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("last_seq", sa.Integer, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("assignment", sa.Text),
    # Fingerprints; a key is looked for among the signals of its case, whose row is locked: no index needed.
    sa.Column("key", sa.LargeBinary(16)),
    sa.Column("digest", sa.LargeBinary(16)),
    sqlite_with_rowid=False,
)

letters = sa.Table(
    "letters",
    metadata,
    sa.Column("id", Id, primary_key=True, autoincrement=True),
    sa.Column("number", Number, nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("nth", sa.Integer, nullable=False),
    sa.Column("letter", sa.Text, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("queued_at", Moment, nullable=False),
    sa.Column("due_at", Moment),
    sa.Column("sent_at", Moment),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("number", "seq", "nth", name="uq_letters"),
)
sa.Index("ix_letters_due", letters.c.due_at, **only_where(letters.c.due_at.is_not(None)))
sa.Index("ix_letters_given_up", letters.c.number, **only_where(letters.c.status == "given_up"))

nonces = sa.Table(
    "nonces",
    metadata,
    sa.Column("nonce", sa.Text, primary_key=True),
    sa.Column("spent_at", Moment, nullable=False),
    sqlite_with_rowid=False,
)

beats = sa.Table(
    "beats",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    # Wall time.
    sa.Column("at", Moment, nullable=False),
    sqlite_with_rowid=False,
)
