"""A change is tried on past cases: what it would have meant is what one computes by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from rules.actions import BY_KIND
from rules.backtest import Compared, Path, Under, as_json, compare
from rules.backtest_figures import Tally, concerns
from rules.case import Complaint
from rules.rulebook import Rulebook, build
from rules.trials.moments import micros, moment
from rules.trials.past import Deed, Past, order_of
from rules.trials.replay import replay, tell

MONDAY = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)
"""Monday 2 November 2026, 09:00 in Qingdao; no holiday is near."""
UNTIL = micros(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
THREE_DAYS = ("deadlines.csv", "fix-normal,,fix,normal,5 wd", "fix-normal,,fix,normal,3 wd")
ECOLOGY_LEADS = (
    "catalogue.csv",
    "construction-noise,environment/noise/construction,,",
    "noise-shinan,environment/noise/construction,shinan,ecology@district,,属地管理\n"
    "construction-noise,environment/noise/construction,,",
)
EXPERTS = (
    (
        "process/standard.yaml",
        "  explanation:\n    label:",
        """  expert_review:
    label: {zh: 专家评审, en: Expert review}
    clause: 立查立纠、立行立改
    kind: review
    owner: reviewer
    party: [supervision]
    clocks:
      review: {holder: reviewer}
    actions:
      reviewer: [conclude]
    verdicts: {sound: {zh: 通过, en: Sound}}
    letters: {reviewer: review_task}
    outcomes:
      sound: feedback
      withdrawn: closed

  explanation:
    label:""",
    ),
    ("process/standard.yaml", "      fixed: feedback", "      fixed: expert_review"),
    ("deadlines.csv", "fix-normal,", "review-x,standard,review,,1 wd,,立查立纠、立行立改\nfix-normal,"),
)
"""A stage of its own between the fix and the callback."""
HAPPY = {"solved": "yes", "satisfied": 5}


@pytest.fixture
def draft(book_files: dict[str, str]):
    """Qingdao's rulebook with some texts replaced."""

    def changed(*changes: tuple[str, str, str]) -> Rulebook:
        files = dict(book_files)
        for file, old, new in changes:
            assert old in files[file], f"{old!r} is no longer in {file}"
            files[file] = files[file].replace(old, new, 1)
        return build(files)

    return changed


def at(day: int, hour: float) -> datetime:
    """An hour of a day of November 2026, in Qingdao."""
    return datetime(2026, 11, day, tzinfo=UTC) + timedelta(hours=hour - 8)


def past(*deeds: tuple[datetime, str, str, dict], number: str = "QD261102-AAAAAAAA", **matter) -> Past:
    told = {"category": "environment/noise/construction", "district": "shinan"} | matter
    complaint = Complaint(**{"channel": "web", "subject": "", "description": ""} | told)
    done = [Deed(micros(when), order_of(action, duty, data)) for when, action, duty, data in deeds]
    district = told["district"]
    return Past(
        number=number, rulebook="", complaint=complaint, opened_at=micros(MONDAY), deeds=done, district=district
    )


def fixed(when: datetime, **more) -> Past:
    """Claimed and called within the first hour, fixed at ``when``, rated an hour later."""
    return past(
        (at(2, 9.5), "claim", "lead-1", {}), (at(2, 9.75), "contact", "lead-1", {}), (when, "fix", "lead-1", {}),
        (when + timedelta(hours=1), "rate", "citizen-1", HAPPY), **more,
    )  # fmt: skip


def compared(book: Rulebook, other: Rulebook, one: Past) -> Compared:
    return compare(one, Under(book), Under(other), UNTIL)


def test_three_days_instead_of_five_are_what_one_computes_by_hand(book, draft):
    """Received Monday 09:00: due Friday 17:30 before, Wednesday 17:30 now; the yellow card comes a working day before,
    the red card (to handler and head) when due, supervision a working day later."""
    old, new = Under(book), Under(draft(THREE_DAYS))
    in_time, between, late = (compare(fixed(when), old, new, UNTIL) for when in (at(4, 16), at(5, 10), at(9, 10)))
    for one in (in_time, between, late):
        assert [(c.clock, moment(c.old), moment(c.new)) for c in one.deadlines] == [("fix-1", at(6, 17.5), at(4, 17.5))]
        assert not (one.is_routed or one.avoided or one.tasks or one.refused or one.parted or one.unlike)
    assert [len(one.added) for one in (in_time, between, late)] == [0, 1, 0]
    assert between.added[0] == ("fix", "shinan-urban", micros(at(4, 17.5)))
    assert in_time.letters == {"yellow_card": 1}
    assert between.letters == {"yellow_card": 1, "red_card": 2}
    assert late.letters == {"supervision": 1}


def test_another_lead_in_one_district_takes_the_cases_of_this_district_only(book, draft):
    old, new = Under(book), Under(draft(ECOLOGY_LEADS, THREE_DAYS))
    here, there = (compare(fixed(at(5, 10), district=place), old, new, UNTIL) for place in ("shinan", "laoshan"))
    assert here.is_routed and not there.is_routed
    assert here.old == Path("standard", ("shinan-urban",), ())
    assert here.new == Path("standard", ("shinan-ecology",), ())
    assert here.tasks == {"shinan-urban": -1, "shinan-ecology": 1}
    assert [breach.holder for one in (here, there) for breach in one.added] == ["shinan-ecology", "laoshan-urban"]


def test_figures_add_up_and_each_opens_its_cases(book, draft):
    old, new = Under(book), Under(draft(ECOLOGY_LEADS, THREE_DAYS))
    tally = Tally(told=lambda one: moment(one).isoformat())
    for nth, (when, place) in enumerate([(at(4, 16), "shinan"), (at(5, 10), "shinan"), (at(9, 10), "laoshan")]):
        tally.add(compare(fixed(when, district=place, number=f"QD261102-{nth}"), old, new, UNTIL))
    told = tally.as_json()
    assert (told["looked_at"], told["compared"]) == (3, 3)
    assert {name: n for name, n in told["cases"].items() if n} == {
        "routed": 2, "deadlines": 3, "added": 1, "letters": 3, "tasks": 2,
    }  # fmt: skip
    assert told["breaches"] == {"old": 1, "new": 2, "added": 1, "avoided": 0}
    assert told["routes"] == [{"old": ["shinan-urban"], "new": ["shinan-ecology"], "cases": 2}]
    fix = next(row for row in told["clocks"] if row["clock"] == "fix")
    assert fix == {"clock": "fix", "earlier": 3, "later": 0, "late_old": 1, "late_new": 2, "added": 1, "avoided": 0}
    load = {row["department"]: (row["tasks_old"], row["tasks_new"]) for row in told["departments"]}
    assert load == {"laoshan-urban": (1, 1), "shinan-ecology": (0, 2), "shinan-urban": (2, 0)}

    def behind(figure: str, about: str = "") -> list[str]:
        return [row["number"][-1] for row in tally.rows if concerns(row, figure, about=about)]

    assert behind("routed") == ["0", "1"]
    assert behind("added") == behind("added", "fix") == behind("added", "shinan-ecology") == ["1"]
    assert behind("added", "claim") == []
    assert behind("letters", "supervision") == ["2"]


def test_a_longer_list_is_cut_but_its_figure_is_not(book, draft):
    old, new = Under(book), Under(draft(THREE_DAYS))
    tally = Tally(told=str, listed=2)
    for _ in range(5):
        tally.add(compare(fixed(at(4, 10)), old, new, UNTIL))
    assert tally.cases["deadlines"] == 5
    assert sum(concerns(row, "deadlines") for row in tally.rows) == 2


def test_under_the_same_rules_nothing_changes(book):
    one = compared(book, book, fixed(at(9, 10)))
    row = as_json(one, str)
    assert not {*row} - {"number", "received", "category", "district", "process", "leads", "partners"}


def test_a_department_that_gets_its_task_earlier_takes_as_long_as_it_took(book, draft):
    """The desk needed two hours to dispatch; the draft knows the word. One working day stays one working day."""
    riddle = past(
        (at(2, 11), "dispatch", "desk-1", {"lead": "shinan-urban"}), (at(2, 11.5), "claim", "lead-1", {}),
        (at(3, 11), "fix", "lead-1", {}), (at(3, 20), "rate", "citizen-1", HAPPY),
        category=None, district="shinan", subject="谜语的事",
    )  # fmt: skip
    words = ("keywords.csv", "gas-leak,", "riddle,谜语,environment/noise/construction,全面梳理\ngas-leak,")
    old, new = Under(book), Under(draft(words))
    told = tell(riddle, old, UNTIL)
    done = replay(riddle, told, new, UNTIL)
    assert [moment(when) for _, when in done.trail.life.past if when != done.trail.life.opened_at][:1] == [at(2, 9.5)]
    fix = next(when for order, when in done.trail.life.past if order.action == "fix")
    assert moment(fix) == at(2, 17.5), "7.5 working hours after 09:00"
    rate = next(when for order, when in done.trail.life.past if order.action == "rate")
    assert moment(rate) == at(2, 17.5) + timedelta(hours=9), "a citizen's hours are hours of the clock"
    one = compare(riddle, old, new, UNTIL)
    assert one.tasks == {"city-desk": -1}
    assert not (one.parted or one.refused)


def test_where_the_draft_asks_for_what_nobody_did_the_comparison_ends(book, draft):
    """An experts' stage after the fix: nobody was asked in the past, so nobody is late there either."""
    one = compared(book, draft(*EXPERTS), fixed(at(4, 16)))
    assert one.parted == "expert_review"
    assert not (one.added or one.avoided or one.is_routed)


def joint() -> Past:
    """Fumes: ecology leads, two partners contribute on the second day, and the lead answers on the fourth."""
    return past(
        (at(2, 9.5), "claim", "lead-1", {}), (at(2, 9.75), "contact", "lead-1", {}),
        (at(3, 10), "contribute", "partner-1", {}), (at(3, 11), "contribute", "partner-2", {}),
        (at(5, 10), "close_coordination", "lead-1", {}), (at(5, 11), "rate", "citizen-1", HAPPY),
        category="environment/air/fumes",
    )  # fmt: skip


def test_a_lead_that_loses_its_partners_answers_alone_at_the_same_time(book, draft):
    """Three working days to fix it alone: due Wednesday 17:30, answered on Thursday."""
    alone = ("catalogue.csv", '"urban@district,market@district"', "")
    one = compared(book, draft(alone, THREE_DAYS), joint())
    assert (one.old.partners, one.new.partners) == (("shinan-market", "shinan-urban"), ())
    assert one.tasks == {"shinan-market": -1, "shinan-urban": -1}
    assert [*one.added] == [("fix", "shinan-ecology", micros(at(4, 17.5)))]
    assert one.letters == {"partner_task": -2, "partners_ready": -1, "yellow_card": 1, "red_card": 2}
    assert not (one.parted or one.refused)


def test_for_a_partner_that_nobody_asked_in_the_past_no_answer_is_made_up(book, draft):
    row = "construction-noise,environment/noise/construction,,urban@district,"
    partner = ("catalogue.csv", f"{row},", f"{row}ecology,")
    one = compared(book, draft(partner), fixed(at(3, 10)))
    assert (one.new.partners, one.parted) == (("ecology",), "coordination")
    assert [*one.refused] == [("close_coordination", "partners_outstanding")]
    assert one.letters == {"partner_task": 1}


def test_an_answer_that_the_draft_refuses_is_told(book, draft):
    """Returned after six working hours; the draft allows two."""
    quick = ("deadlines.csv", "return-normal,,return,normal,1 wd", "return-normal,,return,normal,2 h")
    returned = past(
        (at(2, 16), "return", "lead-1", {"reason": "…", "department": "ecology"}),
        (at(2, 17), "dispatch", "desk-1", {"lead": "ecology"}), (at(3, 10), "fix", "lead-2", {}),
        (at(3, 11), "rate", "citizen-1", HAPPY),
    )  # fmt: skip
    one = compared(book, draft(quick), returned)
    assert [*one.refused] == [("return", "return_too_late")]
    assert (one.old.leads, one.new.leads) == (("shinan-urban", "ecology"), ("shinan-urban",))


def test_what_the_ledger_tells_otherwise_is_not_compared(book, draft):
    impossible = past((at(2, 10), "explain", "lead-1", {}))
    one = compared(book, draft(THREE_DAYS), impossible)
    assert one.unlike
    assert not (one.deadlines or one.letters)


def test_silence_counts_as_silence_also_under_the_draft(book, draft):
    """No answer to the callback: closed after seven days, five under the draft; nobody is late for it."""
    silent = past((at(2, 10), "claim", "lead-1", {}), (at(2, 11), "fix", "lead-1", {}))
    one = compared(
        book, draft(("deadlines.csv", "rating-normal,,rating,normal,7 d", "rating-normal,,rating,normal,5 d")), silent
    )
    assert [(c.clock, moment(c.old), moment(c.new)) for c in one.deadlines] == [("rating-1", at(9, 11), at(7, 11))]
    assert not (one.added or one.avoided or one.parted or one.letters)


def test_an_order_has_all_that_its_action_needs():
    """A new action, or a new field of one, has to be read back from the ledger as well."""
    entry = {"lead": "x", "department": "x", "partners": ["x"], "days": 1, "cause": "x", "verdict": "x", **HAPPY}
    for several in BY_KIND.values():
        for action in several.values():
            needed = {field.name for field in action.fields if field.required}
            assert needed <= {*order_of(action.name, "lead-1", entry).fields()}, action.name
