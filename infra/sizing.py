"""一家牵头、多方联治: what a city needs for its complaints: processes, cores, memory, disk, from measured costs.

The costs are in ``bench/measured.json``, with the day and the commands that gave them; ``minsheng size --bench FILE``
takes those of another machine from what ``minsheng bench --json`` printed there.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from typer import echo

from infra.mistakes import Mistake
from infra.settings import ROOT

MEASURED = ROOT / "infra" / "bench" / "measured.json"
DESK, CITY, PROVINCE = "desk", "city", "province"
FULL = 0.6
"""Of each core, at the busiest hour; the rest is for what nobody foresaw."""
AT_LEAST = {"portal": 2, "warm worker": 2, "Prefect API": 2, "Prefect services": 1, "Redis": 1}
"""So that one may die."""
CONNECTIONS = {"portal": 10, "warm worker": 33, "Prefect": 40, "Prefect API": 40, "Prefect services": 40}
"""Of each process to PostgreSQL, at most: the pool of its ledger and the bell, or Prefect's pool in infra/deploy."""
SPARE = 20
"""Connections for operators, backups and the commands."""
EVENT_DAYS, RUN_DAYS = 7, 30
"""How long Prefect keeps events, and runs after their end (infra/deployments.py)."""
DATABASE_MB = 2048
"""Of PostgreSQL, beside the ledger's rows of open cases, which every decision reads."""
DESK_GB = 20
"""The largest SQLite file that a city may still call a desk: its backup is a copy."""
HOUR, MB, KB = 3600, 1024, 1024


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """A city: complaints a day, and what is assumed of them.

    ``busiest_hour``: its share of a day. ``effort``: how much more than a life of the bench (three wakes, one
    department) an average case is. ``open_days``: from receipt to end. ``years``: how long the ledger grows.
    """

    per_day: int
    busiest_hour: float = 0.12
    effort: float = 1.5
    open_days: float = 10
    years: float = 3

    @property
    def rate(self) -> float:
        """Lives of the bench per second, at the busiest hour."""
        return self.per_day * self.busiest_hour / HOUR * self.effort


@dataclass(frozen=True)
class Part:
    """Processes of one kind: all their cores (at the busiest hour, with reserve) and memory in MiB; disk in GiB."""

    name: str
    processes: int
    cores: float
    memory_mb: float
    disk_gb: float = 0


@dataclass(frozen=True)
class Plan:
    """What has to run for a city."""

    size: str
    parts: tuple[Part, ...]
    lives_per_s: float
    connections: int

    def total(self, what: str) -> float:
        return float(sum(getattr(part, what) for part in self.parts))

    @property
    def cores(self) -> int:
        return max(2, math.ceil(self.total("cores")))


def plan(wishes: Wishes, measured: Mapping[str, Any]) -> Plan:
    """The smallest of the three sizes that carries the busiest hour."""
    size, parts = _smallest(wishes, measured)
    connections = sum(CONNECTIONS.get(part.name, 0) * part.processes for part in parts)
    return Plan(size, parts, wishes.rate, connections)


def _smallest(wishes: Wishes, measured: Mapping[str, Any]) -> tuple[str, tuple[Part, ...]]:
    alone = measured["processor_ms_per_life"]
    if wishes.rate <= measured["embedded_lives_per_s"] * FULL and sum(_disk_gb(wishes, measured)) <= DESK_GB:
        return DESK, (_desk(wishes, measured),)
    if _busy(wishes, alone["Prefect"]) <= FULL:
        return CITY, _parts(wishes, measured, alone, ("portal", "warm worker", "Prefect", "PostgreSQL"))
    several = ("portal", "warm worker", "Prefect API", "Prefect services", "Redis", "PostgreSQL")
    return PROVINCE, _parts(wishes, measured, measured["province_ms_per_life"], several)


def _busy(wishes: Wishes, ms: float) -> float:
    """Cores that are busy at the busiest hour with something that takes so many milliseconds of each life."""
    return wishes.rate * ms / 1000


def _parts(
    wishes: Wishes, measured: Mapping[str, Any], cost: Mapping[str, float], names: tuple[str, ...]
) -> tuple[Part, ...]:
    return tuple(_part(name, wishes, measured, cost[name]) for name in names)


def _part(name: str, wishes: Wishes, measured: Mapping[str, Any], ms: float) -> Part:
    busy = _busy(wishes, ms)
    if name == "PostgreSQL":
        return Part(name, 1, busy / FULL, _database_mb(wishes, measured), sum(_disk_gb(wishes, measured)))
    processes = max(AT_LEAST.get(name, 1), math.ceil(busy / FULL))  # Python and Redis use one core each
    return Part(name, processes, busy / FULL, processes * measured["memory_mb"][name])


def _desk(wishes: Wishes, measured: Mapping[str, Any]) -> Part:
    """`minsheng up`: on SQLite the server's one lock is the limit, not the cores."""
    held, kinds = measured["memory_mb"], ("portal", "warm worker", "Prefect", "mail catcher")
    busy, memory = wishes.rate / measured["embedded_lives_per_s"], sum(held[kind] for kind in kinds)
    return Part("minsheng up", len(kinds) + 1, busy / FULL, memory, sum(_disk_gb(wishes, measured)))


def _database_mb(wishes: Wishes, measured: Mapping[str, Any]) -> float:
    open_cases = wishes.per_day * wishes.open_days
    return DATABASE_MB + open_cases * float(measured["ledger_kb_per_case"]) * wishes.effort / KB


def _disk_gb(wishes: Wishes, measured: Mapping[str, Any]) -> tuple[float, float]:
    """The ledger after so many years, and what Prefect holds at any time."""
    ledger = 365 * wishes.years * measured["ledger_kb_per_case"]
    runs = (wishes.open_days + RUN_DAYS) * measured["prefect_runs_kb_per_case"]
    events = EVENT_DAYS * measured["prefect_events_kb_per_case"]
    scale = wishes.per_day * wishes.effort / KB / MB
    return ledger * scale, (runs + events) * scale


def read_measured(bench: Path | None) -> dict[str, Any]:
    """What was measured, with the figures of ``bench`` in their place. Raises :class:`Mistake`."""
    measured: dict[str, Any] = json.loads(MEASURED.read_text("utf-8"))
    if bench is None:
        return measured
    try:
        told = json.loads(bench.read_text("utf-8"))
        return _with(measured, told)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as fault:
        raise Mistake(f"{bench} is not what `minsheng bench --json` prints: {fault}") from fault


def _with(measured: dict[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """A bench on SQLite says how fast a desk is; any other, what a life costs each part, alone and in a province."""
    if told["database"] == "SQLite":
        return {**measured, "embedded_lives_per_s": told["lives_per_s"]}
    cost = Counter[str]()
    for name, ms in told["processor_ms_per_life"].items():
        cost["warm worker" if name.startswith("warm-") else name] += ms
    quicker = cost["Prefect"] / measured["processor_ms_per_life"]["Prefect"]
    province = {name: ms * quicker for name, ms in measured["province_ms_per_life"].items()}
    memory = {**measured["memory_mb"], "warm worker": told["worker_mb"]}
    own = {"processor_ms_per_life": cost, "province_ms_per_life": province, "memory_mb": memory}
    return {**measured, **own, "measured_on": "elsewhere", "commands": ["minsheng bench --json"]}


def print_size(wishes: Wishes, *, bench: Path | None, as_json: bool) -> None:
    """``minsheng size``. Raises :class:`Mistake`."""
    if wishes.per_day < 1 or min(wishes.effort, wishes.open_days, wishes.years) <= 0:
        raise Mistake("--per-day, --effort, --open-days and --years must be above 0")
    if not 1 / 24 <= wishes.busiest_hour <= 1:
        raise Mistake("--busiest-hour is a share of the day, from 0.042 (every hour alike) to 1")
    measured = read_measured(bench)
    needed = plan(wishes, measured)
    echo(json.dumps(_object(wishes, needed, measured)) if as_json else _table(wishes, needed, measured))


def _object(wishes: Wishes, needed: Plan, measured: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "size": needed.size,
        "cores": needed.cores,
        "memory_gb": round(needed.total("memory_mb") / MB, 1),
        "disk_gb": round(needed.total("disk_gb"), 1),
        "processes": int(needed.total("processes")),
        "connections": needed.connections,
        "lives_per_s": round(needed.lives_per_s, 2),
        "parts": [{name: _rounded(value) for name, value in asdict(part).items()} for part in needed.parts],
        "assumed": {**asdict(wishes), "core_used_at_most": FULL},
        "measured_on": measured["measured_on"],
        "commands": measured["commands"],
    }


def _rounded(value: Any) -> Any:
    return round(value, 2) if isinstance(value, float) else value


def _table(wishes: Wishes, needed: Plan, measured: Mapping[str, Any]) -> str:
    rows = [_row(part.name, part.processes, f"{part.cores:.1f}", part.memory_mb, part.disk_gb) for part in needed.parts]
    total = needed.total
    sums = _row("together", int(total("processes")), str(needed.cores), total("memory_mb"), total("disk_gb"))
    return "\n".join([*_heading(wishes, needed), _HEAD, *rows, sums, *_notes(wishes, needed, measured)])


_HEAD = f"{'part':18}{'processes':>10}{'cores':>8}{'memory GiB':>12}{'disk GiB':>10}"


def _row(name: str, processes: int, cores: str, memory_mb: float, disk_gb: float) -> str:
    disk = f"{disk_gb:.0f}" if disk_gb >= 1 else f"{disk_gb:.1f}" if disk_gb else ""
    return f"{name:18}{processes:>10}{cores:>8}{memory_mb / MB:>12.1f}{disk:>10}"


def _heading(wishes: Wishes, needed: Plan) -> list[str]:
    hour = wishes.per_day * wishes.busiest_hour
    return [f"{wishes.per_day:,} complaints a day, {hour:,.0f} in the busiest hour: size {needed.size}", ""]


def _notes(wishes: Wishes, needed: Plan, measured: Mapping[str, Any]) -> list[str]:
    several = [f"PostgreSQL: max_connections at least {needed.connections + SPARE}"]
    ledger, prefect = _disk_gb(wishes, measured)
    return [
        "",
        *(several if needed.connections else []),
        f"disk: ledger {ledger:,.0f} GiB after {wishes.years:g} years, Prefect {prefect:,.0f} GiB at any time;"
        " backups on top",
        f"assumed: an average case is {wishes.effort:g} lives of the bench, open {wishes.open_days:g} days;"
        f" cores are {FULL:.0%} busy in the busiest hour",
        f"measured on {measured['measured_on']}: {'; '.join(measured['commands'])}",
    ]
