"""建立台账: complaints from files enter the ledger like any other; a bad row is named, and no row enters twice.

Where they go: to the portal when one is named (MINSHENG_PORTAL_URL) or runs on the data folder, else straight into the
ledger of the settings. Both ways a row has the same key, made from its content and from how often the same content came
before it in its file; so a file can be sent again, in part or under another name, and adds nothing. Into the ledger
they go some hundred in a transaction, thousands of rows a second (``minsheng bench --rows``); the pulse finds the new
cases.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from typer import echo

from infra.intake_rows import FIELDS, REQUIRED, BadFile, Row, check_path, read_rows
from infra.intake_ways import Keyed, LedgerWay, PortalWay, RowFault, Way
from infra.settings import settings
from infra.up.addresses import running

BAD_ROWS = 1
TOGETHER = 4000
"""Rows handed on at a time."""
KNOWN = frozenset(FIELDS)
_spell = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode
LIMITS = {"subject": 200, "description": 5000}
YES = {"1", "true", "yes", "y", "是", "真"}
NO = {"", "0", "false", "no", "n", "否", "假"}


@dataclass(slots=True)
class Tally:
    """What became of the rows."""

    new: int = 0
    known: int = 0
    bad: int = 0
    unused: set[str] = field(default_factory=set)


def submit_files(paths: list[Path], *, straight: bool = False) -> int:
    """Put every good row in, name every bad one; the exit code. ``straight`` passes a portal by."""
    for path in paths:
        check_path(path)
    tally = Tally()
    with _way(straight=straight) as (way, where):
        for path in paths:
            _submit_file(path, way, tally)
    if tally.unused:
        echo(f"columns that were not used: {', '.join(sorted(tally.unused))}", err=True)
    echo(f"{where}: {tally.new} new, {tally.known} there already, {tally.bad} bad")
    return BAD_ROWS if tally.bad else 0


def _submit_file(path: Path, way: Way, tally: Tally) -> None:
    """Some thousand rows at a time; when the file breaks off in the middle, the rows before that have gone in."""
    seen: Counter[str] = Counter()
    waiting: list[tuple[Row, Keyed | RowFault]] = []
    try:
        for row in read_rows(path):
            waiting.append((row, _keyed(row, seen, tally)))
            if len(waiting) == TOGETHER:
                _put(waiting, way, tally)
                waiting = []
    except BadFile as fault:
        tally.bad += 1
        echo(f"{path.name}: {fault}", err=True)
    _put(waiting, way, tally)


def _keyed(row: Row, seen: Counter[str], tally: Tally) -> Keyed | RowFault:
    try:
        complaint = clean(row.cells)
    except RowFault as fault:
        return fault
    tally.unused |= row.cells.keys() - KNOWN
    content = hashlib.sha256(_spell(complaint).encode()).hexdigest()
    seen[content] += 1
    return complaint, f"file-{content[:40]}-{seen[content]}"


def _put(rows: list[tuple[Row, Keyed | RowFault]], way: Way, tally: Tally) -> None:
    outcomes = iter(way.put([one for _, one in rows if not isinstance(one, RowFault)]))
    for row, one in rows:
        found = one if isinstance(one, RowFault) else next(outcomes)
        if isinstance(found, RowFault):
            tally.bad += 1
            for name, reason in sorted(found.wrong.items()):
                echo(f"{row.file}, row {row.place}, {name or 'row'}: {reason}", err=True)
        elif found:
            tally.new += 1
        else:
            tally.known += 1


def clean(cells: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a complaint, typed; empty ones left out. Raises :class:`RowFault` naming every bad field."""
    if "" in cells:
        raise RowFault({"": str(cells[""])})
    wrong: dict[str, str] = {name: "is missing" for name in REQUIRED if not str(cells.get(name) or "").strip()}
    made: dict[str, Any] = {}
    for name in FIELDS:
        try:
            value = _typed(name, cells.get(name))
        except ValueError as fault:
            wrong[name] = str(fault)
        else:
            if value not in ("", None, False):
                made[name] = value
    if wrong:
        raise RowFault(wrong)
    return {"channel": "field_visit", **made} if "channel" not in made else made


def _typed(name: str, value: Any) -> Any:
    if isinstance(value, list | dict):
        raise ValueError("is not a single value")
    text = "" if value is None else str(value).strip()
    if name in ("anonymous", "confidential"):
        return _yes(text)
    if name in ("lat", "long"):
        return _degrees(text, 90 if name == "lat" else 180)
    if len(text) > LIMITS.get(name, 300):
        raise ValueError(f"is longer than {LIMITS.get(name, 300)} characters")
    return text


def _yes(text: str) -> bool:
    if text.lower() not in YES | NO:
        raise ValueError(f"'{text}' is neither yes (是) nor no (否)")
    return text.lower() in YES


def _degrees(text: str, limit: int) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        raise ValueError(f"'{text}' is not a number") from None
    if value is not None and not -limit <= value <= limit:
        raise ValueError(f"{value} is not between -{limit} and {limit}")
    return value


@contextmanager
def _way(*, straight: bool) -> Iterator[tuple[Way, str]]:
    named = settings().portal_url if "portal_url" in settings().model_fields_set else running().get("portal", "")
    if named and not straight:
        yield PortalWay(named), named
        return
    with asyncio.Runner() as runner, closing(LedgerWay(runner)) as ledger:
        yield ledger, "ledger"
