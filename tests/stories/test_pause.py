"""限时反馈: a clock stands still only for a reason from the list, and runs again by itself at its cap."""

from datetime import timedelta

import pytest

from rules.refusals import Refusal

DAY = timedelta(days=1)
PARTNERS_TOO = "by: [lead, partner]\n    clocks: [coordination, contribution]"


@pytest.fixture
def waiting(life):
    """Monday; the fix is due in five working days, and the lead waits for documents since Tuesday."""
    story = life()
    story.act("claim", "lead")
    story.act("contact", "lead")
    story.wait(days=1)
    story.act("pause", "lead", cause="citizen_documents", reason="请提供施工时间的录音")
    return story


def kinds(story):
    return [e.kind for e in story.entries]


def test_a_paused_clock_does_not_climb_the_ladder_while_the_whole_case_goes_on(waiting):
    whole = waiting.case.running("whole_case").due_at
    waiting.wait(days=6)
    assert waiting.case.running("fix") is None
    assert "rung_reached" not in kinds(waiting)
    assert waiting.case.running("whole_case").due_at == whole


def test_the_time_that_was_left_is_left_afterwards(waiting):
    before = next(c for c in waiting.case.clocks if c.name == "fix")
    left = waiting.book.calendar.working_seconds_between(before.paused_at, before.due_at)
    waiting.wait(days=2)
    waiting.act("resume", "lead")
    after = waiting.case.running("fix")
    assert waiting.book.calendar.working_seconds_between(waiting.now, after.due_at) == left
    assert after.due_at == before.due_at + 2 * DAY


def test_a_pause_ends_by_itself_at_its_cap_and_who_paused_is_told(waiting):
    until = waiting.case.running("pause").due_at
    assert until == waiting.now + 7 * DAY, "five working days from a Tuesday"
    waiting.wait(days=7)
    assert waiting.case.pause is None
    assert waiting.case.running("fix")
    assert waiting.entries[-1].data["how"] == "ran_out"
    assert [letter["to"] for letter in waiting.letters("pause_ended")] == ["shinan-urban"]


def test_what_it_waits_for_ends_it(waiting):
    waiting.act("add_information", "citizen", text="录音见附件")
    assert waiting.case.pause is None
    assert waiting.entries[-1].data["how"] == "add_information"


def test_the_citizen_hears_why_and_until_when(waiting):
    (letter,) = waiting.letters("pause_notice")
    assert letter["to"] == "citizen"
    assert letter["reason"] == "请提供施工时间的录音"
    assert letter["until"] == waiting.case.pause["until"]


def test_each_reason_has_its_number_of_times_and_all_together_theirs(waiting):
    waiting.act("resume", "lead")
    with pytest.raises(Refusal, match="stood still 1 times"):
        waiting.act("pause", "lead", cause="citizen_documents", reason="再等")
    waiting.act("pause", "lead", cause="court", reason="诉讼中")
    waiting.act("resume", "lead")
    with pytest.raises(Refusal, match="of this case stood still 2 times"):
        waiting.act("pause", "lead", cause="expert_opinion", reason="待检测")


def test_nothing_is_paused_twice_or_resumed_by_somebody_else(waiting):
    assert waiting.offer("pause", "lead").refusal.code == "already_paused"
    waiting.act("resume", "lead")
    assert waiting.offer("resume", "lead").refusal.code == "not_paused"


def test_a_reason_that_is_not_on_the_list_is_none(life):
    story = life()
    with pytest.raises(Refusal, match="cause"):
        story.act("pause", "lead", cause="holiday", reason="放假")


def test_a_clock_that_ran_out_stays_late(life):
    story = life()
    story.wait(days=20)
    assert story.offer("pause", "lead").refusal.code == "nothing_to_pause"


def test_the_work_may_be_done_meanwhile_and_no_clock_is_left_over(waiting):
    waiting.act("fix", "lead", reply="已解决")
    assert waiting.case.pause is None
    assert {c.name for c in waiting.case.clocks if c.is_open} == {"rating", "whole_case"}


def test_a_clock_in_days_moves_by_the_days_it_stood_still(life):
    story = life(type="petition")
    story.act("dispatch", "desk", department="shinan-urban")
    due = story.case.running("fix").due_at
    story.act("pause", "lead", cause="expert_opinion", reason="鉴定")
    story.wait(days=60)
    assert story.case.running("fix").due_at == due + 60 * DAY


def test_a_partner_does_not_stop_the_clock_of_the_lead(life_under):
    partner, expert = "partner: [claim, contribute, return", "\n    longest: 10 wd"
    story = life_under(
        ("process/standard.yaml", partner, partner + ", pause, resume"),
        ("process/standard.yaml", "by: [lead]\n    clocks: [fix, coordination]" + expert, PARTNERS_TOO + expert),
        subject="楼下饭店油烟",
        description="油烟直排居民楼",
    )
    story.act("pause", "partner", cause="expert_opinion", reason="待检测")
    assert story.case.running("coordination")
    assert sum(c.name == "contribution" and c.runs for c in story.case.clocks) == 1
    with pytest.raises(Refusal, match="still have time"):
        story.act("close_coordination", "lead", reply="联合答复")
    story.act("contribute", "partner", contribution="已核查")
    assert story.case.pause is None, "nothing is left to wait for"
