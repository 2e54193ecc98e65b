"""Running cases go on under a new version of the rules: first on paper, then case by case, and nobody's case is lost.

Each case is moved in a transaction of its own, like everything that is done to it; one that its run has in hand is left
for later. Whatever was moved stays moved, so a migration that was interrupted is simply started again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from infra.ledger import LeaseHeld, Ledger, schema
from infra.ledger.evidence import entry_of
from infra.ledger.history import ACTIVE, PLANNED
from infra.workbench.refusals import VersionRefusal
from infra.workbench.versions import MAY_TAKE_FORCE, show
from rules.case import Case, Entry
from rules.evolve import evolve, fold
from rules.migration import migrate
from rules.refusals import Refusal
from rules.rulebook import Rulebook
from rules.succession import Move

MOVED, REFUSED, IN_HAND, UNCHANGED = "moved", "refused", "in_hand", "unchanged"
TRIES, PAUSE = 5, 0.2
"""How often a case that somebody has in hand is tried again, and after how many seconds; a step takes less."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which cases, and how: ``to`` and ``since`` (the old version; default: any) are ids of versions."""

    to: str
    move: Move
    since: str | None = None
    process: str | None = None
    batch: int = 500


@dataclass(frozen=True, slots=True)
class Deadline:
    """A clock before and after; ``None``: it did not run before, or does not run any more."""

    clock: str
    holder: str
    old: datetime | None
    new: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """What became of one case, or would; ``why``: the refusal."""

    number: str
    how: str
    rulebook: str = ""
    """The version the case had."""
    process: str = ""
    stage: tuple[str, str] = ("", "")
    lead: tuple[str | None, str | None] = (None, None)
    deadlines: Sequence[Deadline] = ()
    why: Refusal | None = None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "why": str(self.why) if self.why else None}


async def planned(ledger: Ledger, wanted: Wanted, *, at: datetime) -> AsyncIterator[list[Moved]]:
    """What a migration at ``at`` would do, a batch at a time; nothing is written."""
    new = await target(ledger, wanted.to, at=at)
    async for numbers in _batches(ledger, wanted, new, at):
        cases = await _cases(ledger, numbers)
        yield [await _tried(ledger, case, new, wanted.move, at) for case in cases]


async def carried_out(ledger: Ledger, wanted: Wanted, *, at: Callable[[], datetime]) -> AsyncIterator[list[Moved]]:
    """Move the cases, a batch at a time; ``at`` tells the present moment."""
    new = await target(ledger, wanted.to, at=at())
    held: list[str] = []
    async for numbers in _batches(ledger, wanted, new, at()):
        done = [await _moved(ledger, number, new, wanted.move, at()) for number in numbers]
        held += [one.number for one in done if one.how == IN_HAND]
        yield [one for one in done if one.how != IN_HAND]
    for turn in range(TRIES):
        if held:
            await asyncio.sleep(PAUSE)
            done = [await _moved(ledger, number, new, wanted.move, at()) for number in held]
            held = [one.number for one in done if one.how == IN_HAND]
            yield [one for one in done if one.how != IN_HAND or turn == TRIES - 1]


async def concerned(ledger: Ledger, wanted: Wanted, *, at: datetime) -> int:
    """How many open cases a migration would look at."""
    wants = _wanted(wanted, await target(ledger, wanted.to, at=at), at)
    async with ledger.db.read() as connection:
        return int(await connection.scalar(sa.select(sa.func.count()).select_from(wants.subquery())) or 0)


async def target(ledger: Ledger, version: str, *, at: datetime) -> Rulebook:
    """The rulebook cases may be moved to: approved by a second person, or in force. Raises :class:`VersionRefusal`."""
    found = await show(ledger, version, at=at)
    if found.standing not in (*MAY_TAKE_FORCE, ACTIVE, PLANNED):
        raise VersionRefusal("not_approved", version=found.id, standing=found.standing)
    return await ledger.rulebook(found.id)


async def _batches(ledger: Ledger, wanted: Wanted, new: Rulebook, at: datetime) -> AsyncIterator[list[str]]:
    wants, last = _wanted(wanted, new, at).order_by(schema.cases.c.number).limit(wanted.batch), ""
    while True:
        async with ledger.db.read() as connection:
            numbers = list(await connection.scalars(wants.where(schema.cases.c.number > last)))
        if not numbers:
            return
        yield numbers
        last = numbers[-1]


def _wanted(wanted: Wanted, new: Rulebook, at: datetime) -> sa.Select[tuple[str]]:
    """Numbers of open cases that do not follow the new version yet, or that a department has which ended since."""
    c, a = schema.cases.c, schema.assignments.c
    ended = [code for code in new.departments if new.successor(code, at=at) != code]
    of_ended = sa.select(a.number).where(a.party.in_(ended), a.ended_at.is_(None))
    open_ = sa.select(c.number).where(c.closed_at.is_(None))
    wants = open_.where(sa.or_(c.rulebook != new.version, c.number.in_(of_ended)))
    wants = wants.where(c.rulebook == wanted.since) if wanted.since else wants
    return wants.where(c.process == wanted.process) if wanted.process else wants


async def _cases(ledger: Ledger, numbers: Sequence[str]) -> list[Case]:
    e = schema.entries.c
    query = sa.select(*schema.entries.c).where(e.number.in_(numbers)).order_by(e.number, e.seq)
    told: dict[str, list[Entry]] = {number: [] for number in numbers}
    async with ledger.db.read() as connection:
        for row in (await connection.execute(query)).mappings():
            told[row["number"]].append(entry_of(dict(row)))
    return [fold(number, entries) for number, entries in told.items()]


async def _tried(ledger: Ledger, case: Case, new: Rulebook, move: Move, at: datetime) -> Moved:
    """What the rules say of moving one case."""
    old = await ledger.rulebook(case.rulebook)
    try:
        return told(case, migrate(case, old, new, max(at, case.updated_at or at), move))
    except Refusal as refusal:
        return _refused(case, refusal)


async def _moved(ledger: Ledger, number: str, new: Rulebook, move: Move, at: datetime) -> Moved:
    """Move one case in one transaction, unless an activation of its run is at work on it just now."""
    known = await ledger.case(number)
    books = {version: await ledger.rulebook(version) for version in (known.rulebook, new.version)}
    seen = [known]

    def judge(case: Case) -> list[Entry]:
        seen.append(case)
        old = books.get(case.rulebook)  # none: somebody else moves it somewhere else in this very moment
        return migrate(case, old, new, max(at, case.updated_at or at), move) if old else []

    try:
        recorded = await ledger.add(number, judge)
    except LeaseHeld:
        return Moved(number=number, how=IN_HAND)
    except Refusal as refusal:
        return _refused(seen[-1], refusal)
    return told(seen[-1], list(recorded.entries))


def _refused(case: Case, refusal: Refusal) -> Moved:
    return Moved(
        number=case.number, rulebook=case.rulebook, process=case.process, how=REFUSED, stage=(case.stage, ""),
        lead=(case.lead, None), why=refusal,
    )  # fmt: skip


def told(case: Case, entries: Sequence[Entry]) -> Moved:
    """What the entries of a migration changed."""
    after = case
    for entry in entries:
        after = evolve(after, entry)
    return Moved(
        number=case.number,
        how=MOVED if entries else UNCHANGED,
        rulebook=case.rulebook,
        process=case.process,
        stage=(case.stage, after.stage),
        lead=(case.lead, after.lead),
        deadlines=_deadlines(case, after),
    )


def _deadlines(before: Case, after: Case) -> list[Deadline]:
    """Clocks that run out at another moment, or not any more, or only now."""
    was, will = _running(before), _running(after)
    found = []
    for key in dict.fromkeys([*was, *will]):
        old, new = was.get(key), will.get(key)
        if (old and old[1]) != (new and new[1]):
            found.append(Deadline(key[0], (new or old or ("",))[0], old[1] if old else None, new[1] if new else None))
    return found


def _running(case: Case) -> Mapping[tuple[str, int], tuple[str, datetime]]:
    """Clock name and how manieth of that name -> holder and due moment."""
    found: dict[tuple[str, int], tuple[str, datetime]] = {}
    for clock in case.clocks:
        if clock.stopped_at is None:
            nth = sum(name == clock.name for name, _ in found)
            found[clock.name, nth] = (clock.holder, clock.due_at)
    return found
