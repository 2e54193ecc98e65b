"""A draft is tried on past cases from the workbench: the run tells progress and findings, and can be stopped."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from infra.deployments import POOL
from infra.moment import now
from infra.workbench import drafts
from infra.workbench.backtest_words import KIND
from infra.workbench.trials import Trials
from tests.lives import closed
from tests.prefect_server import ENDED, PrefectServer, Town, until

pytestmark = pytest.mark.slow
QUICK = ("fix-normal,,fix,normal,5 wd", "fix-normal,,fix,normal,3 wd")


async def ended(server: PrefectServer, run_id: str) -> dict[str, Any]:
    return await until("its end", partial(server.run, run_id), lambda r: r["state"]["type"] in ENDED, within=90)


async def artifacts(server: PrefectServer, run_id: str) -> dict[str, Any]:
    """Key -> artifact."""
    found = await server.call("POST", "/artifacts/filter", artifacts={"flow_run_id": {"any_": [run_id]}})
    return {one["key"]: one for one in found}


async def test_a_backtest_runs_as_a_flow_and_leaves_its_figures_and_cases(town: Town, book_files: dict[str, str]):
    number = (await closed(town.ledger, now())).number
    draft = await drafts.open_draft(town.ledger, by="王科", at=now(), title="三天办结")
    text = book_files["deadlines.csv"].replace(*QUICK)
    seen = draft.seen("deadlines.csv")
    await drafts.save_file(town.ledger, draft.id, "deadlines.csv", text, by="王科", at=now(), seen=seen)

    run_id = await town.server.start_run("backtest/backtest", since="2026-11-23", rulebook=f"draft:{draft.id}")

    assert (await ended(town.server, run_id))["state"]["name"] == "Completed"
    found = await artifacts(town.server, run_id)
    assert found["progress"]["data"] == 100
    told = json.loads(found["backtest-result"]["data"])
    assert told["cases"]["deadlines"] == 1
    assert [row["number"] for row in told["rows"]] == [number]
    assert "期限变动" in found["backtest-summary"]["data"]
    assert found["backtest-clocks"]["type"] == "table"
    workbench = Trials(town.server.api)
    shown = await workbench.watch(run_id)
    assert (shown.progress, {one.kind for one in shown.found}) == (100, {"table", "markdown"})
    assert json.loads(await workbench.whole(run_id, KIND)) == told
    await workbench.close()
    await town.server.call("DELETE", f"/flow_runs/{run_id}")


async def test_what_cannot_be_tried_fails_with_its_reason(town: Town):
    run_id = await town.server.start_run("backtest/backtest", since="2026-11-23", rulebook="draft:99")
    assert "99" in (await ended(town.server, run_id))["state"]["message"]


async def test_whoever_stops_a_trial_stops_its_work(town: Town):
    flow = await town.server.call("POST", "/flows/", name="endless")
    told = {"flow_id": flow["id"], "name": "endless", "entrypoint": "tests.flows.endless.endless"}
    await town.server.call("POST", "/deployments/", **told, tags=["workbench"], work_pool_name=POOL)
    run_id = await town.server.start_run("endless/endless")
    await until("some progress", partial(artifacts, town.server, run_id))

    await town.server.set_state(run_id, "CANCELLING")

    state = (await ended(town.server, run_id))["state"]
    assert (state["type"], state["message"]) == ("CANCELLED", "stopped by hand")
