"""及时回应: on PostgreSQL a step of one case is one statement, and so is what comes in, one complaint or some hundred:
nobody waits while words go back and forth.

Whoever has seen a case last decides on what it remembers. The statement changes the case only if it still ends where
that memory ends, and writes everything else only if it changed the case. Who comes too late has written nothing, looks
again, and decides once more the long way (``recording``). Of complaints, only those whose key and number nobody had
bring their cases with them; the others go the long way (``receiving``).
"""

# ruff: noqa: S608 -- the statement is made of the names of our own schema; every value is a parameter

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.appending import Step
from infra.ledger.projections import assignment_rows, clock_rows, stopped_clocks
from infra.ledger.seal import sealed

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy's own
_THE_RUNS_OWN = ("number", "run_id", "run_checked_at", "attempt", "lease_until", "unshown")
"""Columns of ``cases`` that a step leaves alone."""
_NOT_YET: Mapping[str, Sequence[str]] = {
    "cases": [name for name in _THE_RUNS_OWN if name != "number"],
    "letters": ("id", "sent_at", "error"),
}
"""Columns that a new row does not say."""
_OF_A_NEW_CASE = {
    "new_entries": schema.entries, "new_cases": schema.cases, "new_assignments": schema.assignments,
    "new_clocks": schema.clocks, "new_letters": schema.letters,
}  # fmt: skip
_TAKEN = "WHERE (r.number IN (SELECT number FROM taken)) IS NOT FALSE"
"""A row without a number is of nobody: the database refuses it, and all."""
_KNOWN: Mapping[str, sa.types.TypeEngine[Any]] = {
    "of": schema.Number, "head": sa.LargeBinary(), "attempt": sa.Integer(), "key": sa.LargeBinary(), "step": sa.Text(),
}  # fmt: skip


def fits(step: Step) -> bool:
    """Whether the statement says all of it; promises, and what a run has yet to show, are rare and go the long way."""
    return step.before is not None and step.before.plan == step.after.plan and step.unshown is None


async def put_in_at_once(
    connection: AsyncConnection, complaints: Sequence[Mapping[str, Any]], steps: Sequence[Step]
) -> set[str]:
    """Complaints with their new cases. The numbers of those that nobody had before; of others nothing was written."""
    said = {
        "taken": [{**row, "person": row["person"] and sealed(row["person"])} for row in complaints],
        "new_entries": [row for step in steps for row in step.entries],
        "new_cases": [{"number": step.after.number, **step.case} for step in steps],
        "new_assignments": [row for step in steps for row in assignment_rows(None, step.after)],
        "new_clocks": [row for step in steps for row in clock_rows(None, step.after)],
        "new_letters": [row for step in steps for row in step.queued],
    }
    return set(await connection.scalars(_INTAKE, {name: _json(rows) for name, rows in said.items()}))


async def write_at_once(connection: AsyncConnection, step: Step, *, attempt: int | None) -> bool:
    """All of a step of a case that ends at ``step.head`` and, unless ``None``, is held by ``attempt``. ``False``: it
    does not, or the key of the signal is known already, and nothing was written."""
    key = step.signal["key"] if step.signal else None
    known = {"of": step.after.number, "head": step.head, "attempt": attempt, "key": key, "step": _said(step)}
    return bool(await connection.scalar(_STEP, known))


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
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    raise TypeError(f"{type(value).__name__} cannot be written")


def _json(rows: Any) -> str:
    return orjson.dumps(rows, default=_spelled).decode()


def _read(text: str, table: sa.Table, columns: Sequence[str]) -> str:
    """The rows of a JSON text, as columns of their types."""
    types = (table.c[one].type.dialect_impl(_DIALECT).compile(_DIALECT) for one in columns)
    return f"json_to_recordset({text}) AS r ({', '.join(map(' '.join, zip(columns, types, strict=True)))})"


def _insert(name: str, table: sa.Table, text: str, *, beside: str = "", only: str = "", end: str = "") -> str:
    """``name AS (INSERT …)``: the rows of the JSON ``text``, without what the database fills in by itself."""
    columns = [c.name for c in table.c if c.name not in _NOT_YET.get(table.name, ())]
    rows = f"SELECT {', '.join(f'r.{one}' for one in columns)} FROM {beside}{_read(text, table, columns)} {only}"
    return f"{name} AS (INSERT INTO {table.name} ({', '.join(columns)}) {rows} {end})"


def _replacing(table: sa.Table) -> str:
    keys = [c.name for c in table.primary_key]
    others = ", ".join(f"{c.name} = excluded.{c.name}" for c in table.c if c.name not in keys)
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {others}"


def _step() -> sa.TextClause:
    own = [c.name for c in schema.cases.c if c.name not in _THE_RUNS_OWN]

    def added(name: str, table: sa.Table, end: str = "") -> str:
        return _insert(name, table, f"step -> '{name}'", beside="changed, ", end=end)

    text = f"""
WITH changed AS (
    UPDATE cases SET ({", ".join(own)}) = (SELECT {", ".join(own)} FROM {_read("step -> 'case'", schema.cases, own)})
    FROM (SELECT CAST(:step AS json) AS step) AS said
    WHERE number = :of AND head = :head AND attempt = coalesce(:attempt, attempt)
    AND (:key IS NULL OR NOT EXISTS (SELECT FROM signals WHERE signals.number = :of AND signals.key = :key))
    RETURNING step
),
{added("new_entries", schema.entries)},
{added("new_assignments", schema.assignments, _replacing(schema.assignments))},
{added("new_clocks", schema.clocks, _replacing(schema.clocks))},
{added("new_letters", schema.letters)},
{added("new_signals", schema.signals)},
stopped AS (
    DELETE FROM clocks USING changed
    WHERE number = :of AND id IN (SELECT json_array_elements_text(step -> 'stopped'))
)
SELECT count(*) FROM changed
"""
    return sa.text(text).bindparams(*(sa.bindparam(name, type_=type) for name, type in _KNOWN.items()))


def _intake() -> sa.TextClause:
    """Each kind of row has a text of its own: of one long text, each kind would read all."""

    def added(name: str, table: sa.Table) -> str:
        return _insert(name, table, f"CAST(:{name} AS json)", only=_TAKEN)

    complaints = _insert(
        "taken", schema.complaints, "CAST(:taken AS json)", end="ON CONFLICT DO NOTHING RETURNING number"
    )
    cases = ", ".join(added(name, table) for name, table in _OF_A_NEW_CASE.items())
    text = sa.text(f"WITH {complaints}, {cases} SELECT number FROM taken")
    return text.bindparams(*(sa.bindparam(name, type_=sa.Text()) for name in ("taken", *_OF_A_NEW_CASE)))


_STEP, _INTAKE = _step(), _intake()
