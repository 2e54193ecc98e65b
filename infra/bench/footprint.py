"""建立台账: what lives leave behind: bytes in both databases, and the memory that each part holds.

``python -m infra.bench.footprint`` prints one object of JSON; its figures belong into ``measured.json``, by which
``minsheng size`` reckons.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import asyncpg
from typer import echo

from infra.bench.figures import resident_mb
from infra.bench.lives import driver
from infra.bench.measure import SETTLE
from infra.bench.town import Town, open_town
from infra.mistakes import Mistake

WARMING, COUNTED = 5.0, 25.0
"""Seconds of lives before and while bytes are counted; the first ones make tables and indexes their first pages."""
AT_ONCE = 8
KIB = 1024
_BYTES = (
    "SELECT sum(pg_total_relation_size(oid)) FROM pg_class"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND (relname LIKE 'event%') = $1"
)
KEPT_APART = {
    "ledger_kb_per_case": ("ledger", False),
    "prefect_runs_kb_per_case": ("prefect", False),
    "prefect_events_kb_per_case": ("prefect", True),
}
"""Figure -> database, and whether it is of the events, which Prefect keeps for days, not months."""


async def observe(town: Town) -> dict[str, Any]:
    """KiB of each database per closed case (dead rows vacuumed), and MiB of each part at the end."""
    async with driver(town) as one:
        await one.for_seconds(WARMING, at_once=AT_ONCE)
        before = await _sizes(town)
        closed = len((await one.for_seconds(COUNTED, at_once=AT_ONCE)).closed)
        await asyncio.sleep(SETTLE)
        after = await _sizes(town)
    per_case = {name: round((after[name] - before[name]) / closed / KIB, 1) for name in KEPT_APART}
    memory = {name: round(resident_mb(pid) or 0) for name, pid in town.roots().items() if name != "client"}
    return {**per_case, "memory_mb": memory, "lives_closed": closed}


async def _sizes(town: Town) -> dict[str, int]:
    return {name: await _size(town, *where) for name, where in KEPT_APART.items()}


async def _size(town: Town, database: str, of_events: bool) -> int:
    if town.postgres is None:
        raise Mistake("bytes are counted in PostgreSQL")
    connection = await asyncpg.connect(town.postgres.url(database).replace("+asyncpg", ""))
    try:
        await connection.execute("VACUUM")
        return int(await connection.fetchval(_BYTES, of_events))
    finally:
        await connection.close()


def main() -> None:
    with open_town(embedded=False, workers=1, limit=AT_ONCE) as town:
        echo(json.dumps(asyncio.run(observe(town))))


if __name__ == "__main__":
    main()
