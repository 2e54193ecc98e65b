"""首接首办、全面梳理、主动认领、建立台账: the first receiver stays responsible until somebody has claimed the case."""

import pytest

from rules.refusals import Refusal


def test_the_citizen_is_told_at_once_that_the_complaint_was_received(life):
    story = life()
    assert [letter["to"] for letter in story.letters("receipt")] == ["citizen"]


def test_a_known_matter_goes_by_duty_and_place_and_names_the_row_that_decided(life):
    story = life()
    dispatched = next(e for e in story.entries if e.kind == "complaint_dispatched")
    assert dispatched.data["lead"] == "shinan-urban"
    assert dispatched.data["rows"]["catalogue"]


def test_an_unclear_matter_is_decided_by_a_person_at_the_desk(life):
    story = life(subject="qwerty", description="asdf", address="")
    assert story.case.stage == "first_contact"
    assert [a.party for a in story.case.open_assignments("desk")] == ["city-desk"]


def test_an_answer_on_the_spot_goes_straight_to_feedback(life):
    story = life(subject="qwerty", description="asdf", address="")
    story.act("answer", "desk", reply="办事大厅周六上午开放。")
    assert story.case.stage == "feedback"


def test_nothing_is_ownerless_even_without_a_place(life):
    story = life(category="culture/library", address="")
    assert story.case.lead in story.book.departments


def test_the_link_of_a_finished_duty_is_spent(life):
    story = life()
    story.act("fix", "lead", reply="已处理")
    lead = next(a for a in story.case.assignments if a.role == "lead")
    assert not lead.is_open


def test_bad_fields_are_all_named_at_once_and_change_nothing(life):
    story = life(subject="qwerty", description="asdf", address="")
    before = list(story.entries)
    with pytest.raises(Refusal) as refused:
        story.act("dispatch", "desk", department="nobody", colour="red")
    assert {name for name, _, _ in refused.value.fields} == {"department", "colour"}
    assert story.entries == before
