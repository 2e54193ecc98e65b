"""一案一流程: a Prefect run for every open case that was put into the ledger, copied from one that sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import httpx

from infra.bench.lives import COMPLAINT, LOOK
from infra.bench.town import Town
from infra.orchestrator import FLOW

_ASLEEP = """
SELECT r.id FROM flow_run r JOIN flow f ON f.id = r.flow_id
WHERE f.name = $1 AND r.state_name = 'Suspended' AND EXISTS (SELECT FROM task_run t WHERE t.flow_run_id = r.id) LIMIT 1
"""
PATIENCE = 60
"""Seconds until a complaint that was just submitted sleeps, and its task runs are written."""
_BEGIN = """
SET session_replication_role = replica;  -- a run and its state name each other: neither can come first
SET synchronous_commit = off;
CREATE TEMP TABLE given (run uuid, number text);
"""
_IDS = """
CREATE TEMP TABLE state AS SELECT g.run, s.id AS old, gen_random_uuid() AS id
FROM given g, flow_run_state s WHERE s.flow_run_id = $1;
"""
_RUNS = """
INSERT INTO flow_run SELECT (jsonb_populate_record(r, jsonb_build_object(
  'id', g.run, 'name', g.number, 'idempotency_key', g.number, 'state_id', s.id,
  'parameters', jsonb_build_object('number', g.number)))).*
FROM given g JOIN flow_run r ON r.id = $1 JOIN state s ON s.run = g.run AND s.old = r.state_id
"""
_STATES = """
INSERT INTO flow_run_state SELECT (jsonb_populate_record(t, jsonb_build_object('id', s.id, 'flow_run_id', s.run))).*
FROM state s JOIN flow_run_state t ON t.id = s.old
"""
_TASKS = """
CREATE TEMP TABLE task AS SELECT g.run, t.id AS old, gen_random_uuid() AS id, gen_random_uuid() AS state
FROM given g, task_run t WHERE t.flow_run_id = $1
"""
_TASK_RUNS = """
INSERT INTO task_run SELECT (jsonb_populate_record(t, jsonb_build_object(
  'id', k.id, 'flow_run_id', k.run, 'state_id', k.state))).*
FROM task k JOIN task_run t ON t.id = k.old
"""
_TASK_STATES = """
INSERT INTO task_run_state SELECT (jsonb_populate_record(s, jsonb_build_object(
  'id', CASE WHEN s.id = t.state_id THEN k.state ELSE gen_random_uuid() END, 'task_run_id', k.id))).*
FROM task k JOIN task_run t ON t.id = k.old JOIN task_run_state s ON s.task_run_id = k.old
"""


async def one_asleep(town: Town) -> None:
    """Submit a complaint that nobody answers. Raises :class:`TimeoutError` when its run does not go to sleep."""
    async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
        (await http.post(f"{town.plan.portal}/api/v1/complaints", json=COMPLAINT)).raise_for_status()
    connection = await asyncpg.connect(town.prefect_url.replace("+asyncpg", ""))
    try:
        async with asyncio.timeout(PATIENCE):
            while await connection.fetchval(_ASLEEP, FLOW) is None:  # noqa: ASYNC110 -- there is no event
                await asyncio.sleep(LOOK)  # a row of Prefect's database rings no bell
    finally:
        await connection.close()


async def give_runs(town: Town, wanted: Sequence[Any]) -> None:
    """A suspended run for each ``(run id, number)``, copied from one that is asleep."""
    connection = await asyncpg.connect(town.prefect_url.replace("+asyncpg", ""))
    try:
        asleep = await connection.fetchval(_ASLEEP, FLOW)
        async with connection.transaction():
            await connection.execute(_BEGIN)
            await connection.copy_records_to_table("given", records=[tuple(one) for one in wanted])
            for order in (_IDS, _TASKS):
                await connection.execute(order.replace("$1", f"'{asleep}'"))
            await connection.execute(_RUNS, asleep)
            for order in (_STATES, _TASK_RUNS, _TASK_STATES):
                await connection.execute(order)
    finally:
        await connection.close()
