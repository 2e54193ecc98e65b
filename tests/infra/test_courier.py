"""待发: no run fails because a mail server is down, no letter is lost, none stops the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from pydantic import SecretStr

from infra.ledger import Ledger, Person
from infra.ledger.seal import WrongKey
from infra.mail import courier as courier_module
from infra.mail.courier import ATTEMPTS, BREAK, HOLD, NO_ADDRESS, Courier, Delivered, next_attempt
from infra.mail.smtp import LETTER_SECONDS, Mailer
from infra.moment import wall
from infra.settings import Settings
from rules.case import Signal
from tests.infra.fake_outbox import CITIZEN_MAIL, FUMES, GARBAGE, MONDAY, NUMBER, FakeOutbox
from tests.infra.mail_server import mail_server
from tests.infra.test_mailer import closed_port

LEAD = "shinan-ecology@qingdao-gov.example"
COUNT = 4
"""Letters of the joint complaint: a receipt, a lead's task, two partners' tasks."""


@pytest.fixture
def outbox() -> FakeOutbox:
    made = FakeOutbox()
    made.open()
    return made


def courier(outbox: FakeOutbox | Ledger, url: str) -> Courier:
    return Courier(outbox, Mailer(url), Settings())  # type: ignore[arg-type]


async def test_every_due_letter_is_sent_once(outbox: FakeOutbox):
    async with mail_server() as server:
        ours = courier(outbox, server.url)
        assert await ours.deliver() == Delivered(sent=COUNT)
        assert await ours.deliver() == Delivered()
        await ours.close()
    partners = [f"shinan-{who}@qingdao-gov.example" for who in ("urban", "market")]
    assert sorted(server.recipients) == sorted([CITIZEN_MAIL, LEAD, *partners])
    assert {row.status for row in outbox.rows.values()} == {"sent"}
    assert len({mail["Message-ID"] for mail in server.mails}) == COUNT


async def test_only_the_letters_of_one_case(outbox: FakeOutbox):
    outbox.open(GARBAGE, number="QD261123-BBBB3333")
    async with mail_server() as server:
        ours = courier(outbox, server.url)
        assert (await ours.deliver(NUMBER)).sent == COUNT
        assert (await ours.deliver()).sent == 2
        await ours.close()
    assert {mail["X-Minsheng-Number"] for mail in server.mails[:COUNT]} == {NUMBER}


async def test_letters_of_a_case_leave_in_their_order(outbox: FakeOutbox):
    outbox.wait(timedelta(days=3))
    async with mail_server() as server:
        ours = courier(outbox, server.url)
        await ours.deliver()
        await ours.close()
    assert server.mails[server.recipients.index(LEAD)]["X-Minsheng-Letter"] == "lead_task"
    assert len(server.mails) == len(outbox.rows)


async def test_several_couriers_never_send_the_same_letter(outbox: FakeOutbox):
    for nth in range(20):
        outbox.open(GARBAGE, number=f"QD261123-BBBB{nth:04}")
    async with mail_server() as server:
        couriers = [courier(outbox, server.url) for _ in range(4)]
        done = await asyncio.gather(*(one.deliver() for one in couriers))
        for one in couriers:
            await one.close()
    assert sum((d for d in done), Delivered()) == Delivered(sent=COUNT + 40)
    assert len(server.mails) == len({mail["Message-ID"] for mail in server.mails}) == COUNT + 40


async def test_one_refused_recipient_does_not_stop_the_others(outbox: FakeOutbox):
    async with mail_server(answers={LEAD: "550 no such user", CITIZEN_MAIL: "451 later"}) as server:
        ours = courier(outbox, server.url)
        assert await ours.deliver() == Delivered(sent=2, retried=1, given_up=1)
        await ours.close()
    given_up = outbox.letters_named("lead_task")[0]
    assert (given_up.status, given_up.error) == ("given_up", "550 no such user")
    later = outbox.letters_named("receipt")[0]
    assert (later.status, later.error) == ("queued", "451 later")


async def test_a_letter_that_cannot_be_written_is_given_up_visibly(outbox: FakeOutbox):
    broken = outbox.letters_named("receipt")[0]
    outbox.rows[broken.key] = replace(broken, letter="no_such_letter")
    async with mail_server() as server:
        ours = courier(outbox, server.url)
        assert await ours.deliver() == Delivered(sent=COUNT - 1, given_up=1)
        await ours.close()
    assert "no_such_letter" in outbox.rows[broken.key].error


@pytest.mark.parametrize(
    ("email", "reason"),
    [("", NO_ADDRESS), ("not an address", "not a mail address"), ("a@b\r\nBcc: c@d.example", "not a mail address")],
)
async def test_a_citizen_without_a_usable_address(email: str, reason: str):
    outbox = FakeOutbox()
    outbox.open(FUMES, Person(email=email))
    async with mail_server() as server:
        ours = courier(outbox, server.url)
        assert await ours.deliver() == Delivered(sent=COUNT - 1, given_up=1)
        await ours.close()
    assert reason in outbox.letters_named("receipt")[0].error
    assert len(server.mails) == COUNT - 1


async def test_what_an_outage_has_left_leaves_in_one_round(outbox: FakeOutbox):
    for nth in range(30):
        outbox.open(number=f"QD261123-BBBB{nth:04}")
    async with mail_server() as server:
        ours = courier(outbox, server.url)
        assert (await ours.deliver()).sent == 31 * COUNT
        await ours.close()
    assert len(server.mails) == 31 * COUNT


async def test_a_clock_that_is_put_back_does_not_keep_the_letters(outbox: FakeOutbox):
    async with mail_server() as server:
        ours = courier(outbox, server.url)
        ours._broken_until = wall() + timedelta(hours=1)
        assert not ours.is_broken
        assert (await ours.deliver()).sent == COUNT
        await ours.close()


async def test_a_mail_server_that_is_away_costs_nothing_and_is_left_alone_for_a_while(outbox: FakeOutbox):
    port = closed_port()
    ours = courier(outbox, f"smtp://127.0.0.1:{port}")
    began = wall()
    assert (await ours.deliver()).retried >= 1
    assert ours.is_broken
    assert await ours.deliver() == Delivered()
    assert {row.status for row in outbox.rows.values()} == {"queued"}
    assert all(at is not None and at < began + timedelta(seconds=25) for at in outbox.due.values())
    with time_machine.travel(began + timedelta(minutes=2)):
        async with mail_server(port=port) as server:
            assert (await ours.deliver()).sent == COUNT
            await ours.close()
    assert len(server.mails) == COUNT


async def test_letters_that_were_just_decided_are_sent_without_a_question(outbox: FakeOutbox):
    held = await outbox.claim_letters(limit=10, hold_for=HOLD)
    async with mail_server() as server:
        ours = courier(outbox, server.url)
        assert await ours.carry(held) == Delivered(sent=COUNT)
        await ours.close()
    assert {row.status for row in outbox.rows.values()} == {"sent"}


async def test_a_letter_is_not_begun_that_might_not_end_while_it_is_held(
    outbox: FakeOutbox, monkeypatch: pytest.MonkeyPatch
):
    """Who comes to the outbox after that time sends it, and nobody else."""
    held = await outbox.claim_letters(limit=10, hold_for=HOLD)
    async with mail_server(dawdles=0.5) as server:
        ours = courier(outbox, server.url)
        with monkeypatch.context() as patch:
            patch.setattr(courier_module, "HOLD", timedelta(seconds=LETTER_SECONDS + 0.3))
            assert await ours.carry(held) == Delivered(sent=1)
        with time_machine.travel(wall() + HOLD + timedelta(seconds=1)):
            assert (await ours.deliver()).sent == COUNT - 1
        await ours.close()
    assert len({mail["Message-ID"] for mail in server.mails}) == len(server.mails) == COUNT


async def test_letters_in_hand_are_put_off_while_the_server_is_away(outbox: FakeOutbox):
    held = await outbox.claim_letters(limit=10, hold_for=HOLD)
    ours = courier(outbox, f"smtp://127.0.0.1:{closed_port()}")
    assert await ours.carry(held) == Delivered(retried=COUNT)
    assert all(at is not None and at < wall() + timedelta(seconds=25) for at in outbox.due.values())


async def test_a_crash_after_the_server_took_the_letter_repeats_it_recognisably(outbox: FakeOutbox):
    async with mail_server() as server:
        ours = courier(outbox, server.url)
        await outbox.claim_letters(limit=10, hold_for=HOLD)  # a courier that dies now holds the letters
        assert await ours.deliver() == Delivered()
        with time_machine.travel(wall() + HOLD + timedelta(seconds=1)):
            assert (await ours.deliver()).sent == COUNT
        await ours.close()
    assert {row.attempts for row in outbox.rows.values()} == {2}


def test_the_pauses_double_up_to_a_quarter_of_an_hour_and_end_after_five_days(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(courier_module, "jitter", lambda seconds: seconds)
    pauses = [round((at - wall()).total_seconds()) for n in range(1, ATTEMPTS) if (at := next_attempt(n))]
    assert pauses[:7] == [15, 30, 60, 120, 240, 480, 900]
    assert set(pauses[7:]) == {900}
    assert timedelta(days=4.9) < timedelta(seconds=sum(pauses)) < timedelta(days=5.1)
    assert next_attempt(ATTEMPTS) is None


def test_after_an_outage_of_minutes_letters_leave_within_a_minute(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(courier_module, "jitter", lambda seconds: seconds)
    pauses = [round((at - wall()).total_seconds()) for n in (1, 2, 3, 30, 59, 60) if (at := next_attempt(n, away=True))]
    assert pauses == [15, 30, 60, 60, 60, 900]
    assert next_attempt(ATTEMPTS, away=True) is None


def test_the_pauses_do_not_march_in_step():
    assert len({next_attempt(3) for _ in range(10)}) > 5


def test_a_letter_is_not_held_longer_than_a_minute_nor_shorter_than_it_may_take():
    assert timedelta(seconds=LETTER_SECONDS) < HOLD <= timedelta(minutes=1)
    assert BREAK < HOLD


async def test_with_the_real_ledger(ledger: Ledger, carried: Callable):
    number = (await ledger.submit(FUMES, Person(email=CITIZEN_MAIL), at=MONDAY, key=None)).case.number
    await carried(ledger, number)
    async with mail_server() as server:
        ours = courier(ledger, server.url)
        assert (await ours.deliver(number)).sent == COUNT
        assert await ours.deliver() == Delivered()
        await ours.close()
    assert [letter.status for letter in await ledger.letters(number)] == ["sent"] * COUNT


async def test_a_letter_whose_person_cannot_be_read_for_want_of_the_key_is_not_given_up(
    ledger: Ledger, carried: Callable, monkeypatch: pytest.MonkeyPatch
):
    number = (await ledger.submit(FUMES, Person(email=CITIZEN_MAIL), at=MONDAY, key=None)).case.number
    await carried(ledger, number)
    other = Settings(secret_key=SecretStr("another key, and long enough to be accepted"))
    async with mail_server() as server:
        ours = courier(ledger, server.url)
        with monkeypatch.context() as patch, pytest.raises(WrongKey, match="MINSHENG_SECRET_KEY"):
            patch.setattr("infra.ledger.seal.settings", lambda: other)
            await ours.deliver(number)
        with time_machine.travel(wall() + HOLD + timedelta(seconds=1)):
            assert (await ours.deliver(number)).sent == COUNT
        await ours.close()


@pytest.fixture
def carried() -> Callable:
    async def carry(ledger: Ledger, number: str) -> None:
        while (await ledger.case(number)).is_moving:
            await ledger.record(number, Signal("proceed"), at=MONDAY)

    return carry
