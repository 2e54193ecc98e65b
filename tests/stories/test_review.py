"""专家评审: a fifth stage is added by editing texts only; somebody who did not decide says whether it stands."""

import pytest

from infra.wording import clock_name

EXPERTS = """
  expert_review:
    label: {zh: 专家评审, en: Expert review}
    clause: 认真解决
    kind: review
    owner: reviewer
    party: [supervision, leading_group]
    clocks:
      expert-opinion: {holder: reviewer, label: {zh: 专家意见, en: Expert's opinion}, stopped_by: claim}
      assessment: {holder: reviewer, label: {zh: 评审, en: Assessment}, on_due: upheld}
    actions:
      reviewer: [claim, uphold, overturn, conclude]
    verdicts:
      to_plan: {zh: 建议列入规划, en: Belongs into the work plan}
    letters: {reviewer: review_task}
    outcomes:
      upheld: feedback
      overturned: coordination
      to_plan: explanation
      withdrawn: closed

  feedback:
    label: {zh: 反馈回访, en: Feedback}"""
"""The new stage, put before feedback."""
JOINT = "    letters: {lead: lead_task, partner: partner_task}\n    outcomes:\n      "
DEADLINES = "expert,,expert-opinion,,1 wd,,认真解决\nassess,,assessment,,3 wd,,认真解决\n"


@pytest.fixture
def reviewed(life_under):
    """A joint case whose lead has just given its reply."""
    story = life_under(
        ("process/standard.yaml", "\n  feedback:\n    label: {zh: 反馈回访, en: Feedback}", EXPERTS),
        ("process/standard.yaml", JOINT + "fixed: feedback", JOINT + "fixed: expert_review"),
        ("deadlines.csv", "default,,,,none", DEADLINES + "default,,,,none"),
        subject="楼下饭店油烟",
        description="油烟直排居民楼",
    )
    for _ in range(2):
        story.act("contribute", "partner", contribution="已检查")
    story.act("close_coordination", "lead", reply="联合答复")
    return story


def test_the_review_stands_between_coordination_and_feedback(reviewed):
    assert reviewed.case.stage == "expert_review"
    (task,) = reviewed.letters("review_task")
    assert task["to"] == reviewed.case.open_assignments("reviewer")[0].party == "supervision"
    timed = {c.name for c in reviewed.case.clocks if c.runs and c.holder == "supervision"}
    assert timed == {"expert-opinion", "assessment"}


def test_what_stands_is_told_to_the_citizen(reviewed):
    reviewed.act("uphold", "reviewer", reason="措施可行")
    assert (reviewed.case.stage, reviewed.case.reply) == ("feedback", "联合答复")
    assert reviewed.case.review["verdict"] == "upheld"


def test_what_does_not_stand_goes_back_with_the_reason(reviewed):
    reviewed.act("overturn", "reviewer", reason="未监测夜间排放")
    assert reviewed.case.stage == "coordination"
    assert reviewed.case.review["reason"] == "未监测夜间排放"


def test_a_verdict_of_its_own_leads_where_the_file_says(reviewed):
    field = reviewed.offer("conclude", "reviewer").fields[0]
    assert list(field.choices(reviewed.book, reviewed.case)) == ["to_plan"]
    reviewed.act("conclude", "reviewer", verdict="to_plan", reason="须改造排烟道")
    assert reviewed.case.stage == "explanation"


def test_silence_of_a_reviewer_means_what_the_file_says(reviewed):
    reviewed.wait(days=5)
    assert reviewed.case.stage == "feedback"
    ended = next(e for e in reviewed.entries if e.kind == "time_ran_out")
    assert (ended.data["outcome"], ended.data["holder"]) == ("upheld", "supervision")


def test_a_new_clock_has_a_name_on_pages_and_letters_and_climbs_the_ladder(reviewed):
    process = reviewed.book.process("standard")
    assert clock_name("zh_CN", "expert-opinion", process, "expert_review") == "专家意见"
    assert clock_name("en", "expert-opinion-1", process) == "Expert's opinion"
    reviewed.wait(days=2)
    assert [e.data["clock"] for e in reviewed.entries if e.kind == "rung_reached"] == ["expert-opinion-1"] * 2
