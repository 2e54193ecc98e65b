"""Every decision can be explained: the row behind each, and dates that are those of the case itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from rules.case import Complaint
from rules.explain import Deadline, Explanation, explain
from rules.rulebook import Rulebook, build
from tests.rules.conftest import MONDAY, NOISE, Life


def told(book: Rulebook, at: datetime = MONDAY, **matter: Any) -> Explanation:
    return explain(book, Complaint(**NOISE | matter), at)


def deadline(told: Explanation, stage: str, clock: str) -> Deadline:
    return next(d for d in told.deadlines if (d.stage, d.clock) == (stage, clock))


def test_class_urgency_and_owner_name_the_row_that_decided(book: Rulebook):
    known = told(book)
    for finding, table, value in (
        (known.category, "keywords", "environment/noise/construction"),
        (known.urgency, "urgency", "normal"),
        (known.lead, "catalogue", "shinan-urban"),
    ):
        assert (finding.value, finding.how) == (value, "row")
        assert finding.source is not None
        row = book.tables[table].row(finding.source.row)
        assert row is not None
        assert (finding.source.table, finding.source.line, finding.source.clause) == (table, row.line, row.clause)
    assert (known.district.value, known.district.how) == ("shinan", "address")
    assert known.process.value == "standard"


def test_what_was_given_is_said_to_be_given(book: Rulebook):
    known = told(book, category="施工噪声", district="崂山区")
    assert (known.category.how, known.district.how, known.lead.value) == ("given", "given", "laoshan-urban")


def test_a_riddle_is_left_to_the_desk_and_says_what_the_catalogue_proposes(book: Rulebook):
    known = told(book, subject="一件事", description="说来话长", address="")
    assert (known.category.value, known.category.how) == (None, "person")
    assert (known.lead.value, known.lead.how, known.stage) == ("city-desk", "person", "first_contact")
    assert deadline(known, "first_contact", "dispatch").runs
    assert not deadline(known, "departmental_fix", "fix").runs


def test_the_deadlines_are_those_of_the_case_itself(book: Rulebook, life: Any):
    case: Life = life()
    known = told(book)
    running = {(c.stage, c.name): c for c in case.case.clocks}
    assert {(d.stage, d.clock) for d in known.deadlines if d.runs} == set(running)
    for (stage, name), clock in running.items():
        found = deadline(known, stage, name)
        assert (found.due_at, found.ladder[0].at) == (clock.due_at, clock.next_at)


def test_every_rung_has_a_date_a_person_and_a_row(book: Rulebook):
    fix = deadline(told(book), "departmental_fix", "fix")
    assert [step.rung for step in fix.ladder] == [
        "yellow_card", "red_card", "supervision", "leading_group", "accountability",
    ]  # fmt: skip
    red = fix.ladder[1]
    department = book.department("shinan-urban")
    assert red.at == fix.due_at
    assert [one.person for one in red.told] == [department.handler.name, department.head.name]
    assert all(step.source and step.source.table == "ladder" for step in fix.ladder)


def test_partners_each_have_a_clock_of_their_own(book: Rulebook):
    known = told(book, subject="楼下烧烤油烟", description="")
    assert known.partners == ("shinan-urban", "shinan-market")
    holders = [d.holder for d in known.deadlines if d.clock == "contribution"]
    assert holders == list(known.partners)


def test_silence_has_its_meaning_and_no_ladder(book: Rulebook):
    rating = deadline(told(book), "feedback", "rating")
    assert (rating.on_due, rating.ladder) == ("silent", ())


def test_limits_say_until_when_and_how_often(book: Rulebook):
    limits = {limit.name: limit for limit in told(book).limits}
    assert limits["return"].until == datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
    assert (limits["extension"].times, str(limits["extension"].span)) == (1, "10 wd")
    assert [limit.name for limit in told(book, subject="楼下烧烤油烟", description="").limits] == ["extension"]


def test_years_without_a_notice_are_named(book: Rulebook):
    assert told(book).provisional == ()
    assert told(book, datetime(2026, 12, 30, 2, 0, tzinfo=UTC)).provisional == (2027,)


@pytest.mark.parametrize(("day", "span", "row"), [(31, "5 wd", "fix-normal"), (32, "3 wd", "fix-2027")])
def test_a_deadline_that_changes_on_a_date_is_the_one_of_the_day(
    book_files: dict[str, str], day: int, span: str, row: str
):
    """Tightened on new year's day in the city: eight hours before it comes in UTC."""
    head, label, *lines = book_files["deadlines.csv"].splitlines()
    dated = [f"{line},,2026-12-31" if line.startswith("fix-normal") else f"{line},," for line in lines]
    dated.insert(-1, "fix-2027,,fix,normal,3 wd,,限时反馈,2027-01-01,")
    text = "\n".join([f"{head},valid_from,valid_until", f"{label},起,止", *dated])
    changed = build({**book_files, "deadlines.csv": text})
    moment = datetime(2026, 12, 31, 15 if day == 31 else 16, 30, tzinfo=UTC)
    fix = deadline(told(changed, moment), "departmental_fix", "fix")
    assert fix.source is not None
    assert (str(fix.span), fix.source.row) == (span, row)
    life = Life(changed, Complaint(**NOISE), now=moment)
    assert next(c.due_at for c in life.case.clocks if c.name == "fix") == fix.due_at
