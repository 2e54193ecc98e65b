"""A case keeps the rulebook version it was opened under: every version that was ever submitted is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.database import Database
from infra.ledger.history import ACTIVE, CALLED_OFF, DEPLOY, Step
from infra.ledger.history import keep as keep_step
from infra.moment import now
from infra.together import Together
from rules.rulebook import Rulebook, build, load, version_of

AT_ONCE = 200
"""Who asks for the rulebook in force at the same time."""

_built: dict[str, Rulebook] = {}
"""Version -> rulebook. A version never changes and takes half a second to build and check: once per process."""


class NoRulebook(Exception):
    """No rulebook was activated yet: ``minsheng deploy`` does that."""


class Shelf:
    """Rulebook versions by their content hash, and which of them is in force."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._asked = Together(self._active, most=AT_ONCE)
        self._turn = asyncio.Lock()

    async def activate(
        self, files: Mapping[str, str], *, at: datetime, by: str = DEPLOY, note: str = "", authors: tuple[str, ...] = ()
    ) -> Rulebook:
        """Put texts in force at once; harmless when they are. Raises ``RulebookFaults`` for broken ones."""
        version = version_of(files)
        if version not in _built:
            _built[version] = build(files)
        async with self._db.write() as connection:
            if await in_force(connection, at) != version:
                await keep_texts(self._db, connection, files, authors=authors)
                await keep_step(connection, Step(version, ACTIVE, by, at, note, active_from=at))
        return _built[version]

    async def active(self, at: datetime | None = None) -> Rulebook:
        """The version in force at a moment of case time (default: now). Raises :class:`NoRulebook`.

        Who asks while others wait for the answer asks together with those who come next: in a rush the question is a
        quarter of what a submission costs the portal.
        """
        return await self._asked.ask(at or now())

    async def _active(self, moments: Sequence[datetime]) -> list[Rulebook]:
        """For each moment; one question for all of them, unless a version took force in between."""
        newest = max(moments)
        async with self._db.read() as connection:
            since = (await connection.execute(_NEWEST, {"at": newest})).one_or_none()
            versions = [
                since.version if since and since.active_from <= at else await in_force(connection, at) for at in moments
            ]
            return [await self._on_shelf(connection, version) for version in versions]

    async def _on_shelf(self, connection: AsyncConnection, version: str | None) -> Rulebook:
        if version is None:
            raise NoRulebook("no rulebook is active; run `minsheng deploy`")
        return await self.on(connection, version)

    async def version(self, version: str) -> Rulebook:
        """A version that some case was opened under. Raises :class:`NoRulebook`."""
        if version in _built:
            return _built[version]
        async with self._db.read() as connection:
            return await self.on(connection, version)

    async def on(self, connection: AsyncConnection, version: str) -> Rulebook:
        """The same within a transaction: a second connection could wait for itself when the pool is used up.

        The first time takes half a second of a thread; who asks meanwhile waits for it, and all others go on.
        """
        if version not in _built:
            texts = await texts_on(connection, version)
            async with self._turn:
                if version not in _built:
                    _built[version] = await asyncio.to_thread(load, texts)
        return _built[version]

    async def texts(self, version: str) -> dict[str, str]:
        """Relative path -> text of a version. Raises :class:`NoRulebook`."""
        async with self._db.read() as connection:
            return await texts_on(connection, version)


_h, _later = schema.rulebook_history.c, schema.rulebook_history.alias()
_called_off = sa.exists().where(
    _later.c.state == CALLED_OFF,
    _later.c.version == _h.version,
    _later.c.active_from == _h.active_from,
    _later.c.id > _h.id,
)
_stands = sa.select(_h.version, _h.active_from).where(_h.state == ACTIVE, ~_called_off).limit(1)
_FIRST = _stands.order_by(_h.active_from, _h.id)
_NEWEST = _stands.where(_h.active_from <= sa.bindparam("at")).order_by(_h.active_from.desc(), _h.id.desc())
"""Statements that every submission asks are made once: SQLAlchemy's work on them is a good part of a submission."""


async def in_force(connection: AsyncConnection, at: datetime) -> str | None:
    """The version activated last, of those that were not called off again; ``None`` in a new ledger.

    Before the first one took force, the first one counts: complaints taken over from earlier years need rules too.
    """
    version = await connection.scalar(_NEWEST, {"at": at})
    return version or await connection.scalar(_FIRST)


async def texts_on(connection: AsyncConnection, version: str) -> dict[str, str]:
    """Raises :class:`NoRulebook`."""
    wanted = sa.select(schema.rulebooks.c.files).where(schema.rulebooks.c.version == version)
    files = await connection.scalar(wanted)
    if files is None:
        raise NoRulebook(f"rulebook version {version} is not in the ledger")
    return dict(files)


async def keep_texts(
    db: Database,
    connection: AsyncConnection,
    files: Mapping[str, str],
    *,
    base: str | None = None,
    authors: tuple[str, ...] = (),
) -> str:
    """Keep a version, unless it is kept already; its id."""
    version = version_of(files)
    row = {"version": version, "files": dict(files), "base": base, "authors": list(authors)}
    added = db.insert(schema.rulebooks).values(row | {"activated_at": schema.NEVER})
    await connection.execute(added.on_conflict_do_nothing())
    return version
