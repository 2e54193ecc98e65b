"""A month is simulated from the workbench: the run tells progress and findings."""

from __future__ import annotations

import json

import pytest

from tests.flows.test_backtest import artifacts, ended
from tests.prefect_server import Town

pytestmark = pytest.mark.slow
FEW = "{matters: [{type: consultation, category: education/meals, district: shinan}], warm_up: 1}"


async def test_a_simulation_runs_as_a_flow_and_leaves_its_figures(town: Town):
    asked = {"start": "2026-10-01", "days": 3, "rate": 20, "seeds": 2, "people": FEW}
    run_id = await town.server.start_run("simulation/simulation", **asked)

    assert (await ended(town.server, run_id))["state"]["name"] == "Completed"
    found = await artifacts(town.server, run_id)
    assert found["progress"]["data"] == 100
    told = json.loads(found["simulation-result"]["data"])
    assert (told["from"], told["days"], told["rate"], told["seeds"]) == ("2026-10-01", 3, 20, 2)
    assert "受理诉求" in found["simulation-summary"]["data"]
    await town.server.call("DELETE", f"/flow_runs/{run_id}")


async def test_people_that_are_no_people_are_told_with_their_place(town: Town):
    run_id = await town.server.start_run("simulation/simulation", people="{loat: 0.5}")
    message = (await ended(town.server, run_id))["state"]["message"]
    assert "unknown key 'loat'; did you mean load?" in message
