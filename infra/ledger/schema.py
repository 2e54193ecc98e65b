"""建立台账: the tables of the ledger, the same on SQLite and PostgreSQL.

``entries`` is the record: append-only, hash-chained per case, guarded by triggers. ``cases``, ``assignments``,
``clocks`` and ``promises`` are projections of it, written in the same transaction. ``complaints`` keeps the words and
the person apart from the chain, so that they can be erased. Moments are stored in UTC.
"""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from cryptography.fernet import Fernet
from sqlalchemy.types import TypeDecorator

from infra.settings import settings

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
        return None if value is None else _cipher().encrypt(json.dumps(value, ensure_ascii=False).encode())

    def process_result_value(self, value: bytes | None, dialect: sa.Dialect) -> dict[str, Any] | None:
        return None if value is None else json.loads(_cipher().decrypt(value))


@lru_cache(maxsize=4)
def _cipher_for(secret: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(f"minsheng.seal.{secret}".encode()).digest()))


def _cipher() -> Fernet:
    return _cipher_for(settings().secret)


rulebooks = sa.Table(
    "rulebooks",
    metadata,
    sa.Column("version", sa.String(12), primary_key=True),
    sa.Column("files", sa.JSON, nullable=False),
    sa.Column("activated_at", Moment, nullable=False),
)

complaints = sa.Table(
    "complaints",
    metadata,
    sa.Column("number", sa.String(24), primary_key=True),
    sa.Column("matter", sa.JSON, nullable=False),
    sa.Column("person", Sealed),
)

cases = sa.Table(
    "cases",
    metadata,
    sa.Column("number", sa.String(24), primary_key=True),
    sa.Column("rulebook", sa.String(12), nullable=False),
    sa.Column("process", sa.String(40), nullable=False),
    sa.Column("stage", sa.String(40), nullable=False),
    sa.Column("outcome", sa.String(40)),
    sa.Column("is_moving", sa.Boolean, nullable=False),
    sa.Column("urgency", sa.String(10), nullable=False),
    sa.Column("category", sa.String(120)),
    sa.Column("district", sa.String(40)),
    sa.Column("channel", sa.String(40), nullable=False),
    sa.Column("lead", sa.String(60)),
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
    sa.Column("closed_at", Moment),
    sa.Column("result", sa.String(20)),
    sa.Column("due_at", Moment),
    sa.Column("next_at", Moment),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("head", sa.LargeBinary(32), nullable=False),
    # What follows is about the Prefect run, not about the case: no projection.
    sa.Column("run_id", sa.String(36)),
    sa.Column("run_checked_at", Moment),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("lease_until", Moment),
)
_open = cases.c.closed_at.is_(None)
sa.Index("ix_cases_moving", cases.c.number, sqlite_where=cases.c.is_moving, postgresql_where=cases.c.is_moving)
_timed = cases.c.next_at.is_not(None)
sa.Index("ix_cases_next", cases.c.next_at, sqlite_where=_timed, postgresql_where=_timed)
_leased = cases.c.lease_until.is_not(None)
sa.Index("ix_cases_lease", cases.c.lease_until, sqlite_where=_leased, postgresql_where=_leased)
sa.Index("ix_cases_open", cases.c.due_at, cases.c.number, sqlite_where=_open, postgresql_where=_open)
sa.Index("ix_cases_unchecked", cases.c.run_checked_at, cases.c.number, sqlite_where=_open, postgresql_where=_open)
sa.Index("ix_cases_closed", cases.c.closed_at, cases.c.number)

entries = sa.Table(
    "entries",
    metadata,
    sa.Column("number", sa.String(24), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("at", Moment, nullable=False),
    sa.Column("actor", sa.String(60), nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("hash", sa.LargeBinary(32), nullable=False),
)

assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("number", sa.String(24), primary_key=True),
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("party", sa.String(60), nullable=False),
    sa.Column("role", sa.String(10), nullable=False),
    sa.Column("stage", sa.String(40), nullable=False),
    sa.Column("opened_at", Moment, nullable=False),
    sa.Column("claimed_at", Moment),
    sa.Column("contacted_at", Moment),
    sa.Column("ended_at", Moment),
    sa.Column("how", sa.String(40), nullable=False),
)
_unended = assignments.c.ended_at.is_(None)
sa.Index("ix_assignments_party", assignments.c.party, sqlite_where=_unended, postgresql_where=_unended)

clocks = sa.Table(
    "clocks",
    metadata,
    sa.Column("number", sa.String(24), primary_key=True),
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(40), nullable=False),
    sa.Column("holder", sa.String(60), nullable=False),
    sa.Column("due_at", Moment, nullable=False),
    sa.Column("next_at", Moment),
    sa.Column("rung", sa.String(40), nullable=False),
)

promises = sa.Table(
    "promises",
    metadata,
    sa.Column("number", sa.String(24), primary_key=True),
    sa.Column("what", sa.Text, nullable=False),
    sa.Column("owner", sa.String(60), nullable=False),
    sa.Column("promised_on", sa.String(10), nullable=False),
)

signals = sa.Table(
    "signals",
    metadata,
    sa.Column("key", sa.String(160), primary_key=True),
    sa.Column("number", sa.String(24), nullable=False),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("first_seq", sa.Integer, nullable=False),
    sa.Column("received_at", Moment, nullable=False),
)

letters = sa.Table(
    "letters",
    metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
    sa.Column("number", sa.String(24), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("nth", sa.Integer, nullable=False),
    sa.Column("letter", sa.String(40), nullable=False),
    sa.Column("recipient", sa.String(80), nullable=False),
    sa.Column("status", sa.String(10), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("due_at", Moment),
    sa.Column("sent_at", Moment),
    sa.Column("error", sa.Text),
    sa.UniqueConstraint("number", "seq", "nth", name="uq_letters"),
)
_waiting = letters.c.due_at.is_not(None)
sa.Index("ix_letters_due", letters.c.due_at, sqlite_where=_waiting, postgresql_where=_waiting)

nonces = sa.Table(
    "nonces",
    metadata,
    sa.Column("nonce", sa.String(40), primary_key=True),
    sa.Column("spent_at", Moment, nullable=False),
)
