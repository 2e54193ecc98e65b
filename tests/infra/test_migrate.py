"""机关流程再造: running cases are moved to new rules case by case, fenced, restartable, and nobody's case is lost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from infra.ledger import Ledger
from infra.mail.values import rulebook_of
from infra.mistakes import Mistake
from infra.workbench import moving, versions
from infra.workbench.migrate_command import pairs, table
from infra.workbench.moving import IN_HAND, MOVED, REFUSED, Moved, Wanted
from infra.workbench.refusals import VersionRefusal
from rules.rulebook import Rulebook
from rules.succession import Move
from tests import lives

DAY = timedelta(days=1)
MOVE = Move(by="王科", note="三天办结")


def quicker(files: Mapping[str, str]) -> dict[str, str]:
    return {**files, "deadlines.csv": files["deadlines.csv"].replace("normal,5 wd,,立查", "normal,3 wd,,立查")}


async def approved(ledger: Ledger, files: Mapping[str, str], at: datetime) -> str:
    version = await versions.submit_files(ledger, files, by="王科", at=at)
    return (await versions.approve(ledger, version.id, by="李处", at=at)).id


async def planned(ledger: Ledger, wanted: Wanted, at: datetime) -> list[Moved]:
    return [one async for batch in moving.planned(ledger, wanted, at=at) for one in batch]


async def carried_out(ledger: Ledger, wanted: Wanted, at: datetime) -> list[Moved]:
    return [one async for batch in moving.carried_out(ledger, wanted, at=lambda: at) for one in batch]


async def test_the_dry_run_says_what_then_happens_and_writes_nothing(ledger: Ledger, book: Rulebook, book_files, now):
    cases = [await lives.waiting(ledger, now) for _ in range(3)]
    done = await lives.closed(ledger, now)
    wanted = Wanted(to=await approved(ledger, quicker(book_files), now), move=MOVE, batch=2)
    paper = await planned(ledger, wanted, now + DAY)
    assert {one.number for one in paper} == {case.number for case in cases}
    assert [await ledger.case(case.number) for case in cases] == cases
    truth = await carried_out(ledger, wanted, now + DAY)
    assert truth == paper
    for one in truth:
        case = await ledger.case(one.number)
        (fix,) = [d for d in one.deadlines if d.clock == "fix"]
        assert (one.how, case.rulebook, fix.new) == (MOVED, wanted.to, case.running("fix").due_at)
        assert fix.old is not None and fix.new is not None and fix.new < fix.old
    assert (await ledger.case(done.number)).rulebook == book.version
    assert await ledger.verify() == []


async def test_a_migration_that_was_interrupted_is_simply_started_again(ledger: Ledger, book_files, now):
    cases = [await lives.waiting(ledger, now) for _ in range(5)]
    wanted = Wanted(to=await approved(ledger, quicker(book_files), now), move=MOVE, batch=2)
    batches = moving.carried_out(ledger, wanted, at=lambda: now)
    assert len(await anext(batches)) == 2
    await batches.aclose()
    assert len(await carried_out(ledger, wanted, now)) == 3
    assert await carried_out(ledger, wanted, now) == []
    for case in cases:
        kinds = [entry.kind for entry in await ledger.entries(case.number)]
        assert kinds.count("case_migrated") == 1
    assert await ledger.verify() == []


async def test_a_case_in_hand_is_left_and_tried_again(ledger: Ledger, book: Rulebook, book_files, now, monkeypatch):
    held, free = [await lives.waiting(ledger, now) for _ in range(2)]
    monkeypatch.setattr(moving, "PAUSE", 0)
    wanted = Wanted(to=await approved(ledger, quicker(book_files), now), move=MOVE)
    activation = await ledger.take(held.number)
    found = {one.number: one.how for one in await carried_out(ledger, wanted, now)}
    assert found == {held.number: IN_HAND, free.number: MOVED}
    assert (await ledger.case(held.number)).rulebook == book.version
    await ledger.release(held.number, activation.attempt, now=now)
    assert [one.how for one in await carried_out(ledger, wanted, now)] == [MOVED]


async def test_a_run_that_was_overtaken_by_a_migration_writes_nothing(ledger: Ledger, book_files, now, monkeypatch):
    from infra.ledger import StaleAttempt, leases  # noqa: PLC0415 -- only here
    from rules.case import Signal  # noqa: PLC0415 -- only here

    case = await lives.waiting(ledger, now)
    wanted = Wanted(to=await approved(ledger, quicker(book_files), now), move=MOVE)
    monkeypatch.setattr(leases, "LEASE", timedelta(0))
    dead = await ledger.take(case.number)
    assert [one.how for one in await carried_out(ledger, wanted, now)] == [MOVED]
    with pytest.raises(StaleAttempt):
        await ledger.record(case.number, Signal("tick"), at=now + 30 * DAY, attempt=dead.attempt)


async def test_only_the_cases_that_were_asked_for_are_moved(ledger: Ledger, book: Rulebook, book_files, now):
    await lives.waiting(ledger, now)
    to = await approved(ledger, quicker(book_files), now)
    for other in ({"since": to}, {"process": "petition"}):
        assert await planned(ledger, Wanted(to=to, move=MOVE, **other), now) == []
    assert len(await planned(ledger, Wanted(to=to, move=MOVE, since=book.version, process="standard"), now)) == 1


async def test_cases_go_to_approved_rules_only(ledger: Ledger, book_files, now):
    waiting = await versions.submit_files(ledger, quicker(book_files), by="王科", at=now)
    with pytest.raises(VersionRefusal) as refused:
        await planned(ledger, Wanted(to=waiting.id, move=MOVE), now)
    assert refused.value.code == "not_approved"


async def test_a_case_without_a_place_in_the_new_rules_stays_and_is_listed_with_the_reason(
    ledger: Ledger, book: Rulebook, book_files, now
):
    stays, goes = await lives.waiting(ledger, now), await lives.waiting(ledger, now, what=lives.RIDDLE)
    text = book_files["process/standard.yaml"].replace("departmental_fix:\n", "handling:\n")
    text = text.replace(": departmental_fix", ": handling").replace("kind: handling", "kind: departmental_fix")
    to = await approved(ledger, {**book_files, "process/standard.yaml": text}, now)
    found = {one.number: one for one in await carried_out(ledger, Wanted(to=to, move=MOVE), now)}
    assert (found[stays.number].how, found[goes.number].how) == (REFUSED, MOVED)
    assert "handling" in str(found[stays.number].why)
    assert "stays" in next(table(list(found.values()), dry_run=False))
    assert (await ledger.case(stays.number)).rulebook == book.version
    mapped = Move(by="王科", stages={"departmental_fix": "handling"})
    (one,) = await carried_out(ledger, Wanted(to=to, move=mapped), now)
    assert one.stage == ("departmental_fix", "handling")
    await lives.act(ledger, await ledger.case(stays.number), "claim", "lead-1", at=now)
    assert await ledger.verify() == []


async def test_a_letter_is_written_with_the_rules_under_which_it_was_decided(
    ledger: Ledger, book: Rulebook, book_files, now
):
    case = await lives.waiting(ledger, now)
    wanted = Wanted(to=await approved(ledger, quicker(book_files), now), move=MOVE)
    await carried_out(ledger, wanted, now + DAY)
    entries, letters = await ledger.entries(case.number), await ledger.letters(case.number)
    told = {letter.letter: rulebook_of(letter, entries) for letter in letters}
    assert told == {"receipt": book.version, "lead_task": book.version, "rules_changed": wanted.to}


def test_old_and_new_names_are_given_as_pairs():
    assert pairs(["a=b", " c = d "], "--map") == {"a": "b", "c": "d"}
    for wrong in ("a", "=b", "a="):
        with pytest.raises(Mistake, match="old=new"):
            pairs([wrong], "--map")
