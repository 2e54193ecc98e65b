"""Departments, matters and people come and go on a day: what is open follows, and what was stays known."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from rules.case import Complaint
from rules.faults import RulebookFaults
from rules.migration import migrate
from rules.rulebook import Rulebook, build
from rules.succession import Move
from tests.rules.conftest import MONDAY, NOISE, Life

URBAN = "{unit: urban, name:"
LAST = datetime(2026, 11, 30, 15, 59, tzinfo=UTC)
"""A minute before midnight of the last day of November, in the city."""
AFTER = LAST + timedelta(minutes=1)


def changed(files: Mapping[str, str], file: str, *pairs: tuple[str, str]) -> Rulebook:
    text = files[file]
    for was, will in pairs:
        assert was in text, was
        text = text.replace(was, will, 1)
    return build({**files, file: text})


def faults(files: Mapping[str, str], file: str, *pairs: tuple[str, str]) -> list[str]:
    with pytest.raises(RulebookFaults) as wrong:
        changed(files, file, *pairs)
    return [str(fault) for fault in wrong.value.faults]


@pytest.fixture(scope="module")
def merging(book_files: Mapping[str, str]) -> Rulebook:
    """The urban management of every district is merged into its market supervision at the end of November 2026."""
    ends = "{unit: urban, valid_until: 2026-11-30, merged_into: market@district, name:"
    return changed(book_files, "departments.yaml", (URBAN, ends))


@pytest.fixture(scope="module")
def closing(book_files: Mapping[str, str]) -> Rulebook:
    """Square dancing becomes neighbourhood noise, and light pollution is no longer taken."""
    return changed(
        book_files, "categories.yaml",
        ("square-dance: {", "square-dance: {valid_until: 2026-11-30, merged_into: environment/noise/neighbourhood, "),
    )  # fmt: skip


def test_from_the_day_after_the_successor_gets_what_was_the_others(merging: Rulebook):
    noise = "environment/noise/construction", "shinan"
    assert merging.route(*noise, at=LAST).lead == "shinan-urban"
    assert merging.route(*noise, at=AFTER).lead == "shinan-market"
    assert merging.route(*noise, at=AFTER).row == merging.route(*noise, at=LAST).row
    fumes = merging.route("environment/air/fumes", "shinan", at=AFTER)
    assert fumes.partners == ("shinan-market",), "two partners that have become one are one"


def test_an_ended_department_is_no_choice_but_keeps_its_name(merging: Rulebook):
    assert "shinan-urban" in merging.departments_there(LAST)
    assert "shinan-urban" not in merging.departments_there(AFTER)
    assert merging.department("shinan-urban").name["zh"] == "市南区综合行政执法局"
    assert merging.successor("shinan-urban", at=AFTER) == "shinan-market"


def test_a_new_case_goes_to_the_successor_and_an_open_one_follows_when_it_is_moved(merging: Rulebook):
    one = Life(merging, Complaint(**NOISE), now=MONDAY)
    other = Life(merging, Complaint(**NOISE), now=AFTER)
    assert (one.case.lead, other.case.lead) == ("shinan-urban", "shinan-market")
    assert migrate(one.case, merging, merging, LAST, Move(by="王科")) == []
    one.entries += migrate(one.case, merging, merging, AFTER, Move(by="王科"))
    assert one.case.lead == "shinan-market"
    assert [(a.party, a.how) for a in one.case.assignments if a.role == "lead"] == [
        ("shinan-urban", "moved"), ("shinan-market", "")
    ]  # fmt: skip
    one.now = AFTER
    one.act("fix", "lead", reply="已停工")
    assert one.case.stage == "feedback"


def test_a_closed_matter_takes_no_new_complaints_and_its_successor_does(closing: Rulebook):
    code = "environment/noise/square-dance"
    assert closing.find_category(code, LAST) == code
    assert closing.find_category(code, AFTER) == "environment/noise/neighbourhood"
    assert code not in closing.open_categories(at=AFTER) and code in closing.categories
    told = Complaint(channel="web", subject="广场舞太吵", description="")
    assert closing.classify(told, LAST).value == code
    assert closing.classify(told, AFTER).value == "environment/noise/neighbourhood"


def test_whoever_is_in_office_that_day_is_named(book_files: Mapping[str, str]):
    two = "handler: [{name: 杨雨桐, valid_until: 2026-11-30}, {name: 孙平, valid_from: 2026-12-01}]"
    book = changed(book_files, "departments.yaml", ("handler: 杨雨桐", two))
    named = [book.department("traffic-police", at).handler.name for at in (LAST, AFTER)]
    assert named == ["杨雨桐", "孙平"]
    assert book.department("traffic-police").handler.name == "孙平"


def test_without_dates_nothing_is_different_on_any_day(book: Rulebook):
    assert book.departments_there(LAST) == list(book.departments)
    assert list(book.open_categories(at=datetime(2004, 1, 1, tzinfo=UTC))) == list(book.categories)


TWO = "handler: [{name: 杨雨桐, valid_until: 2026-11-30}, {name: 孙平, "
GAPS = {
    "a successor that is none": (
        URBAN, "{unit: urban, valid_until: 2026-11-30, merged_into: markt@district, name:",
        "there is no department 'shinan-markt'",
    ),
    "a merger without a day": (URBAN, "{unit: urban, merged_into: market@district, name:", "when? Add valid_until"),
    "an end without a successor": (
        URBAN, "{unit: urban, valid_until: 2026-11-30, name:", "'urban@district' ends on 2026-11-30 without a successor"
    ),
    "a row before its department": (
        URBAN, "{unit: urban, valid_from: 2027-01-01, name:", "'urban@district' begins on 2027-01-01; give the row"
    ),
    "an office that ends": (
        "{code: city-desk,", "{code: city-desk, valid_until: 2026-11-30, merged_into: supervision,",
        "it is the office 'desk', which is needed every day",
    ),
    "merged into itself": (
        "{code: marine,", "{code: marine, valid_until: 2026-11-30, merged_into: marine,", "nobody stands for it"
    ),
    "nobody in office": ("handler: 杨雨桐", TWO + "valid_from: 2026-12-09}]", "nobody is in office between 杨雨桐"),
    "two in office": ("handler: 杨雨桐", TWO + "valid_from: 2026-11-30}]", "both in office on 2026-11-30"),
    "terms without days": ("handler: 杨雨桐", "handler: [{name: 杨雨桐}, {name: 孙平}]", "needs a last day"),
    "nobody afterwards": (
        "handler: 杨雨桐", TWO + "valid_from: 2026-12-01, valid_until: 2027-01-01}]", "nobody is in office after 孙平"
    ),
    "no name": ("handler: 杨雨桐", 'handler: ""', "is empty; write something"),
    "a matter that ends": (
        "square-dance: {", "square-dance: {valid_until: 2026-11-30, ",
        "'environment/noise/square-dance' ends on 2026-11-30 without a successor",
    ),
    "a matter merged into nothing": (
        "square-dance: {", "square-dance: {valid_until: 2026-11-30, merged_into: environment/nois, ",
        "there is no category 'environment/nois'",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("was", "will", "expected"), GAPS.values(), ids=GAPS)
def test_a_day_that_leaves_a_gap_is_told_once(book_files: Mapping[str, str], was: str, will: str, expected: str):
    told = faults(book_files, "categories.yaml" if "dance" in was else "departments.yaml", (was, will))
    assert any(expected in one and ":0" not in one for one in told), told
    assert len(told) <= 2, told
