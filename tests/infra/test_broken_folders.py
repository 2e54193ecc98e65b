"""Every bad input gets a clear answer: what people who know nothing of the checks do to the folder of a rulebook."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.locale import SOURCE
from infra.rulebook_check import faults_of, in_words
from infra.rulebook_files import look_into
from infra.settings import RULEBOOKS

STANDARD = "process/standard.yaml"
Mutation = Callable[[Path], object]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(RULEBOOKS / "qingdao", tmp_path / "city"))


def told(folder: Path, locale: str = SOURCE) -> list[str]:
    found = look_into(folder)
    return [str(fault) for fault in in_words(found.told(faults_of(found.files)[1]), locale)]


def put(file: str, old: str, new: str) -> Mutation:
    def change(folder: Path) -> None:
        text = (folder / file).read_text("utf-8")
        assert old in text, f"{old!r} is no longer in {file}"
        (folder / file).write_text(text.replace(old, new, 1), "utf-8")

    return change


def rewritten(file: str, how: Callable[[str], str]) -> Mutation:
    return lambda folder: (folder / file).write_text(how((folder / file).read_text("utf-8")), "utf-8")


def encoded(file: str, encoding: str) -> Mutation:
    return lambda folder: (folder / file).write_bytes((folder / file).read_text("utf-8").encode(encoding))


def renamed(file: str, new: str) -> Mutation:
    return lambda folder: (folder / file).rename(folder / new)


def without_line(number: int) -> Callable[[str], str]:
    return lambda text: "".join(line for n, line in enumerate(text.splitlines(keepends=True), 1) if n != number)


HEAD = "handler: 赵志远, head: 丁海宁}"
SCIENCE = "handler: 黄明月, head: 张雨桐}"
BREAKS: dict[str, tuple[list[Mutation], str]] = {
    "a table in GBK": ([encoded("catalogue.csv", "gbk")], "catalogue.csv is not UTF-8; save it as 'CSV UTF-8'"),
    "a description in UTF-16": ([encoded("departments.yaml", "utf-16")], "departments.yaml is not UTF-8"),
    "semicolons between the cells": (
        [rewritten("urgency.csv", lambda text: text.replace(",", ";"))],
        "urgency.csv:1 [id] between the cells stands a semicolon; save the table as CSV with commas",
    ),
    "tabs between the cells": (
        [rewritten("urgency.csv", lambda text: text.replace(",", "\t"))],
        "urgency.csv:1 [id] between the cells stands a tab",
    ),
    "Chinese commas in a row": (
        [put("deadlines.csv", "fix-normal,,fix,normal,5 wd,,", "fix-normal,,fix，normal，5 wd，，")],
        "a Chinese comma does not part cells",
    ),
    "no row of labels, so that the first rule would be lost": (
        [rewritten("ladder.csv", without_line(2))],
        "ladder.csv:2 [urgency] the second line has to say what each column",
    ),
    "a title above the field names": (
        [rewritten("deadlines.csv", lambda text: "办理时限,,,,,,\n" + text)],
        "deadlines.csv:1 [id] the field names stand in line 2; take out what is above them",
    ),
    "two columns swapped": (
        [put("deadlines.csv", "process,clock,urgency", "process,urgency,clock")],
        "deadlines.csv:1 [clock] its cells look like those of 'urgency'; were two columns swapped?",
    ),
    "a control character": (
        [put("ladder.csv", "yellow_card", "yellow\x00_card")],
        "'yellow_card' has a sign nobody can see; type it again",
    ),
    "a zero-width space": (
        [put("catalogue.csv", "ecology@district", "ecology\u200b@district")], "has a sign nobody can see",
    ),
    "a channel twice": (
        [put("channels.csv", "app,app,", "app,web,")], "channels.csv:4 [channel] 'web' is named in line 3 already",
    ),
    "a district by its name": (
        [put("catalogue.csv", "environment/noise/neighbourhood,,", "environment/noise/neighbourhood,市南区,")],
        "unknown district '市南区'; its code is shinan",
    ),
    "a department by its name": (
        [put("catalogue.csv", ",police@district,", ",市公安局,")],
        "unknown department '市公安局'; its code is public-security",
    ),
    "a department that is nowhere": (
        [put("catalogue.csv", ",police@district,", ",nobody-knows,")],
        "unknown department 'nobody-knows'; add it to departments.yaml, or name one that is there",
    ),
    "a matter by its name": (
        [put("keywords.csv", "utilities/gas/leak", "燃气泄漏")],
        "unknown category '燃气泄漏'; its code is utilities/gas/leak",
    ),
    "two departments above each other": (
        [put("departments.yaml", HEAD, HEAD[:-1] + ", above: science}"),
         put("departments.yaml", SCIENCE, SCIENCE[:-1] + ", above: education}")],
        "[above] education, science are above each other; somebody has to be at the top",
    ),
    "a telephone number without quotes": (
        [put("departments.yaml", 'phone: "0532-0000-0006"', "phone: 53200000006")],
        "[city.6.phone] '53200000006' has to be in quotes; without them it is read as a number",
    ),
    "a tree that refers to itself": (
        [put("categories.yaml", "  environment:\n", "  environment: &all\n"),
         put("categories.yaml", "    below:\n", "    below:\n      again: *all\n")],
        "[categories.environment.below.again] refers to itself; write it out instead",
    ),
    "a year that is none": ([put("calendar.yaml", "noticed: []", "noticed: [20266]")], "'20266' is too large"),
    "the citizen as owner of a coordination": (
        [put(STANDARD, "kind: coordination\n    owner: lead", "kind: coordination\n    owner: citizen")],
        "[stages.coordination.owner] the citizen has no task in a stage of kind coordination",
    ),
    "a clock of the whole case that nobody can name": (
        [put(STANDARD, "clocks:\n  whole_case:", "clocks:\n  oversight: {holder: lead}\n  whole_case:")],
        "[clocks.oversight] nobody knows what to call the clock 'oversight'; give it a label in zh and en",
    ),
    "a value that is blank": ([put(STANDARD, "kind: coordination", "kind:")], "[stages.coordination.kind] is empty"),
    "a description that is blank": ([rewritten(STANDARD, lambda _: "")], f"{STANDARD}:1 is empty"),
    "a Chinese colon": ([put(STANDARD, "kind: coordination", "kind：coordination")], "a Chinese colon does not"),
    "a merge that nobody finished": (
        [put(STANDARD, "    kind: coordination", "<<<<<<< one\n    kind: coordination\n=======\n    kind: review")],
        "two texts were merged here and nobody chose",
    ),
    "a tab that indents": ([put(STANDARD, "    kind: coordination", "\tkind: coordination")], "never with tabs"),
    "an ending of its own": (
        [renamed(STANDARD, "process/standard.yml")],
        f"{STANDARD} is missing from the rulebook; is it process/standard.yml? Rename that",
    ),
    "a folder by another name": ([renamed("process", "processes")], "is it processes/standard.yaml? Rename that"),
    "an ending in capitals": ([renamed("ladder.csv", "ladder.CSV")], "write its ending in small letters: ladder.csv"),
    "an old spreadsheet": (
        [renamed("deadlines.csv", "deadlines.xls")], "deadlines.xls is not read; save it as XLSX or as CSV UTF-8",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("mutations", "words"), BREAKS.values(), ids=BREAKS.keys())
def test_what_outsiders_do_is_found_and_told_in_few_faults(folder: Path, mutations: list[Mutation], words: str):
    for mutate in mutations:
        mutate(folder)
    found = told(folder)
    assert any(words in one for one in found), found
    assert len(found) <= 5, "one cause, few faults"
    translated = told(folder, "zh_CN")
    assert [one for one in translated if one in found or "%(" in one or not re.search("[一-龥]", one)] == []


@pytest.mark.parametrize(
    "harmless",
    [encoded("catalogue.csv", "utf-8-sig"), rewritten("catalogue.csv", lambda text: text.replace("\n", "\r\n"))],
    ids=["a byte order mark", "line ends of Windows"],
)
def test_what_programs_do_to_a_text_by_themselves_is_no_fault(folder: Path, harmless: Mutation):
    harmless(folder)
    assert told(folder) == []
