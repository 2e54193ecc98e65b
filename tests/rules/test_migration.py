"""A running case goes on under new rules: nothing of it is lost, nobody is late by it, no date becomes later unsaid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from rules.case import Case, Complaint
from rules.migration import migrate
from rules.refusals import Refusal
from rules.rulebook import Rulebook, load
from rules.succession import Move
from tests.rules.conftest import NOISE, Life

MOVE = Move(by="王科", note="三天办结")


@pytest.fixture(scope="module")
def changed(book_files: Mapping[str, str]) -> Callable[..., Rulebook]:
    """The rulebook with pieces of one file replaced."""
    made: dict[tuple[str, tuple[tuple[str, str], ...]], Rulebook] = {}

    def change(file: str, *pairs: tuple[str, str]) -> Rulebook:
        if (file, pairs) not in made:
            text = book_files[file]
            for was, will in pairs:
                assert was in text, was
                text = text.replace(was, will)
            made[file, pairs] = load({**book_files, file: text})
        return made[file, pairs]

    return change


@pytest.fixture
def quicker(changed) -> Rulebook:
    return changed("deadlines.csv", ("fix-normal,,fix,normal,5 wd", "fix-normal,,fix,normal,3 wd"))


@pytest.fixture
def slower(changed) -> Rulebook:
    return changed(
        "deadlines.csv",
        ("fix-normal,,fix,normal,5 wd", "fix-normal,,fix,normal,8 wd"),
        ("whole_case-normal,,whole_case,normal,15 wd", "whole_case-normal,,whole_case,normal,20 wd"),
    )


def moved(life: Life, new: Rulebook, move: Move = MOVE) -> Case:
    """The case under the new rules, and its life goes on there."""
    entries = migrate(life.case, life.book, new, life.now, move)
    life.entries += entries
    life.book = new
    return life.case


def due(case: Case, name: str) -> datetime:
    clock = case.running(name)
    assert clock is not None
    return clock.due_at


def letters(life: Life) -> list[tuple[str, str]]:
    return [(one["letter"], one["to"]) for one in life.entries[-1].data.get("letters", ())]


def test_a_case_is_moved_once_and_says_from_where_by_whom_and_why(life, quicker: Rulebook):
    one = life()
    was = one.book.version
    case = moved(one, quicker)
    entry = one.entries[-1]
    assert (entry.kind, entry.actor) == ("case_migrated", "system")
    assert {name: entry.data[name] for name in ("was", "rulebook", "by", "note")} == {
        "was": was, "rulebook": quicker.version, "by": "王科", "note": "三天办结"
    }  # fmt: skip
    assert case.rulebook == quicker.version
    assert migrate(case, quicker, quicker, one.now, MOVE) == []


def test_a_deadline_is_counted_again_from_where_its_clock_started(life, quicker: Rulebook):
    one = life()
    began = one.now
    one.wait(days=1)
    case = moved(one, quicker)
    clock = case.running("fix")
    assert clock is not None
    assert clock.started_at == began and clock.due_at == began + timedelta(days=3)
    assert clock.next_at == began + timedelta(days=2), "the yellow card comes a working day before"
    assert ("rules_changed", case.lead) in letters(one)


def test_nothing_else_is_touched(life, quicker: Rulebook):
    one = life()
    before = one.case
    case = moved(one, quicker)
    for name in ("claim", "contact", "whole_case"):
        assert case.running(name) == before.running(name)
    assert (case.stage, case.lead, case.assignments, case.visits) == (
        before.stage, before.lead, before.assignments, before.visits
    )  # fmt: skip


def test_nobody_is_late_by_a_change_of_the_rules(life, quicker: Rulebook):
    one = life()
    promised = due(one.case, "fix")
    one.wait(days=4)
    case = moved(one, quicker)
    assert due(case, "fix") == promised, "three days from now would be later than what was promised"
    assert not one.wait(seconds=1)


def test_what_has_run_out_stays_late(life, slower: Rulebook):
    one = life()
    one.wait(days=8)
    before = one.case.running("fix")
    case = moved(one, slower, Move(by="王科", later=True))
    assert before is not None and case.running("fix") == before and before.rung != ""


def test_a_date_becomes_later_only_when_that_was_ordered_and_then_the_citizen_is_told(life, slower: Rulebook):
    one, other = life(), life()
    dates = due(one.case, "fix"), due(one.case, "whole_case")
    case = moved(one, slower)
    assert (due(case, "fix"), due(case, "whole_case")) == dates and letters(one) == []
    case = moved(other, slower, Move(by="王科", later=True))
    assert due(case, "fix") == dates[0] + timedelta(days=3)
    assert due(case, "whole_case") > dates[1]
    assert letters(other) == [("rules_changed", "citizen")]


def test_granted_time_is_not_taken_back(life, quicker: Rulebook):
    one = life()
    one.act("extend", "lead", days=2, reason="设备到货晚")
    granted = due(one.case, "fix")
    assert due(moved(one, quicker), "fix") == granted


def test_the_citizens_own_time_is_never_touched(life, changed):
    one = life()
    one.act("fix", "lead", reply="已停工")
    shorter = changed("deadlines.csv", ("rating-normal,,rating,normal,7 d", "rating-normal,,rating,normal,2 d"))
    before = due(one.case, "rating")
    assert due(moved(one, shorter), "rating") == before


def test_rungs_that_were_reached_are_not_climbed_again(life, changed):
    one = life()
    one.wait(days=4, hours=1)
    assert one.case.running("fix").rung == "yellow_card"
    other = changed(
        "ladder.csv", ("red,,,red_card,0 h", "again,,,second_card,-2 h,head,yellow_card,x\nred,,,red_card,0 h")
    )
    moved(one, other)
    climbed = [
        e.data["rung"] for e in one.wait(days=3) if e.kind == "rung_reached" and e.data["clock"].startswith("fix")
    ]
    assert climbed == ["second_card", "red_card"]


def test_a_clock_that_the_new_rules_do_not_know_stops_and_one_they_add_runs_from_now(life, changed):
    one = life()
    one.wait(days=1)
    new = changed(
        "process/standard.yaml",
        (
            "      contact: {holder: lead, stopped_by: contact}\n      fix:",
            "      coordination: {holder: lead}\n      fix:",
        ),
    )
    case = moved(one, new)
    assert case.running("contact") is None
    added = case.running("coordination")
    assert added is not None and added.started_at == one.now and added.assignment == "lead-1"
    assert ("rules_changed", case.lead) in letters(one)


def test_what_a_department_has_done_is_not_asked_again(changed, book: Rulebook):
    without = changed(
        "process/standard.yaml", ("      claim: {holder: lead, stopped_by: claim}\n      contact:", "      contact:")
    )
    one = Life(without, Complaint(**NOISE))
    one.act("claim", "lead")
    assert moved(one, book).running("claim") is None


def test_a_stage_by_another_name_is_mapped_or_the_case_stays_and_says_why(life, changed):
    one = life()
    renamed = changed(
        "process/standard.yaml",
        ("departmental_fix:\n", "handling:\n"),
        (": departmental_fix", ": handling"),
        ("kind: handling", "kind: departmental_fix"),
    )
    with pytest.raises(Refusal) as refused:
        migrate(one.case, one.book, renamed, one.now, MOVE)
    assert refused.value.code == "stage_gone" and "handling" in str(refused.value)
    with pytest.raises(Refusal) as refused:
        migrate(one.case, one.book, renamed, one.now, Move(by="王科", stages={"departmental_fix": "feedback"}))
    assert refused.value.code == "stage_of_another_kind"
    case = moved(one, renamed, Move(by="王科", stages={"departmental_fix": "handling"}))
    assert (case.stage, case.visits["handling"]) == ("handling", 1)
    one.act("fix", "lead", reply="已停工")
    assert one.case.stage == "feedback"


def test_a_case_on_its_way_out_of_a_stage_needs_a_way_under_the_new_rules(life, book: Rulebook, book_files):
    one = life()
    moving = replace(one.case, outcome="joint")
    text = book_files["process/standard.yaml"]
    gone = text.replace(
        "request_partners, cannot_fix_now, refuse, extend]\n    letters: {lead: lead_task}\n",
        "cannot_fix_now, refuse, extend]\n    letters: {lead: lead_task}\n",
        1,
    ).replace("      joint: coordination\n      cannot_fix_now", "      cannot_fix_now", 1)
    with pytest.raises(Refusal) as refused:
        migrate(moving, book, load({**book_files, "process/standard.yaml": gone}), one.now, MOVE)
    assert refused.value.code == "outcome_gone"


def test_a_department_keeps_its_case_whatever_the_new_catalogue_says(life, changed):
    one = life()
    lead = one.case.lead
    row = "construction-noise,environment/noise/construction,,{}@district"
    other = changed("catalogue.csv", (row.format("urban"), row.format("ecology")))
    assert moved(one, other).lead == lead


def test_a_department_that_is_gone_hands_over_to_whom_the_order_names(life, changed):
    one = life()
    one.act("claim", "lead")
    lead = one.case.lead
    order = Move(by="王科", departments={lead: "shinan-housing"})
    before = one.case
    case = moved(one, one.book, order)
    assert case.lead == "shinan-housing"
    assert [(a.party, a.how, a.is_open) for a in case.assignments if a.role == "lead"] == [
        (lead, "moved", False), ("shinan-housing", "", True)
    ]  # fmt: skip
    new = case.open_assignments("lead")[0]
    assert (
        new.claimed_at and case.running("fix").assignment == new.id and case.running("fix").holder == "shinan-housing"
    )
    assert due(case, "fix") == due(before, "fix")
    assert letters(one) == [("lead_task", "shinan-housing")]
    one.act("fix", "lead", reply="已停工")
    assert one.case.stage == "feedback"


def test_partners_that_become_one_contribute_once(life):
    one = life(subject="饭店油烟", description="油烟很大")
    assert one.case.partners == ("shinan-urban", "shinan-market")
    order = Move(by="王科", departments={"shinan-market": "shinan-urban"})
    case = moved(one, one.book, order)
    assert case.partners == ("shinan-urban",)
    assert [a.party for a in case.open_assignments("partner")] == ["shinan-urban"]
    assert {c.holder for c in case.clocks if c.runs and c.name == "contribution"} == {"shinan-urban"}


def test_a_closed_case_stays_what_it_was(life, quicker: Rulebook):
    one = life()
    one.act("fix", "lead", reply="已停工")
    one.act("rate", "citizen", solved="yes", satisfied=5)
    assert migrate(one.case, one.book, quicker, one.now, MOVE) == []


def test_a_case_that_nobody_has_looked_at_yet_begins_under_the_new_rules(life, book: Rulebook, quicker: Rulebook):
    one = life()
    one.entries = one.entries[:1]
    moved(one, quicker)
    one.settle()
    assert due(one.case, "fix") == one.now + timedelta(days=3)


def test_a_case_moved_there_and_back_has_its_dates_again(life, book: Rulebook, quicker: Rulebook):
    one = life()
    before = {c.name: c.due_at for c in one.case.clocks if c.runs}
    moved(one, quicker)
    case = moved(one, book, Move(by="李处", note="恢复", later=True))
    assert {c.name: c.due_at for c in case.clocks if c.runs} == before
