"""Complaints from files: good rows go in, bad rows are named with file, row and field, and no row goes in twice."""

from __future__ import annotations

import csv
import json
import sqlite3
from pathlib import Path

import pytest
from openpyxl import Workbook

from infra.intake_files import clean
from infra.intake_rows import BadFile, check_path, read_rows
from infra.intake_ways import RowFault
from infra.mistakes import Mistake
from tests.infra.test_cli import minsheng, one_sentence

GOOD = {
    "channel": "web", "subject": "垃圾没有清运", "description": "三天没清了",
    "category": "垃圾清运", "district": "市南",
}  # fmt: skip
CHINESE = {
    "渠道": "web", "标题": "路灯不亮", "内容": "整条路都黑", "分类": "路灯故障", "区市": "市北",
    "电话": "053255550000", "匿名": "否",
}  # fmt: skip


def csv_file(path: Path, rows: list[dict[str, str]], *, encoding: str = "utf-8", delimiter: str = ",") -> Path:
    with path.open("w", encoding=encoding, newline="") as out:
        writer = csv.DictWriter(out, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


def cells(path: Path) -> list[dict[str, object]]:
    return [dict(row.cells) for row in read_rows(path)]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with an empty ledger, as `minsheng up` leaves it."""
    folder = tmp_path_factory.mktemp("city")
    (folder / "secret.key").write_text("s" * 40, "utf-8")
    assert minsheng("db", "upgrade", cwd=folder, MINSHENG_DATA_DIR=str(folder)).returncode == 0
    here = {"MINSHENG_DATA_DIR": str(folder), "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    minsheng("deploy", cwd=folder, **here)  # puts the rulebook in force, then finds no Prefect
    return folder


def submit(city: Path, *paths: Path) -> tuple[int, str, str]:
    done = minsheng("submit", *map(str, paths), "--data", str(city), cwd=city)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout.strip(), done.stderr


# Reading


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_csv_with_chinese_headings_is_read_in_any_usual_form(tmp_path, encoding, delimiter):
    found = cells(csv_file(tmp_path / "a.csv", [CHINESE], encoding=encoding, delimiter=delimiter))
    assert found == [
        {
            "channel": "web", "subject": "路灯不亮", "description": "整条路都黑", "category": "路灯故障",
            "district": "市北", "phone": "053255550000", "anonymous": "否",
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([GOOD, GOOD], ensure_ascii=False),
        "\n".join([json.dumps(GOOD)] * 2) + "\n",
        json.dumps([GOOD, GOOD], indent=2),
    ],
    ids=["list", "lines", "indented"],
)
def test_json_may_be_a_list_or_lines(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text, "utf-8")
    assert cells(path) == [GOOD, GOOD]


def test_xlsx_cells_are_read_as_a_person_reads_them(tmp_path):
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["主题", "描述", "手机", "经度"])
    sheet.append(["噪声", "夜里施工", 13800000000.0, 120.38])
    sheet.append([None, None, None, None])
    sheet.append(["油烟", "直排", None, None])
    book.save(tmp_path / "a.xlsx")
    rows = list(read_rows(tmp_path / "a.xlsx"))
    assert [row.place for row in rows] == [2, 4]
    assert rows[0].cells == {"subject": "噪声", "description": "夜里施工", "phone": "13800000000", "long": "120.38"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "no heading row"),
        ("a.csv", "标题,地址\nx,y\n".encode(), "no column description"),
        ("a.csv", b'subject,description\n"open,\n', "not valid CSV"),
        ("a.csv", b"\xff\xff\xff", "neither UTF-8 nor GB 18030"),
        ("a.json", b"[{", "not valid JSON"),
        ("a.xlsx", b"PK no workbook", "not a readable XLSX"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadFile, match=words):
        list(read_rows(tmp_path / name))


def test_a_missing_file_stops_everything_before_any_row_goes_in(tmp_path):
    with pytest.raises(Mistake, match="No such file"):
        check_path(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"subject": " "}, "subject"),
        ({"description": None}, "description"),
        ({"subject": "长" * 201}, "subject"),
        ({"anonymous": "vielleicht"}, "anonymous"),
        ({"lat": "north"}, "lat"),
        ({"long": "181"}, "long"),
        ({"address": {"street": "x"}}, "address"),
    ],
)
def test_a_bad_row_names_its_field(wrong, field):
    with pytest.raises(RowFault) as fault:
        clean({**GOOD, **wrong})
    assert list(fault.value.wrong) == [field]


def test_every_bad_field_of_a_row_is_named_at_once():
    with pytest.raises(RowFault) as fault:
        clean({"subject": "", "lat": "x"})
    assert set(fault.value.wrong) == {"subject", "description", "lat"}


# Into the ledger


def test_good_rows_go_in_and_bad_rows_are_named(city, tmp_path):
    rows = [{**GOOD, "subject": "一"}, {**GOOD, "subject": ""}, {**GOOD, "subject": "二", "category": "天外来客"}]
    code, out, err = submit(city, csv_file(tmp_path / "mixed.csv", rows))
    assert (code, out) == (1, "ledger: 1 new, 0 there already, 2 bad")
    assert "mixed.csv, row 3, subject: is missing" in err
    assert "mixed.csv, row 4, category: " in err


def test_the_same_rows_again_add_nothing_whatever_the_file_is_called(city, tmp_path):
    rows = [{**GOOD, "subject": "甲"}, {**GOOD, "subject": "甲"}, {**GOOD, "subject": "乙"}]
    first = submit(city, csv_file(tmp_path / "a.csv", rows))
    again = submit(city, csv_file(tmp_path / "b.csv", rows, encoding="gb18030"))
    part = submit(city, csv_file(tmp_path / "c.csv", [*rows[2:], *rows[:1]]))
    assert first[:2] == (0, "ledger: 3 new, 0 there already, 0 bad")
    assert again[:2] == (0, "ledger: 0 new, 3 there already, 0 bad")
    assert part[:2] == (0, "ledger: 0 new, 2 there already, 0 bad")


def test_csv_json_and_xlsx_with_the_same_content_are_the_same_complaint(city, tmp_path):
    told = {"channel": "app", "subject": "同一件事", "description": "三种文件"}
    (tmp_path / "a.json").write_text(json.dumps([told]), "utf-8")
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for line in (list(told), list(told.values())):
        sheet.append(line)
    book.save(tmp_path / "a.xlsx")
    code, out, _ = submit(city, csv_file(tmp_path / "a.csv", [told]), tmp_path / "a.json", tmp_path / "a.xlsx")
    assert (code, out) == (0, "ledger: 1 new, 2 there already, 0 bad")


def test_columns_that_are_not_used_are_said(city, tmp_path):
    _, _, err = submit(city, csv_file(tmp_path / "a.csv", [{**GOOD, "subject": "多一列", "工单编号": "17"}]))
    assert "工单编号" in err


def test_the_person_is_not_readable_in_the_database(city, tmp_path):
    told = {**GOOD, "subject": "有名有姓", "name": "诸葛示例", "phone": "053255551234"}
    submit(city, csv_file(tmp_path / "a.csv", [told]))
    with sqlite3.connect(city / "ledger.db") as db:
        dump = "\n".join(db.iterdump())
    assert "有名有姓" in dump
    assert "诸葛示例" not in dump
    assert "053255551234" not in dump


def test_rows_may_pass_a_portal_by(city, tmp_path):
    path = csv_file(tmp_path / "a.csv", [{**GOOD, "subject": "直接入账"}])
    options = ("--straight", "--data", str(city))
    done = minsheng("submit", str(path), *options, cwd=city, MINSHENG_PORTAL_URL="http://127.0.0.1:1")
    assert done.stdout.strip() == "ledger: 1 new, 0 there already, 0 bad"


def test_a_portal_that_does_not_answer_is_one_sentence(tmp_path):
    path = csv_file(tmp_path / "a.csv", [GOOD])
    said = one_sentence(minsheng("submit", str(path), cwd=tmp_path, MINSHENG_PORTAL_URL="http://127.0.0.1:1"))
    assert "does not answer" in said
