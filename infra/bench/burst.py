"""有意见随时提: ``minsheng bench --burst``: everybody complains in the same minute; who waits how long for a number?

Complaints come at a steady rate for a minute through the portal's API, while worker and Prefect carry what has come
so far. Then: is each in the ledger, and how long until the last has been dispatched?
"""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx
import sqlalchemy as sa
from typer import echo

from infra.bench import figures
from infra.bench.lives import COMPLAINT
from infra.bench.town import Town, open_town
from infra.chance import token
from infra.ledger import Ledger, schema
from infra.mistakes import Mistake

SECONDS = 60.0
CONNECTIONS = 64
PATIENCE = 1800.0
"""Seconds until the last complaint must have left the stage of being received."""
LOOK = 1.0


def pour(*, complaints: int, workers: int, limit: int, as_json: bool) -> int:
    """Measure and print; 0 when every complaint got a number and was dispatched. Raises :class:`Mistake`."""
    if complaints < 1:
        raise Mistake("--burst must be at least 1")
    with open_town(embedded=False, workers=workers, limit=limit) as town:
        found = asyncio.run(_pour(town, complaints))
    echo(json.dumps(found) if as_json else "\n".join(f"{name:26}  {value}" for name, value in found.items()))
    return 0 if found["numbers"] == found["dispatched"] == complaints else 1


async def _pour(town: Town, complaints: int) -> dict[str, Any]:
    town.screen.say(f"{complaints} complaints in {SECONDS:.0f} s …")
    ledger, turns = Ledger(town.ledger_url), iter(range(complaints))
    waits: list[float] = []
    numbers: set[str] = set()
    faults: list[str] = []
    began = time.monotonic()

    async def hand() -> None:
        # a client each: one with many connections searches all of them for each request
        async with httpx.AsyncClient(timeout=SECONDS, trust_env=False, verify=False) as http:  # noqa: S501 -- no TLS
            for nth in turns:  # shared by all hands: each takes the next that is due
                due = began + SECONDS * nth / complaints
                await asyncio.sleep(max(0.0, due - time.monotonic()))  # the rate asked for, not a wait for an event
                key = {"Idempotency-Key": f"burst-{token()}"}
                try:
                    answer = await http.post(f"{town.plan.portal}/api/v1/complaints", json=COMPLAINT, headers=key)
                    numbers.add(answer.raise_for_status().json()["number"])
                except httpx.HTTPError as fault:
                    faults.append(str(fault))
                waits.append(time.monotonic() - due)  # from the moment the citizen wanted to speak, not from our turn

    await asyncio.gather(*(hand() for _ in range(CONNECTIONS)))
    received = time.monotonic() - began
    waits.sort()
    slowest = figures.quantile(waits, 0.99) or 0.0
    town.screen.say(f"{len(numbers)} numbers after {received:.1f} s, p99 {slowest:.3f} s; dispatching …")
    dispatched = await _drained(ledger, complaints)
    await ledger.close()
    return {
        "complaints": complaints, "numbers": len(numbers), "failed": len(faults),
        "seconds_to_the_last_number": round(received, 1),
        "number_p50_s": round(figures.quantile(waits, 0.50) or 0.0, 3),
        "number_p99_s": round(slowest, 3),
        "dispatched": dispatched, "seconds_to_the_last_dispatch": round(time.monotonic() - began, 1),
    }  # fmt: skip


async def _drained(ledger: Ledger, complaints: int) -> int:
    """How many have been dispatched when all are, or nobody waits any longer."""
    until, own = time.monotonic() + PATIENCE, schema.cases.c
    while True:
        async with ledger.db.read() as connection:
            count = int(await connection.scalar(sa.select(sa.func.count()).where(own.stage != "")) or 0)
        if count >= complaints or time.monotonic() > until:
            return count
        await asyncio.sleep(LOOK)  # somebody else's rows ring no bell
