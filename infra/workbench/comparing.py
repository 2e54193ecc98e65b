"""A change is seen before it hurts people: two rulebooks side by side, whether versions, drafts or folders."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from typer import echo

from infra.inspection import open_ledger
from infra.ledger import Ledger, NoRulebook
from infra.mistakes import Mistake
from infra.moment import now
from infra.rulebook_files import read_folder
from infra.settings import settings
from infra.workbench.diff_words import change_text
from infra.workbench.drafts import get_draft
from infra.workbench.refusals import VersionRefusal
from infra.workbench.versions import find
from rules.diff import Change, diff
from rules.faults import RulebookFaults
from rules.rulebook import Rulebook, build

ACTIVE, DRAFT = "active", "draft:"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two rulebooks and what differs."""

    old: Rulebook
    new: Rulebook
    changes: Sequence[Change]

    def sentences(self, locale: str) -> list[str]:
        return [change_text(change, self.old, self.new, locale) for change in self.changes]


async def compare(ledger: Ledger, old: str, new: str, *, at: datetime) -> Comparison:
    """``old`` and ``new``: a version or its beginning, ``active``, or ``draft:N``. Raises :class:`VersionRefusal`."""
    return await of_books(await book_of(ledger, old, at=at), await book_of(ledger, new, at=at), at=at)


async def of_books(old: Rulebook, new: Rulebook, *, at: datetime) -> Comparison:
    """It takes up to some seconds, for which the event loop does not wait."""
    return Comparison(old, new, await asyncio.to_thread(diff, old, new, at=at))


async def book_of(ledger: Ledger, named: str, *, at: datetime) -> Rulebook:
    """The rulebook that a word names. Raises :class:`VersionRefusal`."""
    if named == ACTIVE:
        return await ledger.active(at)
    number = named.removeprefix(DRAFT)
    if named.startswith(DRAFT) and number.isdecimal():
        return built((await get_draft(ledger, int(number))).files)
    return await ledger.rulebook(await find(ledger, named))


def built(files: Mapping[str, str]) -> Rulebook:
    """Raises :class:`VersionRefusal` with the faults."""
    try:
        return build(files)
    except RulebookFaults as wrong:
        raise VersionRefusal("broken", count=len(wrong.faults), faults=wrong.faults) from None


async def print_diff(old: str, new: str, *, as_json: bool) -> None:
    """`minsheng rules diff`; a name that is a folder is one. Raises :class:`Mistake`."""
    try:
        found = await of_books(await _named(old), await _named(new), at=now())
    except (VersionRefusal, NoRulebook) as refusal:
        raise Mistake(str(refusal)) from None
    if as_json:
        told = {"old": found.old.version, "new": found.new.version, "changes": [c.as_json() for c in found.changes]}
        echo(json.dumps(told, ensure_ascii=False, indent=1))
        return
    for sentence in found.sentences(settings().locale) or [f"{found.old.version} and {found.new.version} decide alike"]:
        echo(sentence)


async def _named(name: str) -> Rulebook:
    folder = Path(name) if name else settings().rulebook_dir
    if folder.is_dir():
        try:
            return built(read_folder(folder))
        except RulebookFaults as wrong:
            raise Mistake(f"the rulebook {folder} cannot be read:\n{wrong}") from None
    async with open_ledger() as ledger:
        return await book_of(ledger, name, at=now())
