"""严肃追究责任: ``minsheng bench --clocks``: how long until the last of many deadlines of one minute has been decided.

A ledger on a PostgreSQL of its own holds ``clocks`` open cases; of ``due`` of them a clock runs out within one minute.
One process decides them all, as the pulse does. No Prefect is needed: runs are woken afterwards, to show it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from typer import echo

from infra.bench.fill import PATTERNS, copier, life
from infra.bench.town import DURABLE
from infra.chance import token
from infra.ledger import Ledger
from infra.ledger.due import due as due_at
from infra.mistakes import Mistake
from infra.moment import now
from infra.postgres import find_programs, running
from infra.rulebook_files import read_folder
from infra.settings import settings

BATCH = 100
MINUTE = timedelta(minutes=1)
EXPLAIN = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) "


def climb(*, clocks: int, due: int, as_json: bool) -> int:
    """Measure and print; 0 when every case was decided within a minute. Raises :class:`Mistake`."""
    if not 2 * PATTERNS <= due <= clocks - PATTERNS:
        raise Mistake(f"--due must be at least {2 * PATTERNS}, and --clocks at least {PATTERNS} more")
    found = asyncio.run(_climb(clocks, due))
    echo(json.dumps(found) if as_json else _table(found))
    is_well = found["cases_decided"] == due and found["seconds_to_the_last_rung"] < MINUTE.total_seconds()
    return 0 if is_well else 1


async def _climb(clocks: int, due: int) -> dict[str, Any]:
    """Fill, decide, count; the seconds are those from the first look to the last commit."""
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
        async with ledger_at(server.url(await server.create("ledger"))) as ledger:
            yield ledger


@asynccontextmanager
async def ledger_at(url: str, *, is_new: bool = True) -> AsyncIterator[Ledger]:
    """The ledger at this address; a new one gets its tables, a key for its secrets and the rulebook in force."""
    ledger = Ledger(url)
    try:
        if is_new:
            os.environ |= {"MINSHENG_SECRET_KEY": token() + token()}
            settings.cache_clear()
            await ledger.upgrade()
            await ledger.activate(read_folder(settings().rulebook_dir), at=now() - timedelta(days=4 * 365))
        yield ledger
    finally:
        await ledger.close()


async def _fill(ledger: Ledger, clocks: int, due: int) -> datetime:
    """Open cases, ``due`` of which have a clock that runs out within the minute before the moment returned."""
    start = now() - timedelta(days=7)
    waiting = partial(life, ledger, until="departmental_fix")
    early = [await waiting(start + MINUTE * nth / PATTERNS, nth) for nth in range(PATTERNS)]
    late = [await waiting(start + timedelta(days=5) + MINUTE * nth, nth) for nth in range(PATTERNS)]
    minute = max(at for case in early if (at := case.next_at))
    for lives, first, end in ((early, len(early), due), (late, clocks, 2 * clocks - due - len(late))):
        async with copier(ledger, lives) as one:
            await one.copy(first, end)
            await one.connection.execute("ANALYZE")
    return minute


async def explained(ledger: Ledger, at: datetime) -> str:
    """How PostgreSQL finds the first batch, with the rows it touched."""
    wanted = due_at(at, limit=BATCH).compile(ledger.db.engine.sync_engine)
    values: Sequence[Any] = [wanted.params[name] for name in wanted.positiontup or ()]
    async with ledger.db.read() as connection:
        rows = await connection.exec_driver_sql(EXPLAIN + str(wanted), tuple(values))
        return "\n".join(str(row[0]) for row in rows)


def _table(found: dict[str, Any]) -> str:
    width = max(map(len, found))
    lines = [f"{name:{width}}  {value}" for name, value in found.items() if name != "plan"]
    return "\n".join([*lines, str(found["plan"])])
