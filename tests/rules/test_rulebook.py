"""A rulebook is checked as a whole before it can be used: each fault says where it is and how to mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from infra.rulebook_files import read_folder
from infra.settings import RULEBOOKS
from rules.case import Complaint
from rules.faults import RulebookFaults
from rules.rulebook import Rulebook, build, load, version_of

QINGDAO = read_folder(RULEBOOKS / "qingdao")


def complaint(subject: str = "", **more: object) -> Complaint:
    return Complaint(**{"channel": "web", "subject": subject, "description": ""} | more)


def changed(file: str, old: str, new: str) -> dict[str, str]:
    """Qingdao's rulebook with one text replaced."""
    assert old in QINGDAO[file], f"{old!r} is no longer in {file}"
    return {**QINGDAO, file: QINGDAO[file].replace(old, new, 1)}


def faults(files: Mapping[str, str]) -> list[str]:
    with pytest.raises(RulebookFaults) as raised:
        build(files)
    return [str(fault) for fault in raised.value.faults]


OPTIONAL = {"processes.csv", *(name for name in QINGDAO if name.startswith("process/"))} - {"process/standard.yaml"}


@pytest.mark.parametrize("file", sorted(QINGDAO.keys() - OPTIONAL))
def test_no_file_may_be_missing(file: str):
    told = faults({n: t for n, t in QINGDAO.items() if n != file})
    assert [f for f in told if f.startswith(f"{file} is missing from the rulebook; take the one of")]


def test_a_process_that_is_named_has_to_be_there():
    without = {n: t for n, t in QINGDAO.items() if n != "process/petition.yaml"}
    assert any("processes.csv:4 [process] unknown process 'petition'" in fault for fault in faults(without))


def test_a_city_with_one_process_needs_no_table_of_processes():
    one = {n: t for n, t in QINGDAO.items() if n not in OPTIONAL | {"permits.csv"}}
    lines = one["deadlines.csv"].splitlines(keepends=True)
    own = re.compile("[^,]*,((urgent|consultation|petition),|,(acceptance|appeal|review|re_review),)")
    one["deadlines.csv"] = "".join(line for line in lines if not own.match(line))
    ladder = one["ladder.csv"].replace('"rating,appeal"', "rating").splitlines(keepends=True)
    one["ladder.csv"] = "".join(line for line in ladder if not line.startswith("warn-petition"))
    book = build(one)
    assert list(book.processes) == ["standard"]
    assert book.process_for(complaint("燃气泄漏")).value == "standard"


@pytest.mark.parametrize("file", sorted(QINGDAO))
@pytest.mark.parametrize("text", ["", "- a\n- b", "a: [", "\x00", "id,a\n", "{}", "name: x"])
def test_nonsense_in_any_file_is_a_fault_and_never_a_crash(file: str, text: str):
    if file == "calendar.yaml" and text in ("", "{}"):
        pytest.skip("a calendar without a word of its own is the library's")
    assert all(fault.startswith(file) for fault in faults({**QINGDAO, file: text}))


def test_one_broken_file_does_not_hide_the_faults_of_the_next():
    files = changed("deadlines.csv", ",5 wd,", ",5 days,") | {"categories.yaml": "a: [", "callback.csv": ""}
    del files["districts.yaml"]
    broken = {fault.split(":")[0].split(" ")[0] for fault in faults(files)}
    assert broken == {"deadlines.csv", "categories.yaml", "callback.csv", "districts.yaml"}


def test_every_fault_of_a_table_is_told_at_once():
    files = changed("catalogue.csv", ",street-lights,", ",x,")
    files["catalogue.csv"] = files["catalogue.csv"].replace(",drainage,", ",y,").replace(",metro,", ",z,")
    told = faults(files)
    assert [fault.split("'")[1] for fault in told] == ["x", "y", "z"]
    assert len({fault.split(" ")[0] for fault in told}) == 3, "each with its own line"


def test_a_broken_cell_does_not_hide_a_wrong_department():
    files = changed("catalogue.csv", "environment/air/fumes", "environment/air;fumes")
    files["catalogue.csv"] = files["catalogue.csv"].replace(",drainage,", ",y,")
    told = faults(files)
    assert ["is not understood" in told[0], "unknown department 'y'" in told[1], len(told)] == [True, True, 2]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("catalogue.csv", "backstop-city,,,city-desk", "backstop-city,urban,,city-desk"),
        ("deadlines.csv", "default,,,,none", "default,standard,,,none"),
        ("ladder.csv", "handler,yellow_card", "handlr,yellow_card"),
        ("departments.yaml", ", office: supervision", ""),
    ],
)
def test_a_version_that_was_approved_before_can_be_loaded_whatever_todays_check_says(file: str, old: str, new: str):
    files = changed(file, old, new)
    assert faults(files)
    assert load(files).version == version_of(files)


@pytest.mark.parametrize("file", sorted(set(QINGDAO) - {"departments.yaml", "process/standard.yaml"}))
def test_an_approved_version_without_a_file_of_today_still_answers(file: str):
    old = load({name: text for name, text in QINGDAO.items() if name != file})
    asked = complaint("半夜施工噪声")
    assert old.urgency(asked, old.classify(asked).value).value in ("normal", "urgent", "complex")
    assert old.deadline("standard", "fix", "normal").value or file == "deadlines.csv"


def test_what_cannot_be_read_at_all_cannot_be_loaded():
    with pytest.raises(RulebookFaults):
        load({**QINGDAO, "process/standard.yaml": "a: ["})


def test_a_file_that_nobody_reads_is_told():
    assert faults({**QINGDAO, "laddr.csv": ""}) == [
        "laddr.csv is no table of the rules, and no process names it; remove it, or mend its name"
    ]
    files = {("laddr.csv" if n == "ladder.csv" else n): t for n, t in QINGDAO.items()}
    assert "laddr.csv is no table of the rules, and no process names it; did you mean ladder.csv?" in faults(files)


def test_the_version_is_the_content():
    assert build(QINGDAO).version == version_of(QINGDAO) == build(dict(reversed(QINGDAO.items()))).version
    assert len(version_of(QINGDAO)) == 12
    assert int(version_of(QINGDAO), 16)
    versions = {version_of({**QINGDAO, name: text + " "}) for name, text in QINGDAO.items()}
    assert len(versions | {version_of(QINGDAO)}) == len(QINGDAO) + 1
    assert version_of({"a": "b", "c": ""}) != version_of({"a": "", "c": "b"})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("environment/noise/construction", "environment/noise/construction"),
        ("noise/construction", "environment/noise/construction"),
        (" Environment / Noise / Construction noise ", "environment/noise/construction"),
        ("生态环境 > 噪声扰民 > 施工噪声", "environment/noise/construction"),
        ("施工噪声", "environment/noise/construction"),
        ("noise", "environment/noise"),
        ("housing", "housing"),
        ("fees", None),
        ("no such thing", None),
        ("", None),
    ],
)
def test_a_category_is_found_by_whatever_names_it_alone(book: Rulebook, text: str, code: str | None):
    assert book.find_category(text) == code


def test_classification_takes_what_was_given_then_the_keywords_then_leaves_it_to_the_desk(book: Rulebook):
    given = book.classify(complaint("楼下油烟", category="施工噪声"))
    assert (given.value, given.row) == ("environment/noise/construction", "")
    found = book.classify(complaint("楼下油烟太大"))
    assert (found.value, found.row) == ("environment/air/fumes", "fumes")
    assert book.classify(complaint("楼下油烟", category="不存在的分类")).value == "environment/air/fumes"
    for nonsense in ("", "asdf qwer", "1234567", "啊啊啊啊", "zzz " * 500, "你好", "'; DROP TABLE cases; --"):
        assert book.classify(complaint(nonsense)).value is None


def test_the_place_is_what_was_given_or_what_the_address_says(book: Rulebook):
    assert book.locate(complaint(district="崂山区", address="市南区香港中路")) == "laoshan"
    assert book.locate(complaint(address="市南区香港中路")) == "shinan"
    assert book.locate(complaint("李沧万达附近占道")) == "licang"
    assert book.locate(complaint(district="上海", address="不知道")) is None


def test_answers_are_the_same_when_asked_again(book: Rulebook):
    assert book.deadline("standard", "fix", "normal") is book.deadline("standard", "fix", "normal")
    assert book.route("environment", "shinan") is book.route("environment", "shinan")
    assert str(book.deadline("standard", "fix", "normal").value) == "5 wd"


def test_a_folder_is_read_without_locks_and_backups(tmp_path: Path):
    (tmp_path / "process").mkdir()
    for name in ("a.csv", "process/b.yaml", ".hidden.csv", "~lock.a.csv", "notes.txt"):
        (tmp_path / name).write_text("\ufefftext\r\n", "utf-8")
    assert read_folder(tmp_path) == {"a.csv": "text\n", "process/b.yaml": "text\n"}


def test_a_folder_that_cannot_be_read_is_a_fault(tmp_path: Path):
    (tmp_path / "a.csv").write_bytes("派单".encode("gb18030"))
    for folder, told in ((tmp_path, "a.csv is not UTF-8"), (tmp_path / "none", "is not a folder")):
        with pytest.raises(RulebookFaults, match=told):
            read_folder(folder)
