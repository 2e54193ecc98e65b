"""谁主管、谁负责 has to be seen: lists, figures, and who is to be woken; each by an index of open work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from infra.ledger import CaseFilter, Ledger, leases, schema
from infra.ledger.numbers import day_of
from infra.moment import wall
from rules.case import Complaint
from tests import lives

LATER = timedelta(days=30)
FAR = Complaint(channel="web", subject="工地噪音", description="夜间施工噪音", address="崂山区海尔路1号")
URGENT = Complaint(channel="hotline", subject="燃气泄漏", description="楼道里有燃气味", address="市北区台东一路")


async def numbers(ledger: Ledger, now: datetime, **wanted: Any) -> list[str]:
    return [row.number for row in (await ledger.list_cases(CaseFilter(**wanted), now=now, limit=50)).rows]


async def test_late_work_comes_first(ledger: Ledger, now: datetime):
    newer = await lives.waiting(ledger, now + timedelta(days=3))
    older = await lives.waiting(ledger, now)
    assert await numbers(ledger, now) == [older.number, newer.number]


async def test_a_row_tells_what_the_desk_needs(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    (row,) = (await ledger.list_cases(CaseFilter(), now=now, limit=1)).rows
    assert (row.number, row.subject, row.stage, row.lead) == (case.number, lives.NOISE.subject, case.stage, case.lead)
    assert row.due_at == min(clock.due_at for clock in case.clocks if clock.runs)
    assert not row.is_late(now) and row.is_late(now + LATER)


async def test_pages_follow_each_other_without_gap_or_repeat(ledger: Ledger, now: datetime):
    made = [(await lives.received(ledger, now)).number for _ in range(7)]  # all due at the same moment
    seen: list[str] = []
    page = await ledger.list_cases(CaseFilter(), now=now, limit=3)
    while page.after:
        seen += [row.number for row in page.rows]
        page = await ledger.list_cases(CaseFilter(), now=now, limit=3, after=page.after)
    assert sorted(made) == seen + [row.number for row in page.rows]


async def test_closed_cases_are_listed_newest_first(ledger: Ledger, now: datetime):
    first, second = await lives.closed(ledger, now), await lives.closed(ledger, now + timedelta(days=1))
    await lives.waiting(ledger, now)
    page = await ledger.list_cases(CaseFilter(is_open=False), now=now, limit=1)
    rest = await ledger.list_cases(CaseFilter(is_open=False), now=now, limit=1, after=page.after)
    assert [page.rows[0].number, rest.rows[0].number] == [second.number, first.number]
    assert rest.after is None


async def test_closed_cases_of_a_day_are_found_by_the_beginning_of_their_numbers(ledger: Ledger, now: datetime):
    made = [(await lives.closed(ledger, now)).number for _ in range(3)]
    await lives.closed(ledger, now + timedelta(days=1))
    seen: list[str] = []
    wanted = CaseFilter(is_open=False, number=made[0][:8].lower())
    page = await ledger.list_cases(wanted, now=now, limit=2)
    while page.after:
        seen += [row.number for row in page.rows]
        page = await ledger.list_cases(wanted, now=now, limit=2, after=page.after)
    assert seen + [row.number for row in page.rows] == sorted(made, reverse=True)


async def test_a_list_can_be_narrowed_by_everything_the_desk_asks_for(ledger: Ledger, now: datetime):
    noise, far = await lives.waiting(ledger, now), await lives.waiting(ledger, now, what=FAR)
    riddle = await lives.waiting(ledger, now, what=lives.RIDDLE)
    desk = riddle.open_assignments("desk")[0].party
    assert noise.category and noise.lead != far.lead
    for wanted, expected in (
        ({"stage": "first_contact"}, {riddle.number}),
        ({"district": "laoshan"}, {far.number}),
        ({"category": noise.category}, {noise.number, far.number}),
        ({"category": noise.category.split("/")[0]}, {noise.number, far.number}),
        ({"category": "environ"}, set()),
        ({"department": noise.lead}, {noise.number}),
        ({"department": desk}, {riddle.number}),
        ({"number": noise.number.lower()}, {noise.number}),
        ({"number": "QD2611"}, {noise.number, far.number, riddle.number}),
        ({"number": "QD2611%"}, set()),
        ({"late": True}, set()),
    ):
        assert set(await numbers(ledger, now, **wanted)) == expected, wanted


async def test_urgent_cases_can_be_found(ledger: Ledger, now: datetime):
    await lives.waiting(ledger, now)
    urgent = await lives.waiting(ledger, now, what=URGENT)
    assert await numbers(ledger, now, urgency="urgent") == [urgent.number]


async def test_a_department_sees_its_case_until_it_is_closed_and_afterwards(ledger: Ledger, now: datetime):
    case = await lives.waiting(ledger, now)
    await lives.act(ledger, case, "fix", "lead-1", at=now, reply="已停工")
    await lives.settled(ledger, case.number, now)
    assert await numbers(ledger, now, department=case.lead) == [case.number]
    await lives.act(ledger, case, "rate", "citizen-1", at=now, solved="yes", satisfied=5)
    await lives.settled(ledger, case.number, now)
    assert await numbers(ledger, now, department=case.lead) == []
    assert await numbers(ledger, now, department=case.lead, is_open=False) == [case.number]


async def test_a_case_that_nobody_has_touched_is_first_but_nobody_is_late_yet(ledger: Ledger, now: datetime):
    new = await lives.received(ledger, now)
    await lives.waiting(ledger, now)
    assert (await numbers(ledger, now))[0] == new.number
    assert await numbers(ledger, now + timedelta(minutes=1), late=True) == []


async def test_the_figures_say_what_is_open_late_and_waiting(ledger: Ledger, now: datetime):
    await lives.closed(ledger, now)
    await lives.waiting(ledger, now)
    await lives.received(ledger, now)
    figures = await ledger.counts(now + LATER)
    assert (figures["cases_open"], figures["cases_late"], figures["cases_moving"]) == (2, 1, 1)
    assert figures["letters_waiting"] == 6 and figures["letters_given_up"] == 0
    assert 0 < figures["oldest_letter_seconds"] < 60


async def test_the_newest_moment_is_known_so_that_time_never_runs_backwards(ledger: Ledger, now: datetime):
    assert await ledger.search.newest_moment() is None
    await lives.closed(ledger, now + timedelta(days=1))
    assert await ledger.search.newest_moment() == now + timedelta(days=1)
    await lives.received(ledger, now + timedelta(days=2))
    assert await ledger.search.newest_moment() == now + timedelta(days=2)


async def test_moving_and_due_cases_are_to_be_woken_and_nobody_else(ledger: Ledger, now: datetime):
    await lives.closed(ledger, now)
    quiet, moving = await lives.waiting(ledger, now), await lives.received(ledger, now)
    assert await woken(ledger, now) == {moving.number}
    assert await woken(ledger, quiet.next_at) == {moving.number, quiet.number}


async def test_a_case_that_somebody_works_on_is_not_woken(ledger: Ledger, now: datetime):
    await ledger.take((await lives.received(ledger, now)).number)
    assert await woken(ledger, now) == set()


async def test_a_case_whose_activation_died_is_woken(ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch):
    case = await lives.waiting(ledger, now)
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=-1))
    await ledger.take(case.number)
    assert await woken(ledger, now) == {case.number}


async def test_nothing_is_missed_after_a_day_of_outage(ledger: Ledger, now: datetime):
    cases = [await lives.waiting(ledger, now) for _ in range(3)]
    assert await woken(ledger, now + timedelta(days=400)) == {case.number for case in cases}


async def test_runs_are_checked_in_turn_the_longest_unchecked_first(ledger: Ledger, now: datetime):
    await lives.closed(ledger, now)
    made = {(await lives.received(ledger, now)).number for _ in range(4)}
    first = {run.number for run in await ledger.runs_to_check(limit=2)}
    second = {run.number for run in await ledger.runs_to_check(limit=2)}
    assert first | second == made
    assert {run.number for run in await ledger.runs_to_check(limit=2)} == first


async def test_a_run_is_found_by_its_id(ledger: Ledger, now: datetime):
    case = await lives.received(ledger, now)
    await ledger.bind_run(case.number, "run-1")
    assert (await ledger.run_of(case.number)).run_id == "run-1"
    assert set(await ledger.leases.runs(["run-1", "run-2"])) == {"run-1"}


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (lambda c: c.is_moving, "ix_cases_moving"),
        (lambda c: c.next_at <= datetime(2026, 11, 23, tzinfo=UTC), "ix_cases_next"),
        (lambda c: c.lease_until <= wall(), "ix_cases_lease"),
        (lambda c: c.run_id.in_(["a", "b"]), "ix_cases_run"),
    ],
    ids=["moving", "due", "leased", "run"],
)
async def test_open_work_is_found_by_a_small_index_however_many_cases_are_closed(
    ledger: Ledger, question: Any, index: str
):
    assert index in await plan(ledger, sa.select(schema.cases.c.number).where(question(schema.cases.c)))


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (lambda c: c.due_at <= wall(), "ix_letters_due"),
        (lambda c: c.status == sa.literal_column("'given_up'"), "ix_letters_given_up"),
    ],
    ids=["due", "given up"],
)
async def test_letters_to_send_are_found_by_a_small_index(ledger: Ledger, question: Any, index: str):
    assert index in await plan(ledger, sa.select(schema.letters.c.id).where(question(schema.letters.c)))


async def test_the_desks_list_is_read_in_the_order_of_its_index(ledger: Ledger, now: datetime):
    c = schema.cases.c
    listed = sa.select(c.number).where(c.closed_at.is_(None)).order_by(c.due_at, c.number).limit(50)
    assert "ix_cases_open" in await plan(ledger, listed)


async def plan(ledger: Ledger, query: sa.Select[Any]) -> str:
    """How the database would answer; PostgreSQL would read a table this small from end to end, unless told not to."""
    dialect = ledger.db.engine.dialect
    text = str(query.compile(dialect=dialect, compile_kwargs={"literal_binds": True, "render_postcompile": True}))
    async with ledger.db.read(snapshot=True) as connection:
        if dialect.name == "postgresql":
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        explain = "EXPLAIN QUERY PLAN " if dialect.name == "sqlite" else "EXPLAIN "
        return str((await connection.execute(sa.text(explain + text.replace(":", "\\:")))).all())


async def test_what_came_on_an_earlier_day_is_woken_first(ledger: Ledger, now: datetime):
    for days in (2, 1, 0, 3):
        await lives.received(ledger, now + timedelta(days=days))
    first = (await ledger.to_wake(now + timedelta(days=4), limit=1))[0]
    assert day_of(first.number) == now.date()


async def woken(ledger: Ledger, now: datetime | None) -> set[str]:
    assert now is not None
    return {run.number for run in await ledger.to_wake(now, limit=10)}
