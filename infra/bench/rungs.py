"""严肃追究责任: ``minsheng bench --clocks``: how long until the last of many deadlines of one minute has been decided.

A ledger on a PostgreSQL of its own holds ``clocks`` open cases; of ``due`` of them a clock runs out within one minute.
One process decides them all, as the pulse does. No Prefect is needed: runs are woken afterwards, to show it.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from infra.bench.fill import PATTERNS, copier, life
from infra.bench.town import DURABLE
from infra.chance import token
from infra.ledger import Ledger
from infra.ledger.due import due as due_at
from infra.ledger.recording import read_entries
from infra.moment import now
from infra.postgres import Postgres, find_programs, running
from infra.rulebook_files import read_folder
from infra.settings import settings
from rules.case import Case
from rules.evolve import fold

BATCH = 100
MINUTE = timedelta(minutes=1)
EXPLAIN = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "


async def climb(*, clocks: int, due: int) -> dict[str, Any]:
    """Fill, decide, count; ``seconds`` is from the moment all are due to the last commit."""
    async with own_ledger() as ledger:
        minute = await _fill(ledger, clocks, due)
        plan = await explained(ledger, minute)
        began, decided, rungs, slowest, last = time.monotonic(), 0, 0, 0.0, None
        while True:
            batch_began = time.monotonic()
            batch = await ledger.decide_due(minute, limit=BATCH, after=last)
            decided, rungs, last = decided + len(batch.numbers), rungs + batch.rungs, batch.last
            slowest = max(slowest, time.monotonic() - batch_began)
            if last is None:
                break
        seconds = time.monotonic() - began
        async with ledger.db.read() as connection:
            letters = await connection.scalar(sa.text("SELECT count(*) FROM letters WHERE status = 'queued'"))
    return {
        "clocks_open": clocks, "clocks_due": due, "cases_decided": decided, "rungs_reached": rungs,
        "letters_queued": letters, "seconds_to_the_last_rung": round(seconds, 2),
        "rungs_per_s": round(rungs / seconds, 1), "slowest_batch_s": round(slowest, 3),
        "rows_touched_to_find_100": max(map(int, re.findall(r"actual rows=(\d+)", plan))), "plan": plan,
    }  # fmt: skip


@asynccontextmanager
async def own_ledger() -> AsyncIterator[Ledger]:
    """An empty ledger with the rulebook in force, on a PostgreSQL that is gone when the block ends."""
    with running(find_programs(), DURABLE) as server:
        os.environ |= {"MINSHENG_SECRET_KEY": token() + token()}
        settings.cache_clear()
        ledger = Ledger(await _database(server))
        await ledger.upgrade()
        await ledger.activate(read_folder(settings().rulebook_dir), at=now() - timedelta(days=4 * 365))
        try:
            yield ledger
        finally:
            await ledger.close()


async def _database(server: Postgres) -> str:
    return server.url(await server.create("ledger"))


async def _fill(ledger: Ledger, clocks: int, due: int) -> datetime:
    """Open cases, ``due`` of which have a clock that runs out within the minute before the moment returned."""
    start = now() - timedelta(days=7)
    early = [await _waiting(ledger, start + MINUTE * nth / PATTERNS, nth) for nth in range(PATTERNS)]
    late = [await _waiting(ledger, start + timedelta(days=5) + MINUTE * nth, nth) for nth in range(PATTERNS)]
    minute = max(at for case in early if (at := case.next_at))
    for lives, first, end in ((early, len(early), due), (late, clocks, 2 * clocks - due - len(late))):
        async with copier(ledger, lives) as one:
            await one.copy(first, end)
            await one.connection.execute("ANALYZE")
    return minute


async def _waiting(ledger: Ledger, at: datetime, nth: int) -> Case:
    number = (await life(ledger, at, nth, until="departmental_fix")).number
    async with ledger.db.read() as connection:
        return fold(number, await read_entries(connection, number))


async def explained(ledger: Ledger, at: datetime) -> str:
    """How PostgreSQL finds the first batch, with the rows it touched."""
    wanted = due_at(at, limit=BATCH).compile(ledger.db.engine.sync_engine)
    values: Sequence[Any] = [wanted.params[name] for name in wanted.positiontup or ()]
    async with ledger.db.read() as connection:
        rows = await connection.exec_driver_sql(EXPLAIN + str(wanted), tuple(values))
        return "\n".join(str(row[0]) for row in rows)


def told(found: dict[str, Any], *, as_json: bool) -> str:
    if as_json:
        return json.dumps(found)
    width = max(map(len, found))
    return (
        "\n".join(f"{name:{width}}  {value}" for name, value in found.items() if name != "plan") + f"\n{found['plan']}"
    )
