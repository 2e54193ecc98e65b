"""列入工作规划并开诚布公地向群众解释; 对不合理的诉求,耐心细致做好解释: nothing is just dropped."""

import pytest

from rules.refusals import Refusal


@pytest.fixture
def planned(life):
    story = life()
    story.act("cannot_fix_now", "lead", reason="需要改线", plan="明年大修", promised_on="2027-06-30")
    return story


def test_what_cannot_be_done_now_becomes_a_plan_item_with_owner_and_date(planned):
    assert planned.case.plan == {"what": "明年大修", "owner": "shinan-urban", "promised_on": "2027-06-30"}
    planned.act("explain", "lead", text="感谢理解", contact="0532-1")
    assert planned.letters("explanation")


def test_a_promise_lies_in_the_future(life):
    story = life()
    with pytest.raises(Refusal):
        story.act("cannot_fix_now", "lead", reason="r", plan="p", promised_on="2026-11-01")


def test_an_unreasonable_demand_is_explained_and_never_dropped(life):
    story = life()
    story.act("refuse", "lead", reason="没有法律依据")
    assert story.case.stage == "explanation"
    story.act("explain", "lead", text="耐心说明", contact="0532-1")
    story.act("rate", "citizen", solved="no", satisfied=4)
    assert story.case.result == "refused"


def test_the_citizen_may_contest_once_and_somebody_else_looks(planned):
    planned.act("explain", "lead", text="感谢理解", contact="0532-1")
    planned.act("contest", "citizen", reason="等不了半年")
    assert planned.case.open_assignments("desk")
    planned.act("dispatch", "desk", department="urban-management")
    planned.act("refuse", "lead", reason="没有法律依据")
    planned.act("explain", "lead", text="耐心说明", contact="0532-1")
    assert planned.offer("contest", "citizen").refusal.code == "contest_used"
