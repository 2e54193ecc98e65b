"""首接首办: nobody's case is dropped when the process that had it in hand dies, and nothing is done twice."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from functools import partial
from typing import Any

import pytest

from tests.prefect_server import Town, until

pytestmark = pytest.mark.slow


async def test_kill_minus_nine_in_the_middle_of_many_runs_loses_and_repeats_nothing(town: Town):
    numbers = [await town.complain() for _ in range(6)]
    await until("some are at work", partial(begun, town, numbers), lambda n: 0 < n < len(numbers))
    town.worker.kill()
    town.worker.start()

    await until("all settled", partial(settled_after_a_pulse, town, numbers), lambda n: n == len(numbers), within=120)

    for number in numbers:
        entries = Counter((e.kind, e.data.get("stage")) for e in await town.ledger.entries(number))
        assert entries["stage_entered", "first_contact"] == entries["stage_entered", "departmental_fix"] == 1
        letters = [letter.key for letter in await town.ledger.letters(number)]
        assert len(letters) == len(set(letters))
    assert await town.ledger.verify() == []


async def begun(town: Town, numbers: list[str]) -> int:
    return sum([(await town.ledger.case(number)).stage != "" for number in numbers])


async def settled_after_a_pulse(town: Town, numbers: list[str]) -> int:
    """How many cases wait for their department and sleep in Prefect too."""
    await town.pulse()
    count = 0
    for number in numbers:
        case, run = await town.ledger.case(number), await town.run(number)
        count += case.stage == "departmental_fix" and not case.is_moving and run["state"]["name"] == "Suspended"
    return count


async def test_asked_to_stop_the_worker_finishes_its_step_and_leaves_in_order(town: Town):
    numbers = [await town.complain() for _ in range(4)]
    await until("one is at work", partial(begun, town, numbers))

    assert await asyncio.to_thread(town.worker.stop, signal.SIGTERM, within=15) == 0

    runs = [run_id for number in numbers if (run_id := (await town.ledger.run_of(number)).run_id)]
    states = {(await town.server.run(run_id))["state"]["name"] for run_id in runs}
    assert states <= {"Scheduled", "Suspended"}, "no run is left at work, and none crashed"
    town.worker.start()
    for number in numbers:
        await town.rests(number, "departmental_fix")
    assert await town.ledger.verify() == []


async def test_who_ends_a_case_takes_down_the_clocks_that_another_worker_drew(town: Town):
    number = await town.complain()
    await town.rests(number, "departmental_fix")
    for action in ("claim", "contact"):
        await town.act(number, action, "lead-1")
    await town.act(number, "fix", "lead-1", reply="夜间施工已停工。")
    await town.rests(number, "feedback")
    drawn = partial(clocks_drawn, town, number)
    await until("a clock in Prefect", drawn)

    assert await asyncio.to_thread(town.worker.stop, signal.SIGTERM, within=15) == 0
    town.worker.start()
    await town.act(number, "rate", "citizen-1", solved="yes", satisfied=5)
    await town.rests(number, "closed")

    await until("no clock in Prefect", drawn, lambda clocks: clocks == [])


async def clocks_drawn(town: Town, number: str) -> list[dict[str, Any]] | None:
    """The newest table of the clocks of a case; operators tell it by the moment in its description."""
    wanted = {"artifacts": {"type": {"any_": ["table"]}}, "flow_runs": {"name": {"any_": [number]}}}
    found = await town.server.call("POST", "/artifacts/filter", **wanted, sort="CREATED_DESC")
    return json.loads(found[0]["data"]) if found else None
