"""A case keeps the rulebook version it was opened under: every version that was ever active is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.database import Database
from rules.rulebook import Rulebook, build, load, version_of

_built: dict[str, Rulebook] = {}
"""Version -> rulebook. A version never changes and takes half a second to build and check: once per process."""


class NoRulebook(Exception):
    """No rulebook was activated yet: ``minsheng deploy`` does that."""


class Shelf:
    """Rulebook versions by their content hash."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def activate(self, files: Mapping[str, str], *, at: datetime) -> Rulebook:
        """Make this the rulebook for new cases. Raises ``RulebookFaults`` for a broken one; then nothing changes."""
        book = _book(files)
        row = {"version": book.version, "files": dict(files), "activated_at": at}
        async with self._db.write() as connection:
            await connection.execute(self._db.upsert(schema.rulebooks, [row]))
        return book

    async def active(self) -> Rulebook:
        """The version activated last. Raises :class:`NoRulebook`."""
        own = schema.rulebooks.c
        newest = sa.select(own.version).order_by(own.activated_at.desc(), own.version).limit(1)
        async with self._db.read() as connection:
            version = await connection.scalar(newest)
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
        """The same within a transaction: a second connection could wait for itself when the pool is used up."""
        if version not in _built:
            wanted = sa.select(schema.rulebooks.c.files).where(schema.rulebooks.c.version == version)
            files = await connection.scalar(wanted)
            if files is None:
                raise NoRulebook(f"rulebook version {version} is not in the ledger")
            _built[version] = load(files)
        return _built[version]


def _book(files: Mapping[str, str]) -> Rulebook:
    version = version_of(files)
    if version not in _built:
        _built[version] = build(files)
    return _built[version]
