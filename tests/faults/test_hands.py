"""严肃追究责任 needs cases that nobody can make disappear: whatever a hand does to a run, the pulse puts it right."""

from __future__ import annotations

from functools import partial

import pytest
import sqlalchemy as sa

from infra.ledger import schema
from infra.ledger.appending import Step, append
from infra.ledger.chain import GENESIS
from infra.moment import now
from rules.case import Entry
from rules.evolve import fold
from tests.prefect_server import ENDED, Town, until

pytestmark = pytest.mark.slow


async def waiting(town: Town) -> str:
    number = await town.complain()
    await town.rests(number, "departmental_fix")
    return number


async def goes_on(town: Town, number: str) -> None:
    """The rest of the life, as if nothing had happened."""
    await town.act(number, "fix", "lead-1", reply="修好了")
    await town.rests(number, "feedback")
    await town.act(number, "rate", "citizen-1", solved="yes", satisfied=4)
    await town.rests(number, "closed")
    kinds = await town.kinds(number)
    assert kinds.count("stage_entered") == 3
    assert await town.ledger.verify() == []


@pytest.mark.parametrize("kind", ["COMPLETED", "CANCELLED", "CRASHED", "FAILED", "CANCELLING"])
async def test_a_run_ended_by_hand_is_put_right_and_the_case_goes_on(town: Town, kind: str):
    number = await waiting(town)
    before = await town.kinds(number)
    await town.server.set_state(await town.run_id(number), kind, force=True)

    await town.pulse()

    await town.rests(number, "departmental_fix")
    assert await town.kinds(number) == before
    await goes_on(town, number)


async def test_a_deleted_run_is_made_again_where_the_case_stands(town: Town):
    number = await waiting(town)
    before, lost = await town.kinds(number), await town.run_id(number)
    await town.server.call("DELETE", f"/flow_runs/{lost}")

    await town.pulse()

    await town.rests(number, "departmental_fix")
    assert await town.run_id(number) != lost
    assert await town.kinds(number) == before


async def test_a_run_put_off_by_hand_wakes_when_somebody_answers(town: Town):
    number = await waiting(town)
    later = {"type": "SCHEDULED", "state_details": {"scheduled_time": "2036-01-01T00:00:00Z"}}
    await town.server.call("POST", f"/flow_runs/{await town.run_id(number)}/set_state", state=later)

    await goes_on(town, number)


async def test_a_closed_case_stays_closed_whatever_is_done_to_its_run(town: Town):
    number = await waiting(town)
    await goes_on(town, number)
    before, run_id = await town.kinds(number), await town.run_id(number)

    await town.server.set_state(run_id, "SCHEDULED", force=True)
    look = partial(town.server.history, run_id)
    await until("closed again", look, lambda h: h.count("Closed") == 2)
    await town.server.set_state(run_id, "CRASHED", force=True)
    await town.pulse()

    await town.rests(number, "closed")
    assert await town.kinds(number) == before


async def test_a_second_run_of_the_same_case_does_nothing_and_ends(town: Town):
    number = await waiting(town)
    before = await town.kinds(number)

    double = await town.server.start_run("complaint/standard", number=number)
    run = await until("the double's end", partial(town.server.run, double), lambda r: r["state"]["type"] == "COMPLETED")

    assert run["state"]["name"] == "Closed"
    assert await town.kinds(number) == before
    await goes_on(town, number)


async def test_many_runs_of_a_new_case_at_once_have_one_effect(town: Town):
    made = [await town.server.start_run("complaint/standard", number="QD000000-NOBODY")]
    number = await town.complain()
    made += [await town.server.start_run("complaint/standard", number=number) for _ in range(4)]

    await town.rests(number, "departmental_fix")
    for run_id in made:
        await until("its end", partial(town.server.run, run_id), lambda r: r["state"]["type"] in ENDED)
    await town.pulse()

    assert (await town.kinds(number)).count("stage_entered") == 2
    runs = [await town.server.run(run_id) for run_id in made]
    assert {run["state"]["name"] for run in runs} == {"Closed"}


async def test_a_wake_that_was_lost_is_made_good_by_the_pulse(town: Town):
    number = await waiting(town)
    town.orchestrator.wake = _lose_it  # type: ignore[method-assign]
    await town.act(number, "fix", "lead-1", reply="修好了")

    await town.pulse()

    await town.rests(number, "feedback")


async def _lose_it(_number: str) -> str:
    return "lost"


async def test_a_case_that_cannot_be_woken_does_not_stop_the_others(town: Town):
    broken, sound, cancelled = await waiting(town), await waiting(town), await waiting(town)
    town.orchestrator.wake = _lose_it  # type: ignore[method-assign]
    for number in (broken, sound):
        await town.act(number, "fix", "lead-1", reply="修好了")
    await town.server.call("DELETE", f"/flow_runs/{await town.run_id(broken)}")
    await town.server.set_state(await town.run_id(cancelled), "CANCELLED", force=True)
    c = schema.cases.c
    async with town.ledger.db.write() as connection:
        await connection.execute(sa.update(schema.cases).where(c.number == broken).values(process="no-such-process"))

    await town.pulse()

    await town.rests(sound, "feedback")
    await town.rests(cancelled, "departmental_fix")
    assert [problem.number for problem in await town.ledger.verify(rebuild=True)] == [broken]


async def test_a_case_whose_rules_are_lost_fails_at_once_and_holds_nobody_up(town: Town):
    number = await waiting(town)
    first, *rest = await town.ledger.entries(number)
    own = [Entry(first.kind, first.at, first.actor, {**first.data, "rulebook": "lost"}), *rest[:-1]]
    broken = fold("QD000000-BROKEN22", own)
    assert broken.is_moving
    c = schema.complaints.c
    told = sa.select(sa.literal(broken.number), c.matter).where(c.number == number)
    async with town.ledger.db.write() as connection:
        await connection.execute(sa.insert(schema.complaints).from_select(["number", "matter"], told))
        await append(town.ledger.db, connection, [Step(None, broken, own, GENESIS)])

    await town.orchestrator.wake(broken.number)

    await until("its run", partial(town.ledger.run_of, broken.number), lambda known: known.run_id)
    run = await until("its failure", partial(town.run, broken.number), lambda r: r["state"]["type"] == "FAILED")
    assert "lost is not in the ledger" in run["state"]["message"]
    assert not (await town.ledger.run_of(broken.number)).is_leased
    assert (await town.ledger.to_wake(now(), limit=9))[0].number == broken.number
    assert await town.ledger.verify() == [], "what is wrong with it is not in the ledger"
