"""信访: the terms of the law, in days that hold on holidays too, and a review by somebody who did not decide."""

from datetime import timedelta

import pytest

from rules.refusals import Refusal


@pytest.fixture
def petition(life):
    return life(type="petition")


def left(story, clock):
    return story.case.running(clock).due_at - story.now


def answered(story):
    story.act("dispatch", "desk", department="shinan-urban")
    story.act("fix", "lead", reply="已处理")
    return story


def test_a_person_at_the_petition_office_accepts_within_fifteen_days(petition):
    assert petition.case.process == "petition"
    assert [a.party for a in petition.case.open_assignments("desk")] == ["petition"]
    assert left(petition, "acceptance") == timedelta(days=15)
    assert not petition.offer("dispatch", "desk").refusal


def test_acceptance_is_told_in_writing_and_the_handling_takes_sixty_days_at_most(petition):
    petition.act("dispatch", "desk", department="shinan-urban")
    assert [letter["to"] for letter in petition.letters("acceptance_notice")] == ["citizen"]
    assert left(petition, "fix") == timedelta(days=60)


def test_it_is_extended_once_by_thirty_days_at_most(petition):
    petition.act("dispatch", "desk", department="shinan-urban")
    with pytest.raises(Refusal, match="between 1 and 30"):
        petition.act("extend", "lead", days=31, reason="案情复杂")
    petition.act("extend", "lead", days=30, reason="案情复杂")
    assert left(petition, "fix") == timedelta(days=90)
    assert petition.offer("extend", "lead").refusal.code == "extensions_used"


def test_the_whole_road_takes_no_longer_than_its_terms(petition):
    """15 to accept, 60 + 30 to handle, 30 to ask, 30 to review, 30 to ask again, 30 to review again."""
    petition.wait(days=15)
    petition.act("dispatch", "desk", department="shinan-urban")
    petition.act("extend", "lead", days=30, reason="案情复杂")
    for party, action, data in (
        ("lead", "fix", {"reply": "已处理"}), ("citizen", "appeal", {"reason": "不同意"}),
        ("reviewer", "uphold", {"reason": "成立"}), ("citizen", "appeal", {"reason": "仍不同意"}),
        ("reviewer", "uphold", {"reason": "成立"}),
    ):  # fmt: skip
        own = next(c for c in petition.case.clocks if c.runs and c.name in ("fix", "appeal", "review", "re_review"))
        petition.wait(seconds=(own.due_at - petition.now).total_seconds() - 1)
        petition.act(action, party, **data)
    assert petition.case.stage == "final"
    whole = next(c for c in petition.case.clocks if c.name == "whole_case")
    assert whole.paused_at and petition.now < whole.due_at


def test_who_does_not_agree_is_reviewed_by_the_superior_and_then_by_the_next_one(petition):
    answered(petition).act("appeal", "citizen", reason="不同意")
    assert petition.case.open_assignments("reviewer")[0].party == "shinan-government"
    assert left(petition, "review") == timedelta(days=30)
    petition.act("uphold", "reviewer", reason="处理适当")
    assert left(petition, "appeal") == timedelta(days=30)
    petition.act("appeal", "citizen", reason="仍不同意")
    assert petition.case.open_assignments("reviewer")[0].party == "leading-group"
    assert left(petition, "re_review") == timedelta(days=30)


def test_nobody_reviews_what_they_decided_even_at_the_top(petition):
    petition.act("dispatch", "desk", department="education")
    petition.act("fix", "lead", reply="已处理")
    for expected in ("leading-group", "supervision"):
        petition.act("appeal", "citizen", reason="不同意")
        assert petition.case.open_assignments("reviewer")[0].party == expected
        petition.act("uphold", "reviewer", reason="处理适当")


def test_after_the_second_review_it_is_final_whatever_the_citizen_says(petition):
    answered(petition)
    for _ in range(2):
        petition.act("appeal", "citizen", reason="不同意")
        petition.act("uphold", "reviewer", reason="处理适当")
    assert petition.case.stage == "final"
    with pytest.raises(Refusal):
        petition.act("appeal", "citizen", reason="第三次")
    petition.act("rate", "citizen", solved="no", satisfied=1)
    assert petition.case.is_closed
    assert petition.case.rating["satisfied"] == 1


def test_what_a_review_overturns_is_decided_again(petition):
    answered(petition).act("appeal", "citizen", reason="不同意")
    petition.act("overturn", "reviewer", reason="事实不清")
    assert (petition.case.stage, petition.case.lead) == ("departmental_fix", "shinan-urban")
    assert petition.case.review["reason"] == "事实不清"
    petition.act("fix", "lead", reply="重新处理")
    assert (petition.case.stage, petition.case.review) == ("feedback", None)


def test_an_overturned_answer_of_the_desk_finds_its_owner_in_the_catalogue(petition):
    petition.act("answer", "desk", reply="不属于信访受理范围")
    petition.act("appeal", "citizen", reason="属于")
    assert petition.case.open_assignments("reviewer")[0].party == "leading-group"
    petition.act("overturn", "reviewer", reason="应当受理")
    assert petition.case.lead == "shinan-urban"


def test_who_asks_for_nothing_within_thirty_days_has_let_it_stand(petition):
    answered(petition).wait(days=31)
    assert petition.case.is_closed
    assert petition.case.rating is None
