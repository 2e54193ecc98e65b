"""立查立纠、立行立改: danger does not wait for office hours; its clocks run at night, at weekends and on holidays."""

from datetime import UTC, datetime, timedelta

import pytest

from rules.actions import offers
from rules.case import Complaint
from rules.refusals import Refusal
from tests.rules.conftest import NOISE, Life

SATURDAY_NIGHT = datetime(2026, 11, 28, 15, 30, tzinfo=UTC)
"""23:30 in Qingdao."""
NATIONAL_DAY = datetime(2026, 10, 1, 1, 0, tzinfo=UTC)
GAS = {"subject": "楼道有煤气味", "description": "疑似燃气泄漏"}


@pytest.fixture(params=[SATURDAY_NIGHT, NATIONAL_DAY], ids=["a Saturday night", "a holiday"])
def gas_leak(book, request):
    return Life(book, Complaint(**NOISE | GAS), now=request.param)


def test_an_urgent_word_chooses_the_urgent_process_and_the_row_is_kept(gas_leak):
    assert (gas_leak.case.process, gas_leak.case.urgency) == ("urgent", "urgent")
    assert gas_leak.entries[0].data["rows"] == {"processes": "danger"}


@pytest.mark.parametrize(
    ("clock", "span"),
    [
        ("claim", timedelta(minutes=30)),
        ("contact", timedelta(hours=2)),
        ("fix", timedelta(hours=24)),
        ("whole_case", timedelta(hours=72)),
    ],
)
def test_every_clock_runs_round_the_clock(gas_leak, clock, span):
    running = gas_leak.case.running(clock)
    assert running.due_at - running.started_at == span


def test_the_ladder_is_climbed_in_the_same_night(gas_leak):
    gas_leak.wait(hours=25)
    climbed = [e.data["rung"] for e in gas_leak.entries if e.kind == "rung_reached" and e.data["clock"] == "claim-1"]
    assert climbed == ["yellow_card", "red_card", "supervision", "leading_group", "accountability"]


def test_danger_is_not_postponed_but_another_urgent_matter_may_be(gas_leak, book):
    with pytest.raises(Refusal, match=r"danger is removed first \(row danger-first of permits\)"):
        gas_leak.act("cannot_fix_now", "lead", reason="x", plan="y", promised_on="2027-06-30")
    cut = Life(book, Complaint(**NOISE | {"subject": "小区突然停水", "description": ""}))
    cut.act("cannot_fix_now", "lead", reason="主管道更换", plan="新管道", promised_on="2027-06-30")
    assert cut.case.stage == "explanation"
    allowed = next(e for e in cut.entries if e.kind == "fix_postponed")
    assert allowed.data["rows"] == {"permits": "default"}


def test_nothing_may_stand_still(gas_leak):
    offered = {o.action for o in offers(gas_leak.book, gas_leak.case, gas_leak.case.assignments[1], gas_leak.now)}
    assert "claim" in offered
    assert not offered & {"pause", "resume"}
