"""首接首办 for many hands at once: whoever comes second is told so, and nothing happens twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest

from infra.ledger import LeaseHeld, Ledger, NotWanted, StaleAttempt, leases, rulebooks
from rules.case import Case, Signal
from rules.refusals import Refusal
from tests import lives

CROWD = 20


@pytest.fixture
async def other(ledger: Ledger, ledger_url: str) -> AsyncIterator[Ledger]:
    """The same ledger, opened by a second process."""
    second = Ledger.connect(ledger_url)
    yield second
    await second.close()


@pytest.fixture
async def case(ledger: Ledger, now: datetime) -> Case:
    return await lives.waiting(ledger, now)


async def test_one_form_sent_twenty_times_at_once_is_one_complaint(ledger: Ledger, other: Ledger, now: datetime):
    sent = [each.submit(lives.NOISE, lives.ZHANG, at=now, key="form") for each in [ledger, other] * (CROWD // 2)]
    done = await asyncio.gather(*sent)
    assert len({recorded.case.number for recorded in done}) == 1
    assert [recorded.repeated for recorded in done].count(False) == 1
    assert (await ledger.counts(now))["cases_open"] == 1
    assert await ledger.verify() == []


async def test_one_click_sent_twenty_times_at_once_counts_once(
    ledger: Ledger, other: Ledger, case: Case, now: datetime
):
    click = lives.doing(case, "fix", "lead-1", reply="已停工")
    sent = [each.record(case.number, click, at=now, key="click") for each in [ledger, other] * (CROWD // 2)]
    done = await asyncio.gather(*sent)
    assert [recorded.repeated for recorded in done].count(False) == 1
    assert (await ledger.case(case.number)).seq == case.seq + 1


async def test_of_two_different_answers_to_one_task_exactly_one_wins(
    ledger: Ledger, other: Ledger, case: Case, now: datetime
):
    answers = [
        lives.doing(case, "fix", "lead-1", reply="已停工"),
        lives.doing(case, "refuse", "lead-1", reason="不合理"),
    ]
    sent = [each.record(case.number, answer, at=now) for each, answer in zip([ledger, other], answers, strict=True)]
    done = await asyncio.gather(*sent, return_exceptions=True)
    assert Counter(type(one).__name__ for one in done) == {"Recorded": 1, "Refusal": 1}
    kinds = [entry.kind for entry in await ledger.entries(case.number)]
    assert len({"department_fixed", "demand_refused"} & set(kinds)) == 1
    assert await ledger.verify() == []


async def test_of_twenty_claims_one_counts_and_the_others_are_told(
    ledger: Ledger, other: Ledger, case: Case, now: datetime
):
    claims = [lives.act(each, case, "claim", "lead-1", at=now) for each in [ledger, other] * (CROWD // 2)]
    done = await asyncio.gather(*claims, return_exceptions=True)
    assert sum(isinstance(one, Refusal) and one.code == "already_claimed" for one in done) == CROWD - 1


async def test_letters_are_queued_once_even_when_two_runs_proceed_at_once(ledger: Ledger, other: Ledger, now: datetime):
    new = await lives.received(ledger, now)
    for _ in range(4):
        await asyncio.gather(*(each.record(new.number, Signal("proceed"), at=now) for each in [ledger, other] * 3))
    names = Counter(letter.letter for letter in await ledger.letters(new.number))
    assert names == {"receipt": 1, "lead_task": 1}


async def test_many_cases_are_written_side_by_side(ledger: Ledger, other: Ledger, now: datetime):
    await asyncio.gather(*(lives.closed(each, now) for each in [ledger, other] * 6))
    assert (await ledger.counts(now))["cases_open"] == 0
    assert await ledger.verify() == []


async def test_more_writers_than_connections_take_turns(
    ledger: Ledger, ledger_url: str, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    cases = [await lives.received(ledger, now) for _ in range(6)]
    monkeypatch.setattr(rulebooks, "_built", {})  # a process that has just started reads the rulebook, too
    narrow = Ledger(ledger_url, pool_size=1)
    async with asyncio.timeout(10):
        await asyncio.gather(*(narrow.record(case.number, Signal("proceed"), at=now) for case in cases))
    await narrow.close()


async def test_readers_do_not_wait_for_a_writer(ledger: Ledger, case: Case, now: datetime):
    async with ledger.db.write() as connection:
        await connection.exec_driver_sql(f"UPDATE cases SET channel = 'x' WHERE number = '{case.number}'")  # noqa: S608
        async with asyncio.timeout(5):
            assert (await ledger.case(case.number)).seq == case.seq
            assert (await ledger.counts(now))["cases_open"] == 1


async def test_a_case_is_taken_by_one_activation_at_a_time(ledger: Ledger, other: Ledger, case: Case):
    done = await asyncio.gather(*(each.take(case.number) for each in [ledger, other] * 5), return_exceptions=True)
    assert Counter(type(one).__name__ for one in done) == {"Activation": 1, "LeaseHeld": 9}


async def test_a_released_case_can_be_taken_again_with_the_next_attempt(ledger: Ledger, case: Case, now: datetime):
    first = await ledger.take(case.number)
    await ledger.release(case.number, first.attempt, now=now)
    assert (await ledger.take(case.number)).attempt == first.attempt + 1


async def test_an_overtaken_activation_can_write_nothing(
    ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    new = await lives.received(ledger, now)
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=-1))  # the first activation hangs until its lease is over
    slow, quick = await ledger.take(new.number), await ledger.take(new.number)
    with pytest.raises(StaleAttempt):
        await ledger.record(new.number, Signal("proceed"), at=now, attempt=slow.attempt)
    with pytest.raises(StaleAttempt):
        await ledger.release(new.number, slow.attempt, now=now)
    assert (await ledger.case(new.number)).seq == 1
    assert (await ledger.record(new.number, Signal("proceed"), at=now, attempt=quick.attempt)).entries


async def test_a_held_case_is_left_alone_until_it_is_released(ledger: Ledger, case: Case):
    await ledger.take(case.number)
    with pytest.raises(LeaseHeld):
        await ledger.take(case.number)


async def test_a_ring_takes_only_a_case_that_has_something_to_do(
    ledger: Ledger, case: Case, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    """Of three workers that hear the same ring, two come when everything is done."""
    with pytest.raises(NotWanted):
        await ledger.take(case.number, if_wanted=now)
    assert case.next_at is not None
    due = await ledger.take(case.number, if_wanted=case.next_at)
    await ledger.release(case.number, due.attempt, now=now)

    answered = await lives.act(ledger, case, "fix", "lead-1", at=now, reply="已停工")
    moving = await ledger.take(case.number, if_wanted=now)
    assert moving.case == answered.case
    with pytest.raises(NotWanted):
        await ledger.take(case.number, if_wanted=now)  # somebody is at it
    with pytest.raises(NotWanted):
        await ledger.take("QD000000-NOBODY", if_wanted=now)

    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=-1))
    await ledger.release(case.number, moving.attempt, now=now)
    await ledger.record(case.number, Signal("proceed"), at=now)
    dead = await ledger.take(case.number)
    assert (await ledger.take(case.number, if_wanted=now)).attempt == dead.attempt + 1, "a dead activation is made good"


async def test_what_a_clock_said_is_shown_by_whoever_hears_the_ring(ledger: Ledger, case: Case, now: datetime):
    assert case.next_at is not None
    await ledger.decide_due(case.next_at, limit=10)
    assert (await ledger.take(case.number, if_wanted=now)).unshown == case.seq + 1


async def test_releasing_a_case_that_got_a_signal_meanwhile_asks_for_another_wake(
    ledger: Ledger, case: Case, now: datetime
):
    taken = await ledger.take(case.number)
    await lives.act(ledger, case, "fix", "lead-1", at=now, reply="已停工")
    assert await ledger.release(case.number, taken.attempt, now=now)


async def test_releasing_a_case_that_waits_asks_for_nothing(ledger: Ledger, case: Case, now: datetime):
    taken = await ledger.take(case.number)
    assert not await ledger.release(case.number, taken.attempt, now=now)


async def test_a_one_time_secret_is_spent_once_by_many(ledger: Ledger, other: Ledger):
    assert sum(await asyncio.gather(*(each.spend("n") for each in [ledger, other] * 5))) == 1
