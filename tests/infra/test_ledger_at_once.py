"""及时回应: what PostgreSQL is told in one statement is what it would have been told in many, whoever comes between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from infra.ledger import KeyReused, Ledger, StaleAttempt, at_once, schema
from infra.ledger.projections import case_row
from infra.moment import wall
from rules.case import Case, Signal
from rules.refusals import Refusal
from tests import lives
from tests.conftest import opened
from tests.infra.test_ledger_cost import statements

HOLD = timedelta(minutes=1)
OWN = ("id", "number", "hash", "head", "queued_at", "due_at", "key")
"""What differs between two lives that are alike."""


@pytest.fixture
async def ledger(postgres_url: str, book_files: dict[str, str]) -> AsyncIterator[Ledger]:
    async with opened(postgres_url, book_files) as ready:
        yield ready


@pytest.fixture
async def other(ledger: Ledger) -> AsyncIterator[Ledger]:
    """The same ledger as another process sees it."""
    one = Ledger.connect(ledger.url)
    yield one
    await one.close()


async def rows(ledger: Ledger, table: sa.Table, number: str) -> list[dict[str, Any]]:
    """JSON as the database keeps it, to the letter."""
    columns = [sa.cast(c, sa.Text) if isinstance(c.type, sa.JSON) else c for c in table.c if c.name not in OWN]
    query = sa.select(*columns).where(table.c.number == number).order_by(*table.primary_key)
    async with ledger.db.read() as connection:
        return [dict(row) for row in (await connection.execute(query)).mappings()]


async def test_the_same_life_leaves_the_same_rows(ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch):
    with statements(ledger) as few:
        one = await lives.closed(ledger, now)
    monkeypatch.setattr("infra.ledger.recording.fits", lambda _step: False)
    with statements(ledger) as many:
        two = await lives.closed(ledger, now)
    assert len(few) < len(many) / 2
    for table in (schema.cases, schema.entries, schema.assignments, schema.clocks, schema.signals, schema.letters):
        assert await rows(ledger, table, one.number) == await rows(ledger, table, two.number), table.name
    assert await ledger.verify() == []


async def test_every_column_of_a_case_is_either_the_steps_or_the_runs(ledger: Ledger, now: datetime):
    projected = set(case_row(await lives.waiting(ledger, now))) | {"head"}
    assert projected == set(schema.cases.c.keys()) - set(at_once._THE_RUNS_OWN)


@pytest.fixture
async def overtaken(ledger: Ledger, other: Ledger, now: datetime) -> Case:
    """A case that ``ledger`` remembers as unclaimed, after ``other`` has claimed it."""
    case = await lives.waiting(ledger, now)
    await lives.act(other, case, "claim", "lead-1", at=now)
    return case


async def test_who_comes_too_late_is_decided_by_what_is(ledger: Ledger, overtaken: Case, now: datetime):
    done = await lives.act(ledger, overtaken, "contact", "lead-1", at=now)
    assert [entry.kind for entry in await ledger.entries(overtaken.number)][-2:] == [
        "department_claimed",
        "citizen_contacted",
    ]
    assert done.case == await ledger.case(overtaken.number)
    assert await ledger.verify() == []


async def test_what_is_allowed_by_memory_only_is_refused(ledger: Ledger, overtaken: Case, now: datetime):
    before = await ledger.entries(overtaken.number)
    with pytest.raises(Refusal):
        await lives.act(ledger, overtaken, "claim", "lead-1", at=now)
    assert await ledger.entries(overtaken.number) == before


async def test_what_is_refused_by_memory_only_is_allowed(ledger: Ledger, other: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    await ledger.record(case.number, lives.doing(case, "fix", "lead-1", reply="已停工"), at=now)
    after = await lives.settled(other, case.number, now)
    rated = await lives.act(ledger, after, "rate", "citizen-1", at=now, solved="yes", satisfied=5)
    assert rated.case.rating is not None


async def test_a_key_that_another_process_has_seen_counts_once(ledger: Ledger, other: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    fix = lives.doing(case, "fix", "lead-1", reply="已停工")
    first = await other.record(case.number, fix, at=now, key="click")
    again = await ledger.record(case.number, fix, at=now, key="click")
    assert again.repeated and again.case == first.case
    with pytest.raises(KeyReused):
        await ledger.record(case.number, lives.doing(case, "fix", "lead-1", reply="别的"), at=now, key="click")


async def test_an_attempt_that_is_over_writes_nothing(ledger: Ledger, other: Ledger, now: datetime):
    number = (await lives.received(ledger, now)).number
    old = await ledger.take(number)
    await ledger.release(number, old.attempt, now=now)
    await other.take(number)
    with pytest.raises(StaleAttempt):
        await ledger.record(number, Signal("proceed"), at=now, attempt=old.attempt)
    assert len(await ledger.entries(number)) == 1


async def test_of_many_who_speak_at_once_each_is_heard_once(ledger: Ledger, other: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    said = [lives.doing(case, "add_information", "citizen-1", text=f"补充 {nth}") for nth in range(20)]
    await asyncio.gather(*([ledger, other][nth % 2].record(case.number, one, at=now) for nth, one in enumerate(said)))
    heard = [e.data["text"] for e in await ledger.entries(case.number) if e.kind == "information_added"]
    assert sorted(heard) == sorted(f"补充 {nth}" for nth in range(20))
    assert await ledger.verify() == []


async def test_letters_are_held_by_whoever_decided_them(ledger: Ledger, other: Ledger, now: datetime):
    number = (await lives.received(ledger, now)).number
    recorded = await ledger.record(number, Signal("proceed"), at=now, hold_for=HOLD)
    assert [letter.letter for letter in recorded.letters] == ["receipt"]
    assert await other.claim_letters(limit=10, hold_for=HOLD) == []
    [waiting] = await other.letters(number)
    assert (waiting.key, waiting.data, waiting.attempts) == (recorded.letters[0].key, recorded.letters[0].data, 1)
    await ledger.letter_failed(recorded.letters[0], "later", retry_at=wall())
    assert [one.key for one in await other.claim_letters(limit=10, hold_for=HOLD)] == [waiting.key]
