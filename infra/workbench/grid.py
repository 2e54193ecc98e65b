"""机关流程再造: a table of the rulebook as a grid of cells that people edit, and back as the text of its file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rules.choices import choices
from rules.faults import Fault
from rules.rulebook import Rulebook
from rules.table_text import csv_lines, csv_text
from rules.tables import OUTPUT, VALID_FROM, VALID_UNTIL

HEADERS = 2
"""Rows that name the columns: field and label."""


@dataclass(slots=True)
class Grid:
    """``rows`` are as wide as the header; ``lines``: where each of them stands in the file (0: not in it yet)."""

    header: list[str]
    labels: list[str]
    rows: list[list[str]]
    lines: list[int]

    @property
    def text(self) -> str:
        return csv_text([self.header, self.labels, *self.rows])

    def put(self, cells: Mapping[tuple[int, int], str]) -> None:
        """(row, column) -> text; what lies outside is left out."""
        for (row, column), text in cells.items():
            if row < len(self.rows) and column < len(self.header):
                self.rows[row][column] = " ".join(text.split())

    def add(self, after: int) -> int:
        """A blank row below ``after`` (-1: at the top); its number."""
        at = min(max(after + 1, 0), len(self.rows))
        self.rows.insert(at, [""] * len(self.header))
        self.lines.insert(at, 0)
        return at

    def remove(self, row: int) -> None:
        if 0 <= row < len(self.rows):
            del self.rows[row], self.lines[row]

    def move(self, row: int, by: int) -> int:
        """A row to another place, by one up (-1) or down (1); its new number."""
        other = row + by
        if not (0 <= row < len(self.rows) and 0 <= other < len(self.rows)):
            return row
        rows, lines = self.rows, self.lines
        rows[row], rows[other] = rows[other], rows[row]
        lines[row], lines[other] = lines[other], lines[row]
        return other

    @property
    def has_days(self) -> bool:
        """Whether its rows may have a first and a last day."""
        return VALID_FROM in self.header

    def add_days(self) -> None:
        """The two columns for them, blank: every row counts on every day until somebody fills them in."""
        if not self.has_days:
            self.header += [VALID_FROM, VALID_UNTIL]
            self.labels += ["生效日", "失效日"]
            self.rows = [[*row, "", ""] for row in self.rows]

    def found(self, words: str) -> list[int]:
        """Numbers of the rows in which the words stand somewhere; all of them for no words."""
        wanted = words.casefold().strip()
        return [n for n, row in enumerate(self.rows) if wanted in "\n".join(row).casefold()]


def grid_of(text: str, file: str) -> Grid:
    """The cells of a file, rows included that somebody has added and not filled in yet. Raises
    :class:`RulebookFaults` for what is no CSV."""
    lines = [(number, [*cells]) for number, cells in csv_lines(text, file) if len(cells) > 1 or any(cells)]
    heads = [cells for _, cells in lines[:HEADERS]] + [["id"], ["行号"]][len(lines[:HEADERS]) :]
    width = max(len(cells) for _, cells in lines) if lines else 1
    padded = [(number, cells + [""] * (width - len(cells))) for number, cells in lines[HEADERS:]]
    header, labels = ([*cells, *[""] * (width - len(cells))] for cells in heads)
    return Grid(header, labels, [cells for _, cells in padded], [number for number, _ in padded])


@dataclass(frozen=True, slots=True)
class Marks:
    """Faults of one file where they belong: ``cells`` (row, column), ``rows``, and those of the ``file`` as a whole."""

    cells: Mapping[tuple[int, int], str]
    rows: Mapping[int, str]
    file: Sequence[str]


def marked(grid: Grid, faults: Iterable[Fault]) -> Marks:
    """``faults`` of this file, each where somebody who mends it looks."""
    names = [name.removeprefix(OUTPUT) for name in grid.header]
    at = {line: row for row, line in enumerate(grid.lines) if line}
    cells: dict[tuple[int, int], str] = {}
    rows: dict[int, str] = {}
    rest: list[str] = []
    for fault in faults:
        row, name = (
            at.get(fault.line),
            "id" if fault.cell.partition(":")[0] == "id" else fault.cell.removeprefix(OUTPUT),
        )
        if row is None:
            rest.append(f"{fault.cell}: {fault.message}" if fault.cell else fault.message)
        elif name in names:
            cells[row, names.index(name)] = _joined(cells.get((row, names.index(name))), fault.message)
        else:
            rows[row] = _joined(rows.get(row), fault.message)
    return Marks(cells, rows, rest)


def _joined(before: str | None, message: str) -> str:
    return f"{before}; {message}" if before else message


def suggestions(grid: Grid, book: Rulebook) -> list[list[str]]:
    """For each column what may stand in it: the words of the rulebook, and what stands in other rows."""
    known, columns = choices(book), []
    for n, name in enumerate(grid.header):
        used = [] if name.partition(":")[0] == "id" else [row[n] for row in grid.rows if row[n]]
        columns.append(sorted({*known.get(name, ()), *used}))
    return columns
