"""建立台账: what the ledger promises to everybody who writes to it or reads from it, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa

from infra.ledger import KeyReused, Ledger, NoRulebook, Person, Undecidable, UnknownCase, Unstorable
from infra.orchestrator import tags_of
from rules.case import Complaint, Signal
from rules.refusals import Refusal
from rules.rulebook import Rulebook
from tests import lives


async def test_a_complaint_gets_a_number_that_tells_the_day_and_nothing_else(ledger: Ledger, now: datetime):
    first, second = [await lives.received(ledger, now) for _ in range(2)]
    assert first.number.startswith("QD261123-") and len(first.number) == len("QD261123-XXXXXXXX")
    assert first.number[9:] != second.number[9:]


async def test_the_day_in_the_number_is_the_citys_day(ledger: Ledger):
    one_in_the_morning = datetime(2026, 11, 23, 17, 0, tzinfo=UTC)
    assert (await lives.received(ledger, one_in_the_morning)).number.startswith("QD261124-")


async def test_what_goes_in_comes_out_again(ledger: Ledger, now: datetime):
    full = Complaint(
        channel="web", subject="路灯", description="不亮 💡\n第二行", lat=36.06, long=120.38, confidential=True
    )
    case = await lives.received(ledger, now, what=full)
    assert await ledger.complaint(case.number) == full
    assert await ledger.told(case.number) == (full, lives.ZHANG)
    assert await ledger.case(case.number) == case
    assert [entry.at for entry in await ledger.entries(case.number)] == [now]


async def test_an_anonymous_complaint_has_nobody_behind_it(ledger: Ledger, now: datetime):
    case = await lives.received(ledger, now, who=Person())
    assert not (await ledger.told(case.number))[1].is_known


async def test_moments_are_kept_in_utc_whatever_zone_they_came_in(ledger: Ledger):
    beijing = timezone(timedelta(hours=8))
    case = await lives.received(ledger, datetime(2026, 11, 23, 10, 0, 0, 123456, tzinfo=beijing))
    (entry,) = await ledger.entries(case.number)
    assert entry.at == datetime(2026, 11, 23, 2, 0, 0, 123456, tzinfo=UTC)
    assert entry.at.utcoffset() == timedelta(0)


async def test_an_unknown_number_is_said_to_be_unknown(ledger: Ledger, now: datetime):
    for question in (ledger.case, ledger.complaint, ledger.entries, ledger.take, ledger.run_of):
        with pytest.raises(UnknownCase):
            await question("QD261123-NOBODYS1")
    with pytest.raises(UnknownCase):
        await ledger.record("QD261123-NOBODYS1", Signal("proceed"), at=now)


async def test_a_life_ends_closed_and_every_step_is_in_the_ledger(ledger: Ledger, now: datetime):
    case = await lives.closed(ledger, now)
    kinds = [entry.kind for entry in await ledger.entries(case.number)]
    assert case.result == "fixed"
    assert kinds[0] == "complaint_received" and kinds[-1] == "case_closed"
    assert len(kinds) == case.seq


async def test_a_refused_action_changes_nothing(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    before = await ledger.entries(case.number)
    with pytest.raises(Refusal) as refused:
        await lives.act(ledger, case, "fix", "lead-1", at=now)
    assert refused.value.code == "fields_wrong"
    assert await ledger.entries(case.number) == before


async def test_a_step_with_nothing_to_do_writes_nothing(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    for action in ("proceed", "tick"):
        done = await ledger.record(case.number, Signal(action), at=now)
        assert not done.entries and done.case == case


async def test_case_time_never_runs_backwards_within_a_case(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    done = await lives.act(ledger, case, "claim", "lead-1", at=now - timedelta(hours=1))
    assert done.entries[0].at == now


async def test_the_same_key_and_complaint_give_the_same_case(ledger: Ledger, now: datetime):
    first = await ledger.submit(lives.NOISE, lives.ZHANG, at=now, key="form-1")
    again = await ledger.submit(lives.NOISE, lives.ZHANG, at=now + timedelta(minutes=1), key="form-1")
    assert again.repeated and not first.repeated
    assert again.case.number == first.case.number
    assert len(await ledger.entries(first.case.number)) == 1


async def test_the_same_key_for_another_complaint_is_refused(ledger: Ledger, now: datetime):
    await ledger.submit(lives.NOISE, lives.ZHANG, at=now, key="form-1")
    for what, who in ((lives.RIDDLE, lives.ZHANG), (lives.NOISE, Person(name="李四"))):
        with pytest.raises(KeyReused):
            await ledger.submit(what, who, at=now, key="form-1")


async def test_without_a_key_the_same_words_are_two_complaints(ledger: Ledger, now: datetime):
    assert (await lives.received(ledger, now)).number != (await lives.received(ledger, now)).number


async def test_the_same_answer_with_the_same_key_counts_once(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    fix = lives.doing(case, "fix", "lead-1", reply="已停工")
    first = await ledger.record(case.number, fix, at=now, key="k" * 500)
    again = await ledger.record(case.number, fix, at=now, key="k" * 500)
    assert again.repeated and again.case == first.case and not again.entries
    with pytest.raises(KeyReused):
        await ledger.record(case.number, lives.doing(case, "fix", "lead-1", reply="别的"), at=now, key="k" * 500)


async def test_a_repeated_answer_is_recognised_even_after_the_case_was_closed(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    await lives.act(ledger, case, "fix", "lead-1", at=now, reply="已停工")
    case = await lives.settled(ledger, case.number, now)
    rating = lives.doing(case, "rate", "citizen-1", solved="yes", satisfied=5)
    await ledger.record(case.number, rating, at=now, key="click")
    assert (await lives.settled(ledger, case.number, now)).is_closed
    assert (await ledger.record(case.number, rating, at=now, key="click")).repeated


async def test_the_same_key_may_be_used_in_two_cases(ledger: Ledger, now: datetime):
    for case in [await lives.waiting(ledger, now) for _ in range(2)]:
        assert not (await ledger.record(case.number, lives.doing(case, "claim", "lead-1"), at=now, key="1")).repeated


async def test_text_that_no_database_keeps_is_refused_before_anything_is_written(ledger: Ledger, now: datetime):
    for text in ("with \0 inside", "half a pair \ud83d"):
        with pytest.raises(Unstorable):
            await lives.received(ledger, now, what=Complaint(channel="web", subject="x", description=text))
        with pytest.raises(Unstorable):
            await lives.received(ledger, now, who=Person(name=text))
    assert (await ledger.counts(now))["cases_open"] == 0


async def test_hostile_and_huge_text_is_kept_as_it_is(ledger: Ledger, now: datetime):
    words = "'; DROP TABLE entries; -- {{7*7}} <script> \u202e %s :x \r\n" + "长" * 20_000  # twice what the form takes
    case = await lives.received(ledger, now, what=Complaint(channel="web", subject=words[:60], description=words))
    assert (await ledger.complaint(case.number)).description == words


async def test_a_one_time_secret_is_spent_once(ledger: Ledger):
    assert [await ledger.spend("abc"), await ledger.spend("abc"), await ledger.spend("abd")] == [True, False, True]


async def test_a_case_keeps_the_rulebook_it_was_opened_under(
    ledger: Ledger, book: Rulebook, book_files: dict[str, str], now: datetime
):
    case = await lives.received(ledger, now)
    changed = book_files | {"process/standard.yaml": book_files["process/standard.yaml"] + "\n# a note\n"}
    tomorrow = now + timedelta(days=1)
    newer = await ledger.activate(changed, at=tomorrow)
    assert newer.version != book.version
    assert (await lives.settled(ledger, case.number, tomorrow)).rulebook == book.version
    assert (await lives.received(ledger, tomorrow)).rulebook == newer.version


async def test_an_older_rulebook_can_be_put_in_force_again(
    ledger: Ledger, book: Rulebook, book_files: dict[str, str], now: datetime
):
    changed = book_files | {"process/standard.yaml": book_files["process/standard.yaml"] + "\n# a note\n"}
    await ledger.activate(changed, at=now + timedelta(days=1))
    await ledger.activate(book_files, at=now + timedelta(days=2))
    assert (await ledger.active(now + timedelta(days=3))).version == book.version


async def test_without_a_rulebook_no_complaint_is_taken(ledger_url: str, now: datetime):
    empty = Ledger.connect(ledger_url)
    with pytest.raises(NoRulebook):
        await lives.received(empty, now)
    with pytest.raises(NoRulebook):
        await empty.rulebook("000000000000")
    await empty.close()


async def test_rules_that_break_are_named_with_the_case_and_nothing_is_written(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    broken = replace(lives.doing(case, "claim", "lead-1"), data=None)
    with pytest.raises(Undecidable, match=f"{case.number} cannot be decided by rulebook {case.rulebook}: .*Error$"):
        await ledger.record(case.number, broken, at=now)
    assert await ledger.case(case.number) == case
    assert await ledger.verify() == []


async def test_a_case_that_cannot_be_read_is_given_back(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    known = Ledger.connect(ledger.url)  # remembers nothing
    async with ledger.db.write() as connection:
        await connection.execute(sa.text("ALTER TABLE entries RENAME TO gone"))
    with pytest.raises(sa.exc.DBAPIError):
        await known.take(case.number)
    assert not (await known.run_of(case.number)).is_leased
    await known.close()


async def test_a_case_whose_next_step_cannot_be_decided_is_foreseen_as_it_is(ledger: Ledger, now: datetime):
    """Its run comes about, fails, and operators see it."""
    case = replace(await lives.received(ledger, now), rulebook="000000000000")
    assert await ledger.foresee(case, at=now) == case


async def test_what_is_foreseen_is_what_the_next_step_does_and_nothing_is_written(ledger: Ledger, now: datetime):
    case = await lives.received(ledger, now)
    foreseen = await ledger.foresee(case, at=now)
    assert await ledger.case(case.number) == case
    assert (await ledger.record(case.number, Signal("proceed"), at=now)).case == foreseen
    assert tags_of(foreseen) == [
        "category:environment/noise/construction",
        "district:shinan",
        "lead:shinan-urban",
        "process:standard",
        "urgency:normal",
    ]
