"""一案一流程, in one process for all: ``minsheng bench --wakes``: the memory that a warm worker holds after so many.

Each wake is of another case with another run: a clock has run out, so the step ``escalation`` reaches its rungs, the
case is shown, and the run goes to sleep. The worker is the real one; Prefect's server is played (``quiet_prefect``).
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from typer import echo

from infra.bell import ring
from infra.bench.figures import resident_mb
from infra.bench.fill import PATTERNS, copier, life
from infra.bench.quiet_prefect import QuietPrefect, quiet_prefect
from infra.bench.rungs import own_ledger
from infra.deployments import AT_ONCE, POOL, WORKER_COMMAND, worker_environment
from infra.ledger import Ledger
from infra.mistakes import Mistake
from infra.moment import now
from infra.up.part import Part, Running
from infra.up.ports import LOCAL, Ports
from infra.up.screen import Screen
from infra.up.tree import Tree
from rules.case import Case

_DUE = "SELECT number FROM cases WHERE run_id IS NOT NULL AND next_at <= $1"
WORKER = "warm"
LIMIT_MB = 400
OUTSTANDING = 40
"""Rings that wait for the worker at most."""
LOOK = 0.05
PATIENCE = 60.0
READINGS = 20
WARM = 0.2
"""The share of the wakes after which a worker counts as warm: what it keeps of runs has been filled."""


def weigh(*, count: int, as_json: bool) -> int:
    """Measure and print; 0 when the worker stays below the limit. Raises :class:`Mistake`."""
    if count < 10 * READINGS:
        raise Mistake(f"--wakes must be at least {10 * READINGS}")
    found = asyncio.run(_measure(count))
    echo(json.dumps(found) if as_json else "\n".join(f"{name:24}  {value}" for name, value in found.items()))
    return 0 if found["worker_mb"] < LIMIT_MB else 1


async def _measure(count: int) -> dict[str, Any]:
    screen = Screen(Console(stderr=True))
    async with own_ledger() as ledger:
        with TemporaryDirectory(prefix="minsheng-wakes-") as folder:
            numbers = await _fill(ledger, count)
            screen.say(f"{len(numbers)} cases wait with a clock that ran out")
            port = Ports(LOCAL).take(0, "", "")
            async with quiet_prefect(ledger, port) as prefect:
                with _worker(ledger, Path(folder), port, screen) as one:
                    began = time.monotonic()
                    series, missed = await _wake(ledger, prefect, one, numbers, screen)
                    seconds = time.monotonic() - began
    (first, held), (last, holds) = next(one for one in series if one[0] >= WARM * count), series[-1]
    return {
        "wakes": series[-1][0], "missed": missed, "wakes_per_s": round(series[-1][0] / seconds, 1), "worker_mb": holds,
        "growth_mb_per_10000": round((holds - held) / max(1, last - first) * 10_000, 2), "series": series,
        "calls_per_wake": {name: round(n / last, 2) for name, n in prefect.calls.most_common(12)},
    }  # fmt: skip


async def _fill(ledger: Ledger, count: int) -> list[str]:
    """Numbers of open cases, each with a run of its own, and each with a clock that has run out."""
    lives = [await _overdue(ledger, nth) for nth in range(PATTERNS)]
    async with copier(ledger, lives) as one:
        await one.copy(0, count)
        await one.connection.execute("ANALYZE")
        return [row[0] for row in await one.connection.fetch(_DUE, now())]


async def _overdue(ledger: Ledger, nth: int) -> Case:
    """A case begun as lately as may be for its first clock to have run out."""
    days = 0
    while True:
        days += 1
        case = await life(ledger, now() - timedelta(days=days, seconds=nth), nth, until="departmental_fix")
        if case.due(now()):
            return case


@contextmanager
def _worker(ledger: Ledger, folder: Path, port: int, screen: Screen) -> Iterator[Running]:
    """A warm worker as it always runs; its letters stay in the outbox."""
    api = f"http://{LOCAL}:{port}/api"
    own = {"MINSHENG_DATABASE_URL": ledger.url, "MINSHENG_SMTP_URL": f"smtp://{LOCAL}:1"}
    os.environ |= worker_environment(folder, api) | own
    options = ("--pool", POOL, "--type", "warm", "--name", WORKER, "--limit", str(AT_ONCE))
    command = (*WORKER_COMMAND, *options)
    tree = Tree(folder, screen)
    try:
        tree.spawn(Part(name=WORKER, command=command, healthy=lambda: True))
        yield tree.running[WORKER]
    finally:
        tree.stop()


async def _wake(
    ledger: Ledger, prefect: QuietPrefect, worker: Running, numbers: list[str], screen: Screen
) -> tuple[list[tuple[int, float]], int]:
    """(wakes, MiB) from time to time, and how many rings nobody heard: there is no pulse here to make them good.
    A few rings wait at a time. Raises :class:`Mistake` when the worker ends."""
    pid = worker.process.pid if worker.process else 0
    series: list[tuple[int, float]] = []
    missed = 0
    while worker.alive and not await ring(ledger.db, numbers[0]):  # noqa: ASYNC110 -- until it listens
        await asyncio.sleep(LOOK)
    for nth, number in enumerate(numbers, 1):
        if not worker.alive:
            raise Mistake("the worker ended")
        await ring(ledger.db, number)
        until, room = time.monotonic() + PATIENCE, OUTSTANDING if nth < len(numbers) else 0
        while nth - prefect.rests - missed > room and time.monotonic() < until:  # noqa: ASYNC110 -- the server only counts
            await asyncio.sleep(LOOK)
        if nth - prefect.rests - missed > room:
            missed = nth - prefect.rests
        if nth % (len(numbers) // READINGS) == 0:
            series.append((prefect.rests, round(resident_mb(pid) or 0.0, 1)))
            screen.say(f"{prefect.rests} wakes: {series[-1][1]} MiB")
    return series, missed
