"""What Prefect's server alone allows: the state changes and task runs of real lives, repeated by a client that does
nothing else: no ledger, no rules, no letters, no worker.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import sqlalchemy as sa
from prefect.events import Event
from prefect.events.clients import PrefectEventsClient
from sqlalchemy.ext.asyncio import create_async_engine

from infra.bench.town import Town
from infra.moment import wall
from infra.orchestrator import CLOSED_BY_US, FLOW
from infra.quick_http import transport

_LATEST = (
    "SELECT r.id FROM flow_run r JOIN flow f ON f.id = r.flow_id"
    " WHERE f.name = :flow AND r.state_name = :closed ORDER BY r.start_time DESC LIMIT 1"
)
_OURS = {"flow": FLOW, "closed": CLOSED_BY_US}
_STATES = (
    "SELECT type, name, message, state_details, timestamp FROM flow_run_state WHERE flow_run_id = :run"
    " ORDER BY timestamp"
)
_EVENTS = (
    "SELECT occurred, event, resource, payload, related FROM events"
    " WHERE event LIKE 'prefect.task-run.%' AND CAST(related AS text) LIKE :about ORDER BY occurred"
)


@dataclass(frozen=True)
class Score:
    """One life as the server saw it: state changes of its run and events of its task runs, in their order."""

    run_id: str
    steps: Sequence[tuple[str, Mapping[str, Any]]]


async def record(town: Town) -> Score:
    """The last life that was led through. Raises :class:`LookupError` when there is none yet."""
    engine = create_async_engine(town.prefect_url)
    try:
        async with engine.connect() as connection:
            run = (await connection.execute(sa.text(_LATEST), _OURS)).scalar()
            if run is None:
                raise LookupError("no life has been led to its end")
            states = (await connection.execute(sa.text(_STATES), {"run": run})).mappings().all()
            events = (await connection.execute(sa.text(_EVENTS), {"about": f"%{run}%"})).mappings().all()
    finally:
        await engine.dispose()
    told = [(row["timestamp"], "state", dict(row)) for row in states]
    told += [(row["occurred"], "event", dict(row)) for row in events]
    return Score(str(run), [(kind, row) for _, kind, row in sorted(told, key=lambda one: one[0])])


async def repeat(town: Town, score: Score, *, seconds: float, at_once: int) -> tuple[int, float]:
    """Repeat the life again and again; how many lives, in how many seconds."""
    done, began = 0, time.monotonic()
    async with httpx.AsyncClient(base_url=town.plan.api, timeout=60, transport=transport()) as http:
        deployment = (await http.get(f"/deployments/name/{FLOW}/standard")).raise_for_status().json()["id"]

        async def hand() -> None:
            nonlocal done
            async with PrefectEventsClient(town.plan.api) as events:
                while time.monotonic() - began < seconds:
                    await _life(http, events, score, deployment)
                    done += 1

        await asyncio.gather(*(hand() for _ in range(at_once)))
    return done, time.monotonic() - began


async def _life(http: httpx.AsyncClient, events: PrefectEventsClient, score: Score, deployment: str) -> None:
    run_id = ""
    fresh: dict[str, str] = {}
    for kind, row in score.steps:
        if kind == "event":
            fresh.setdefault(score.run_id, run_id)
            await events.emit(_again(row, fresh))
            continue
        state = {"type": row["type"], "name": row["name"], "message": row["message"] or "", **_asked_for(row)}
        if not run_id:
            new = {"name": "bare", "state": state, "parameters": {"number": "bare"}, "tags": ["bare"]}
            made = await http.post(f"/deployments/{deployment}/create_flow_run", json=new)
            run_id = made.raise_for_status().json()["id"]
        else:
            force = row["type"] == "RUNNING"  # as the worker claims a run; all else by the server's rules, as it does
            set = await http.post(f"/flow_runs/{run_id}/set_state", json={"state": state, "force": force})
            if (answer := set.raise_for_status().json()["status"]) != "ACCEPT":
                raise RuntimeError(f"Prefect answered {answer} to {state}")


def _asked_for(row: Mapping[str, Any]) -> dict[str, Any]:
    """What whoever set the state said beside its name."""
    told = row["state_details"] if isinstance(row["state_details"], dict) else json.loads(row["state_details"])
    kept = {name: told[name] for name in ("pause_key", "pause_reschedule", "pause_timeout") if told.get(name)}
    return {"state_details": kept} if kept else {}


def _again(row: Mapping[str, Any], fresh: dict[str, str]) -> Event:
    """The event of another task run of another flow run, now."""
    own = {name: row[name] if isinstance(row[name], dict | list) else json.loads(row[name]) for name in _PARTS}
    task_run = own["resource"]["prefect.resource.id"].rpartition(".")[2]
    fresh.setdefault(task_run, str(uuid4()))
    text = json.dumps(own)
    for old, new in fresh.items():
        text = text.replace(old, new)
    return Event(id=uuid4(), occurred=wall(), event=row["event"], **json.loads(text))


_PARTS = ("resource", "payload", "related")
