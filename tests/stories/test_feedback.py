"""及时采纳、认真解决、限时反馈: solved? satisfied? Silence is recorded as silence."""

import pytest

from rules.refusals import Refusal


@pytest.fixture
def answered(life):
    story = life()
    story.act("fix", "lead", reply="已处理")
    return story


def test_a_good_answer_closes_the_case(answered):
    answered.act("rate", "citizen", solved="yes", satisfied=5, comment="谢谢")
    assert (answered.case.stage, answered.case.result) == ("closed", "fixed")
    assert answered.case.open_assignments() == ()


def test_silence_is_recorded_as_silence_never_as_satisfaction(answered):
    answered.wait(days=7, minutes=1)
    assert answered.case.result == "fixed"
    assert answered.case.rating is None
    assert any(e.kind == "citizen_silent" for e in answered.entries)


@pytest.mark.parametrize("subject", ["楼道有煤气味", "半夜施工噪音"])
def test_nobody_in_the_city_is_late_while_the_citizen_has_the_word(life, subject):
    """72 hours for the whole of an urgent case, seven days for the citizen."""
    story = life(subject=subject)
    story.act("fix", "lead", reply="已处理")
    story.wait(days=7, minutes=-1)
    assert story.case.stage == "feedback"
    assert [e.data["clock"] for e in story.entries if e.kind == "rung_reached"] == []
    story.wait(minutes=2)
    assert story.case.is_closed


def test_in_a_new_round_the_whole_case_has_the_time_that_was_left(answered):
    working = answered.book.calendar.working_seconds_between
    whole = next(c for c in answered.case.clocks if c.name == "whole_case")
    assert whole.paused_at == answered.now
    left = working(answered.now, whole.due_at)
    answered.wait(days=7, minutes=-1)
    answered.act("rate", "citizen", solved="no", satisfied=1)
    goes_on = answered.case.running("whole_case")
    assert (goes_on.id, goes_on.started_at) == (whole.id, whole.started_at), "it never restarts"
    assert working(answered.now, goes_on.due_at) == left


def test_a_bad_answer_begins_a_new_round(answered):
    answered.act("rate", "citizen", solved="no", satisfied=1, comment="还在施工")
    assert (answered.case.stage, answered.case.redos) == ("departmental_fix", 1)


def test_when_no_round_is_left_the_final_answer_is_explained_and_the_case_ends(answered):
    for _ in range(2):
        answered.act("rate", "citizen", solved="no", satisfied=1)
        answered.act("fix", "lead", reply="再次处理")
    answered.act("rate", "citizen", solved="no", satisfied=1)
    assert answered.case.stage == "explanation"
    assert any(letter["to"].endswith(":head") for letter in answered.letters("explanation_task"))
    answered.act("explain", "lead", text="最终答复", contact="0532-1")
    answered.act("rate", "citizen", solved="no", satisfied=1)
    assert answered.case.is_closed


def test_the_two_questions_are_separate(answered):
    answered.act("rate", "citizen", solved="yes", satisfied=1)
    assert answered.case.is_closed
    assert answered.case.rating["satisfied"] == 1


def test_a_citizen_may_take_the_complaint_back_at_any_time(life):
    story = life()
    story.act("withdraw", "citizen", reason="已解决")
    assert story.case.result == "withdrawn"
    assert [letter["to"] for letter in story.letters("task_ended")] == ["shinan-urban"]


def test_whoever_has_the_case_in_hand_hears_what_the_citizen_adds(life):
    story = life()
    story.act("add_information", "citizen", text="工地名称是某某项目")
    assert [letter["to"] for letter in story.letters("information_added")] == ["shinan-urban"]


def test_what_the_desks_own_answers_did_not_solve_becomes_a_departments_task(life):
    story = life(subject="一件事", description="说来话长。", address="")
    for _ in range(3):
        story.act("answer", "desk", reply="请再等等")
        story.act("rate", "citizen", solved="no", satisfied=1)
    assert story.case.stage == "first_contact"
    with pytest.raises(Refusal, match="answered 3 times"):
        story.act("answer", "desk", reply="请再等等")
    story.act("dispatch", "desk", department="shinan-urban")
    story.act("fix", "lead", reply="已处理")
    story.act("rate", "citizen", solved="no", satisfied=1)
    assert (story.case.stage, story.case.redos) == ("departmental_fix", 1)
