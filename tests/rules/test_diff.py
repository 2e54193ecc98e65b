"""A change of the rules is seen before it hurts people: what differs is said by meaning, in the fewest sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from infra.workbench.diff_words import SENTENCES, change_text
from rules.diff import Change, diff
from rules.diff_routes import EVERYWHERE, KNOWN_PLACE, UNKNOWN_PLACE
from rules.rulebook import Rulebook, load


@pytest.fixture
def changes(book: Rulebook, book_files: Mapping[str, str]):
    """What differs when these pieces of text are replaced, or files are added."""

    def change(file: str, *pairs: tuple[str, str], **more: str) -> list[Change]:
        text = book_files.get(file, "")
        for was, will in pairs:
            assert was in text, was
            text = text.replace(was, will, 1)
        return diff(book, load({**book_files, file: text, **more}))

    return change


def told(found: list[Change], kind: str) -> list[dict[str, Any]]:
    return [dict(one.places) for one in found if one.kind == kind]


def test_comments_order_of_keys_and_layout_are_no_change(changes, book: Rulebook, book_files):
    assert diff(book, book) == []
    note = ("name: standard", "# a note\nname:   standard")
    assert changes("process/standard.yaml", note, ("returns: 2, redos: 2", "redos: 2, returns: 2")) == []
    rows = book_files["deadlines.csv"].splitlines()
    rows[2], rows[3] = rows[3], rows[2]
    assert changes("deadlines.csv", (book_files["deadlines.csv"], "\n".join(rows) + "\n")) == []


def test_a_new_lead_in_one_district_names_the_departments(changes, book: Rulebook):
    row = "noise-shinan,environment/noise/neighbourhood,shinan,shinan-urban,,属地管理\n"
    (found,) = changes("catalogue.csv", ("living-noise,", row + "living-noise,"))
    assert dict(found.places) == {
        "categories": ["environment/noise/neighbourhood"], "apart_from": [], "where": "", "districts": ["shinan"],
        "old": "shinan-police", "new": "shinan-urban",
    }  # fmt: skip
    said = change_text(found, book, book, "en")
    assert said.endswith("in Shinan District: the lead changes from Shinan District police branch to "
                         "Shinan District urban management.")  # fmt: skip
    assert "(市南区):主办单位由市南区公安分局改为市南区综合行政执法局。" in change_text(found, book, book, "zh_CN")


def test_a_change_in_ten_districts_is_one_sentence_and_says_what_it_does_not_concern(changes, book: Rulebook):
    (found,) = changes(
        "catalogue.csv", ("environment,environment,,ecology@district", "environment,environment,,market@district")
    )
    assert (found.places["old"], found.places["new"]) == ("ecology@district", "market@district")
    assert found.places["categories"] == ["environment"] and found.places["where"] == KNOWN_PLACE
    assert "environment/noise/construction" in found.places["apart_from"]
    assert "ecology branch of the district" in change_text(found, book, book, "en")


@pytest.mark.parametrize(
    "pair",
    [
        ("fumes,environment/air/fumes,,ecology@district", "fumes,environment/air,,ecology@district"),
        ("housing,housing,,housing@district", "housing,housing,shibei,urban@district"),
        ("environment-city,environment,,ecology,", "environment-city,environment,,marine,"),
        ("light-pollution,environment/light,,urban@district", "light-pollution,environment,,urban@district"),
    ],
    ids=["wider", "narrower", "without a place", "in the shadow"],
)
def test_the_sentences_together_say_exactly_what_the_catalogue_decides(changes, book: Rulebook, book_files, pair):
    text = book_files["catalogue.csv"].replace(*pair)
    after = load({**book_files, "catalogue.csv": text})
    expected = {
        (category, place)
        for category in book.categories
        for place in [*book.districts, None]
        if book.route(category, place).lead != after.route(category, place).lead
    }
    assert (
        {pair for one in told(diff(book, after), "lead_changed") for pair in spelt_out(book, one)} == expected != set()
    )


def spelt_out(book: Rulebook, found: Mapping[str, Any]) -> set[tuple[str, str | None]]:
    """Every category and place that a sentence is about."""
    places: dict[str, list[str | None]] = {
        EVERYWHERE: [*book.districts, None], KNOWN_PLACE: [*book.districts], UNKNOWN_PLACE: [None],
        "": found["districts"],
    }  # fmt: skip
    meant, left = set(found["categories"]), set(found["apart_from"])
    for code in book.categories:  # parents come first
        parent = code.rpartition("/")[0]
        if parent in meant and code not in left:
            meant.add(code)
    return {(category, place) for category in meant for place in places[found["where"]]}


def test_a_deadline_is_said_once_for_all_it_concerns(changes, book: Rulebook):
    found = changes(
        "deadlines.csv",
        ("fix-normal,,fix,normal,5 wd", "fix-normal,,fix,normal,3 wd"),
        ("coordination-normal,,coordination,normal,5 wd", "coordination-normal,,coordination,normal,3 wd"),
        ("explanation-normal,,explanation,normal,2 wd", "explanation-normal,,explanation,normal,1 wd"),
        ("explanation-complex,,explanation,complex,2 wd", "explanation-complex,,explanation,complex,1 wd"),
        ("extension-normal,,extension,normal,10 wd,1", "extension-normal,,extension,normal,10 wd,2"),
    )
    spans = told(found, "deadline_changed")
    said = [(one["processes"], one["clocks"], one["urgencies"], one["old"], one["new"]) for one in spans]
    assert (["standard", "urgent"], ["fix", "coordination"], ["normal"], "5 wd", "3 wd") in said
    assert ([], ["explanation"], ["normal", "complex"], "2 wd", "1 wd") in said
    assert len(said) == 2
    (times,) = told(found, "extensions_changed")
    assert (times["old"], times["new"], times["urgencies"]) == ("1", "2", ["normal"])
    assert any("5 wd → 3 wd (Normal; " in change_text(one, book, book, "en") for one in found)


def test_a_rung_that_comes_or_goes_or_reaches_others_is_said(changes):
    found = changes(
        "ladder.csv",
        ("red,,,red_card,0 h", "again,,,second_card,-0.5 wd,head,yellow_card,x\nred,,,red_card,0 h"),
        ("leading-group,,,leading_group,3 wd,leading_group", "leading-group,,,leading_group,2 wd,leading_group"),
        ("accountability,,,accountability,5 wd,accountability,accountability,敷衍塞责、推诿扯皮……严肃追究责任\n", ""),
    )
    added = told(found, "rung_added")
    assert {tuple(one["new"].values()) for one in added} == {("-0.5 wd", "head", "yellow_card")}
    assert not {"rating", "appeal"} & {clock for one in added for clock in one["clocks"]}
    assert {one["rung"] for one in told(found, "rung_removed")} == {"accountability"}
    assert {(one["old"]["offset"], one["new"]["offset"]) for one in told(found, "rung_changed")} == {("3 wd", "2 wd")}


def test_what_changes_in_a_process_is_said_part_by_part(changes):
    found = changes(
        "process/standard.yaml",
        ("fixed: feedback", "fixed: explanation"),
        (
            "cannot_fix_now, refuse, extend, pause, resume]\n    letters: {lead: lead_task}",
            "cannot_fix_now, extend, pause, resume]\n    letters: {lead: lead_task}",
        ),
        ("caps: {returns: 2", "caps: {returns: 3"),
        ("fix: {holder: lead, extendable: true}", "fix: {holder: lead}"),
    )
    (redirected,) = told(found, "outcome_redirected")
    assert (redirected["stage"], redirected["old"], redirected["new"]) == (
        "departmental_fix",
        "feedback",
        "explanation",
    )
    (lost,) = told(found, "action_removed")
    assert (lost["party"], lost["action"]) == ("lead", "refuse")
    assert [(one["field"], one["new"]) for one in told(found, "process_changed")] == [("caps.returns", 3)]
    assert [(one["clock"], one["field"]) for one in told(found, "clock_changed")] == [("fix", "extendable")]


def test_people_matters_and_days_are_said(changes, book_files):
    found = changes(
        "departments.yaml", ("handler: 杨雨桐", "handler: 孙平"),
        **{
            "categories.yaml": book_files["categories.yaml"].replace(
                "      light: {zh: 光污染", '      drones: {zh: 无人机, en: "Drones"}\n      light: {zh: 光污染'
            ),
            "calendar.yaml": book_files["calendar.yaml"].replace("days_off: []", "days_off: [2027-02-11]"),
            "keywords.csv": book_files["keywords.csv"].replace("供暖费、取暖费", "供暖费"),
        },
    )  # fmt: skip
    assert [(one["department"], one["field"]) for one in told(found, "department_changed")] == [
        ("traffic-police", "handler")
    ]
    assert told(found, "category_added") == [{"category": "environment/drones", "leads": ["ecology@district"]}]
    assert told(found, "day_off") == [{"day": "2027-02-11"}]
    assert [one["row"] for one in told(found, "row_changed")] == ["heating-fees"]


def test_a_row_that_moves_is_said_because_the_first_one_wins(changes, book_files):
    rows = book_files["keywords.csv"].splitlines()
    rows.insert(20, rows.pop(2))
    (found,) = changes("keywords.csv", (book_files["keywords.csv"], "\n".join(rows) + "\n"))
    assert (found.kind, found.places["row"]) == ("row_moved", rows[20].partition(",")[0])


def test_there_and_back_are_opposites(book: Rulebook, book_files):
    text = book_files["catalogue.csv"].replace(
        "traffic-noise,environment/noise/traffic,,traffic-police,,谁主管、谁负责\n", ""
    )
    after = load({**book_files, "catalogue.csv": text})
    there, back = ([dict(one.places) for one in found] for found in (diff(book, after), diff(after, book)))
    assert [{**one, "old": one["new"], "new": one["old"]} for one in back] == there != []


def test_every_kind_of_change_can_be_said_in_both_languages(changes, book: Rulebook, book_files):
    text = book_files["process/standard.yaml"]
    other = text.replace("name: standard", "name: other", 1)
    found = changes("districts.yaml", ("short: 市南,", "short: 市南地,"), **{"process/other.yaml": other})
    assert {one.kind for one in found} <= set(SENTENCES)
    for one in found:
        for locale in ("en", "zh_CN"):
            assert "%(" not in change_text(one, book, book, locale)


def test_a_successor_is_called_by_its_name(changes, book: Rulebook, book_files):
    old = "handler: 赵志远, head: 丁海宁}"
    new = "handler: 赵志远, head: 丁海宁, valid_until: 2026-11-30, merged_into: science}"
    found = changes("departments.yaml", (old, new))
    later = load({**book_files, "departments.yaml": book_files["departments.yaml"].replace(old, new)})
    said = [change_text(one, book, later, "zh_CN") for one in found]
    assert any("并入" in one and "市科学技术局" in one for one in said), said
    assert not any("valid_until" in one or "science" in one for one in said), said
