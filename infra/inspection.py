"""深化党政公开: what the ledger holds can be looked at and checked by whoever runs it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.exc import SQLAlchemyError
from typer import echo

from infra.ledger import Ledger, UnknownCase, sqlite_file
from infra.mistakes import Mistake
from infra.moment import go_on_from, now
from infra.rulebook_files import read_folder
from infra.settings import settings
from infra.workbench.deployed import take_folder
from rules.case import Case, Clock, Complaint, Entry
from rules.faults import RulebookFaults

CITY = ZoneInfo("Asia/Shanghai")
QUIET = ("open", "start", "stop", "end", "letters", "rows", "digest", "rulebook")
"""Consequences inside an entry; the timeline shows what happened, ``--json`` shows everything."""


@asynccontextmanager
async def open_ledger(*, must_exist: bool = True) -> AsyncIterator[Ledger]:
    """The ledger of the settings, closed afterwards. Raises :class:`Mistake` when it cannot be used."""
    url = settings().ledger_url
    place = url.rsplit("@", 1)[-1]
    file = sqlite_file(url)
    if must_exist and file is not None and not file.exists():
        raise Mistake(f"there is no ledger at {file}; start `minsheng up`, or say which folder with --data")
    ledger = Ledger(url)
    try:
        if must_exist and (newest := await ledger.search.newest_moment()):
            go_on_from(newest)
        yield ledger
    except (SQLAlchemyError, OSError) as fault:
        raise Mistake(f"the ledger at {place} cannot be used: {getattr(fault, 'orig', None) or fault}") from fault
    finally:
        await ledger.close()


async def upgrade_ledger() -> None:
    """``minsheng db upgrade``."""
    async with open_ledger(must_exist=False) as ledger:
        await ledger.upgrade()


async def put_rulebook_in_force() -> None:
    """The rulebook of the settings becomes the one for new cases, unless an approval is required (ADR 0007).

    Raises :class:`Mistake` for a broken one.
    """
    required = settings().approval == "required"
    async with open_ledger() as ledger:
        try:
            told = await take_folder(ledger, read_folder(settings().rulebook_dir), at=now(), required=required)
        except RulebookFaults as wrong:
            raise Mistake(f"the rulebook {settings().rulebook_dir} cannot be used:\n{wrong}") from None
    if told:
        echo(told)


async def verify_ledger(*, rebuild: bool) -> int:
    """Print every problem; 1 when there are any."""
    found = 0
    async with open_ledger() as ledger:
        async for problem in ledger.verifier.problems(rebuild=rebuild):
            echo(problem)
            found += 1
    if not found:
        echo("every chain is whole, and every table equals its folded entries")
    elif rebuild:
        echo(f"{found} problems found; the tables were made again from the entries: run verify once more")
    else:
        echo(f"{found} problems found")
    return 1 if found else 0


async def show_case(number: str, *, as_json: bool) -> None:
    """Print one case, without the person. Raises :class:`Mistake` for an unknown number."""
    async with open_ledger() as ledger:
        try:
            dossier, complaint = await ledger.dossier(number), await ledger.complaint(number)
            case, entries = dossier.case, dossier.entries
        except UnknownCase:
            raise Mistake(f"there is no case with the number {number}") from None
    if as_json:
        echo(json.dumps(_plain(case, complaint, entries), ensure_ascii=False, indent=1, default=str))
    else:
        _print_case(case, complaint, entries)


def _plain(case: Case, complaint: Complaint, entries: Sequence[Entry]) -> Mapping[str, Any]:
    facts = [{"seq": n, **asdict(entry)} for n, entry in enumerate(entries, 1)]
    return {**asdict(case), "complaint": asdict(complaint), "timeline": facts}


def _print_case(case: Case, complaint: Complaint, entries: Sequence[Entry]) -> None:
    rows = [
        ("number", case.number), ("subject", complaint.subject), ("stage", case.stage or "received"),
        ("result", case.result or case.outcome), ("category", case.category), ("district", case.district),
        ("urgency", case.urgency), ("lead", case.lead), ("partners", ", ".join(case.partners)),
        *((f"clock {c.name}", _clock(c)) for c in case.clocks if c.is_open),
    ]  # fmt: skip
    for name, value in rows:
        if value:
            echo(f"{name:20} {value}")
    echo()
    for entry in entries:
        told = {k: v for k, v in entry.data.items() if k not in QUIET and v not in (None, "", [], {})}
        said = json.dumps(told, ensure_ascii=False) if told else ""
        echo(f"{_local(entry.at)}  {entry.actor:20} {entry.kind}  {said}".rstrip())


def _clock(clock: Clock) -> str:
    if clock.paused_at:
        return f"stands still since {_local(clock.paused_at)}"
    return f"due {_local(clock.due_at)} {clock.rung}"


def _local(at: datetime) -> str:
    return f"{at.astimezone(CITY):%Y-%m-%d %H:%M:%S}"
