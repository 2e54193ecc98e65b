"""待发: a letter that was decided is sent, once, by somebody; or it is seen that it could not be."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from infra.ledger import Ledger, Letter
from infra.moment import wall
from rules.case import Case
from tests import lives

HOLD = timedelta(minutes=1)
AT_ONCE = timedelta(0)


@pytest.fixture
async def case(ledger: Ledger, now: datetime) -> Case:
    """Two letters wait: the receipt and the department's task."""
    return await lives.waiting(ledger, now)


async def claimed(ledger: Ledger, *, number: str | None = None, hold_for: timedelta = HOLD) -> list[Letter]:
    return await ledger.claim_letters(limit=50, hold_for=hold_for, number=number)


async def test_a_letter_carries_what_its_entry_said(ledger: Ledger, case: Case, now: datetime):
    receipt, task = await claimed(ledger)
    assert (receipt.letter, receipt.to, receipt.assignment) == ("receipt", "citizen", "citizen-1")
    assert (task.letter, task.to, task.assignment) == ("lead_task", case.lead, "lead-1")
    assert receipt.decided_at == now and receipt.attempts == 1
    assert not {"letter", "to", "assignment"} & receipt.data.keys()


async def test_every_letter_has_a_name_that_stays(ledger: Ledger, case: Case):
    first = [letter.key for letter in await claimed(ledger, hold_for=AT_ONCE)]
    again = [letter.key for letter in await claimed(ledger)]
    assert first == again == [f"{case.number}.2.0", f"{case.number}.4.0"]


async def test_a_claimed_letter_is_given_to_nobody_else(ledger: Ledger, case: Case):
    assert len(await claimed(ledger)) == 2
    assert await claimed(ledger) == []


async def test_twenty_couriers_at_once_share_the_letters(ledger: Ledger, ledger_url: str, now: datetime):
    for _ in range(10):
        await lives.waiting(ledger, now)
    other = Ledger.connect(ledger_url)
    rounds = [each.claim_letters(limit=3, hold_for=HOLD) for each in [ledger, other] * 10]
    keys = [letter.key for batch in await asyncio.gather(*rounds) for letter in batch]
    keys += [letter.key for letter in await claimed(other)]
    await other.close()
    assert len(keys) == len(set(keys)) == 20


async def test_a_letter_whose_courier_died_is_given_out_again(ledger: Ledger, case: Case):
    await claimed(ledger, hold_for=AT_ONCE)
    assert [letter.attempts for letter in await claimed(ledger)] == [2, 2]


async def test_a_sent_letter_is_never_given_out_again(ledger: Ledger, case: Case):
    for letter in await claimed(ledger, hold_for=AT_ONCE):
        await ledger.letter_sent(letter)
    assert await claimed(ledger) == []
    assert {letter.status for letter in await ledger.letters(case.number)} == {"sent"}
    assert all(letter.sent_at for letter in await ledger.letters(case.number))


async def test_a_letter_sent_by_one_courier_stays_sent_when_a_slower_one_fails(ledger: Ledger, case: Case):
    letter, _ = await claimed(ledger)
    await ledger.letter_sent(letter)
    await ledger.letter_failed(letter, "timed out", retry_at=wall())
    assert letter.key not in [one.key for one in await claimed(ledger, hold_for=AT_ONCE)]


async def test_a_failed_letter_waits_for_its_time(ledger: Ledger, case: Case):
    receipt, task = await claimed(ledger)
    await ledger.letter_failed(receipt, "451 try later", retry_at=wall() + timedelta(hours=1))
    await ledger.letter_failed(task, "451 try later", retry_at=wall())
    (again,) = await claimed(ledger)
    assert (again.key, again.error, again.attempts) == (task.key, "451 try later", 2)


async def test_a_letter_that_was_given_up_can_be_seen(ledger: Ledger, case: Case, now: datetime):
    receipt, task = await claimed(ledger)
    await ledger.letter_failed(receipt, "550 no such mailbox \0" + "x" * 10_000, retry_at=None)
    assert {letter.letter: letter.status for letter in await ledger.letters(case.number)} == {
        "receipt": "given_up",
        task.letter: "queued",
    }
    figures = await ledger.counts(now)
    assert (figures["letters_given_up"], figures["letters_waiting"]) == (1, 1)
    assert await ledger.verify() == []


async def test_letters_of_one_case_can_be_sent_first(ledger: Ledger, case: Case, now: datetime):
    other = await lives.waiting(ledger, now)
    assert {letter.number for letter in await claimed(ledger, number=other.number)} == {other.number}
    assert {letter.number for letter in await claimed(ledger)} == {case.number}


async def test_older_letters_go_first(ledger: Ledger, case: Case, now: datetime):
    await lives.waiting(ledger, now)
    assert [letter.number for letter in await ledger.claim_letters(limit=2, hold_for=HOLD)] == [case.number] * 2
