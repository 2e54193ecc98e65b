"""机关流程再造: a city puts a stage of its own between coordination and feedback, by data alone."""

from __future__ import annotations

import pytest

from infra.portal import views
from infra.wording import clock_name, sentence
from infra.workbench.diff_words import change_text
from rules.case import Complaint
from rules.diff import diff

STAGE = """
  expert_review:
    label: {zh: 专家评审, en: Expert review}
    clause: 一家牵头、多方联治
    kind: review
    owner: reviewer
    party: expert-panel
    clocks:
      expert_review: {holder: reviewer, extendable: true}
    actions:
      reviewer: [claim, conclude, extend]
    verdicts:
      sound: {zh: 方案可行, en: Sound}
      flawed: {zh: 方案须完善, en: To be improved}
    letters: {reviewer: review_task, citizen: review_notice}
    outcomes:
      sound: feedback
      flawed: coordination
      withdrawn: closed

  explanation:
    label: {zh: 解释说明"""
PANEL = (
    '  - {code: expert-panel, name: {zh: 专家评审委员会, en: Expert panel}, phone: "0532-0000-0099", '
    "handler: 专家 林一, head: 主任 高明}\n  - {code: accountability,"
)
SPANS = (
    "expert-urgent,,expert_review,urgent,1 wd,,限时反馈\nexpert,,expert_review,,5 wd,,限时反馈\n"
    "dispatch-urgent,,dispatch,urgent,"
)
JOINT = "contribution: {holder: partner, stopped_by: contribute}"
CHANGES = [
    ("process/standard.yaml", "\n  explanation:\n    label: {zh: 解释说明", STAGE),
    ("departments.yaml", "  - {code: accountability,", PANEL),
    ("deadlines.csv", "dispatch-urgent,,dispatch,urgent,", SPANS),
]


def with_experts(text: str) -> str:
    """The standard process, whose coordination leads to the experts."""
    before, joint, after = text.partition(JOINT)
    return before + joint + after.replace("fixed: feedback", "fixed: expert_review", 1)


@pytest.fixture
def reviewed(life_under, book_files):
    """A complaint of three departments that has come to the experts."""
    old = book_files["process/standard.yaml"]
    file, mark, stage = CHANGES[0]
    whole = (file, old, with_experts(old.replace(mark, stage)))
    story = life_under(whole, *CHANGES[1:], category="environment/air/fumes")
    for _ in story.case.partners:
        story.act("contribute", "partner", contribution="已检查")
    story.act("close_coordination", "lead", reply="净化器已安装")
    return story


def test_the_experts_send_it_back_once_and_then_let_it_pass(reviewed):
    assert reviewed.case.stage == "expert_review"
    reviewed.act("conclude", "reviewer", verdict="flawed", reason="数据不足")
    assert reviewed.case.stage == "coordination"
    for _ in reviewed.case.partners:
        reviewed.act("contribute", "partner", contribution="再查")
    reviewed.act("close_coordination", "lead", reply="净化器已更换")
    reviewed.act("conclude", "reviewer", verdict="sound", reason="可行")
    assert reviewed.case.stage == "feedback"
    reviewed.act("rate", "citizen", solved="yes", satisfied=5)
    assert (reviewed.case.stage, reviewed.case.result) == ("closed", "fixed")


@pytest.mark.parametrize(
    ("locale", "stage", "told", "verdict"),
    [
        ("zh_CN", "专家评审", "进入环节：专家评审。现由专家评审委员会审查。", "专家评审委员会已出具结论：方案须完善。"),
        ("en", "Expert review", "Stage: Expert review. It is with Expert panel now.",
         "Expert panel has come to a conclusion: To be improved."),
    ],
)  # fmt: skip
def test_everybody_reads_the_new_stage_its_clock_and_its_verdicts_in_words(reviewed, locale, stage, told, verdict):
    book, process = reviewed.book, reviewed.book.process("standard")
    entered = reviewed.entries[-1]
    (concluded, *_) = reviewed.act("conclude", "reviewer", verdict="flawed", reason="数据不足")
    assert sentence(book, "standard", entered, locale) == told
    assert sentence(book, "standard", concluded, locale) == verdict
    assert clock_name(locale, "expert_review-1", process) == stage, "a clock without a label is called like its stage"
    facts = views.facts(reviewed.case, Complaint(channel="web", subject="", description=""), book, locale)
    assert facts["review"]["stage"] == stage
    assert stage in [step["name"] for step in facts["steps"]]


def test_the_change_is_told_with_the_deadlines_of_the_new_stage(reviewed, book):
    said = [change_text(change, book, reviewed.book, "zh_CN") for change in diff(book, reviewed.book)]
    assert "标准流程:新增环节“专家评审”。" in said
    assert any(one.startswith("专家评审:不限 → 5 个工作日") for one in said), said
    assert not [one for one in said if "expert_review" in one]
