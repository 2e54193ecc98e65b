"""便民: one command puts the story on any Prefect server, as often as one likes, and any kind of worker can tell it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path

import pytest
import yaml

from infra import deployments
from infra.deployments import POOL, deploy, described, worker_environment
from infra.settings import ROOT, RULEBOOKS, settings
from tests.prefect_server import ENDED, PREFECT, PrefectServer, Process, Town, surroundings, until

pytestmark = pytest.mark.slow
SHIPPED = {path.stem for path in (RULEBOOKS / "qingdao" / "process").glob("*.yaml")}


async def schedules(server: PrefectServer, name: str) -> list[dict[str, object]]:
    found = await server.call("GET", f"/deployments/name/{name}")
    return [each["schedule"] for each in found["schedules"]]


async def test_deploying_again_changes_nothing_and_deletes_nothing(prefect_server: PrefectServer):
    first = await deploy(prefect_server.api)
    before = {name: (await prefect_server.call("GET", f"/deployments/name/{name}"))["id"] for name in first}
    second = await deploy(prefect_server.api)
    after = {name: (await prefect_server.call("GET", f"/deployments/name/{name}"))["id"] for name in second}

    assert before == after
    assert set(first) == {
        *(f"complaint/{name}" for name in SHIPPED),
        "pulse/pulse",
        "clocks/clocks",
        "backtest/backtest",
        "migration/migration",
        "housekeeping/housekeeping",
        "simulation/simulation",
    }
    assert [s["cron"] for s in await schedules(prefect_server, "housekeeping/housekeeping")] == ["20 3 * * *"]
    assert [s["interval"] for s in await schedules(prefect_server, "clocks/clocks")] == [15]
    assert [s["cron"] for s in await schedules(prefect_server, "pulse/pulse")] == ["* * * * *"]
    assert await schedules(prefect_server, "complaint/standard") == []


async def test_a_flow_of_the_workbench_says_what_it_asks_for(prefect_server: PrefectServer):
    await deploy(prefect_server.api)
    made = await prefect_server.call("GET", "/deployments/name/backtest/backtest")
    assert {*made["parameter_openapi_schema"]["required"]} == {"since", "rulebook"}
    assert made["parameter_openapi_schema"]["properties"]["since"]["format"] == "date"


async def test_the_forms_are_made_anew_for_other_code_only(
    prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
):
    await deploy(prefect_server.api)
    asked: list[str] = []

    async def made_anew(entrypoints: Iterable[str]) -> dict[str, dict[str, object]]:
        asked.extend(entrypoints)
        return {entrypoint: {"title": "made anew", "required": ["since"]} for entrypoint in asked}

    async def form() -> dict[str, object]:
        made = await prefect_server.call("GET", "/deployments/name/backtest/backtest")
        return dict(made["parameter_openapi_schema"])

    first = await form()
    monkeypatch.setattr(deployments, "forms_of", made_anew)
    await deploy(prefect_server.api)
    assert not asked
    assert await form() == first

    monkeypatch.setattr(deployments, "code_version", lambda: "of tomorrow")
    await deploy(prefect_server.api)
    assert "flows.backtest.backtest" in asked
    assert (await form())["title"] == "made anew"
    monkeypatch.undo()
    await deploy(prefect_server.api)
    assert await form() == first


def test_prefect_yaml_lists_every_shipped_process_and_nothing_else():
    listed = yaml.safe_load((ROOT / "prefect.yaml").read_text("utf-8"))["deployments"]
    assert {one["name"] for one in listed if "complaint" in one["tags"]} == SHIPPED
    assert [one["name"] for one in described()] == [one["name"] for one in listed]


async def test_one_more_process_file_in_another_rulebook_gets_its_deployment(
    prefect_server: PrefectServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    city = shutil.copytree(RULEBOOKS / "qingdao", tmp_path / "city")
    text = (city / "process" / "standard.yaml").read_text("utf-8")
    own = text.replace("name: standard", "name: express").replace("en: Standard process", "en: Express")
    (city / "process" / "express.yaml").write_text(own, "utf-8")
    monkeypatch.setenv("MINSHENG_RULEBOOK", str(city))
    settings.cache_clear()
    try:
        assert "complaint/express" in await deploy(prefect_server.api)
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    made = await prefect_server.call("GET", "/deployments/name/complaint/express")
    assert (made["entrypoint"], made["tags"]) == ("flows.complaint.complaint", ["complaint"])
    assert made["description"] == "标准流程 — Express."


async def test_the_pulse_can_beat_faster_and_beats_by_itself(town: Town):
    await deploy(town.server.api, pulse_seconds=2)
    ended = {"flows": {"name": {"any_": ["pulse"]}}, "flow_runs": {"state": {"name": {"any_": ["Completed"]}}}}
    look = partial(town.server.call, "POST", "/flow_runs/filter", **ended)
    await until("two beats", look, lambda runs: len(runs) > 1)
    await deploy(town.server.api, pulse_seconds=3600)

    assert [s["interval"] for s in await schedules(town.server, "pulse/pulse")] == [3600]


async def test_housekeeping_says_what_it_did(town: Town):
    await town.pulse()
    made = await town.server.start_run("housekeeping/housekeeping")
    run = await until("tidy", partial(town.server.run, made), lambda r: r["state"]["type"] in ENDED)
    assert run["state"]["message"] == "0 runs of service flows deleted, 0 expired secrets forgotten", (
        "too early for any"
    )


async def test_of_the_pulses_missed_in_an_outage_only_one_works(town: Town):
    await asyncio.to_thread(town.worker.stop)
    missed = [await town.server.start_run("pulse/pulse") for _ in range(5)]
    beats = town.worker.text.count("woken:")

    town.worker.start()

    for run_id in missed:
        await until("its end", partial(town.server.run, run_id), lambda run: run["state"]["name"] == "Completed")
    assert town.worker.text.count("woken:") == beats + 1


async def test_prefects_own_deploy_command_reads_the_same_file(prefect_server: PrefectServer, tmp_path: Path):
    await deploy(prefect_server.api)
    before = await prefect_server.call("GET", "/deployments/name/complaint/standard")
    environment = {**os.environ, **worker_environment(tmp_path, prefect_server.api)}

    done = await asyncio.to_thread(
        subprocess.run, [*PREFECT, "--no-prompt", "deploy", "--all"], cwd=ROOT, env=environment,
        capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    after = await prefect_server.call("GET", "/deployments/name/complaint/standard")
    same = ("id", "entrypoint", "work_pool_name", "tags", "path")
    assert {name: after[name] for name in same} == {name: before[name] for name in same}
    assert not after["pull_steps"], "no path of this machine"
    assert [s["cron"] for s in await schedules(prefect_server, "pulse/pulse")] == ["* * * * *"]


@pytest.fixture
def process_worker(town: Town, tmp_path: Path) -> Iterator[Process]:
    """Prefect's own worker on the same pool and ledger, in a folder that has nothing to do with the project."""
    town.worker.stop()
    home = tmp_path / "elsewhere"
    home.mkdir()
    more = surroundings(home, town.ledger.url) | {"MINSHENG_MOMENT_FILE": str(town.moment)}
    worker = town.server.worker(home=home, kind="process", **more)
    worker.folder = home
    worker.start()
    yield worker
    worker.kill()
    town.worker.start()


async def test_prefects_own_process_worker_runs_the_same_deployments(town: Town, process_worker: Process):
    assert (await town.server.call("GET", f"/work_pools/{POOL}"))["type"] == "warm"
    number = await town.complain()
    await town.rests(number, "departmental_fix", within=90)
    await town.act(number, "fix", "lead-1", reply="修好了")
    await town.rests(number, "feedback", within=60)

    assert await town.ledger.verify() == []
    history = await town.server.history(await town.run_id(number))
    assert history.count("Suspended") == 2
