"""`minsheng rules migrate`: what would change for whom, and then the change itself, told case by case."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing

from typer import echo

from infra.inspection import open_ledger
from infra.ledger import Ledger
from infra.mistakes import Mistake
from infra.moment import now
from infra.workbench.commands import local
from infra.workbench.moving import IN_HAND, MOVED, REFUSED, Moved, Wanted, carried_out, planned
from infra.workbench.refusals import VersionRefusal
from infra.workbench.versions import find

SHOWN = 50
"""Cases told one by one; `--json` tells all of them."""


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """``old=new`` of a repeated option. Raises :class:`Mistake`."""
    if wrong := [text for text in given if not all(map(str.strip, (text.partition("=")[0], text.partition("=")[2])))]:
        raise Mistake(f"{option} {wrong[0]}: write old=new, for example {option} departmental_fix=handling")
    return {text.partition("=")[0].strip(): text.partition("=")[2].strip() for text in given}


async def migrate_cases(wanted: Wanted, *, dry_run: bool, as_json: bool) -> int:
    """Move the cases, or only say what would happen; 1 when a case could not be moved."""
    async with open_ledger() as ledger:
        try:
            named = await _named(ledger, wanted)
            batches = planned(ledger, named, at=now()) if dry_run else carried_out(ledger, named, at=now)
            found = await _all(batches, quiet=as_json)
        except VersionRefusal as refusal:
            raise Mistake(str(refusal)) from None
    if as_json:
        echo(json.dumps([one.as_json() for one in found], ensure_ascii=False, indent=1, default=str))
    else:
        for text in table(found, dry_run=dry_run):
            echo(text)
    return 1 if any(one.how in (REFUSED, IN_HAND) for one in found) else 0


async def _named(ledger: Ledger, wanted: Wanted) -> Wanted:
    """Versions by their whole ids; ``active`` is the one in force."""
    to = (await ledger.active(now())).version if wanted.to == "active" else await find(ledger, wanted.to)
    since = await find(ledger, wanted.since) if wanted.since else None
    return Wanted(to=to, since=since, move=wanted.move, process=wanted.process, batch=wanted.batch)


async def _all(batches: AsyncIterator[list[Moved]], *, quiet: bool) -> list[Moved]:
    found: list[Moved] = []
    async with aclosing(batches) as several:  # type: ignore[type-var]  # both are async generators
        async for batch in several:
            found += batch
            if not quiet:
                echo(f"{len(found)} cases looked at", err=True)
    return found


def table(found: Sequence[Moved], *, dry_run: bool) -> Iterator[str]:
    """What changes for whom: a line for each case, and what it comes to."""
    telling = sorted(found, key=lambda one: (one.how == MOVED, not (one.deadlines or one.stage[0] != one.stage[1])))
    for one in telling[:SHOWN]:
        yield f"{one.number}  {'; '.join(_changes(one))}"
    if len(found) > SHOWN:
        yield f"… and {len(found) - SHOWN} more; --json tells all of them"
    counts = Counter(one.how for one in found)
    dates = [d for one in found for d in one.deadlines]
    earlier = sum(bool(d.old and d.new and d.new < d.old) for d in dates)
    later = sum(bool(d.old and d.new and d.new > d.old) for d in dates)
    yield (
        f"{counts[MOVED]} cases {'would move' if dry_run else 'moved'}: {earlier} deadlines earlier, {later} later; "
        f"{counts[REFUSED]} refused, {counts[IN_HAND]} in hand"
    )


def _changes(one: Moved) -> Iterator[str]:
    if one.how == REFUSED:
        yield f"stays, stage {one.stage[0] or 'received'}: {one.why}"
        return
    if one.how == IN_HAND:
        yield "in hand just now; run the command again"
        return
    yield f"{one.process}, stage {_pair(*one.stage) or 'received'}"
    yield f"lead {_pair(*one.lead) or '–'}"
    for d in one.deadlines:
        yield f"{d.clock} {local(d.old) if d.old else 'new'} → {local(d.new) if d.new else 'none'} ({d.holder})"


def _pair(old: str | None, new: str | None) -> str:
    return old or "" if old == new else f"{old or '–'} → {new or '–'}"
