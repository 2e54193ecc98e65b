"""Running cases go on under another version as a run of Prefect: watched, told, and only for what was approved."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

from infra.moment import now
from infra.workbench import versions
from infra.workbench.trials import Trials
from tests.lives import waiting
from tests.prefect_server import ENDED, Town, until

pytestmark = pytest.mark.slow
QUICK = ("fix-normal,,fix,normal,5 wd", "fix-normal,,fix,normal,3 wd")
NOTHING = {"process": "", "since": "", "stages": "", "departments": "", "later": False}


async def moved(town: Town, version: str, **order: Any) -> dict[str, Any]:
    """The run that moved the cases, as it ended."""
    trials = Trials(town.server.api)
    run_id = await trials.move({**NOTHING, "version": version, "note": "三天办结", **order}, by="王科")
    await trials.close()
    run: dict[str, Any] = await until(
        "its end", partial(town.server.run, run_id), lambda r: r["state"]["type"] in ENDED, within=90
    )
    return run


async def test_a_run_moves_the_cases_and_tells_what_became_of_them(town: Town, book_files: dict[str, str]):
    case = await waiting(town.ledger, now())
    files = book_files | {"deadlines.csv": book_files["deadlines.csv"].replace(*QUICK)}
    version = await versions.submit_files(town.ledger, files, by="王科", at=now())
    refused = await moved(town, version.id)
    assert refused["state"]["name"] == "Failed"
    assert "待审批" in refused["state"]["message"]

    await versions.approve(town.ledger, version.id, by="李处", at=now())
    run = await moved(town, version.id)

    assert run["state"]["name"] == "Completed"
    assert (await town.ledger.case(case.number)).rulebook == version.id
    (entry,) = [e for e in await town.ledger.entries(case.number) if e.kind == "case_migrated"]
    assert (entry.data["by"], entry.data["note"]) == ("王科", "三天办结")
    told = await town.server.call("POST", "/artifacts/filter", artifacts={"flow_run_id": {"any_": [run["id"]]}})
    assert any("按此版本继续" in str(one["data"]) for one in told)
    assert await town.ledger.verify() == []
