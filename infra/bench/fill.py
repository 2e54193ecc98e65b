"""建立台账: a ledger of years, made in minutes: whole lives are led through the rules, then copied inside PostgreSQL.

Every whole copy is a valid case: a number of its own, and a chain of hashes that ``minsheng verify`` accepts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import asyncpg

from infra.bench.fill_prefect import give_runs, one_asleep
from infra.bench.lives import COMPLAINT, REPLY
from infra.bench.town import Town
from infra.chance import ALPHABET
from infra.ledger import Ledger, Person, schema
from infra.ledger.chain import GENESIS, spelled
from infra.ledger.database import compact
from infra.moment import now
from rules.case import CITIZEN, Case, Complaint, Signal
from rules.decide import PROCEED

YEARS, LATELY = timedelta(days=3 * 365), timedelta(minutes=5)
PATTERNS = 24
"""Different lives; each is copied equally often."""
CATEGORIES = ("urban/sanitation/garbage", "environment/noise/construction", "environment/air/dust")
ACTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("claim", "lead-1", {}),
    ("fix", "lead-1", {"reply": REPLY}),
    ("rate", "citizen-1", {"solved": "yes", "satisfied": 5}),
)
MARK = "@number@"
BATCH = 50_000
"""Copies in one transaction."""

_HELPERS = """
SET work_mem = '256MB';
SET synchronous_commit = off;
CREATE TEMP TABLE pattern (id int, number text, seq int, spelled text, data text, PRIMARY KEY (id, seq));
CREATE TEMP TABLE copy (id int, number text, run uuid, whole boolean);
CREATE FUNCTION pg_temp.linked(head bytea, said text) RETURNS bytea LANGUAGE sql IMMUTABLE AS
$$ SELECT sha256(head || convert_to(said, 'UTF8')) $$;
CREATE AGGREGATE pg_temp.chain(text) (SFUNC = pg_temp.linked, STYPE = bytea, INITCOND = '\\x@genesis@');
CREATE FUNCTION pg_temp.letters(n bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
  SELECT string_agg(substr('@alphabet@', 1 + (n / (30 ^ k)::bigint % 30)::int, 1), '') FROM generate_series(0, 7) k $$;
"""
_NUMBERS = """
INSERT INTO copy SELECT p.id, left(p.number, 9) || pg_temp.letters((i * 7919 + 104729) * 1299709 % 656099999999),
                        gen_random_uuid(), i / $3 % $4 = 0
FROM generate_series($1::bigint, $2::bigint) i JOIN pattern p ON p.id = i % $3 AND p.seq = 1
"""
_ENTRIES = """
INSERT INTO entries (number, seq, kind, at, actor, data, hash)
SELECT c.number, e.seq, e.kind, e.at, e.actor, replace(p.data, '@number@', c.number)::json,
       pg_temp.chain(replace(p.spelled, '@number@', c.number)) OVER (PARTITION BY c.number ORDER BY e.seq)
FROM copy c JOIN pattern p ON p.id = c.id JOIN entries e ON e.number = p.number AND e.seq = p.seq WHERE c.whole
"""
_COPY = """
INSERT INTO {table} ({names}) SELECT {values}
FROM copy c JOIN pattern p ON p.id = c.id AND p.seq = 1 JOIN {table} t ON t.number = p.number
WHERE c.whole OR '{table}' IN ('cases', 'complaints', 'assignments')
"""
_CHANGED = {
    "cases": {
        "head": "COALESCE((SELECT e.hash FROM entries e WHERE e.number = c.number AND e.seq = t.seq), t.head)",
        "run_id": "CASE WHEN t.closed_at IS NULL THEN c.run::text END",
        "run_checked_at": "now()",
        # what a city closes in an hour is of many kinds; a whole case was closed when its entries say so
        "closed_at": "CASE WHEN c.whole THEN t.closed_at ELSE t.closed_at - random() * interval '30 days' END",
    },
    "complaints": {"key": "NULL", "digest": "NULL"},
    "assignments": {},
    "clocks": {},
    "signals": {},
    "letters": {"id": "nextval('letters_id_seq')"},
}
"""Table -> columns that are not the same in every copy, beside the number."""


Runs = Callable[[Sequence[Any]], Awaitable[None]]


async def fill(town: Town, *, stored: int, open: int) -> None:
    """Put ``stored`` closed and ``open`` open cases into the ledger, and runs of the open ones into Prefect."""
    ledger = Ledger(town.ledger_url)
    closed = [await life(ledger, now() - YEARS * (nth + 1) / PATTERNS, nth) for nth in range(PATTERNS)]
    waiting = [await life(ledger, now() - LATELY, nth, until="departmental_fix") for nth in range(PATTERNS)]
    try:
        async with copier(ledger, closed) as one:
            for first in range(0, stored, BATCH):
                await one.copy(first, min(first + BATCH, stored))
                town.screen.say(f"{min(first + BATCH, stored)} closed cases stored")
        if open:
            await one_asleep(town)
        async with copier(ledger, waiting) as one:
            for first in range(stored, stored + open, BATCH):
                await one.copy(first, min(first + BATCH, stored + open), give_runs=partial(give_runs, town))
                town.screen.say(f"{min(first + BATCH, stored + open) - stored} open cases stored, with their runs")
            await one.connection.execute("VACUUM ANALYZE")  # else lives share the machine with what follows a bulk load
    finally:
        await ledger.close()


async def life(ledger: Ledger, at: datetime, nth: int, *, until: str = "closed", district: str = "") -> Case:
    """One life that began at ``at``, led by the rules as far as ``until``; its letters count as delivered."""
    told, category = COMPLAINT, CATEGORIES[nth % len(CATEGORIES)]
    complaint = Complaint(
        channel=told["channel"], subject=told["subject"], description=told["description"], address=told["address"],
        district=district or told["district"], category=category,
    )  # fmt: skip
    person = Person(COMPLAINT["name"], COMPLAINT["phone"], COMPLAINT["email"])
    case = (await ledger.submit(complaint, person, at=at, key=None)).case
    acts = iter(ACTS)
    while True:
        while case.is_moving:
            case = (await ledger.record(case.number, Signal(PROCEED), at=at)).case
        if case.is_closed or case.stage == until:
            break
        action, assignment, fields = next(acts)
        held = case.assignment(assignment)
        signal = Signal(action, held.party if held else CITIZEN, assignment, fields)
        case = (await ledger.record(case.number, signal, at=at)).case
    for letter in await ledger.letters(case.number):
        await ledger.letter_sent(letter)
    return case


class Copier:
    """Copies of some lives, made by one connection."""

    def __init__(self, connection: asyncpg.Connection, patterns: int) -> None:
        self.connection = connection
        self._patterns = patterns

    async def copy(self, first: int, end: int, *, whole: int = 1, give_runs: Runs | None = None) -> None:
        """Copies ``first`` to ``end`` (exclusive) of all that are ever made; runs come before cases.

        Of each pattern one in ``whole`` has its history; the others are only what lists and searches look at.
        """
        order = self.connection.execute
        async with self.connection.transaction():
            await order("TRUNCATE copy")
            await order(_NUMBERS, first, end - 1, self._patterns, whole)
            await order("ANALYZE copy")
            if give_runs is not None:
                await give_runs(await self.connection.fetch("SELECT run, number FROM copy"))
            await order(_ENTRIES)
            for table in _CHANGED:
                await order(_copying(table))


def _copying(table: str) -> str:
    changed = {"number": "c.number", **_CHANGED[table]}
    names = [column.name for column in schema.metadata.tables[table].c]
    values = [changed.get(name, f"t.{name}") for name in names]
    return _COPY.format(table=table, names=", ".join(names), values=", ".join(values))


@asynccontextmanager
async def copier(ledger: Ledger, lives: list[Case]) -> AsyncIterator[Copier]:
    connection = await asyncpg.connect(ledger.url.replace("+asyncpg", ""))
    try:
        helpers = _HELPERS.replace("@genesis@", GENESIS.hex()).replace("@alphabet@", ALPHABET)
        await connection.execute(helpers)
        await connection.copy_records_to_table("pattern", records=[row async for row in _spelled(ledger, lives)])
        yield Copier(connection, len(lives))
    finally:
        await connection.close()


async def _spelled(ledger: Ledger, lives: list[Case]) -> AsyncIterator[tuple[int, str, int, str, str]]:
    """What of each entry is the same in every copy, with a mark where the number stands."""
    for id, case in enumerate(lives):
        for seq, entry in enumerate(await ledger.entries(case.number), 1):
            said = spelled(case.number, seq, entry).replace(case.number, MARK)
            yield id, case.number, seq, said, compact(entry.data).replace(case.number, MARK)
