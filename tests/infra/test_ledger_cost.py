"""What the ledger costs: statements per step and bytes per case stay within the budget, whatever its size."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from infra.ledger import Ledger, schema
from infra.settings import ROOT
from rules.case import Signal
from tests import lives

BYTES = 12 * 1024
"""A closed case with everything about it, indexes included."""


async def test_a_step_costs_a_few_statements(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    with statements(ledger) as claim:
        await lives.act(ledger, case, "claim", "lead-1", at=now)
    with statements(ledger) as fix:
        await ledger.record(case.number, lives.doing(case, "fix", "lead-1", reply="已停工"), at=now, key="click")
    with statements(ledger) as enter:
        await ledger.record(case.number, Signal("proceed"), at=now)
    with statements(ledger) as nothing:
        await ledger.record(case.number, Signal("tick"), at=now)
    sent = {"claim": len(claim), "fix": len(fix), "enter": len(enter), "nothing": len(nothing)}
    if not ledger.db.is_sqlite:
        assert sent == {"claim": 1, "fix": 1, "enter": 1, "nothing": 1}
        return
    assert sent == {
        "claim": 6,  # case row; entry, case row, assignment, clock stopped, signal
        "fix": 7,  # the same and one look for the key
        "enter": 6,  # case row; entry, case row, clock set, clock of the whole case paused, letter
        "nothing": 1,
    }


async def test_what_others_wrote_costs_one_statement_more(ledger: Ledger, ledger_url: str, now: datetime):
    case = await lives.waiting(ledger, now)
    other = Ledger.connect(ledger_url)
    await lives.act(other, case, "claim", "lead-1", at=now)
    await other.close()
    with statements(ledger) as nothing:
        await ledger.record(case.number, Signal("tick"), at=now)
    assert len(nothing) == 2  # case row, new entries


async def test_who_asks_for_the_rules_at_the_same_time_asks_once(ledger: Ledger, now: datetime):
    with statements(ledger) as sent:
        books = await asyncio.gather(*(ledger.active(now) for _ in range(50)))
    assert (len(sent), len({one.version for one in books})) == (1, 1)


async def test_a_submission_costs_a_few_statements(ledger: Ledger, now: datetime):
    with statements(ledger) as sent:
        await ledger.submit(lives.NOISE, lives.ZHANG, at=now, key="form")
    # active rulebook; complaint, entry, case row, the citizen's assignment
    assert len(sent) == (5 if ledger.db.is_sqlite else 2)


async def test_a_closed_case_fits_its_budget_of_bytes(ledger: Ledger, now: datetime):
    for _ in range(20):
        await lives.closed(ledger, now)
    before = await size(ledger)
    for _ in range(80):
        await lives.closed(ledger, now)
    assert (await size(ledger) - before) / 80 <= BYTES


async def test_a_writer_killed_in_the_middle_leaves_a_whole_ledger(ledger: Ledger, ledger_url: str):
    order = f"import asyncio; from tests.infra.test_ledger_cost import write; asyncio.run(write({ledger_url!r}))"
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", order, cwd=ROOT, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    assert writer.stdout is not None
    acknowledged = [(await writer.stdout.readline()).decode().split() for _ in range(25)]
    writer.send_signal(signal.SIGKILL)
    await writer.wait()
    assert await ledger.verify() == []
    for number, seq in acknowledged:
        assert (await ledger.case(number)).seq >= int(seq)


async def write(url: str) -> None:
    """Life after life; every acknowledged step is said aloud."""
    ledger = Ledger.connect(url)
    while True:
        case = await lives.waiting(ledger, lives.NOW)
        print(case.number, case.seq, flush=True)  # noqa: T201 -- the pipe is what the parent reads
        for action, data in (("claim", {}), ("contact", {}), ("fix", {"reply": "好"})):
            done = await lives.act(ledger, case, action, "lead-1", at=lives.NOW, **data)
            print(case.number, done.case.seq, flush=True)  # noqa: T201


@contextmanager
def statements(ledger: Ledger) -> Iterator[list[str]]:
    """What is sent to the database meanwhile, without beginning and ending transactions."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if not statement.startswith(("BEGIN", "PRAGMA")):
            sent.append(statement)

    engine = ledger.db.engine.sync_engine
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


async def size(ledger: Ledger) -> int:
    """Bytes of all tables and indexes."""
    if ledger.db.is_sqlite:
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    else:
        names = ", ".join(f"('{table.name}')" for table in schema.metadata.sorted_tables)
        query = f"SELECT sum(pg_total_relation_size(name::regclass)) FROM (VALUES {names}) AS t (name)"  # noqa: S608
    async with ledger.db.read() as connection:
        return int(await connection.scalar(sa.text(query)) or 0)
