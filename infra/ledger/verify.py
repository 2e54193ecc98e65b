"""The ledger can be checked by anybody: chains are whole, and every projection equals its folded entries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.database import Database
from infra.ledger.evidence import Evidence, Row, Tables
from infra.ledger.projections import case_row, project

BATCH = 200
"""Cases looked at together; memory and the time a rebuild holds its locks depend on this, not on the ledger."""
TABLES = (
    schema.complaints,
    schema.cases,
    schema.entries,
    schema.assignments,
    schema.clocks,
    schema.promises,
    schema.signals,
    schema.letters,
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something the ledger should not contain."""

    number: str
    what: str

    def __str__(self) -> str:
        return f"{self.number}: {self.what}"


class Verifier:
    """Walks through all cases, a batch at a time, while others go on writing."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def problems(self, *, rebuild: bool = False) -> AsyncIterator[Problem]:
        """Every problem. With ``rebuild`` wrong tables are made again (and still reported) where the chain is whole."""
        last = ""
        while numbers := await self._numbers(last):
            for problem in await self._check(numbers, rebuild=rebuild):
                yield problem
            last = numbers[-1]

    async def _numbers(self, last: str) -> list[str]:
        """The next numbers that any of the main tables knows: a row that was taken away leaves the others."""
        found: set[str] = set()
        async with self._db.read() as connection:
            for table in (schema.complaints, schema.cases, schema.entries):
                n = table.c.number
                query = sa.select(n).where(n > last).group_by(n).order_by(n).limit(BATCH)
                found |= set(await connection.scalars(query))
        return sorted(found)[:BATCH]

    async def _check(self, numbers: Sequence[str], *, rebuild: bool) -> list[Problem]:
        found: list[Problem] = []
        async with self._db.write() if rebuild else self._db.read(snapshot=True) as connection:
            if rebuild:
                await _hold(connection, numbers)
            for number, tables in (await _gather(connection, numbers)).items():
                if isinstance(tables, ValueError):
                    found.append(Problem(number, f"a row cannot be read: {tables}"))
                    continue
                evidence = Evidence(number, tables)
                evidence.weigh()
                found += [Problem(number, what) for what in (*evidence.broken, *evidence.wrong)]
                if rebuild and evidence.may_be_rebuilt:
                    await self._rebuild(connection, evidence)
        return found

    async def _rebuild(self, connection: AsyncConnection, evidence: Evidence) -> None:
        case, c = evidence.case, schema.cases.c
        assert case is not None  # noqa: S101 -- may_be_rebuilt says so
        for table in (schema.assignments, schema.clocks, schema.promises):
            await connection.execute(sa.delete(table).where(table.c.number == case.number))
        values = {**case_row(case), "head": evidence.head}
        updated = await connection.execute(sa.update(schema.cases).where(c.number == case.number).values(values))
        if updated.rowcount == 0:
            await connection.execute(sa.insert(schema.cases).values(number=case.number, **values))
        await project(self._db, connection, [(None, case)])


async def _hold(connection: AsyncConnection, numbers: Sequence[str]) -> None:
    """Nobody decides these cases while their tables are made again."""
    n = schema.cases.c.number
    await connection.execute(sa.select(n).where(n.in_(numbers)).order_by(n).with_for_update())


async def _gather(connection: AsyncConnection, numbers: Sequence[str]) -> dict[str, Tables | ValueError]:
    """Number -> all its rows; a row that cannot even be read spoils its own case only."""
    try:
        return dict(await _load(connection, numbers))
    except ValueError as fault:
        if len(numbers) == 1:
            return {numbers[0]: fault}
    return {number: (await _gather(connection, [number]))[number] for number in numbers}


async def _load(connection: AsyncConnection, numbers: Sequence[str]) -> Mapping[str, Tables]:
    """One query per table."""
    kept: dict[str, dict[str, list[Row]]] = {number: {table.name: [] for table in TABLES} for number in numbers}
    for table in TABLES:
        columns = [c for c in table.c if c is not schema.complaints.c.person]  # nothing to check, and sealed
        order = [c for c in table.primary_key if c.name != "number"]
        for row in await connection.execute(sa.select(*columns).where(table.c.number.in_(numbers)).order_by(*order)):
            kept[row.number][table.name].append(dict(row._mapping))
    return kept
