"""The ledger can be checked by anybody: tampering shows, and tables made from the entries can be made again."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from infra.ledger import Ledger, schema
from rules.case import Case, Signal
from tests import lives

TRIGGERS = {
    "sqlite": ["DROP TRIGGER entries_no_UPDATE", "DROP TRIGGER entries_no_DELETE"],
    "postgresql": ["DROP TRIGGER entries_append_only ON entries", "DROP TRIGGER entries_not_emptied ON entries"],
}
LONGER = {"reason": "管网要改造", "plan": "明年春天改造", "promised_on": "2027-05-31"}


@pytest.fixture
async def open_ledger(ledger: Ledger) -> AsyncIterator[Ledger]:
    """A ledger whose guards somebody has taken away."""
    async with ledger.db.write() as connection:
        for statement in TRIGGERS[ledger.db.engine.dialect.name]:
            await connection.execute(sa.text(statement))
    yield ledger


@pytest.fixture
async def case(ledger: Ledger, now: datetime) -> Case:
    """A closed case beside an open one."""
    await lives.waiting(ledger, now)
    return await lives.closed(ledger, now)


async def run(ledger: Ledger, *statements: sa.Executable) -> None:
    async with ledger.db.write() as connection:
        for statement in statements:
            await connection.execute(statement)


async def found(ledger: Ledger, number: str, *, rebuild: bool = False) -> Sequence[str]:
    """What verify says about one case; nothing else may be wrong."""
    problems = await ledger.verify(rebuild=rebuild)
    assert {problem.number for problem in problems} <= {number}
    return [problem.what for problem in problems]


async def test_an_honest_ledger_has_no_problems(ledger: Ledger, now: datetime):
    await lives.received(ledger, now)
    await lives.waiting(ledger, now, what=lives.RIDDLE)
    await lives.closed(ledger, now)
    assert await ledger.verify() == []


async def test_a_promise_that_was_contested_leaves_no_promise(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    await lives.act(ledger, case, "cannot_fix_now", "lead-1", at=now, **LONGER)
    case = await lives.settled(ledger, case.number, now)
    (explainer,) = case.open_assignments("lead")
    await lives.act(ledger, case, "explain", explainer.id, at=now, text="为什么现在不能", contact="王科长")
    await lives.settled(ledger, case.number, now)
    assert await rows(ledger, schema.promises)
    await lives.act(ledger, case, "contest", "citizen-1", at=now, reason="等了三年了")
    assert not await rows(ledger, schema.promises)
    assert await ledger.verify() == []


@pytest.mark.parametrize("verb", ["update", "delete"])
async def test_the_database_itself_refuses_to_change_entries(ledger: Ledger, case: Case, verb: str):
    change = sa.update(schema.entries).values(actor="somebody") if verb == "update" else sa.delete(schema.entries)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        await run(ledger, change)


async def test_postgres_refuses_to_empty_the_entries(ledger: Ledger, case: Case):
    if ledger.db.is_sqlite:
        pytest.skip("SQLite knows no TRUNCATE")
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        await run(ledger, sa.text("TRUNCATE entries"))


@pytest.mark.parametrize(
    "change",
    [{"actor": "somebody"}, {"kind": "case_reopened"}, {"data": {"reply": "nothing was wrong"}}, {"seq": 99}],
    ids=["actor", "kind", "data", "seq"],
)
async def test_a_changed_entry_is_found(open_ledger: Ledger, case: Case, change: dict[str, Any]):
    e = schema.entries.c
    await run(open_ledger, sa.update(schema.entries).where(e.number == case.number, e.seq == 7).values(change))
    assert any("does not fit its hash" in what for what in await found(open_ledger, case.number))


async def test_an_entry_taken_out_of_the_middle_is_found(open_ledger: Ledger, case: Case):
    e = schema.entries.c
    await run(open_ledger, sa.delete(schema.entries).where(e.number == case.number, e.seq == 5))
    assert "entry 5 is missing" in await found(open_ledger, case.number)


async def test_entries_cut_off_at_the_end_are_found_and_not_covered_up(open_ledger: Ledger, case: Case):
    e = schema.entries.c
    await run(open_ledger, sa.delete(schema.entries).where(e.number == case.number, e.seq > case.seq - 2))
    told = await found(open_ledger, case.number, rebuild=True)
    assert any("entries were removed or changed" in what for what in told)
    assert await found(open_ledger, case.number) == told


async def test_a_case_whose_entries_are_all_gone_is_found(open_ledger: Ledger, case: Case):
    await run(open_ledger, sa.delete(schema.entries).where(schema.entries.c.number == case.number))
    assert any("do not add up" in what for what in await found(open_ledger, case.number, rebuild=True))


async def test_an_entry_slipped_in_without_a_signal_is_found(open_ledger: Ledger, case: Case):
    await run(open_ledger, sa.delete(schema.signals).where(schema.signals.c.action == "fix"))
    assert await found(open_ledger, case.number) == ["entry 7 comes from no signal"]


async def test_a_letter_taken_out_of_the_outbox_is_found(open_ledger: Ledger, case: Case):
    letter = (await open_ledger.letters(case.number))[-1]
    c = schema.letters.c
    place = (c.number == case.number, c.seq == letter.seq, c.nth == letter.nth)
    await run(open_ledger, sa.delete(schema.letters).where(*place))
    assert await found(open_ledger, case.number) == [f"letter {letter.seq}.{letter.nth} is not in the outbox"]


async def test_a_letter_that_nobody_decided_is_found(open_ledger: Ledger, case: Case):
    forged = sa.update(schema.letters).where(
        schema.letters.c.number == case.number, schema.letters.c.letter == "closed"
    )
    await run(open_ledger, forged.values(nth=7))
    assert any("was decided by no entry" in what for what in await found(open_ledger, case.number))


async def test_a_row_that_cannot_be_read_is_named_and_the_others_are_checked(open_ledger: Ledger, case: Case):
    if not open_ledger.db.is_sqlite:
        pytest.skip("PostgreSQL keeps only what can be read")
    await run(open_ledger, sa.text(f"UPDATE entries SET data = 'torn {{' WHERE number = '{case.number}' AND seq = 3"))  # noqa: S608
    (told,) = await found(open_ledger, case.number)
    assert "cannot be read" in told


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (schema.cases, {"stage": "coordination", "result": None}),
        (schema.cases, {"lead": "somebody-else"}),
        (schema.assignments, {"ended_at": None}),
        (schema.assignments, {"party": "somebody-else"}),
    ],
    ids=["stage", "lead", "open task", "owner"],
)
async def test_a_falsified_table_is_found_and_made_again(
    ledger: Ledger, case: Case, table: sa.Table, change: dict[str, Any]
):
    await run(ledger, sa.update(table).where(table.c.number == case.number).values(change))
    told = [f"table {table.name} does not equal the folded entries"]
    assert await found(ledger, case.number) == told
    assert await found(ledger, case.number, rebuild=True) == told
    assert await ledger.verify() == []


@pytest.mark.parametrize("table", [schema.cases, schema.assignments, schema.clocks], ids=lambda table: table.name)
async def test_a_lost_table_is_made_again(ledger: Ledger, now: datetime, table: sa.Table):
    case = await lives.waiting(ledger, now)
    await run(ledger, sa.delete(table))
    assert await found(ledger, case.number, rebuild=True)
    assert await ledger.verify() == []
    assert (await lives.act(ledger, case, "claim", "lead-1", at=now)).entries


async def test_rebuilding_keeps_the_run_and_the_fence(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    await ledger.bind_run(case.number, "run-1")
    taken = await ledger.take(case.number)
    await run(ledger, sa.update(schema.cases).values(stage="nowhere"))
    await ledger.verify(rebuild=True)
    assert (await ledger.run_of(case.number)).run_id == "run-1"
    assert (await ledger.record(case.number, Signal("proceed"), at=now, attempt=taken.attempt)).case.seq == case.seq


async def test_every_case_is_looked_at_however_many_there_are(
    ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("infra.ledger.verify.BATCH", 2)
    numbers = {(await lives.received(ledger, now)).number for _ in range(5)}
    await run(ledger, sa.update(schema.cases).values(channel="nowhere"))
    assert {problem.number for problem in await ledger.verify(rebuild=True)} == numbers
    assert await ledger.verify() == []


async def test_the_person_is_nowhere_readable_on_disk(sqlite_ledger: Ledger, now: datetime, tmp_path: Path):
    await lives.closed(sqlite_ledger, now)
    raw = everything_in(tmp_path)
    assert lives.NOISE.subject.encode() in raw
    for secret in (lives.ZHANG.name, lives.ZHANG.phone, lives.ZHANG.email):
        assert secret.encode() not in raw
        assert json.dumps(secret).strip('"').encode() not in raw


async def rows(ledger: Ledger, table: sa.Table) -> Sequence[Any]:
    async with ledger.db.read() as connection:
        return (await connection.execute(sa.select(table))).all()


def everything_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("ledger.db*"))
