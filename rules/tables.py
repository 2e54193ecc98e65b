"""Every decision can be explained: a decision table is rows a clerk can edit, and the row that fired is kept.

A table is a CSV text with two header rows, the field name and the Chinese label. The first column ``id`` names the
row; ``clause`` quotes the policy; ``->name`` is an output. An input cell is blank (any), words separated by commas
(any of them), or a zen-engine unary test such as ``> 3``. The ending of an input's name says how words match:
``category/`` also everything below that node of the tree, ``text~`` anywhere inside the text.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import zen

from rules.faults import Fault, RulebookFaults

MEMO_LIMIT = 100_000
"""Remembered answers per table; the inputs are few and discrete, so this is never reached in a healthy rulebook."""
_WORDS = re.compile(r"[^\s\"'<>=\[\]()$,;]+(?:\s*[,,、]\s*[^\s\"'<>=\[\]()$,;]+)*")
_NUMBERS = re.compile(r"-?\d+(\.\d+)?(\s*,\s*-?\d+(\.\d+)?)*")


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its id, its line in the file (from 1), its cells by field name as written."""

    id: str
    line: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """A decision table, ready to be asked. ``collect``: all rows that match count, else the first."""

    name: str
    collect: bool
    inputs: Sequence[str]
    outputs: Sequence[str]
    rows: Sequence[Row]
    _decision: Any = field(repr=False, compare=False)
    _memo: dict[tuple[Any, ...], tuple[Row, ...]] = field(default_factory=dict, repr=False, compare=False)

    def match(self, **facts: Any) -> tuple[Row, ...]:
        """The rows that fire for ``facts`` (input names without their endings), in the order of the table."""
        key = tuple(facts.get(_bare(name)) for name in self.inputs)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._ask(key)
            if len(self._memo) > MEMO_LIMIT:
                self._memo.clear()
        return found

    def first(self, **facts: Any) -> Row | None:
        """The first row that fires, or ``None``."""
        rows = self.match(**facts)
        return rows[0] if rows else None

    def _ask(self, key: tuple[Any, ...]) -> tuple[Row, ...]:
        context = {_bare(name): "" if value is None else value for name, value in zip(self.inputs, key, strict=True)}
        result = self._decision.evaluate(context)["result"]
        fired = result if isinstance(result, list) else [result]
        return tuple(self.rows[hit["row"]] for hit in fired if "row" in hit)


def read_table(text: str, file: str, *, collect: bool = False) -> Table:
    """A table from CSV. Raises :class:`RulebookFaults` naming every broken cell."""
    lines = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    if len(lines) < 3 or not lines[0] or lines[0][0] != "id":
        message = "a table needs two header rows (field name, Chinese label), a first column 'id' and at least one row"
        raise RulebookFaults([Fault(file, 1, "id", message)])
    names = lines[0]
    rows = [_row(names, line, number) for number, line in enumerate(lines[2:], 3) if any(line)]
    inputs = [n for n in names[1:] if n != "clause" and not n.startswith("->")]
    if faults := [*_row_faults(names, lines, file), *_cell_faults(rows, inputs, file)]:
        raise RulebookFaults(faults)
    outputs = [n.removeprefix("->") for n in names if n.startswith("->")]
    return Table(file.removesuffix(".csv"), collect, inputs, outputs, rows, _decision(rows, inputs, collect))


def _row(names: Sequence[str], cells: Sequence[str], line: int) -> Row:
    named = {n.removeprefix("->"): c.strip() for n, c in zip(names, cells, strict=False)}
    return Row(named["id"], line, named)


def _row_faults(names: Sequence[str], lines: Sequence[Sequence[str]], file: str) -> Iterator[Fault]:
    seen: dict[str, int] = {}
    for number, line in enumerate(lines[2:], 3):
        if not any(line):
            continue
        if len(line) != len(names):
            yield Fault(file, number, "", f"has {len(line)} cells, the header has {len(names)}; check the commas and quotes")
        if line[0] in seen:
            yield Fault(file, number, "id", f"'{line[0]}' is also the id of line {seen[line[0]]}; give each row its own")
        seen[line[0]] = number


def _cell_faults(rows: Sequence[Row], inputs: Sequence[str], file: str) -> Iterator[Fault]:
    """zen-engine skips a row with a broken cell in silence, so every cell is compiled first."""
    for row in rows:
        for name in inputs:
            test = _test(name, row.cells.get(name, ""))
            try:
                if test:
                    zen.compile_unary_expression(test)
            except (RuntimeError, ValueError) as wrong:
                yield Fault(file, row.line, name, f"'{row.cells[name]}' cannot be read: {_plain(wrong)}")


def _plain(wrong: Exception) -> str:
    """zen-engine's own words about a cell, without the JSON around them and the stack trace below."""
    first = str(wrong).splitlines()[0] if str(wrong) else type(wrong).__name__
    try:
        return str(json.loads(first)["source"])
    except (ValueError, KeyError):
        return first


def _test(name: str, cell: str) -> str:
    """The unary test that an input cell stands for."""
    if not cell or _NUMBERS.fullmatch(cell) or not _WORDS.fullmatch(cell):
        return cell
    words = re.split(r"\s*[,,、]\s*", cell)
    if name.endswith("/"):
        return " or ".join(f'$ == "{word}" or startsWith($, "{word}/")' for word in words)
    if name.endswith("~"):
        return " or ".join(f'contains($, "{word}")' for word in words)
    return ", ".join(f'"{word}"' for word in words)


def _bare(name: str) -> str:
    return name.rstrip("/~")


def _decision(rows: Sequence[Row], inputs: Sequence[str], collect: bool) -> Any:
    """A zen-engine decision whose only output is the number of the row; the cells are read from the row itself."""
    columns = [{"id": f"i{n}", "name": name, "field": _bare(name)} for n, name in enumerate(inputs)]
    table = {
        "hitPolicy": "collect" if collect else "first",
        "inputs": columns,
        "outputs": [{"id": "o", "name": "row", "field": "row"}],
        "rules": [
            {"_id": row.id, "o": str(n)} | {f"i{i}": _test(name, row.cells[name]) for i, name in enumerate(inputs)}
            for n, row in enumerate(rows)
        ],
    }
    nodes = [
        {"id": "in", "type": "inputNode", "name": "in"},
        {"id": "table", "type": "decisionTableNode", "name": "table", "content": table},
        {"id": "out", "type": "outputNode", "name": "out"},
    ]
    edges = [{"id": "1", "sourceId": "in", "targetId": "table"}, {"id": "2", "sourceId": "table", "targetId": "out"}]
    return zen.ZenEngine().create_decision(json.dumps({"nodes": nodes, "edges": edges}))
