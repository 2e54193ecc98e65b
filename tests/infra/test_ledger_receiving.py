"""建立台账: many complaints in one transaction are stored like one: numbered, linked, recognised, bad ones named."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from infra.ledger import KeyReused, Ledger, Person, Told, Unstorable, appending, projections, receiving, schema
from rules.case import Case
from tests import lives
from tests.infra.test_ledger_cost import statements


def told(*keys: str, what: str = "半夜施工噪音") -> list[Told]:
    return [Told(replace(lives.NOISE, subject=f"{what}{key}"), lives.ZHANG, key) for key in keys]


async def test_a_batch_is_stored_like_single_complaints(ledger: Ledger, now: datetime):
    assert await ledger.submit_many(told("a", "b", "c"), at=now) == [True, True, True]
    assert await ledger.verify() == []
    numbers = [run.number for run in await ledger.to_wake(now, limit=9)]
    assert len(set(numbers)) == 3
    single = await lives.received(ledger, now)
    case = await ledger.case(numbers[0])
    assert replace(case, number=single.number) == single
    assert (await ledger.told(numbers[0]))[1].name == lives.ZHANG.name


async def test_a_batch_that_comes_again_adds_nothing(ledger: Ledger, now: datetime):
    await ledger.submit(told("b")[0].complaint, lives.ZHANG, at=now, key="b")
    assert await ledger.submit_many(told("a", "b"), at=now) == [True, False]
    assert await ledger.submit_many(told("a", "b", "c"), at=now) == [False, False, True]
    assert (await ledger.counts(now))["cases_open"] == 3


async def test_a_bad_one_stops_no_other(ledger: Ledger, now: datetime):
    await ledger.submit_many(told("a"), at=now)
    bad = Told(replace(lives.NOISE, subject="\ud800"), Person(), "x")
    found = await ledger.submit_many([*told("a", what="别的"), bad, *told("b", "b"), *told("b", what="别的")], at=now)
    assert isinstance(found[0], KeyReused) and isinstance(found[1], Unstorable) and isinstance(found[4], KeyReused)
    assert found[2:4] == [True, False]


async def test_numbers_that_clash_are_drawn_again(ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch):
    taken = (await lives.received(ledger, now)).number
    drawn = iter([taken, "QD261123-AAAAAAAA", "QD261123-AAAAAAAA", "QD261123-BBBBBBBB", "QD261123-CCCCCCCC"])
    monkeypatch.setattr(receiving, "number_on", lambda _at: next(drawn))
    assert await ledger.submit_many(told("a", "b", "c"), at=now) == [True, True, True]
    assert await ledger.verify() == []


async def test_nothing_of_a_batch_is_stored_unless_all_of_it_is(
    ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(projections, "assignment_row", lambda *_: {"number": None})
    with pytest.raises(sa.exc.SQLAlchemyError):
        await ledger.submit_many(told("a", "b"), at=now)
    async with ledger.db.read() as connection:
        assert await connection.scalar(sa.select(sa.func.count()).select_from(schema.complaints)) == 0


async def test_what_comes_at_the_same_time_shares_its_statements(ledger: Ledger, now: datetime):
    with statements(ledger) as sent:
        done = await asyncio.gather(*(ledger.submit(lives.NOISE, lives.ZHANG, at=now, key=f"{n}") for n in range(40)))
    assert len({one.case.number for one in done}) == 40
    assert await ledger.verify() == []
    written = [one for one in sent if one.startswith(("INSERT", "WITH"))]
    together = 4 if ledger.db.is_sqlite else 1
    assert len(written) <= 3 * together, "the first alone, and what gathered meanwhile"


async def test_of_two_at_the_same_time_with_one_key_one_is_new(ledger: Ledger, now: datetime):
    same = [ledger.submit(lives.NOISE, lives.ZHANG, at=now, key="click") for _ in range(8)]
    other = ledger.submit(replace(lives.NOISE, subject="别的"), lives.ZHANG, at=now, key="click")
    *done, refused = await asyncio.gather(*same, other, return_exceptions=True)
    assert isinstance(refused, KeyReused)
    assert sorted(one.repeated for one in done) == [False] + [True] * 7  # type: ignore[union-attr]  # none is a fault
    assert len({one.case.number for one in done}) == 1  # type: ignore[union-attr]


async def test_what_the_database_cannot_take_of_one_stops_no_other_at_the_same_time(
    ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    seen = appending.case_row

    def spoilt(case: Case) -> dict[str, Any]:
        return seen(case) | ({"stage": None} if case.channel == "letter" else {})

    monkeypatch.setattr(appending, "case_row", spoilt)
    letter = replace(lives.NOISE, channel="letter")
    asked = [ledger.submit(letter if n == 4 else lives.NOISE, lives.ZHANG, at=now, key=f"{n}") for n in range(9)]
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert [nth for nth, one in enumerate(done) if isinstance(one, Exception)] == [4]
    assert isinstance(done[4], sa.exc.IntegrityError)
    assert (await ledger.counts(now))["cases_open"] == 8
    assert await ledger.verify() == []


async def test_a_batch_costs_a_few_statements_however_large(ledger: Ledger, now: datetime):
    with statements(ledger) as sent:
        await ledger.submit_many(told(*map(str, range(100))), at=now)
    # active rulebook; complaints, entries, case rows, assignments
    assert len(sent) == (5 if ledger.db.is_sqlite else 2)


async def test_an_empty_batch_is_nothing(ledger: Ledger, now: datetime):
    assert await ledger.submit_many([], at=now) == []
