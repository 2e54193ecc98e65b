"""我爱青岛·我有不满·我要说话: a complaint is carried through its whole life by one run, and by nothing else."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest

from tests.lives import NOISE, RIDDLE, ZHANG
from tests.prefect_server import Town, until

pytestmark = pytest.mark.slow
REPLY = "夜间施工已停工,施工许可已收回。"


async def solved(town: Town) -> str:
    """A complaint, fixed and rated; its number."""
    number = await town.complain()
    await town.rests(number, "departmental_fix")
    await town.act(number, "claim", "lead-1")
    await town.act(number, "contact", "lead-1")
    await town.act(number, "fix", "lead-1", reply=REPLY)
    await town.rests(number, "feedback")
    await town.act(number, "rate", "citizen-1", solved="yes", satisfied=5)
    await town.rests(number, "closed")
    return number


def ended(run: dict[str, Any]) -> bool:
    """A task run is what Prefect has heard of it so far: its recorder reads the events a moment later."""
    return run["state"]["type"] not in ("PENDING", "RUNNING")


async def test_one_run_carries_a_complaint_from_the_first_word_to_the_honest_end(town: Town):
    number = await solved(town)

    run = await town.run(number)
    assert (run["name"], run["state"]["name"], run["state"]["message"]) == (number, "Closed", "fixed")
    wanted = {"lead:shinan-urban", "district:shinan", "urgency:normal", "process:standard"}
    await until("the tags", partial(town.run, number), lambda run: wanted <= set(run["tags"]))
    assert run["parameters"] == {"number": number}
    kinds = await town.kinds(number)
    assert kinds.count("stage_entered") == 3
    assert await town.ledger.verify() == []


async def test_one_task_run_per_stage_entered_and_two_states_per_wake(town: Town):
    number = await solved(town)

    run_id = await town.run_id(number)
    look = partial(town.server.call, "POST", "/task_runs/filter", flow_runs={"id": {"any_": [run_id]}})
    found = await until("four task runs that ended", look, lambda runs: [run for run in runs if ended(run)][3:])
    assert sorted(run["name"] for run in found) == ["close", "departmental_fix", "feedback", "first_contact"]
    assert {run["state"]["name"] for run in found} == {"Completed"}
    history = await town.server.history(run_id)
    first = ["Scheduled"] if history[0] == "Scheduled" else []  # the worker did not listen yet
    assert history == [*first, "Running", "Suspended", "Running", "Suspended", "Running", "Closed"]


async def test_prefect_shows_the_case_and_nothing_about_the_citizen(town: Town):
    number = await solved(town)

    run_id = await town.run_id(number)
    look = partial(town.server.call, "POST", "/artifacts/filter", flow_runs={"id": {"any_": [run_id]}})
    shown = await until("two drawings", look, lambda found: len(found) >= 2)
    assert {artifact["type"] for artifact in shown} == {"markdown", "table"}
    assert {artifact["key"] for artifact in shown} == {None}, "the page of all artifacts is not filled with cases"
    assert all(re.match(r"\d{4}", artifact["description"]) for artifact in shown), "of which moment"
    assert any(f"/desk/cases/{number}" in str(artifact["data"]) for artifact in shown)
    stored = b"".join(file.read_bytes() for file in town.server.home.glob("prefect.db*"))
    assert number.encode() in stored
    for secret in (NOISE.subject, NOISE.description, NOISE.address or "", ZHANG.name, ZHANG.email, ZHANG.phone, REPLY):
        for spelling in (secret.encode(), secret.encode("unicode-escape")):
            assert not spelling or spelling not in stored, secret


async def test_a_run_resumed_by_hand_with_nothing_to_do_goes_back_to_sleep(town: Town):
    number = await town.complain()
    await town.rests(number, "departmental_fix")
    before, run_id = await town.kinds(number), await town.run_id(number)

    look = partial(town.server.history, run_id)
    resume = partial(town.server.call, "POST", f"/flow_runs/{run_id}/resume")
    for _ in range(2):
        seen = len(await until("asleep", look, lambda h: h[-1] == "Suspended"))
        await until("resumed", resume, lambda answer: answer["status"] == "ACCEPT")
        await until("asleep again", look, lambda h, n=seen: len(h) > n + 2 and h[-1] == "Suspended")

    assert await town.kinds(number) == before


async def test_a_missed_deadline_climbs_the_ladder_once(town: Town):
    number = await town.complain()
    await town.rests(number, "departmental_fix")
    town.turn_clock(days=4)
    await town.pulse()
    look = partial(town.kinds, number)
    await until("rungs", look, lambda kinds: "rung_reached" in kinds)
    await town.rests(number, "departmental_fix")
    reached = (await town.kinds(number)).count("rung_reached")

    await town.pulse()
    await town.rests(number, "departmental_fix")

    assert (await town.kinds(number)).count("rung_reached") == reached
    own = {"flow_runs": {"id": {"any_": [await town.run_id(number)]}}}
    steps = partial(town.server.call, "POST", "/task_runs/filter", **own)
    await until("a step of its own run", steps, lambda found: [s["name"] for s in found].count("escalation") == 1)
    wanted = {"event": {"name": ["minsheng.rung.reached"]}, "resource": {"id": [f"minsheng.case.{number}"]}}
    events = partial(town.server.call, "POST", "/events/filter", filter=wanted)
    await until("an event per rung", events, lambda found: found["total"] == reached)


async def test_a_complaint_that_no_table_knows_waits_at_the_desk(town: Town):
    number = await town.complain(RIDDLE)
    await town.rests(number, "first_contact")
    await town.act(number, "dispatch", "desk-1", department="shinan-urban")
    case = await town.rests(number, "departmental_fix")

    assert case.lead == "shinan-urban"
    await until("the tag", partial(town.run, number), lambda run: "lead:shinan-urban" in run["tags"])
