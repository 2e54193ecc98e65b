"""Every decision can be explained: a table names the row that fired, and never skips one in silence."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rules.faults import RulebookFaults
from rules.table_text import csv_lines, csv_text, examine, read_table, table_of
from rules.tables import MEMO_LIMIT, Table


def table(header: str, *rows: str, collect: bool = False) -> Table:
    """A table whose rows are written without their ids: a, b, c …"""
    names = header.split(",")
    label = ",".join(["行号", *("字段" for _ in names)])
    lines = [f"id,{header}", label, *(f"{letter},{row}" for letter, row in zip("abcdefgh", rows, strict=False))]
    return read_table("\n".join(lines), "some.csv", collect=collect)


def faults(text: str, *, collect: bool = False) -> list[str]:
    with pytest.raises(RulebookFaults) as raised:
        read_table(text, "some.csv", collect=collect)
    return [str(fault) for fault in raised.value.faults]


def cell_fault(name: str, cell: str) -> str:
    (fault,) = faults(f'id,{name},->out\n行号,甲,乙\na,"{cell}",x\nb,,y')
    return fault


def fired(of: Table, **facts: object) -> str:
    return ",".join(row.id for row in of.match(**facts))


def test_the_first_row_that_fits_wins():
    one = table("kind,->out", "red,x", "blue,y", ",z")
    assert [fired(one, kind=kind) for kind in ("red", "blue", "green", None)] == ["a", "b", "c", "c"]
    row = one.first(kind="blue")
    assert row is not None
    assert (row.id, row.line, row.cells["out"]) == ("b", 4, "y")


def test_all_rows_that_fit_count_where_the_table_collects():
    many = table("kind,size,->out", "red,,x", ",> 3,y", ",,z", collect=True)
    assert fired(many, kind="red", size=5) == "a,b,c"
    assert fired(many, kind="blue", size=1) == "c"
    assert fired(table("kind,->out", "red,x", collect=True), kind="blue") == ""


def test_a_category_takes_everything_below_it_and_nothing_beside():
    tree = table("category/,->out", "noise/construction,x", '"noise,air",y', ",z")
    wanted = {
        "noise/construction": "a",
        "noise/construction/night": "a",
        "noise": "b",
        "noise/traffic": "b",
        "air/dust": "b",
        "noise-barrier": "c",
        "noises/loud": "c",
        "water/noise": "c",
        "": "c",
    }
    assert {category: fired(tree, category=category) for category in wanted} == wanted


def test_words_are_found_anywhere_in_a_text():
    words = table("text~,->out", "漏水、渗水,x", "夜间+施工、工地+噪,y", "KTV、dust,v", ",z")
    wanted = {
        "楼上漏水了": "a",
        "夜间总在施工": "b",
        "施工在夜间": "b",
        "工地有噪声": "b",
        "夜间有噪声": "d",
        "施工": "d",
        "楼下ktv太吵": "c",
        "DUST everywhere": "c",
        "an industrial estate": "d",
        "": "d",
    }
    assert {text: fired(words, text=text) for text in wanted} == wanted


@pytest.mark.parametrize("cell", ["red,blue", "red、blue", "red，blue", "“red”，“blue”", " red , blue "])
def test_a_clerk_may_write_words_as_the_keyboard_gives_them(cell: str):
    one = table("kind,->out", f'"{cell}",x', ",z")
    assert [fired(one, kind=kind) for kind in ("red", "blue", "green")] == ["a", "a", "b"]


def test_quoted_words_mean_the_same_as_plain_ones():
    one = table("category/,->out", '"""noise"",""air""",x', ",z")
    assert [fired(one, category=category) for category in ("noise/night", "air", "water")] == ["a", "a", "b"]


@pytest.mark.parametrize(
    ("cell", "fits"),
    [
        ("> 3", [4, 5]),
        ("＞3", [4, 5]),
        ("[2..4]", [2, 3, 4]),
        ("<= 2", [1, 2]),
        ("≤ 2", [1, 2]),
        ("1,5", [1, 5]),
    ],
)
def test_numbers_are_compared(cell: str, fits: list[int]):
    one = table("size,->out", f'"{cell}",x', ",z")
    assert [size for size in range(1, 6) if fired(one, size=size) == "a"] == fits


def test_a_missing_fact_fits_no_word_and_no_number():
    one = table("kind,size,->out", "red,,x", ",> 3,y", ",,z")
    assert fired(one) == "c"


@pytest.mark.parametrize(
    ("name", "cell", "told"),
    [
        ("size", "> ", "cannot be read"),
        ("size", "[1..", "cannot be read"),
        ("size", "abc(3)", "is not understood"),
        ("size", "contains($)", "cannot be read"),
        ("size", "$ in other", "can never be true"),
        ("kind", "red;blue", "is not understood"),
        ("kind", "red,,blue", "is not understood"),
        ("kind", "red\\blue", "is not understood"),
        ("category/", "> 3", "takes words"),
        ("text~", "contains($, 'x')", "takes words"),
        ("text~", "夜间+", "nothing beside it"),
    ],
)
def test_a_broken_cell_is_named_instead_of_being_skipped_in_silence(name: str, cell: str, told: str):
    fault = cell_fault(name, cell)
    assert fault.startswith(f"some.csv:3 [{name}] ")
    assert told in fault


def test_all_faults_are_told_at_once_with_line_and_column():
    told = faults('id,size,->out\n行号,甲,乙\na,> ,x\n\n,1,x\na,"[1..",x\nz,,y')
    assert [fault.split("'")[0].strip() for fault in told[:1]] == ["some.csv:3 [size]"]
    assert [fault.split("]")[0] + "]" for fault in told] == [
        "some.csv:3 [size]",
        "some.csv:5 [id]",
        "some.csv:6 [id]",
        "some.csv:6 [size]",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "two header rows"),
        ("id,a,->b", "two header rows"),
        ("id,a,->b\n行号,甲,乙", "two header rows"),
        ("name,a,->b\n行号,甲,乙\nx,,y", "two header rows"),
        ("id,a,->b\n行号,甲,乙\nx,y", "has 2 cells, the header has 3"),
        ("id,a,->b\n行号,甲\nx,,y", "has 2 cells, the header has 3"),
        ("id,a,->a\n行号,甲,乙\nx,,y", "a field name of its own"),
        ("id,a,,->b\n行号,甲,,乙\nx,,,y", "a field name of its own"),
        ("id,a,->b\n行号,甲,乙\nx,red,y", "has to be a default"),
        ("id,a,->b\n行号,甲,乙\nx,,y\nz,red,y\nd,,y", "no row below is ever reached"),
        ("id,a,->b\n行号,甲,乙\nx,,y\nz,red,y", "no row below is ever reached"),
        ("id,a,->b\n行号,甲,乙\nx,red,y\nz,red,y\nd,,y", "is never reached: line 3"),
    ],
)
def test_a_table_that_cannot_work_is_refused(text: str, told: str):
    assert any(told in fault for fault in faults(text))


def test_line_numbers_stay_right_below_a_cell_of_two_lines():
    told = faults('id,size,->out\n行号,甲,乙\na,1,"two\nlines"\nb,> ,x\nc,,y')
    assert told[0].startswith("some.csv:5 ")


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm():
    one = read_table("\ufeffid,kind,->out\r\n行号,甲,乙\r\na,red,x\r\nb,,y\r\n", "some.csv")
    assert fired(one, kind="red") == "a"


def test_rows_may_come_from_a_sheet():
    lines = enumerate([["id", "kind", "->out"], ["行号", "甲", "乙"], ["a", "red", "x"], ["b", "", "y"]], 1)
    assert fired(table_of(lines, "some.xlsx"), kind="red") == "a"


def test_answers_are_remembered_but_not_without_end():
    one = table("size,->out", "> 3,x", ",z")
    for size in range(MEMO_LIMIT + 10):
        one._memo[(-size,)] = ()
    assert fired(one, size=4) == "a"
    assert len(one._memo) < MEMO_LIMIT + 10


def test_a_long_text_is_not_kept():
    words = table("text~,->out", "漏水,x", ",z")
    for n in range(50):
        words.match(text=f"{n} 楼上漏水 {'很长' * 500}")
    assert list(words._memo) == [("漏水",)]


codes = some.sampled_from(["noise", "noise/night", "air", "air/dust/road", "water", ""])
cells = some.lists(some.tuples(codes, some.sampled_from(["", "> 3", "1,2"])), max_size=5, unique=True)


@settings(max_examples=100, deadline=None)
@given(cells, codes, some.integers(0, 5))
def test_a_table_means_what_reading_it_top_down_means(rows: list[tuple[str, str]], category: str, size: int):
    kept = [row for row in rows if row != ("", "")]
    lines = [("id", "category/", "size", "->out"), ("行号", "甲", "乙", "丙")]
    lines += [("abcdefgh"[n], cat, test, "x") for n, (cat, test) in enumerate([*kept, ("", "")])]
    one, _ = examine(enumerate(lines, 1), "some.csv")
    tests = {"": True, "> 3": size > 3, "1,2": size in (1, 2)}
    below = f"{category}/"
    fits = [(not cat or below.startswith(f"{cat}/")) and tests[test] for cat, test in [*kept, ("", "")]]
    assert fired(one, category=category, size=size) == "abcdefgh"[fits.index(True)]


def test_the_table_itself_says_how_many_rows_count():
    lines = "{},kind,->out\n行号,甲,乙\na,red,x\nb,,y\n"
    assert [fired(read_table(lines.format(id), "some.csv"), kind="red") for id in ("id", "id:first")] == ["a", "a"]
    assert fired(read_table(lines.format("id:collect"), "some.csv"), kind="red") == "a,b"
    assert fired(read_table(lines.format("id:first"), "some.csv", collect=True), kind="red") == "a"
    assert "did you mean collect" in faults(lines.format("id:colect"))[0]


DATED = """id,kind,->out,valid_from,valid_until
行号,甲,乙,起,止
old,red,x,,2026-12-31
new,red,x,2027-01-01,
summer,blue,x,2027-06-01,2027-08-31
rest,,y,,
"""


def at(day: str, hour: int = 12) -> datetime:
    """A moment by the clock of the city."""
    return datetime.fromisoformat(f"{day}T{hour:02}:00+08:00").astimezone(UTC)


@pytest.mark.parametrize(
    ("day", "hour", "kind", "row"),
    [
        ("2026-12-31", 23, "red", "old"),
        ("2027-01-01", 0, "red", "new"),
        ("2020-01-01", 0, "red", "old"),
        ("2099-01-01", 0, "red", "new"),
        ("2027-05-31", 23, "blue", "rest"),
        ("2027-06-01", 0, "blue", "summer"),
        ("2027-08-31", 23, "blue", "summer"),
        ("2027-09-01", 0, "blue", "rest"),
    ],
)
def test_a_row_holds_from_its_first_to_its_last_day_in_the_city(day: str, hour: int, kind: str, row: str):
    one = read_table(DATED, "some.csv")
    found = [one.match(at(day, hour), kind=kind) for _ in range(2)]
    assert [[r.id for r in rows] for rows in found] == [[row], [row]]


def test_answers_of_one_spell_are_remembered_together():
    one = read_table(DATED, "some.csv")
    for day in range(1, 29):
        one.match(at(f"2027-02-{day:02}"), kind="red")
    assert len(one._memo) == 1


def test_without_a_moment_dates_are_not_looked_at():
    assert fired(read_table(DATED, "some.csv"), kind="red") == "old"
    assert fired(read_table(DATED, "some.csv"), kind="blue") == "summer"


@pytest.mark.parametrize(
    ("old", "new", "where", "told"),
    [
        ("2026-12-31", "2026-12-32", "some.csv:3 [valid_until] ", "write it as 2027-01-31"),
        ("2026-12-31", "2026/12/31", "some.csv:3 [valid_until] ", "write it as 2027-01-31"),
        ("2027-08-31", "2027-05-31", "some.csv:5 [valid_until] ", "ends before it begins"),
        ("2026-12-31", "2027-01-31", "some.csv:4 [valid_until] ", "overlaps with line 3 until 2027-01-31"),
        ("2026-12-31", "", "some.csv:4 ", "is never reached: line 3"),
        ("rest,,y,,", "rest,,y,2020-01-01,", "some.csv:6 ", "has to be a default"),
    ],
)
def test_wrong_dates_are_told(old: str, new: str, where: str, told: str):
    (fault,) = faults(DATED.replace(old, new))
    assert fault.startswith(where)
    assert told in fault


@pytest.mark.parametrize(
    ("header", "above", "below"),
    [
        ("category/", "noise", "noise/night"),
        ("category/", "noise,air", "air/dust"),
        ("kind", '"red,blue"', "blue"),
        ("text~", "噪", "夜间+噪音"),
        ("text~", "noise", "construction noise"),
        ("size", "<= 3", '"1,2"'),
    ],
)
def test_a_row_in_the_shadow_of_a_wider_one_is_told(header: str, above: str, below: str):
    cells = [cell if '"' in cell else f'"{cell}"' for cell in (above, below)]
    (fault,) = faults(f"id,{header},->out\n行号,甲,乙\na,{cells[0]},x\nb,{cells[1]},y\nc,,z")
    assert fault == "some.csv:4 is never reached: line 3 takes everything this row would take"
    table(f"{header},->out", f"{cells[1]},x", f"{cells[0]},y", ",z")


plain = some.text(some.characters(exclude_categories=["Cc", "Cs"]), max_size=12)


@given(some.lists(some.lists(plain | some.just("two\nlines"), min_size=3, max_size=3), min_size=1))
def test_a_table_written_as_csv_is_read_as_it_was(lines: list[list[str]]):
    kept = [line for line in lines if any(line)]
    assert [list(cells) for _, cells in csv_lines(csv_text(kept), "some.csv")] == kept
