"""及时回应: on PostgreSQL a step of one case is one statement, and nobody waits while words go back and forth.

Whoever has seen a case last decides on what it remembers. The statement changes the case only if it still ends where
that memory ends, and writes everything else only if it changed the case. Who comes too late has written nothing, looks
again, and decides once more the long way (``recording``).
"""

# ruff: noqa: S608 -- the statement is made of the names of our own schema; every value is a parameter

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.appending import Step
from infra.ledger.projections import assignment_rows, clock_rows, stopped_clocks

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
_THE_RUNS_OWN = ("number", "run_id", "run_checked_at", "attempt", "lease_until", "unshown")
"""Columns of ``cases`` that a step leaves alone."""
_KNOWN: Mapping[str, sa.types.TypeEngine[Any]] = {
    "of": schema.Number, "head": sa.LargeBinary(), "attempt": sa.Integer(), "key": sa.LargeBinary(), "step": sa.Text(),
}  # fmt: skip


def fits(step: Step) -> bool:
    """Whether the statement says all of it; promises, and what a run has yet to show, are rare and go the long way."""
    return step.before is not None and step.before.plan == step.after.plan and step.unshown is None


async def write_at_once(connection: AsyncConnection, step: Step, *, attempt: int | None) -> bool:
    """All of a step of a case that ends at ``step.head`` and, unless ``None``, is held by ``attempt``. ``False``: it
    does not, or the key of the signal is known already, and nothing was written."""
    key = step.signal["key"] if step.signal else None
    known = {"of": step.after.number, "head": step.head, "attempt": attempt, "key": key, "step": _said(step)}
    return bool(await connection.scalar(_STATEMENT, known))


def _said(step: Step) -> str:
    """Everything that is written, as one JSON text."""
    return _json({
        "case": [step.case],
        "new_entries": step.entries,
        "new_assignments": assignment_rows(step.before, step.after),
        "new_clocks": clock_rows(step.before, step.after),
        "new_letters": step.queued,
        "new_signals": [step.signal] if step.signal else [],
        "stopped": stopped_clocks(step.before, step.after),
    })  # fmt: skip


def _spelled(value: Any) -> str:
    """What JSON has no word for, as PostgreSQL reads it."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} cannot be written")


_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=_spelled).encode


def _read(name: str, table: sa.Table, columns: Sequence[str]) -> str:
    """The rows of this name in the JSON text, as columns of their types."""
    types = (table.c[one].type.dialect_impl(_DIALECT).compile(_DIALECT) for one in columns)
    return f"json_to_recordset(step -> '{name}') AS r ({', '.join(map(' '.join, zip(columns, types, strict=True)))})"


def _added(name: str, table: sa.Table, *, replacing: bool = False, without: Sequence[str] = ()) -> str:
    """``name AS (INSERT …)``: the rows of this name, if the case was changed."""
    columns = [c.name for c in table.c if c.name not in without]
    into = f"INSERT INTO {table.name} ({', '.join(columns)})"
    rows = f"SELECT {', '.join(f'r.{one}' for one in columns)} FROM changed, {_read(name, table, columns)}"
    keys = [c.name for c in table.primary_key]
    others = ", ".join(f"{one} = excluded.{one}" for one in columns if one not in keys)
    conflict = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {others}" if replacing else ""
    return f"{name} AS ({into} {rows}{conflict})"


def _statement() -> sa.TextClause:
    own = [c.name for c in schema.cases.c if c.name not in _THE_RUNS_OWN]
    text = f"""
WITH changed AS (
    UPDATE cases SET ({", ".join(own)}) = (SELECT {", ".join(own)} FROM {_read("case", schema.cases, own)})
    FROM (SELECT CAST(:step AS json) AS step) AS said
    WHERE number = :of AND head = :head AND attempt = coalesce(:attempt, attempt)
    AND (:key IS NULL OR NOT EXISTS (SELECT FROM signals WHERE signals.number = :of AND signals.key = :key))
    RETURNING step
),
{_added("new_entries", schema.entries)},
{_added("new_assignments", schema.assignments, replacing=True)},
{_added("new_clocks", schema.clocks, replacing=True)},
{_added("new_letters", schema.letters, without=("id", "sent_at", "error"))},
{_added("new_signals", schema.signals)},
stopped AS (
    DELETE FROM clocks USING changed
    WHERE number = :of AND id IN (SELECT json_array_elements_text(step -> 'stopped'))
)
SELECT count(*) FROM changed
"""
    return sa.text(text).bindparams(*(sa.bindparam(name, type_=type) for name, type in _KNOWN.items()))


_STATEMENT = _statement()
