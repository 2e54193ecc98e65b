"""A process owner who does not program writes a draft, sees its faults, and submits it when there are none.

All functions raise :class:`VersionRefusal` for what is not possible; then nothing changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import Ledger
from infra.ledger.drafts import Draft, DraftFile, UnknownDraft, draft_on, submitted
from infra.rulebook_files import ENDINGS
from infra.workbench.refusals import VersionRefusal
from infra.workbench.versions import Version, faults_of, find, name_of, submit
from rules.faults import Fault

__all__ = ["Draft"]


async def open_draft(ledger: Ledger, *, by: str, at: datetime, base: str | None = None, title: str = "") -> Draft:
    """A new draft on a version (default: the one in force)."""
    named = await find(ledger, base) if base else (await ledger.active(at)).version
    id = await ledger.drafts.open(base=named, title=title.strip()[:200], by=name_of(by), at=at)
    return await get_draft(ledger, id)


async def get_draft(ledger: Ledger, id: int) -> Draft:
    try:
        return await ledger.drafts.get(id)
    except UnknownDraft:
        raise VersionRefusal("no_draft", draft=id) from None


async def open_drafts(ledger: Ledger) -> Sequence[Draft]:
    """Drafts that were not submitted yet, newest first, without their texts."""
    return await ledger.drafts.all()


async def save_file(
    ledger: Ledger, id: int, path: str, text: str | None, *, by: str, at: datetime, seen: str | None
) -> Draft:
    """Put the text of one file in (``None`` takes the file out).

    ``seen`` is ``draft.seen(path)`` of the draft the editor looked at, so that nobody overwrites another's words
    without having read them; ``None`` overwrites whatever is there.
    """
    draft = _still_open(await get_draft(ledger, id))
    if not path.endswith(ENDINGS) or path.startswith(("/", ".")) or ".." in path.split("/") or "\\" in path:
        raise VersionRefusal("bad_path", path=path)
    plain = None if text is None else text.replace("\r\n", "\n")
    quicker = await ledger.drafts.save(draft.id, DraftFile(path, plain, name_of(by), at), seen=seen)
    if quicker is not None:
        raise VersionRefusal("draft_changed", by=quicker.by, path=path)
    return await get_draft(ledger, id)


async def drop_draft(ledger: Ledger, id: int) -> None:
    await ledger.drafts.drop(_still_open(await get_draft(ledger, id)).id)


async def check(ledger: Ledger, id: int) -> list[Fault]:
    """Every fault of a draft; empty: it may be submitted."""
    return await faults_of((await get_draft(ledger, id)).files)


async def submit_for_approval(ledger: Ledger, id: int, *, by: str, at: datetime, note: str = "") -> Version:
    """The draft becomes a version that waits for a second person. Refused while it has faults."""
    draft = _still_open(await get_draft(ledger, id))
    authors = tuple(dict.fromkeys([*draft.editors, name_of(by)]))

    async def close(connection: AsyncConnection, version: str) -> None:
        _unchanged(draft, await draft_on(connection, id, hold=True))
        await submitted(connection, id, version)

    return await submit(
        ledger, draft.files, by=by, at=at, note=note or draft.title, base=draft.base, authors=authors, before=close
    )


def _still_open(draft: Draft) -> Draft:
    if draft.version is not None:
        raise VersionRefusal("draft_submitted", draft=draft.id, version=draft.version)
    return draft


def _unchanged(checked: Draft, now: Draft) -> None:
    """What is submitted is what was checked."""
    _still_open(now)
    if now.files != checked.files:
        quick = max(now.changes.values(), key=lambda change: change.at)
        raise VersionRefusal("draft_changed", by=quick.by, path=quick.path)
