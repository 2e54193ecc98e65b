"""立查立纠、立行立改: what one department can solve, it solves at once; what is not its own it returns."""

import pytest

from rules.refusals import Refusal


def test_a_department_claims_contacts_and_fixes(life):
    story = life()
    story.act("claim", "lead")
    story.act("contact", "lead", note="已电话联系")
    story.act("fix", "lead", reply="已责令夜间停工")
    assert (story.case.stage, story.case.answer) == ("feedback", "fixed")


def test_clocks_run_from_the_dispatch_not_from_the_signature(life):
    story = life()
    before = story.case.running("fix").due_at
    story.wait(hours=1)
    story.act("claim", "lead")
    assert story.case.running("fix").due_at == before


def test_the_clock_of_the_whole_case_never_restarts(life):
    story = life()
    due = story.case.running("whole_case").due_at
    story.act("extend", "lead", days=10, reason="需要检测")
    story.act("fix", "lead", reply="已处理")
    story.act("rate", "citizen", solved="no", satisfied=1)
    assert story.case.running("whole_case").due_at == due


def test_a_return_comes_back_to_the_desk_with_the_better_owner_proposed(life):
    story = life()
    story.act("return", "lead", reason="属于生态环境部门", department="ecology")
    department = story.offer("dispatch", "desk").fields[0]
    assert department.default(story.book, story.case) == "ecology"


def test_after_two_returns_the_next_one_forces_a_ruling_that_binds(life):
    story = life()
    for _ in range(2):
        story.act("return", "lead", reason="不属于本单位职责")
        story.act("dispatch", "desk", department="ecology")
    story.act("return", "lead", reason="不属于本单位职责")
    assert story.offer("dispatch", "desk").refusal.code == "ruling_needed"
    story.act("rule", "desk", department="shinan-urban", reason="按三定方案")
    assert story.offer("return", "lead").refusal.code == "return_after_ruling"


def test_who_does_not_object_in_time_owns_the_case(life):
    story = life()
    story.wait(days=3)
    assert story.offer("return", "lead").refusal.code == "return_too_late"


def test_more_time_is_granted_once_and_told_to_the_citizen(life):
    story = life()
    story.act("extend", "lead", days=5, reason="等待检测报告")
    assert story.letters("extension_notice")
    with pytest.raises(Refusal, match="extended 1 times"):
        story.act("extend", "lead", days=5, reason="再次")


def test_an_urgent_case_cannot_be_extended(life):
    story = life(subject="楼道有煤气味", description="疑似燃气泄漏")
    assert story.case.urgency == "urgent"
    assert story.offer("extend", "lead").refusal.code == "no_extension"
