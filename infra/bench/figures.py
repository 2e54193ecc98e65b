"""深化党政公开: what lives cost, read from outside: Prefect's rows and calls, processor, memory, waits."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import httpx
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from infra.bench.prefect_server import CALLS
from infra.bench.town import Town
from infra.ledger import Ledger, schema
from infra.orchestrator import CLOSED_BY_US, FLOW

PROC = Path("/proc")
"""Only Linux tells what a process used; elsewhere these figures are left out."""
_STATES = (
    "SELECT count(*) FROM flow_run_state s JOIN flow_run r ON r.id = s.flow_run_id JOIN flow f ON f.id = r.flow_id"
    " WHERE f.name = :flow"
)
_OURS = {"flow": FLOW, "closed": CLOSED_BY_US}
_ROWS = {
    "state_changes": _STATES,
    "rests": f"{_STATES} AND s.name IN ('Suspended', :closed)",
    "task_runs": "SELECT count(*) FROM task_run",
    "task_run_states": "SELECT count(*) FROM task_run_state",
    "artifacts": "SELECT count(*) FROM artifact",
    "events": "SELECT count(*) FROM events",
    "event_resources": "SELECT count(*) FROM event_resources",
}
_BYTES = {
    "postgresql": "SELECT pg_database_size(current_database())",
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
}
"""What all of Prefect's tables and indexes take up, dead rows included."""


@dataclass(frozen=True)
class Reading:
    """Everything counted at one moment; differences of two readings are what a phase cost."""

    rows: Counter[str]
    calls: Counter[str]
    processor: Counter[str] = field(default_factory=Counter)

    def since(self, before: Reading) -> Reading:
        return Reading(self.rows - before.rows, self.calls - before.calls, self.processor - before.processor)


async def read(town: Town) -> Reading:
    """Count everything now."""
    engine = create_async_engine(town.prefect_url)
    try:
        async with engine.connect() as connection:
            asked = {**_ROWS, "bytes": _BYTES[engine.dialect.name]}
            rows = Counter({name: await _count(connection, sql) for name, sql in asked.items()})
    finally:
        await engine.dispose()
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        calls = Counter((await http.get(f"{town.plan.prefect}{CALLS}")).json())
    return Reading(rows, calls, processor(town.roots()))


async def _count(connection: AsyncConnection, sql: str) -> int:
    known = {name: value for name, value in _OURS.items() if f":{name}" in sql}
    return int(await connection.scalar(sa.text(sql), known) or 0)


def processor(roots: Mapping[str, int]) -> Counter[str]:
    """Part -> milliseconds of processor time it used so far, its children's included."""
    if not PROC.is_dir():
        return Counter()
    tick = 1000 // os.sysconf("SC_CLK_TCK")
    used, children = _processes()
    return Counter({name: tick * _with_children(pid, used, children) for name, pid in roots.items()})


def _processes() -> tuple[dict[int, int], dict[int, list[int]]]:
    """Process -> ticks it and its ended children used; process -> its living children."""
    used: dict[int, int] = {}
    children: dict[int, list[int]] = {}
    for stat in PROC.glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        pid = int(stat.parent.name)
        used[pid] = sum(map(int, words[11:15]))
        children.setdefault(int(words[1]), []).append(pid)
    return used, children


def _with_children(pid: int, used: Mapping[int, int], children: Mapping[int, list[int]]) -> int:
    """The children of whoever measures are parts of their own."""
    below = [] if pid == os.getpid() else children.get(pid, [])
    return used.get(pid, 0) + sum(_with_children(one, used, children) for one in below)


def resident_mb(pid: int) -> float | None:
    """Memory that a process holds now, in MiB."""
    try:
        pages = int((PROC / str(pid) / "statm").read_text().split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def wake_seconds(ledger: Ledger, since: datetime) -> list[float]:
    """From every signal stored since then that set its case moving, to the entry with which its run went on; sorted.

    Both are moments of the ledger: when the portal decided the signal, and when the run decided its next step.
    """
    async with ledger.db.read() as connection:
        return sorted([*await _after_signals(connection, since), *await _after_intake(connection, since)])


async def _after_signals(connection: AsyncConnection, since: datetime) -> list[float]:
    told, s = schema.entries.alias(), schema.signals
    went_on, next_signal = schema.entries.alias(), schema.signals.alias()
    query = (
        sa.select(told.c.at, went_on.c.at)
        .join(s, sa.and_(s.c.number == told.c.number, s.c.last_seq == told.c.seq))
        .join(went_on, sa.and_(went_on.c.number == told.c.number, went_on.c.seq == told.c.seq + 1))
        .outerjoin(
            next_signal,
            sa.and_(next_signal.c.number == told.c.number, next_signal.c.first_seq == told.c.seq + 1),
        )
        .where(told.c.at >= since, next_signal.c.number.is_(None))
    )
    return [(later - at).total_seconds() for at, later in await connection.execute(query)]


async def _after_intake(connection: AsyncConnection, since: datetime) -> list[float]:
    came, went_on = schema.entries.alias(), schema.entries.alias()
    query = (
        sa.select(came.c.at, went_on.c.at)
        .join(went_on, sa.and_(went_on.c.number == came.c.number, went_on.c.seq == 2))
        .join(schema.cases, schema.cases.c.number == came.c.number)
        .where(came.c.seq == 1, schema.cases.c.opened_at >= since)
    )
    return [(later - at).total_seconds() for at, later in await connection.execute(query)]


def quantile(ordered: Sequence[float], share: float) -> float | None:
    """The value below which ``share`` of them lie."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
