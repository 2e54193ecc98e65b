"""A process owner tries a change before it hurts people: drafts are versions in the making, kept apart from them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.database import Database
from infra.ledger.rulebooks import texts_on


class UnknownDraft(Exception):
    """There is no draft with this number."""


@dataclass(frozen=True, slots=True)
class DraftFile:
    """One changed file; ``text`` is ``None`` when the file is taken out."""

    path: str
    text: str | None
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version in the making: ``files`` are the texts of its base with the changes in them.

    ``version``: what it was submitted as; then it cannot be edited any more.
    """

    id: int
    title: str
    base: str
    by: str
    at: datetime
    version: str | None = None
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    changes: Mapping[str, DraftFile] = field(default_factory=dict)

    @property
    def editors(self) -> tuple[str, ...]:
        """Everybody whose words are in it, who opened it first."""
        return tuple(dict.fromkeys([self.by, *(change.by for change in self.changes.values())]))

    @property
    def updated_at(self) -> datetime:
        return max([self.at, *(change.at for change in self.changes.values())])

    def seen(self, path: str) -> str:
        """What an editor says it has seen of a file when it saves: a mark of the text; empty for no file."""
        return mark(self.files.get(path))


def mark(text: str | None) -> str:
    """Sixteen hexadecimal digits that change with the text."""
    return "" if text is None else hashlib.sha256(text.encode()).hexdigest()[:16]


class Drafts:
    """Drafts of rulebook versions; several people may edit one."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def open(self, *, base: str, title: str, by: str, at: datetime) -> int:
        """A new draft; its number. Raises ``NoRulebook`` for an unknown base."""
        own = schema.drafts.c
        opened = sa.insert(schema.drafts).values(base=base, title=title, by=by, at=at)
        async with self._db.write() as connection:
            await texts_on(connection, base)
            return int(await connection.scalar(opened.returning(own.id)) or 0)

    async def get(self, id: int) -> Draft:
        """Raises :class:`UnknownDraft`."""
        async with self._db.read() as connection:
            return await draft_on(connection, id)

    async def all(self) -> Sequence[Draft]:
        """The open ones, without the texts of their bases, newest first."""
        d = schema.drafts.c
        query = sa.select(*_COLUMNS).where(d.version.is_(None)).order_by(d.id.desc())
        async with self._db.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
            changes = await _changes(connection, [row["id"] for row in rows])
        return [Draft(**row, changes=changes[row["id"]]) for row in rows]

    async def save(self, id: int, change: DraftFile, *, seen: str | None) -> DraftFile | None:
        """Put one file in. When the file is no longer what the editor has ``seen``, nothing is saved and the answer is
        the change of whoever was quicker. Raises :class:`UnknownDraft`."""
        row = {"draft": id, "path": change.path, "text": change.text, "by": change.by, "at": change.at}
        async with self._db.write() as connection:
            draft = await draft_on(connection, id, hold=True)
            if seen is not None and draft.seen(change.path) != seen:
                return draft.changes.get(change.path) or DraftFile(change.path, None, draft.by, draft.at)
            await connection.execute(self._db.upsert(schema.draft_files), [row])
        return None

    async def drop(self, id: int) -> None:
        """Throw a draft away. Raises :class:`UnknownDraft`."""
        async with self._db.write() as connection:
            await draft_on(connection, id, hold=True)
            await connection.execute(sa.delete(schema.draft_files).where(schema.draft_files.c.draft == id))
            await connection.execute(sa.delete(schema.drafts).where(schema.drafts.c.id == id))


_COLUMNS = tuple(schema.drafts.c)


async def draft_on(connection: AsyncConnection, id: int, *, hold: bool = False) -> Draft:
    """A draft within a transaction; ``hold`` keeps others from writing it. Raises :class:`UnknownDraft`."""
    query = sa.select(*_COLUMNS).where(schema.drafts.c.id == id)
    row = (await connection.execute(query.with_for_update() if hold else query)).mappings().first()
    if row is None:
        raise UnknownDraft(id)
    changes = (await _changes(connection, [id]))[id]
    texts = {**await texts_on(connection, row["base"]), **{path: c.text for path, c in changes.items()}}
    return Draft(**row, files={path: text for path, text in texts.items() if text is not None}, changes=changes)


async def submitted(connection: AsyncConnection, id: int, version: str) -> None:
    """The draft has become a version."""
    await connection.execute(sa.update(schema.drafts).where(schema.drafts.c.id == id).values(version=version))


async def _changes(connection: AsyncConnection, drafts: Sequence[int]) -> dict[int, dict[str, DraftFile]]:
    """Draft -> path -> change; one question for all of them."""
    f = schema.draft_files.c
    query = sa.select(f.draft, f.path, f.text, f.by, f.at).where(f.draft.in_(drafts)).order_by(f.path)
    found: dict[int, dict[str, DraftFile]] = {id: {} for id in drafts}
    for row in await connection.execute(query):
        found[row.draft][row.path] = DraftFile(row.path, row.text, row.by, row.at)
    return found
