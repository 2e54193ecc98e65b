"""建立台账: what a process remembers of a case is what the ledger says, whoever else writes into it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from infra.ledger import Ledger, StaleAttempt, dossiers, schema
from infra.ledger.chain import GENESIS, link
from rules.case import Entry
from rules.evolve import fold
from tests import lives
from tests.infra.test_ledger_verify import TRIGGERS


@pytest.fixture
async def other(ledger: Ledger) -> AsyncIterator[Ledger]:
    """The same ledger as another process sees it."""
    one = Ledger.connect(ledger.url)
    yield one
    await one.close()


async def test_what_others_wrote_is_seen(ledger: Ledger, other: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    assert await other.case(case.number) == case
    await lives.act(ledger, case, "claim", "lead-1", at=now)
    contacted = await lives.act(other, case, "contact", "lead-1", at=now)
    assert contacted.case == await ledger.case(case.number) == await Ledger.connect(ledger.url).case(case.number)


async def test_what_is_remembered_is_what_would_be_read(ledger: Ledger, other: Ledger, now: datetime):
    number = (await lives.closed(ledger, now)).number
    remembered, read = await ledger.dossier(number), await other.dossier(number)
    assert remembered == read
    assert remembered.case == fold(number, read.entries)
    assert remembered.head == chained(number, list(read.entries))


async def test_who_takes_a_case_up_sees_what_others_wrote(ledger: Ledger, other: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    first = await ledger.take(case.number)
    await ledger.release(case.number, first.attempt, now=now)
    claimed = await lives.act(other, case, "claim", "lead-1", at=now)
    assert (await ledger.take(case.number)).case == claimed.case


async def test_a_ledger_from_a_backup_is_read_anew(ledger: Ledger, other: Ledger, now: datetime):
    """Since the backup other things were written under the same numbers; their chain does not go through what is
    remembered."""
    case = await lives.waiting(ledger, now)
    await other.case(case.number)
    await lives.act(ledger, case, "claim", "lead-1", at=now)
    changed = [Entry(e.kind, e.at, e.actor, {**e.data, "note": "before"}) for e in await ledger.entries(case.number)]
    await write(other, case.number, changed)
    assert await ledger.entries(case.number) == await other.entries(case.number) == changed


async def test_a_slow_reader_does_not_forget_what_a_step_wrote_meanwhile(
    ledger: Ledger, other: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    """As when the pulse writes a letter of a case that the same worker carries on."""
    case = await lives.waiting(ledger, now)
    await lives.act(other, case, "claim", "lead-1", at=now)
    read, may_go_on = asyncio.Event(), asyncio.Event()

    async def slowly(*what: Any) -> Any:
        rows = await since(*what)
        read.set()
        await may_go_on.wait()
        return rows

    since = dossiers._since
    monkeypatch.setattr(dossiers, "_since", slowly)
    reader = asyncio.create_task(ledger.dossier(case.number))
    await read.wait()
    monkeypatch.setattr(dossiers, "_since", since)
    step = await lives.act(ledger, case, "contact", "lead-1", at=now)
    may_go_on.set()

    assert len((await reader).entries) < step.case.seq
    assert (await ledger.as_left(case.number)).case == step.case


async def test_a_step_that_was_refused_is_not_remembered(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    with pytest.raises(StaleAttempt):
        await ledger.record(case.number, lives.doing(case, "claim", "lead-1"), at=now, attempt=99)
    assert await ledger.case(case.number) == case


async def test_a_step_that_could_not_be_written_is_not_remembered(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    async with ledger.db.write() as connection:
        await connection.execute(sa.text("ALTER TABLE signals RENAME TO gone"))
    with pytest.raises(sa.exc.DBAPIError):  # the last statement of the step fails
        await lives.act(ledger, case, "claim", "lead-1", at=now)
    assert await ledger.case(case.number) == case


async def test_no_more_is_remembered_than_needed(ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dossiers, "REMEMBERED", 2)
    cases = [await lives.waiting(ledger, now) for _ in range(4)]
    for case in cases:
        assert await ledger.case(case.number) == case
    assert len(ledger._dossiers._known) == 2


def chained(number: str, entries: list[Entry]) -> bytes:
    """The hash that the last of ``entries`` should have."""
    head = GENESIS
    for seq, entry in enumerate(entries, 1):
        head = link(head, number, seq, entry)
    return head


async def write(ledger: Ledger, number: str, entries: list[Entry]) -> None:
    """Another past, in a chain that is whole."""
    e = schema.entries
    async with ledger.db.write() as connection:
        for guard in TRIGGERS[ledger.db.engine.dialect.name]:
            await connection.execute(sa.text(guard))
        for seq, entry in enumerate(entries, 1):
            told = {"kind": entry.kind, "at": entry.at, "actor": entry.actor, "data": dict(entry.data)}
            values = told | {"hash": chained(number, entries[:seq])}
            await connection.execute(sa.update(e).where(e.c.number == number, e.c.seq == seq).values(values))
        end = sa.update(schema.cases).where(schema.cases.c.number == number)
        await connection.execute(end.values(head=chained(number, entries)))
