"""A table is something a clerk can edit: as CSV or as a workbook, both ways, and nothing is lost on the way."""

from __future__ import annotations

import shutil
from datetime import date, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from openpyxl import Workbook, load_workbook

from infra.exchange import export_tables, import_tables
from infra.mistakes import Mistake
from infra.rulebook_check import check_folder
from infra.rulebook_files import look_into, read_folder
from infra.settings import RULEBOOKS
from infra.sheets import read_workbook, write_workbook
from rules.faults import RulebookFaults
from rules.rulebook import build, version_of
from rules.table_text import csv_text

QINGDAO = RULEBOOKS / "qingdao"
TABLES = ("callback", "catalogue", "channels", "deadlines", "keywords", "ladder", "urgency")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of Qingdao's rulebook."""
    return Path(shutil.copytree(QINGDAO, tmp_path / "city"))


def as_workbook(folder: Path, name: str) -> Path:
    """The table becomes a workbook of its own, instead of the CSV file."""
    made = folder / f"{name}.xlsx"
    export_tables(folder, [name], xlsx=made, csv=None)
    (folder / f"{name}.csv").unlink()
    return made


def edit(workbook: Path, sheet: str, old: str, new: str | float | None) -> None:
    """What a clerk does: one cell."""
    book = load_workbook(workbook)
    (cell,) = [cell for row in book[sheet].iter_rows() for cell in row if cell.value == old][:1]
    cell.value = new
    book.save(workbook)


words = some.text(some.characters(exclude_categories=["Cc", "Cs", "Cn", "Co"]), max_size=8)
cells = words | some.sampled_from(
    ["007", "1.0", "2026-01-01", "TRUE", "=1+1", "= 3", "'x", "#N/A", "#REF!", " spaced ", "two\nlines", '"', ",",
     "-1 wd", "_x000D_", "_x0041_", "1e5", "@here", "+86", "<= 2", "&amp;", "５", "\u200b", "NULL"])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(some.lists(some.lists(cells, min_size=3, max_size=3), max_size=6))
def test_a_table_comes_back_from_a_workbook_as_it_was(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]):
    path = tmp_path_factory.mktemp("sheets") / "some.xlsx"
    while rows and not any(rows[-1]):
        rows.pop()
    text = csv_text([["id", "kind", "->out"], *(cells if any(cells) else [] for cells in rows)])
    write_workbook(path, {"some": text}, {"kind": ["a", "b"]})
    assert read_workbook(path) == {"some": text}


def test_all_tables_go_out_and_come_back_without_a_change(folder: Path, tmp_path: Path, capsys):
    before = read_folder(folder)
    export_tables(folder, [], xlsx=tmp_path / "all.xlsx", csv=None)
    assert import_tables(folder, [tmp_path / "all.xlsx"]) == 0
    assert read_folder(folder) == before
    assert capsys.readouterr().out.count("nothing new") == len(list(folder.glob("*.csv")))


def test_a_sheet_has_two_header_rows_lists_to_choose_from_and_cells_of_text(folder: Path, tmp_path: Path):
    export_tables(folder, ["catalogue", "deadlines"], xlsx=tmp_path / "two.xlsx", csv=None)
    book = load_workbook(tmp_path / "two.xlsx")
    assert book.sheetnames == ["catalogue", "deadlines", "choices"]
    assert book["choices"].sheet_state == "hidden"
    sheet = book["catalogue"]
    assert [sheet["A1"].value, sheet["A2"].value, sheet["D1"].value] == ["id:collect", "行号", "->lead"]
    lists = {str(v.sqref).partition("3:")[0]: v for v in sheet.data_validations.dataValidation}
    assert set(lists) == {"B", "C", "D", "E"}
    first, _, last = lists["D"].formula1.removeprefix("choices!").replace("$", "").partition(":")
    offered = [cell.value for (cell,) in book["choices"][first:last]]
    assert {"ecology@district", "traffic-police"} <= set(offered)
    assert {cell.number_format for row in sheet.iter_rows() for cell in row} == {"@"}


def test_a_changed_cell_comes_back(folder: Path, tmp_path: Path):
    export_tables(folder, ["deadlines"], xlsx=tmp_path / "d.xlsx", csv=None)
    edit(tmp_path / "d.xlsx", "deadlines", "15 wd", "14 wd")
    assert import_tables(folder, [tmp_path / "d.xlsx"]) == 0
    before, after = ((path / "deadlines.csv").read_text("utf-8") for path in (QINGDAO, folder))
    assert after == before.replace("15 wd", "14 wd", 1)


def test_what_would_bring_a_fault_is_named_by_sheet_and_row_and_changes_nothing(folder: Path, tmp_path: Path, capsys):
    before = read_folder(folder)
    export_tables(folder, [], xlsx=tmp_path / "all.xlsx", csv=None)
    edit(tmp_path / "all.xlsx", "catalogue", "street-lights", "street-light")
    edit(tmp_path / "all.xlsx", "catalogue", "drainage", "drain-age")
    assert import_tables(folder, [tmp_path / "all.xlsx"]) == 1
    assert read_folder(folder) == before
    said = capsys.readouterr().out
    assert "all.xlsx, sheet catalogue:14 [lead] unknown department 'drain-age'; did you mean drainage" in said


def test_a_workbook_may_stand_in_for_a_csv_file_and_the_version_is_that_of_its_cells(folder: Path):
    plain = version_of(read_folder(folder))
    made = as_workbook(folder, "catalogue")
    assert version_of(read_folder(folder)) == plain
    load_workbook(made).save(made)  # packed again by another program
    assert version_of(read_folder(folder)) == plain
    assert build(read_folder(folder)).route("environment/air/fumes", "shinan").row == "fumes"


def test_faults_of_a_workbook_name_the_workbook_and_the_row(folder: Path, capsys):
    made = as_workbook(folder, "catalogue")
    edit(made, "catalogue", "drainage", "drain-age")
    assert check_folder(folder, as_json=False) == 1
    assert "catalogue.xlsx:14 [lead] unknown department 'drain-age'" in capsys.readouterr().out


def test_a_table_that_is_a_workbook_is_taken_over_into_the_workbook(folder: Path, tmp_path: Path):
    made = as_workbook(folder, "deadlines")
    export_tables(folder, ["deadlines"], xlsx=tmp_path / "d.xlsx", csv=None)
    edit(tmp_path / "d.xlsx", "deadlines", "15 wd", "14 wd")
    assert import_tables(folder, [tmp_path / "d.xlsx"]) == 0
    assert not (folder / "deadlines.csv").exists()
    assert "14 wd" in read_workbook(made)["deadlines"]


def test_a_workbook_beside_a_csv_file_is_a_fault(folder: Path):
    export_tables(folder, ["ladder"], xlsx=folder / "ladder.xlsx", csv=None)
    with pytest.raises(RulebookFaults, match=r"ladder\.xlsx stands beside ladder\.csv"):
        read_folder(folder)


@pytest.mark.parametrize(
    ("value", "told"),
    [("=1+1", "is a formula; write the value itself"), ("#REF!", "is an error; write the value itself")],
)
def test_what_has_no_plain_meaning_is_named_with_its_cell(folder: Path, value: str, told: str):
    rows = (folder / "deadlines.csv").read_text("utf-8").splitlines()
    line = next(n for n, row in enumerate(rows, 1) if row.startswith("fix-normal,"))
    edit(as_workbook(folder, "deadlines"), "deadlines", "fix-normal", value)
    (fault,) = look_into(folder).faults
    assert (fault.file, fault.line, fault.cell) == ("deadlines.xlsx", line, f"deadlines!A{line}")
    assert told in fault.message


def test_merged_cells_are_named_because_all_but_one_would_mean_any(folder: Path):
    made = as_workbook(folder, "catalogue")
    book = load_workbook(made)
    book["catalogue"].merge_cells("B3:B5")
    book.save(made)
    (fault,) = look_into(folder).faults
    assert (fault.line, fault.cell) == (3, "catalogue!B3:B5")
    assert "take the merge apart" in fault.message


def test_numbers_and_days_of_a_sheet_are_what_a_person_reads(tmp_path: Path):
    book = Workbook()
    book.worksheets[0].append([3, 0.5, 3.0, date(2027, 1, 31), datetime.fromisoformat("2027-01-31"), True, None, "x"])
    book.save(tmp_path / "some.xlsx")
    assert read_workbook(tmp_path / "some.xlsx") == {"Sheet": "3,0.5,3,2027-01-31,2027-01-31,true,,x\n"}


@pytest.mark.parametrize("content", [b"", b"no workbook", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_workbook_is_a_fault_and_never_a_crash(folder: Path, content: bytes):
    (folder / "ladder.csv").unlink()
    (folder / "ladder.xlsx").write_bytes(content)
    assert check_folder(folder, as_json=True) == 1
    (fault,) = look_into(folder).faults
    assert fault.message.startswith("is not a readable XLSX workbook")


def test_tables_as_csv_open_in_a_spreadsheet_and_come_back(folder: Path, tmp_path: Path, capsys):
    export_tables(folder, ["ladder", "urgency"], xlsx=None, csv=tmp_path / "out")
    assert (tmp_path / "out" / "ladder.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert import_tables(folder, sorted((tmp_path / "out").iterdir())) == 0
    assert version_of(read_folder(folder)) == version_of(read_folder(QINGDAO))
    capsys.readouterr()
    export_tables(folder, ["ladder"], xlsx=None, csv=None)
    assert capsys.readouterr().out == (QINGDAO / "ladder.csv").read_text("utf-8")


def test_mistakes_are_one_sentence(folder: Path, tmp_path: Path):
    for wanted, told in ((["laddr"], "no table 'laddr'; did you mean ladder"), ([], "name one table to print it")):
        with pytest.raises(Mistake, match=told):
            export_tables(folder, wanted, xlsx=None, csv=None)
    with pytest.raises(Mistake, match="there is no file"):
        import_tables(folder, [tmp_path / "none.xlsx"])
    with pytest.raises(Mistake, match="is not a folder"):
        export_tables(tmp_path / "none", [], xlsx=None, csv=None)
