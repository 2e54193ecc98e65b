"""However many cases are stored, a page or the pulse is answered by an index: no table is read through."""

from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import sqlalchemy as sa

from infra.ledger import CaseFilter, Ledger
from tests.conftest import apart
from tests.lives import NOW
from tests.postgres import Postgres

CLOSED, OPEN = 30_000, 1_500
EARLY = datetime.fromisoformat("2026-11-22T02:00+00:00") - timedelta(minutes=30 * (OPEN - 20))
"""When the first twenty of the open ones are due."""

_CASES = """
INSERT INTO cases (number, rulebook, process, stage, is_moving, urgency, category, district, channel, lead, opened_at,
                   updated_at, closed_at, result, due_at, next_at, seq, head, run_id, run_checked_at)
SELECT number, 'v', 'standard', CASE WHEN is_open THEN 'departmental_fix' ELSE 'feedback' END, n % 700 = 1 AND is_open,
       'normal', CASE WHEN n % 1000 = 0 THEN 'rare/thing' ELSE 'common/thing' END,
       CASE WHEN n % 500 = 0 THEN 'rare' ELSE 'common' END, 'web', CASE WHEN n % 500 = 0 THEN 'few' ELSE 'many' END,
       at, at, CASE WHEN is_open THEN NULL ELSE at END, NULL, CASE WHEN is_open THEN at END,
       CASE WHEN is_open THEN at END, 3, {head}, CASE WHEN is_open THEN 'run-' || n END, CASE WHEN n % 9 > 0 THEN at END
FROM made
"""
_COMPLAINTS = """
INSERT INTO complaints (number, matter) SELECT number,
  {json} FROM made
"""
_ASSIGNMENTS = """
INSERT INTO assignments (number, id, party, role, stage, opened_at, ended_at, how)
SELECT number, 'lead-1', CASE WHEN n % 500 = 0 THEN 'few' ELSE 'many' END, 'lead', 'departmental_fix', at,
       CASE WHEN is_open THEN NULL ELSE at END, '' FROM made
"""
_LETTERS = """
INSERT INTO letters (number, seq, nth, letter, recipient, status, attempts, queued_at, due_at)
SELECT number, 1, 0, 'received', 'citizen', 'queued', 0, at, CASE WHEN n % 100 = 1 THEN at END FROM made
"""
_ENTRIES = """
INSERT INTO entries (number, seq, kind, at, actor, data, hash)
SELECT number, 1, 'stage_entered', at, 'system', '{{"letters": [{{"letter": "received", "to": "citizen"}}]}}', {head}
FROM made
"""
_POSTGRES_MADE = f"""
CREATE TEMP TABLE made AS
SELECT n, 'QD' || to_char(at, 'YYMMDD') || '-' || (22000000 + n) AS number, at, n >= {CLOSED} AS is_open
FROM (SELECT n, timestamptz '2026-11-22 02:00+00' - interval '30 minutes' * ({CLOSED + OPEN} - n) AS at
      FROM generate_series(0, {CLOSED + OPEN - 1}) AS n) AS days
"""  # noqa: S608 -- our own numbers
_SQLITE_MADE = f"""
CREATE TEMP TABLE made AS
WITH RECURSIVE series (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM series WHERE n < {CLOSED + OPEN - 1}),
days AS (SELECT n, datetime('2026-11-22 02:00', '-' || (30 * ({CLOSED + OPEN} - n)) || ' minutes') || '.000000'
                AS at FROM series)
SELECT n, 'QD' || substr(at, 3, 2) || substr(at, 6, 2) || substr(at, 9, 2) || '-' || (22000000 + n) AS number,
       at, n >= {CLOSED} AS is_open FROM days
"""  # noqa: S608 -- our own numbers
_RARE = "CASE WHEN n % 1000 = 0 THEN '供暖不热' ELSE '夜里施工' END"
_CHANGES = r"\b(INSERT|UPDATE|DELETE)\b"
FILL = (_ENTRIES, _CASES, _COMPLAINTS, _ASSIGNMENTS, _LETTERS)


@pytest.fixture(scope="module")
def full_postgres(postgres_server: Postgres, postgres_template: str) -> Iterator[str]:
    """Years of cases, put in by the database itself: no chains, only what lists and searches look at."""

    async def fill() -> str:
        name = await postgres_server.create(template=postgres_template)
        connection = await asyncpg.connect(postgres_server.url(name).replace("+asyncpg", ""))
        await connection.execute(_POSTGRES_MADE)
        for order in FILL:
            json = f"json_build_object('subject', {_RARE}, 'description', '')"
            await connection.execute(order.format(head="''::bytea", json=json))
        await connection.execute("ANALYZE")
        await connection.close()
        return name

    name = apart(lambda: asyncio.run(fill()))
    yield postgres_server.url(name)
    apart(lambda: asyncio.run(postgres_server.drop(name)))


@pytest.fixture(scope="module")
def full_sqlite(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = shutil.copy(sqlite_template, tmp_path_factory.mktemp("full") / "ledger.db")
    with sqlite3.connect(file) as connection:
        connection.execute(_SQLITE_MADE)
        for order in FILL:
            json = f"json_object('subject', {_RARE}, 'description', '')"
            connection.execute(order.format(head="x''", json=json))
    connection.close()
    return f"sqlite+aiosqlite:///{file}"


@pytest.fixture(params=["sqlite", "postgres"])
async def full(request: pytest.FixtureRequest) -> AsyncIterator[Ledger]:
    ledger = Ledger(request.getfixturevalue(f"full_{request.param}"))
    yield ledger
    await ledger.close()


LISTS: dict[str, dict[str, Any]] = {
    "open": {},
    "late": {"late": True},
    "stage": {"stage": "departmental_fix"},
    "one's own": {"department": "few"},
    "number": {"number": "QD2611"},
    "whole number": {"number": "QD261120-22031404"},
    "closed": {"is_open": False},
    "closed, district": {"is_open": False, "district": "rare"},
    "closed, category": {"is_open": False, "category": "rare/thing"},
    "closed, branch": {"is_open": False, "category": "rare"},
    "closed, one's own": {"is_open": False, "department": "few"},
    "closed, number": {"is_open": False, "number": "QD2503"},
    "rare word": {"is_open": False, "words": "供暖"},
    "common word": {"is_open": False, "words": "施工 夜里"},
    "common word, one's own": {"words": "施工", "department": "few"},
    "common word, one's own closed": {"is_open": False, "words": "施工", "department": "few"},
}


@pytest.mark.parametrize("wanted", LISTS.values(), ids=LISTS)
async def test_every_list_and_its_next_page_is_read_from_an_index(full: Ledger, wanted: dict[str, Any]):
    with asked(full) as questions:
        page = await full.list_cases(CaseFilter(**wanted), now=NOW, limit=20)
        if page.after:
            await full.list_cases(CaseFilter(**wanted), now=NOW, limit=20, after=page.after)
    assert page.rows
    await no_table_is_read_through(full, questions)


async def test_figures_are_read_from_indexes_of_open_work(full: Ledger):
    with asked(full) as questions:
        await full.counts(NOW)
    await no_table_is_read_through(full, questions)


async def test_who_is_due_and_whose_run_is_to_be_checked_is_read_from_an_index(full: Ledger):
    with asked(full) as questions:
        await full.to_wake(NOW, limit=500)
        await full.runs_to_check(limit=1000)
        await full.leases.runs(["run-30001", "run-30002"])
    await no_table_is_read_through(full, questions)


async def test_the_search_for_due_work_reads_what_is_due_and_no_more(full: Ledger):
    """O(due): on PostgreSQL the plan itself counts the rows it touched."""
    if full.db.is_sqlite:
        pytest.skip("SQLite does not count")
    with asked(full) as questions:
        due = await full.to_wake(EARLY, limit=500)
        await full.decide_due(EARLY, limit=100)
    plans = [plan async for plan in explained(full, questions, how="EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ")]
    touched = [int(rows) for plan in plans for rows in re.findall(r"actual rows=(\d+)", plan)]
    removed = [int(rows) for plan in plans for rows in re.findall(r"Removed by Filter: (\d+)", plan)]
    assert 20 <= len(due) <= 30
    assert max([*touched, *removed]) <= 30


async def test_clocks_that_ran_out_are_read_from_an_index_also_from_the_middle_on(full: Ledger):
    with asked(full) as questions:
        await full.decide_due(EARLY, limit=10)
        await full.decide_due(EARLY, limit=10, after=(EARLY - timedelta(hours=5), "QD261022-22030009"))
        await full.leases.to_show(limit=8, after="QD261022-22030009")
        await full.leases.unshown("QD261022-22030009")
    await no_table_is_read_through(full, questions)
    plans = [plan async for plan in explained(full, questions) if "ix_cases_next" in plan]
    assert len(plans) == 2
    assert not any(sorting in plan for plan in plans for sorting in ("Sort", "TEMP B-TREE"))


async def test_letters_to_send_are_read_from_an_index(full: Ledger):
    with asked(full) as questions:
        await full.claim_letters(limit=20, hold_for=timedelta(seconds=0))
        await full.letters("QD261120-22031404")
    await no_table_is_read_through(full, questions)


@contextmanager
def asked(ledger: Ledger) -> Iterator[list[tuple[str, Any]]]:
    """Every question to the database meanwhile, with its values."""
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, values: Any, *_rest: Any) -> None:
        if statement.startswith("SELECT") or (statement.startswith("WITH") and not re.search(_CHANGES, statement)):
            found.append((statement, values))

    engine = ledger.db.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


async def explained(ledger: Ledger, questions: list[tuple[str, Any]], *, how: str = "EXPLAIN ") -> AsyncIterator[str]:
    how = "EXPLAIN QUERY PLAN " if ledger.db.is_sqlite else how
    async with ledger.db.read() as connection:
        for statement, values in questions:
            rows = (await connection.exec_driver_sql(how + statement, values)).all()
            yield "\n".join(str(row[-1]) for row in rows)


async def no_table_is_read_through(ledger: Ledger, questions: list[tuple[str, Any]]) -> None:
    assert questions
    merged, read = r"Merge Join", r"Seq Scan on (?!rulebook)"  # merging reads an index from its end to what is wanted
    through = re.compile(rf"{merged}|{read}|SCAN (?!CONSTANT|anon_)(?!.*(?:INDEX|SUBQUERY|PRIMARY KEY))")
    number = 0
    async for plan in explained(ledger, questions):
        assert not through.search(plan), f"{questions[number][0]}\n{plan}"
        number += 1
