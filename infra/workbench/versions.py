"""A change of the rules is a draft, checked, approved by a second person, in force from a date, and can be taken back.

Every step is kept with who, when and why (ADR 0007). All functions raise :class:`VersionRefusal` for what is not
possible; then nothing changed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra import rulebook_check
from infra.ledger import Ledger, schema
from infra.ledger import history as past
from infra.ledger.history import (
    ACTIVE,
    APPROVED,
    CALLED_OFF,
    CHECKED,
    DEPLOY,
    PLANNED,
    REJECTED,
    SUPERSEDED,
    History,
    Step,
)
from infra.ledger.rulebooks import in_force, keep_texts
from infra.workbench.refusals import VersionRefusal
from rules.faults import Fault
from rules.rulebook import version_of

__all__ = ["Step", "Version", "VersionRefusal"]

LONGEST_NAME = 60
MAY_TAKE_FORCE = (APPROVED, SUPERSEDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version and where it stands: checked, approved, rejected, planned, active or superseded.

    ``authors`` may not approve it; ``active_from``: since when it is in force, or from when it will be.
    """

    id: str
    standing: str
    base: str | None
    authors: tuple[str, ...]
    steps: Sequence[Step]
    active_from: datetime | None = None


async def submit_files(ledger: Ledger, files: Mapping[str, str], *, by: str, at: datetime, note: str = "") -> Version:
    """The same for the texts of a folder."""
    async with ledger.db.read() as connection:
        base = await in_force(connection, at)
    return await submit(ledger, files, by=by, at=at, note=note, base=base, authors=(name_of(by),))


async def submit_deployed(ledger: Ledger, files: Mapping[str, str], *, at: datetime) -> Version:
    """The same for `minsheng deploy`, where an approval is required."""
    return await submit(ledger, files, by=DEPLOY, at=at, note="", base=None, authors=())


async def submit(
    ledger: Ledger,
    files: Mapping[str, str],
    *,
    by: str,
    at: datetime,
    note: str,
    base: str | None,
    authors: tuple[str, ...],
    before: Callable[[AsyncConnection, str], Awaitable[None]] | None = None,
) -> Version:
    """A checked version of ``files``; ``before`` may still stop it within the same transaction."""
    version = version_of(files)
    if version == base:
        raise VersionRefusal("nothing_changed", version=version)
    if faults := await faults_of(files):
        raise VersionRefusal("broken", count=len(faults), faults=faults)
    async with ledger.db.write() as connection:
        if before is not None:
            await before(connection, version)
        if standing := (await past.read(connection)).standing(version, at):
            raise VersionRefusal("known", version=version, standing=standing)
        await keep_texts(ledger.db, connection, files, base=base, authors=authors)
        await past.keep(connection, Step(version, CHECKED, by.strip(), at, note.strip()))
    return await show(ledger, version, at=at)


async def approve(ledger: Ledger, version: str, *, by: str, at: datetime, note: str = "") -> Version:
    """A second person says yes; whoever has worked on it cannot."""

    def judge(found: Version, _past: History) -> Step:
        if found.standing != CHECKED:
            raise VersionRefusal("not_checked", version=found.id, standing=found.standing)
        if name_of(by).casefold() in {author.casefold() for author in found.authors}:
            raise VersionRefusal("own_work", by=by.strip(), version=found.id)
        return Step(found.id, APPROVED, name_of(by), at, note.strip())

    return await _step(ledger, version, at, judge)


async def reject(ledger: Ledger, version: str, *, by: str, at: datetime, note: str = "") -> Version:
    """Somebody says no, or its author takes it back; the way on is a new draft on it."""

    def judge(found: Version, _past: History) -> Step:
        if found.standing not in (CHECKED, APPROVED):
            raise VersionRefusal("not_checked", version=found.id, standing=found.standing)
        return Step(found.id, REJECTED, name_of(by), at, note.strip())

    return await _step(ledger, version, at, judge)


async def activate(
    ledger: Ledger, version: str, *, by: str, at: datetime, active_from: datetime | None = None, note: str = ""
) -> Version:
    """An approved version takes force for new cases, at once or from a moment to come."""

    def judge(found: Version, _past: History) -> Step:
        if found.standing == ACTIVE:
            raise VersionRefusal("in_force", version=found.id)
        if found.standing == PLANNED and found.active_from:
            raise VersionRefusal("planned", version=found.id, **{"from": found.active_from.isoformat()})
        if found.standing not in MAY_TAKE_FORCE:
            raise VersionRefusal("not_approved", version=found.id, standing=found.standing)
        if active_from is not None and active_from < at:
            raise VersionRefusal("in_the_past")
        return Step(found.id, ACTIVE, name_of(by), at, note.strip(), active_from=active_from or at)

    return await _step(ledger, version, at, judge)


async def call_off(ledger: Ledger, version: str, *, by: str, at: datetime, note: str = "") -> Version:
    """A version that waits for its date does not take force after all."""

    def judge(found: Version, history: History) -> Step:
        plans = history.planned(at, found.id)
        if not plans:
            raise VersionRefusal("not_planned", version=found.id)
        return Step(found.id, CALLED_OFF, name_of(by), at, note.strip(), active_from=plans[0].active_from)

    return await _step(ledger, version, at, judge)


async def rollback(ledger: Ledger, *, by: str, at: datetime, note: str = "") -> Version:
    """What was in force before is in force again, at once; it was approved, so nobody is asked a second time."""
    async with ledger.db.read() as connection:
        before = (await past.read(connection)).before(at)
    if before is None:
        raise VersionRefusal("nothing_before")
    return await activate(ledger, before, by=by, at=at, note=note or "rollback")


async def listing(ledger: Ledger, *, at: datetime) -> list[Version]:
    """Every version ever submitted, newest first."""
    async with ledger.db.read() as connection:
        return await _versions(connection, at)


async def show(ledger: Ledger, version: str, *, at: datetime) -> Version:
    """One version by its id or the beginning of it, ``active`` or ``draft:N`` excepted."""
    return _pick(await listing(ledger, at=at), version)


async def find(ledger: Ledger, version: str) -> str:
    """The whole id of a version of which the beginning is given."""
    own = schema.rulebooks.c
    async with ledger.db.read() as connection:
        known = await connection.scalars(sa.select(own.version).where(own.version.startswith(version, autoescape=True)))
        return _one(list(known), version)


async def _step(ledger: Ledger, version: str, at: datetime, judge: Callable[[Version, History], Step]) -> Version:
    """Judge where the version stands and add the step, while nobody else can."""
    named = await find(ledger, version)
    async with ledger.db.write() as connection:
        await connection.execute(sa.select(schema.rulebooks.c.version).with_for_update())
        history = await past.read(connection)
        await past.keep(connection, judge(_pick(await _versions(connection, at), named), history))
    return await show(ledger, named, at=at)


async def _versions(connection: AsyncConnection, at: datetime) -> list[Version]:
    b = schema.rulebooks.c
    history = await past.read(connection)
    kept = [_version(row, history, at) for row in await connection.execute(sa.select(b.version, b.base, b.authors))]
    return sorted(kept, key=lambda v: v.steps[-1].id if v.steps else 0, reverse=True)


def _version(row: sa.Row[Any], history: History, at: datetime) -> Version:
    forced = [s for s in history.activations() if s.version == row.version]
    standing = history.standing(row.version, at)
    return Version(
        id=row.version,
        standing=standing,
        base=row.base,
        authors=tuple(row.authors or ()),
        steps=history.of(row.version),
        active_from=forced[-1].active_from if forced and standing in (ACTIVE, PLANNED) else None,
    )


def _pick(versions: Sequence[Version], start: str) -> Version:
    id = _one([v.id for v in versions if v.id.startswith(start)], start)
    return next(v for v in versions if v.id == id)


def _one(ids: Sequence[str], asked: str) -> str:
    if not ids or not asked:
        raise VersionRefusal("no_version", version=asked)
    if len(ids) > 1 and asked not in ids:
        raise VersionRefusal("several_versions", version=asked)
    return asked if asked in ids else ids[0]


def name_of(by: str) -> str:
    """Who does it; ``deploy`` is nobody."""
    name = " ".join(by.split())
    if not name or len(name) > LONGEST_NAME or name == DEPLOY:
        raise VersionRefusal("no_name")
    return name


async def faults_of(files: Mapping[str, str]) -> list[Fault]:
    """Every fault of a rulebook and of its letters; it takes half a second, for which the event loop does not wait."""
    return (await asyncio.to_thread(rulebook_check.faults_of, files))[1]
