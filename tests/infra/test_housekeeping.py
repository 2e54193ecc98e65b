"""建立台账: what nobody needs goes at night, and nothing that belongs to a case goes with it."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from infra.deployments import deploy
from infra.housekeeping import delete_service_runs, tidy
from infra.ledger import Ledger, schema
from infra.ledger.database import sqlite_file
from infra.moment import wall
from infra.prefect_api import PrefectApi
from tests import lives
from tests.lives import NOW
from tests.prefect_server import PrefectServer, prefect_server

__all__ = ["prefect_server"]


@pytest.mark.slow
async def test_completed_runs_of_service_flows_leave_prefect_and_no_others(prefect_server: PrefectServer):
    await prefect_server.forget_runs()
    await deploy(prefect_server.api, pulse_seconds=3600)
    ends = {"pulse/pulse": "COMPLETED", "clocks/clocks": "COMPLETED", "complaint/standard": "COMPLETED"}
    runs = {name: await ended(prefect_server, name, end) for name, end in ends.items()}
    failed = await ended(prefect_server, "pulse/pulse", "FAILED")
    waiting = await prefect_server.start_run("pulse/pulse")
    prefect = PrefectApi(prefect_server.api)

    assert await delete_service_runs(prefect, ended_before=wall() - timedelta(days=1)) == 0
    assert await delete_service_runs(prefect, ended_before=wall() + timedelta(days=1)) == 2
    await prefect.close()

    wanted = {"flow_runs": {"id": {"any_": [*runs.values(), failed, waiting]}}}
    left = {run["id"] for run in await prefect_server.call("POST", "/flow_runs/filter", **wanted)}
    assert left == {runs["complaint/standard"], failed, waiting}


async def ended(server: PrefectServer, deployment: str, end: str) -> str:
    run = await server.start_run(deployment)
    await server.call("POST", f"/flow_runs/{run}/set_state", state={"type": end}, force=True)
    return run


async def test_expired_secrets_are_forgotten_and_those_of_today_stay_spent(ledger: Ledger):
    case = await lives.waiting(ledger, NOW)
    assert await ledger.spend("old")
    assert await ledger.spend("new")
    old = sa.update(schema.nonces).where(schema.nonces.c.nonce == "old").values(spent_at=wall() - timedelta(days=2))
    async with ledger.db.write() as connection:
        await connection.execute(old)

    assert await tidy(ledger) == 1
    assert not await ledger.spend("new")
    assert (await ledger.case(case.number)).stage == case.stage
    if file := sqlite_file(ledger.url):
        assert file.with_name(f"{file.name}-wal").stat().st_size < file.stat().st_size
