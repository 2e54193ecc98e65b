"""有意见随时提: complaints that others collected arrive as files; this reads their rows, whatever the file is like."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from infra.mistakes import Mistake

HEADINGS: Mapping[str, str] = {
    "渠道": "channel", "来源": "channel", "类型": "type", "诉求类型": "type", "标题": "subject", "主题": "subject",
    "内容": "description", "描述": "description", "诉求内容": "description", "分类": "category",
    "事项分类": "category", "区市": "district", "区县": "district", "地址": "address", "经度": "long", "纬度": "lat",
    "姓名": "name", "电话": "phone", "手机": "phone", "邮箱": "email", "匿名": "anonymous", "保密": "confidential",
}  # fmt: skip
"""Chinese column heading -> field."""
FIELDS = (
    "channel", "type", "subject", "description", "category", "district", "address", "lat", "long", "name", "phone",
    "email", "anonymous", "confidential",
)  # fmt: skip
REQUIRED = ("subject", "description")
SIZE_LIMIT = 200 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One complaint as the file has it; ``place`` is the row a person sees in the file, counted from 1."""

    file: str
    place: int
    cells: Mapping[str, Any]


class BadFile(Exception):
    """The file as a whole cannot be read; the text says why."""


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a file with their fields under their English names. Raises :class:`BadFile`."""
    for place, cells in _READERS[path.suffix.lower()](path):
        yield Row(path.name, place, cells)


def check_path(path: Path) -> None:
    """Raises :class:`Mistake` for a file that nobody could read, before any row goes in."""
    if path.suffix.lower() not in _READERS:
        raise Mistake(f"{path}: only {', '.join(_READERS)} files can be read")
    try:
        with path.open("rb"):
            size = path.stat().st_size
    except OSError as fault:
        raise Mistake(f"{path}: {fault.strerror}") from None
    if size > SIZE_LIMIT:
        raise Mistake(f"{path}: is larger than {SIZE_LIMIT // 2**20} MiB; split it")


def _json(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """A list of objects, one object, or one object per line."""
    text = _text(path).strip()
    try:
        whole = json.loads(text)
    except ValueError:
        yield from _json_lines(text)
        return
    for place, one in enumerate(whole if isinstance(whole, list) else [whole], 1):
        yield place, _named(one) if isinstance(one, dict) else {"": "is not an object with fields"}


def _json_lines(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    lines = text.splitlines()
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            one = json.loads(line)
        except ValueError as fault:
            if place == 1 and not line.rstrip().endswith("}"):  # one damaged list, not many damaged lines
                raise BadFile(f"is not valid JSON: {fault}") from None
            one = None
        yield place, _named(one) if isinstance(one, dict) else {"": "is not a JSON object"}


def _csv(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    text = _text(path)
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        yield from _table(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as fault:
        raise BadFile(f"is not valid CSV: {fault}") from None


def _xlsx(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, OSError, ValueError) as fault:
        raise BadFile(f"is not a readable XLSX workbook: {fault}") from None
    try:
        sheet = book.worksheets[0]
        yield from _table([_cell(value) for value in row] for row in sheet.iter_rows(values_only=True))
    finally:
        book.close()


def _table(rows: Iterator[list[str]]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Rows under a heading row; empty rows are not rows."""
    heading = [_field(name) for name in next(rows, [])]
    if not any(heading):
        raise BadFile("has no heading row")
    if missing := [name for name in REQUIRED if name not in heading]:
        raise BadFile(f"has no column {' and no column '.join(missing)}")
    for place, cells in enumerate(rows, 2):
        if any(cell.strip() for cell in cells):
            padded = [*cells, *[""] * (len(heading) - len(cells))]
            extra = {"": "has more cells than the heading"} if any(c.strip() for c in padded[len(heading) :]) else {}
            yield place, {**{n: v.strip() for n, v in zip(heading, padded, strict=False) if n}, **extra}


def _named(one: Mapping[str, Any]) -> Mapping[str, Any]:
    return {_field(name): value for name, value in one.items()}


def _field(heading: str) -> str:
    name = str(heading).strip().strip("*").strip()
    return HEADINGS.get(name, name.lower())


def _cell(value: Any) -> str:
    """A cell as a person reads it: 13800000000.0 is a telephone number, not a measurement."""
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value.isoformat() if isinstance(value, date) else str(value)


def _text(path: Path) -> str:
    """UTF-8 with or without a mark, else GB 18030 as spreadsheets in China write it."""
    raw = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadFile("is neither UTF-8 nor GB 18030")


_READERS: Mapping[str, Callable[[Path], Iterator[tuple[int, Mapping[str, Any]]]]] = {
    ".json": _json, ".jsonl": _json, ".csv": _csv, ".xlsx": _xlsx,
}  # fmt: skip
