"""`minsheng rules list|show|submit|approve|reject|activate|call-off|rollback`: versions at the command line."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from typer import echo

from infra.inspection import open_ledger
from infra.ledger import Ledger
from infra.locale import CITY_ZONE
from infra.mistakes import Mistake
from infra.moment import now
from infra.rulebook_files import read_folder
from infra.settings import settings
from infra.workbench import versions
from infra.workbench.refusals import VersionRefusal
from infra.workbench.versions import Version
from rules.faults import RulebookFaults


async def in_ledger(job: Callable[[Ledger], Awaitable[Version]]) -> None:
    """Do one thing with a version and say where it stands now. Raises :class:`Mistake` for what is not possible."""
    async with open_ledger() as ledger:
        try:
            version = await job(ledger)
        except VersionRefusal as refusal:
            raise Mistake(str(refusal)) from None
    echo(line(version))


async def list_versions(*, as_json: bool) -> None:
    """All versions, newest first."""
    async with open_ledger() as ledger:
        found = await versions.listing(ledger, at=now())
    if as_json:
        echo(json.dumps([asdict(version) for version in found], ensure_ascii=False, indent=1, default=str))
    else:
        for version in found:
            echo(line(version))


async def show_version(version: str) -> None:
    """Everything that happened to one version."""
    async with open_ledger() as ledger:
        try:
            found = await versions.show(ledger, version, at=now())
        except VersionRefusal as refusal:
            raise Mistake(str(refusal)) from None
    echo(line(found))
    for step in found.steps:
        since = f" from {local(step.active_from)}" if step.active_from and step.active_from != step.at else ""
        echo(f"{local(step.at)}  {step.by:20} {step.state}{since}  {step.note}".rstrip())


def step(what: str, version: str, by: str, note: str) -> Callable[[Ledger], Awaitable[Version]]:
    """Approve, reject or call off."""
    does = {"approve": versions.approve, "reject": versions.reject, "call-off": versions.call_off}[what]
    return lambda ledger: does(ledger, version, by=by, at=now(), note=note)


def rollback(by: str, note: str) -> Callable[[Ledger], Awaitable[Version]]:
    return lambda ledger: versions.rollback(ledger, by=by, at=now(), note=note)


def submit(folder: Path | None, by: str, note: str) -> Callable[[Ledger], Awaitable[Version]]:
    """Submit a folder (default: the one of the settings)."""
    try:
        files = read_folder(folder or settings().rulebook_dir)
    except RulebookFaults as wrong:
        raise Mistake(f"the rulebook cannot be read:\n{wrong}") from None
    return lambda ledger: versions.submit_files(ledger, files, by=by, at=now(), note=note)


def activate(version: str, by: str, since: str, note: str) -> Callable[[Ledger], Awaitable[Version]]:
    active_from = moment(since) if since else None
    return lambda ledger: versions.activate(ledger, version, by=by, at=now(), active_from=active_from, note=note)


def moment(text: str) -> datetime:
    """A moment in the city's time. Raises :class:`Mistake`."""
    try:
        told = datetime.fromisoformat(text)
    except ValueError:
        raise Mistake(f"'{text}' is not a moment; write 2026-12-01 or '2026-12-01 09:00' (the city's time)") from None
    return told if told.tzinfo else told.replace(tzinfo=CITY_ZONE)


def line(version: Version) -> str:
    """One version in one line: id, where it stands, who wrote and who approved it."""
    approved = [step.by for step in version.steps if step.state == "approved"]
    told = [
        version.id,
        f"{version.standing:10}",
        f"from {local(version.active_from)}" if version.active_from else "",
        f"by {', '.join(version.authors)}" if version.authors else "",
        f"approved by {approved[-1]}" if approved else "",
        next((step.note for step in version.steps if step.note), ""),
    ]
    return "  ".join(filter(None, told)).rstrip()


def local(at: datetime) -> str:
    return f"{at.astimezone(CITY_ZONE):%Y-%m-%d %H:%M}"
