"""The ways that cases really took are counted as they are, and never at the price of reading the whole ledger."""

from __future__ import annotations

from datetime import timedelta

import pytest

from infra.ledger import Ledger
from infra.ledger.paths import Paths
from tests.lives import NOW, RIDDLE, act, closed, settled, waiting


@pytest.fixture
def paths(ledger: Ledger) -> Paths:
    return Paths(ledger.db)


async def returned(ledger: Ledger, at) -> str:
    """A department says after two hours that it is not theirs; the desk has it again."""
    case = await waiting(ledger, at)
    later = at + timedelta(hours=2)
    await act(ledger, case, "return", "lead-1", at=later, reason="不属于我们", department="ecology")
    return (await settled(ledger, case.number, later)).number


async def test_open_cases_are_counted_where_they_sit_and_late_ones_apart(ledger, paths):
    await waiting(ledger, NOW)
    await waiting(ledger, NOW)
    await waiting(ledger, NOW, what=RIDDLE)
    soon = (await paths.traffic("standard", days=30, now=NOW + timedelta(hours=1))).live.stages
    assert {name: (f.open, f.late) for name, f in soon.items()} == {
        "departmental_fix": (2, 0),
        "first_contact": (1, 0),
    } | {name: (f.open, f.late) for name, f in soon.items() if not f.open}
    later = (await paths.traffic("standard", days=30, now=NOW + timedelta(days=20))).live.stages
    assert (later["departmental_fix"].open, later["departmental_fix"].late) == (2, 2)


async def test_every_move_and_every_way_is_counted(ledger, paths):
    await closed(ledger, NOW)
    await closed(ledger, NOW)
    await returned(ledger, NOW)
    found = await paths.traffic("standard", days=30, now=NOW + timedelta(days=1))
    assert found.live.moves["first_contact", "dispatched", "departmental_fix"] == 3
    assert found.live.moves["departmental_fix", "fixed", "feedback"] == 2
    assert found.live.moves["departmental_fix", "returned", "first_contact"] == 1
    assert found.live.moves["feedback", "accepted", "closed"] == 2
    assert dict(found.ways) == {
        ("first_contact", "departmental_fix", "feedback", "closed"): 2,
        ("first_contact", "departmental_fix", "first_contact"): 1,
    }
    assert (found.cases, found.other, found.is_sample) == (3, 0, False)


async def test_half_and_nine_tenths_of_the_stays_are_over_within_the_times_told(ledger, paths):
    for hours in range(1, 11):
        case = await waiting(ledger, NOW)
        done = NOW + timedelta(hours=hours)
        await act(ledger, case, "fix", "lead-1", at=done, reply="已处理,请查看。")
        await settled(ledger, case.number, done)
    stay = (await paths.traffic("standard", days=30, now=NOW + timedelta(days=2))).live.stages["departmental_fix"]
    assert stay.finished == 10
    assert abs(stay.median - timedelta(hours=5)) < timedelta(seconds=1)
    assert abs(stay.ninetieth - timedelta(hours=9)) < timedelta(seconds=1)


async def test_only_the_period_and_the_process_count(ledger, paths):
    await closed(ledger, NOW - timedelta(days=40))
    await closed(ledger, NOW - timedelta(days=6))
    assert (await paths.traffic("standard", days=7, now=NOW)).cases == 1
    assert (await paths.traffic("standard", days=6, now=NOW)).cases == 0
    assert (await paths.traffic("another", days=99, now=NOW)).cases == 0


async def test_of_many_cases_the_newest_are_looked_at_and_that_is_said(ledger, paths):
    for day in (3, 2, 1):
        await closed(ledger, NOW - timedelta(days=day))
    found = await paths.traffic("standard", days=30, now=NOW, sample=2)
    assert (found.cases, found.is_sample) == (2, True)
    assert sum(found.live.moves.values()) == 2 * 3


async def test_an_empty_ledger_has_no_ways(ledger, paths):
    found = await paths.traffic("standard", days=30, now=NOW)
    assert (found.cases, found.ways, found.live.moves, found.live.stages) == (0, [], {}, {})


async def test_entries_are_read_by_their_key_and_never_all(sqlite_ledger):
    """Whatever the size of the ledger: the plan names no scan of the entries."""
    statement = Paths(sqlite_ledger.db)._ways("standard", since=NOW, sample=100)
    said = statement.compile(sqlite_ledger.db.engine.sync_engine, compile_kwargs={"render_postcompile": True})
    values = tuple(said.params[name] for name in said.positiontup)
    async with sqlite_ledger.db.read() as connection:
        plan = [row[-1] for row in await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", values)]
    assert [line for line in plan if line.startswith("SCAN entries")] == []
    assert any(line.startswith("SEARCH entries USING INDEX") for line in plan)
