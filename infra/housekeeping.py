"""建立台账 is the ledger's office; Prefect only shows. What it showed of service flows need not be kept for long.

Prefect itself deletes finished runs with their task runs, logs and artifacts, and old events (``db_vacuum``, set in
``infra/deployments.py``), all after the same time. The flows that beat leave thousands of runs a day behind; they go
sooner.
"""

from __future__ import annotations

from datetime import datetime

from infra.ledger import Ledger
from infra.prefect_api import PrefectApi

SERVICES = ("pulse", "clocks", "housekeeping")
"""Flows whose runs say nothing that anybody looks up later."""
AT_ONCE = 50
"""Runs that Prefect deletes in one call."""


async def delete_service_runs(prefect: PrefectApi, *, ended_before: datetime) -> int:
    """Delete the completed runs of service flows that ended before then (wall time); how many. What failed stays, for
    operators, until Prefect's own time for it. Raises ``PrefectAway``."""
    deleted = 0
    while gone := await _delete_some(prefect, ended_before):
        deleted += gone
    return deleted


async def _delete_some(prefect: PrefectApi, ended_before: datetime) -> int:
    ended = {"state": {"type": {"any_": ["COMPLETED"]}}, "end_time": {"before_": ended_before.isoformat()}}
    services = {"flows": {"name": {"any_": list(SERVICES)}}, "flow_runs": ended, "limit": AT_ONCE}
    found = await prefect.ask("POST", "/flow_runs/filter", services)
    if not found:
        return 0
    chosen = {"flow_runs": {"id": {"any_": [run["id"] for run in found]}}, "limit": AT_ONCE}
    return len((await prefect.ask("POST", "/flow_runs/bulk_delete", chosen))["deleted"])


async def tidy(ledger: Ledger) -> int:
    """Forget one-time secrets that have expired; how many. On SQLite also put the log back into the file, and renew
    what the planner knows; PostgreSQL does so by itself."""
    forgotten = await ledger.forget_secrets()
    await ledger.db.tidy()
    return forgotten
