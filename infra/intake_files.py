"""建立台账: complaints from files enter the ledger like any other; a bad row is named, and no row enters twice.

Where they go: to the portal when one is named (MINSHENG_PORTAL_URL) or runs on the data folder, else straight into the
ledger of the settings. Both ways a row has the same key, made from its content and from how often the same content came
before it in its file; so a file can be sent again, in part or under another name, and adds nothing.
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
from infra.intake_ways import LedgerWay, PortalWay, RowFault, Way
from infra.settings import settings
from infra.up.addresses import running

BAD_ROWS = 1
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


def submit_files(paths: list[Path]) -> int:
    """Put every good row in, name every bad one; the exit code."""
    for path in paths:
        check_path(path)
    tally = Tally()
    with _way() as (way, where):
        for path in paths:
            _submit_file(path, way, tally)
    if tally.unused:
        echo(f"columns that were not used: {', '.join(sorted(tally.unused))}", err=True)
    echo(f"{where}: {tally.new} new, {tally.known} there already, {tally.bad} bad")
    return BAD_ROWS if tally.bad else 0


def _submit_file(path: Path, way: Way, tally: Tally) -> None:
    seen: Counter[str] = Counter()
    try:
        for row in read_rows(path):
            _submit_row(row, way, seen, tally)
    except BadFile as fault:
        tally.bad += 1
        echo(f"{path.name}: {fault}", err=True)


def _submit_row(row: Row, way: Way, seen: Counter[str], tally: Tally) -> None:
    try:
        complaint = clean(row.cells)
        tally.unused |= {name for name in row.cells if name not in FIELDS}
        content = hashlib.sha256(json.dumps(complaint, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
        seen[content] += 1
        if way.put(complaint, f"file-{content[:40]}-{seen[content]}"):
            tally.new += 1
        else:
            tally.known += 1
    except RowFault as fault:
        tally.bad += 1
        for name, reason in sorted(fault.wrong.items()):
            echo(f"{row.file}, row {row.place}, {name or 'row'}: {reason}", err=True)


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
def _way() -> Iterator[tuple[Way, str]]:
    named = settings().portal_url if "portal_url" in settings().model_fields_set else running().get("portal", "")
    if named:
        yield PortalWay(named), named
        return
    with asyncio.Runner() as runner, closing(LedgerWay(runner)) as ledger:
        yield ledger, "ledger"
