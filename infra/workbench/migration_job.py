"""首接负责: a migration as a job of its own, case by case; whoever stops it loses nothing, and starts it again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from infra.inspection import open_ledger
from infra.ledger import Ledger
from infra.locale import say
from infra.mistakes import Mistake
from infra.moment import now
from infra.settings import settings
from infra.workbench.apart import Tell, serve
from infra.workbench.migrate_command import pairs
from infra.workbench.moving import IN_HAND, REFUSED, Moved, Wanted, carried_out, concerned
from infra.workbench.moving_words import HOWS, lines
from infra.workbench.refusals import VersionRefusal
from infra.workbench.versions import find, name_of
from infra.workbench.words import refusal_text
from rules.succession import Move

TOLD = 200
"""Cases that stay which are listed; the page of the version tells all of them again."""


async def running_cases(asked: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
    """``asked``: the parameters of the flow. The artifacts of the run. Raises :class:`Mistake`."""
    counts: Counter[str] = Counter()
    stay: list[Moved] = []
    async with open_ledger() as ledger:
        try:
            wanted = await _wanted(ledger, asked)
            of = await concerned(ledger, wanted, at=now())
            async with aclosing(carried_out(ledger, wanted, at=now)) as batches:  # type: ignore[type-var]  # both are async generators
                async for batch in batches:
                    counts.update(one.how for one in batch)
                    stay += [one for one in batch if one.how in (REFUSED, IN_HAND)][: TOLD - len(stay)]
                    tell(counts.total(), of)
        except VersionRefusal as refusal:
            raise Mistake(refusal_text(refusal, settings().locale)) from None
        return {"artifacts": [_summary(counts), *await _staying(ledger, stay, wanted.to)]}


async def _wanted(ledger: Ledger, asked: Mapping[str, Any]) -> Wanted:
    """Raises :class:`VersionRefusal` and :class:`Mistake`."""
    stages, departments = (pairs(_split(asked[name]), name) for name in ("stages", "departments"))
    by = name_of(asked["by"])
    move = Move(by=by, note=asked["note"], later=asked["later"], stages=stages, departments=departments)
    since = await find(ledger, asked["since"]) if asked["since"] else None
    return Wanted(to=await find(ledger, asked["version"]), since=since, process=asked["process"] or None, move=move)


def _split(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _summary(counts: Mapping[str, int]) -> Mapping[str, Any]:
    locale = settings().locale
    rows = [f"| {say(locale, HOWS[how])} | {count} |" for how, count in counts.items()]
    head = [f"| {say(locale, 'What became of them')} | {say(locale, 'Cases')} |", "| --- | ---: |"]
    return {"type": "markdown", "key": "migration-summary", "description": "", "data": "\n".join([*head, *rows])}


async def _staying(ledger: Ledger, stay: Sequence[Moved], version: str) -> list[Mapping[str, Any]]:
    """A table of the cases that could not be moved, and why."""
    locale = settings().locale
    told = await lines(ledger, stay, await ledger.rulebook(version), locale)
    named = {name: say(locale, name) for name in ("Number", "Stage", "Reason")}
    rows = [{named["Number"]: t.number, named["Stage"]: t.stage[0], named["Reason"]: t.why or say(locale, HOWS[t.how])}
            for t in told]  # fmt: skip
    table = {"type": "table", "key": "migration-staying", "description": say(locale, HOWS[REFUSED])}
    return [{**table, "data": json.dumps(rows, ensure_ascii=False)}] if rows else []


if __name__ == "__main__":
    serve(running_cases)
