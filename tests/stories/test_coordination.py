"""一家牵头、多方联治: what crosses departments gets exactly one lead and several partners."""

import pytest

from rules.refusals import Refusal


@pytest.fixture
def fumes(life):
    """Restaurant fumes: the catalogue names partners."""
    return life(subject="楼下饭店油烟", description="油烟直排居民楼")


def test_there_is_one_lead_and_every_partner_has_its_own_mail_and_clock(fumes):
    case = fumes.case
    assert len(case.open_assignments("lead")) == 1
    partners = {a.party for a in case.open_assignments("partner")}
    assert partners == {"shinan-urban", "shinan-market"}
    assert {letter["to"] for letter in fumes.letters("partner_task")} == partners
    assert {c.holder for c in case.clocks if c.name == "contribution"} == partners


def test_the_lead_closes_when_all_have_contributed(fumes):
    with pytest.raises(Refusal, match="still have time"):
        fumes.act("close_coordination", "lead", reply="联合答复")
    for _ in range(2):
        fumes.act("contribute", "partner", contribution="已现场检查")
    assert len(fumes.letters("partners_ready")) == 1
    fumes.act("close_coordination", "lead", reply="联合答复")
    assert fumes.case.stage == "feedback"


def test_a_partner_that_is_late_does_not_hold_up_the_joint_reply(fumes):
    fumes.wait(days=7)
    fumes.act("close_coordination", "lead", reply="联合答复")
    assert fumes.case.stage == "feedback"


def test_a_lead_may_ask_for_hands_while_it_works(life):
    story = life()
    story.act("claim", "lead")
    story.act("request_partners", "lead", partners=["shinan-police"], reason="夜间联合执法")
    assert story.case.stage == "coordination"
    assert story.case.running("claim") is None


def test_the_lead_cannot_be_its_own_partner(life):
    story = life()
    with pytest.raises(Refusal):
        story.act("request_partners", "lead", partners=["shinan-urban"], reason="x")
