"""限时反馈: one run of the bench: lives and the bare client by turns, half load, the stock worker; then the figures."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.bench import bare, figures
from infra.bench.fill import fill
from infra.bench.lives import WAKES, Ran, driver
from infra.bench.town import Town, open_town
from infra.deployments import AT_ONCE
from infra.ledger import Ledger

WARM, STOCK = "warm-1", "stock"
SETTLE = 8.0
"""Seconds until Prefect has written the events of what just ended."""
ROUNDS = 2
"""Lives and the bare client take turns, because a machine is not equally free all the time."""
STOCK_AT_ONCE = 4
"""Each wake of a process worker starts Python; more at a time only wait for each other."""
MILLION = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """What to measure, in seconds; 0 leaves a phase out, and its figures are ``null``.

    ``stored`` closed and ``open`` open cases are put into the databases before lives are measured once more.
    """

    lives: float = 120
    bare: float = 60
    half_load: float = 45
    stock: float = 75
    stored: int = 0
    open: int = 0
    at_once: int = 48
    workers: int = 1
    limit: int = AT_ONCE
    embedded: bool = False


@dataclass
class Findings:
    """What the phases brought; rates in lives per second, one for each round."""

    lives: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    filled: float | None = None
    stock: float | None = None
    waits: list[float] = field(default_factory=list)
    closed: int = 0
    failed: list[str] = field(default_factory=list)
    cost: figures.Reading | None = None
    cost_of: int = 0
    bare_cost: Counter[str] = field(default_factory=Counter)
    """Milliseconds of processor by part while the bare client ran, and ``bare_of`` how many lives it repeated."""
    bare_of: int = 0
    memory: list[tuple[int, float]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    """Parts that ended though nobody asked them to, each with the last words of its log."""
    logs: Path | None = None
    """Where the logs of all parts were kept, because some life did not close, or a part ended."""

    def add(self, ran: Ran) -> None:
        self.closed += len(ran.closed)
        self.failed += ran.failed


def measure(wishes: Wishes) -> Findings:
    """Everything that was wished for. Raises ``Mistake`` and ``PartFault``."""
    with open_town(embedded=wishes.embedded, workers=wishes.workers, limit=wishes.limit) as town:
        found = Findings()
        for nth in range(ROUNDS):
            found.lives.append(asyncio.run(_lives(town, wishes, found, counted=nth == 0)))
            _see_to_the_parts(town, found)
            if wishes.bare:
                found.bare.append(asyncio.run(_bare(town, wishes, found)))
                _see_to_the_parts(town, found)
        if wishes.half_load:
            asyncio.run(_half_load(town, wishes, found))
            _see_to_the_parts(town, found)
        if wishes.stock:
            found.stock = _stock(town, wishes)
        if wishes.stored or wishes.open:
            asyncio.run(fill(town, stored=wishes.stored, open=wishes.open))
            found.filled = asyncio.run(_lives(town, wishes, found))
            _see_to_the_parts(town, found)
        if found.failed or found.ended:
            found.logs = town.keep_logs()
    return found


def _see_to_the_parts(town: Town, found: Findings) -> None:
    """One that ended spoils the phase it ended in, not those that follow, and it is told."""
    for epitaph in town.tree.start_again():
        found.ended.append(epitaph)
        town.screen.say(epitaph)


async def _lives(town: Town, wishes: Wishes, found: Findings, *, counted: bool = False) -> float:
    """As fast as it goes. The cost is counted from the first submission to the last closing."""
    seconds = wishes.lives / ROUNDS
    before = await figures.read(town)
    town.screen.say(f"lives for {seconds:.0f} s, {wishes.at_once} at a time …")
    async with driver(town) as one:
        ran = await one.for_seconds(seconds, at_once=wishes.at_once)
    await asyncio.sleep(SETTLE)
    found.add(ran)
    found.memory.append((found.closed * WAKES, figures.resident_mb(town.roots()[WARM]) or 0.0))
    if counted:
        found.cost, found.cost_of = (await figures.read(town)).since(before), len(ran.closed)
    town.screen.say(f"{ran.per_second:.2f} lives/s: {len(ran.closed)} closed, {len(ran.failed)} not")
    return ran.per_second


async def _bare(town: Town, wishes: Wishes, found: Findings) -> float:
    score = await bare.record(town)
    seconds = wishes.bare / ROUNDS
    before = figures.processor(town.roots())
    town.screen.say(f"the bare client for {seconds:.0f} s …")
    lives, took = await bare.repeat(town, score, seconds=seconds, at_once=wishes.limit)
    town.screen.say(f"{lives / took:.2f} bare lives/s")
    await asyncio.sleep(SETTLE)
    found.bare_cost += figures.processor(town.roots()) - before
    found.bare_of += lives
    return lives / took


async def _half_load(town: Town, wishes: Wishes, found: Findings) -> None:
    rate = max(mean(found.lives) / 2, 0.1)
    town.screen.say(f"half load, {rate:.2f} lives/s, for {wishes.half_load:.0f} s …")
    async with driver(town) as one:
        ran = await one.at_rate(wishes.half_load, per_second=rate)
    found.add(ran)
    ledger = Ledger(town.ledger_url)
    try:
        found.waits = await figures.wake_seconds(ledger, ran.began)
    finally:
        await ledger.close()


def _stock(town: Town, wishes: Wishes) -> float:
    """Prefect's own worker in the place of ours. It is slow, so its wakes are counted, three to a life."""
    for nth in range(wishes.workers):
        town.stop_worker(f"warm-{nth + 1}")
    town.start_worker(STOCK, kind="process")
    town.screen.say(f"the stock worker for {wishes.stock:.0f} s …")
    try:
        return asyncio.run(_stock_lives(town, wishes.stock))
    finally:
        town.stop_worker(STOCK)
        for nth in range(wishes.workers):
            town.start_worker(f"warm-{nth + 1}")


async def _stock_lives(town: Town, seconds: float) -> float:
    before = await figures.read(town)
    async with driver(town) as one:
        leading = asyncio.create_task(one.for_seconds(seconds, at_once=STOCK_AT_ONCE))
        await asyncio.sleep(seconds)
        rests = (await figures.read(town)).since(before).rows["rests"]
        leading.cancel()
        await asyncio.gather(leading, return_exceptions=True)
    return rests / WAKES / seconds


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def summary(wishes: Wishes, found: Findings) -> Mapping[str, Any]:
    """The figures as one object; ``null`` where nothing was measured."""
    lives = mean(found.lives)
    told: dict[str, Any] = {
        "lives_per_s": lives,
        "lives_per_s_at_1m": found.filled if wishes.stored >= MILLION else None,
        "ratio_to_bare_prefect": lives / mean(found.bare) if found.bare else None,
        "ratio_to_stock_worker": lives / found.stock if found.stock else None,
        "wake_p50_s": figures.quantile(found.waits, 0.50),
        "wake_p99_s": figures.quantile(found.waits, 0.99),
        **_cost(found),
        "bare_lives_per_s": mean(found.bare) if found.bare else None,
        "bare_processor_ms_per_life": _by_part(found.bare_cost, found.bare_of),
        "stock_lives_per_s": found.stock,
        "lives_per_s_filled": found.filled,
        "stored": wishes.stored,
        "open": wishes.open,
        **_memory(found),
        "wakes_timed": len(found.waits),
        "lives_closed": found.closed,
        "lives_failed": len(found.failed),
        "parts_ended": len(found.ended),
        "seconds": wishes.lives,
        "database": "SQLite" if wishes.embedded else "PostgreSQL",
        "warm_workers": wishes.workers,
    }
    return {name: _rounded(value) for name, value in told.items()}


def _cost(found: Findings) -> dict[str, Any]:
    """What one life cost, by the readings before and after the first round; ``bytes``: in Prefect's database."""
    names = (
        "calls",
        "state_changes",
        "task_runs",
        "task_run_states",
        "events",
        "event_resources",
        "artifacts",
        "bytes",
    )
    if found.cost is None or not found.cost_of:
        return {f"{name}_per_life": None for name in names}
    counts = found.cost.rows + Counter(calls=found.cost.calls.total())
    of_one = {f"{name}_per_life": counts[name] / found.cost_of for name in names}
    used, by_path = found.cost.processor, Counter(dict(found.cost.calls.most_common(12)))
    told = {"processor_ms_per_life": _by_part(used, found.cost_of), "calls_by_path": _by_part(by_path, found.cost_of)}
    return {**of_one, **told}


def _by_part(counted: Counter[str], lives: int) -> dict[str, Any] | None:
    """For one life, the most first."""
    return {name: _rounded(count / lives) for name, count in counted.most_common()} or None


def _memory(found: Findings) -> dict[str, Any]:
    """The worker's memory at the end, and how much it grew from the first round on."""
    if not found.memory or not found.memory[-1][1]:
        return {"worker_mb": None, "worker_growth_mb_per_1000_wakes": None}
    (first, held), (last, holds) = found.memory[0], found.memory[-1]
    growth = (holds - held) / (last - first) * 1000 if last > first else None
    return {"worker_mb": holds, "worker_growth_mb_per_1000_wakes": growth}


def _rounded(value: Any) -> Any:
    return round(value, 3) if isinstance(value, float) else value
