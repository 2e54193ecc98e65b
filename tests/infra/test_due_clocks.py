"""严肃追究责任: when many clocks run out at once, each says what it has to say, once, and none waits for another."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from infra.ledger import Ledger, StaleAttempt, leases, schema
from infra.ledger.appending import Step, append
from infra.ledger.chain import GENESIS
from infra.settings import ROOT
from rules.case import Case, Entry, Signal
from rules.decide import TICK, decide
from rules.evolve import fold
from rules.rulebook import Rulebook
from tests import lives
from tests.infra.test_ledger_cost import statements

LATER = timedelta(days=9)
"""After which every case of these tests has missed a deadline."""


@pytest.fixture
async def other(ledger: Ledger, ledger_url: str) -> AsyncIterator[Ledger]:
    """The same ledger, opened by a second process."""
    second = Ledger.connect(ledger_url)
    yield second
    await second.close()


async def several(ledger: Ledger, at: datetime, count: int = 7) -> list[Case]:
    return [await lives.waiting(ledger, at) for _ in range(count)]


async def decide_all(ledger: Ledger, at: datetime, *, limit: int = 3) -> list[str]:
    """As the pulse does it; the numbers decided."""
    numbers, last = [], None
    while True:
        batch = await ledger.decide_due(at, limit=limit, after=last)
        numbers += batch.numbers
        if (last := batch.last) is None:
            return numbers


async def added(ledger: Ledger, case: Case) -> list[Entry]:
    return (await ledger.entries(case.number))[case.seq :]


async def is_complete(ledger: Ledger, book: Rulebook, cases: list[Case], at: datetime) -> None:
    """Each case has just the entries that the rules decide, and just the letters of its entries."""
    assert await ledger.verify() == []
    for case in cases:
        assert await added(ledger, case) == decide(book, case, Signal(TICK), at)
        entries = await ledger.entries(case.number)
        wanted = [(seq, nth) for seq, e in enumerate(entries, 1) for nth, _ in enumerate(e.data.get("letters", ()))]
        assert [(letter.seq, letter.nth) for letter in await ledger.letters(case.number)] == wanted


async def test_many_cases_at_once_say_what_each_would_say_alone(ledger: Ledger, book: Rulebook, now: datetime):
    cases, later = await several(ledger, now), now + LATER
    assert sorted(await decide_all(ledger, later)) == sorted(case.number for case in cases)
    await is_complete(ledger, book, cases, later)
    assert any(entry.kind == "rung_reached" for entry in await added(ledger, cases[0]))
    assert await decide_all(ledger, later) == [], "nothing is said twice"


async def test_those_who_waited_longest_come_first(ledger: Ledger, now: datetime):
    cases = [await lives.waiting(ledger, now - timedelta(days=days)) for days in (0, 2, 1)]
    assert await decide_all(ledger, now + LATER, limit=1) == [cases[nth].number for nth in (1, 2, 0)]


async def test_a_case_that_is_not_due_is_left_alone(ledger: Ledger, now: datetime):
    early, late = await lives.waiting(ledger, now - LATER), await lives.waiting(ledger, now)
    assert await decide_all(ledger, now) == [early.number]
    assert await added(ledger, late) == []


async def test_two_pulses_at_the_same_time_share_the_work(ledger: Ledger, other: Ledger, book: Rulebook, now: datetime):
    cases, later = await several(ledger, now, 12), now + LATER
    shares = await asyncio.gather(*(decide_all(each, later) for each in (ledger, other, ledger, other)))
    assert Counter(number for share in shares for number in share) == Counter(case.number for case in cases)
    await is_complete(ledger, book, cases, later)


async def test_an_answer_at_the_same_moment_is_neither_lost_nor_contradicted(
    ledger: Ledger, other: Ledger, now: datetime
):
    cases, later = await several(ledger, now, 6), now + LATER
    answers = (lives.act(other, case, "fix", "lead-1", at=later, reply="已停工") for case in cases)
    await asyncio.gather(decide_all(ledger, later, limit=2), *answers)
    assert await ledger.verify() == []
    for case in cases:
        kinds = [entry.kind for entry in await added(ledger, case)]
        assert kinds.count("department_fixed") == 1
        assert "rung_reached" not in kinds[kinds.index("department_fixed") :], "no card for a task that is done"


async def test_a_pulse_killed_in_the_middle_is_finished_by_the_next_one(
    ledger: Ledger, ledger_url: str, book: Rulebook, now: datetime
):
    cases, later = await several(ledger, now, 12), now + LATER
    order = f"import asyncio; from tests.infra.test_due_clocks import pulse; asyncio.run(pulse({ledger_url!r}))"
    killed = await asyncio.create_subprocess_exec(
        sys.executable, "-c", order, cwd=ROOT, stdout=asyncio.subprocess.PIPE, env=dict(os.environ)
    )
    assert killed.stdout is not None
    done = int(await killed.stdout.readline())
    killed.send_signal(signal.SIGKILL)
    await killed.wait()
    assert len(await decide_all(ledger, later)) <= len(cases) - done
    await is_complete(ledger, book, cases, later)


async def pulse(url: str) -> None:
    """One case after the other; after three it says so aloud."""
    ledger, last = Ledger.connect(url), None
    for done in range(1, 13):
        last = (await ledger.decide_due(lives.NOW + LATER, limit=1, after=last)).last
        if done == 3:
            print(done, flush=True)  # noqa: T201 -- the pipe is what the parent reads


async def test_a_case_whose_run_is_at_it_is_left_to_the_run(ledger: Ledger, now: datetime):
    taken, moving, free = await several(ledger, now, 3)
    activation = await ledger.take(taken.number)
    await lives.act(ledger, moving, "fix", "lead-1", at=now, reply="已停工")
    assert await decide_all(ledger, now + LATER) == [free.number]
    assert await ledger.release(taken.number, activation.attempt, now=now + LATER), "it wants a wake at once"
    assert await decide_all(ledger, now + LATER) == [taken.number]


async def test_a_broken_case_stops_no_other(ledger: Ledger, book: Rulebook, now: datetime):
    cases, later = await several(ledger, now, 3), now + LATER
    first, *rest = await ledger.entries(cases[0].number)
    own = [Entry(first.kind, first.at, first.actor, {**first.data, "rulebook": "lost"}), *rest]
    async with ledger.db.write() as connection:
        await append(ledger.db, connection, [Step(None, fold("QD000000-BROKEN22", own), own, GENESIS)])
    assert sorted(await decide_all(ledger, later, limit=1)) == sorted(case.number for case in cases)
    waiting = {run.number for run in await ledger.to_wake(later, limit=10)}
    assert waiting == {"QD000000-BROKEN22"}, "its run is woken, and operators see it fail"


async def test_the_run_is_told_once_what_it_has_to_show(ledger: Ledger, now: datetime):
    case, later = await lives.waiting(ledger, now), now + LATER
    assert (await ledger.leases.to_show(limit=9), await ledger.leases.unshown(case.number)) == ([], [])
    await decide_all(ledger, now + timedelta(days=2))
    await decide_all(ledger, later)
    assert await ledger.leases.to_show(limit=9) == [case.number]
    assert await ledger.leases.to_show(limit=9, after=case.number) == []

    activation = await ledger.take(case.number)
    assert activation.unshown == case.seq + 1
    assert await ledger.leases.to_show(limit=9) == [], "its run is at it"
    said = await ledger.leases.unshown(case.number)
    assert said == await added(ledger, case)
    with pytest.raises(StaleAttempt):
        await ledger.leases.shown(case.number, activation.attempt - 1, count=len(said))
    await ledger.leases.shown(case.number, activation.attempt, count=len(said))
    await ledger.release(case.number, activation.attempt, now=later)
    assert await ledger.leases.to_show(limit=9) == []


async def test_what_a_clock_adds_while_its_run_shows_the_last_is_shown_too(
    ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    """A run that takes longer than its lease is not overtaken by a clock, which takes no case."""
    case = await lives.waiting(ledger, now)
    await decide_all(ledger, now + timedelta(days=2))
    monkeypatch.setattr(leases, "LEASE", timedelta(seconds=-1))
    activation = await ledger.take(case.number)
    said = await ledger.leases.unshown(case.number)
    assert await decide_all(ledger, now + LATER) == [case.number]
    await ledger.leases.shown(case.number, activation.attempt, count=len(said))
    assert await ledger.leases.to_show(limit=9) == [case.number]
    assert len(await ledger.leases.unshown(case.number)) > len(said)


async def test_a_hundred_cases_cost_as_many_statements_as_one(ledger: Ledger, now: datetime):
    counts = []
    for many in (1, 6):
        await several(ledger, now, many)
        with statements(ledger) as asked:
            assert len((await ledger.decide_due(now + LATER, limit=100)).numbers) == many
        counts.append(len(asked))
    assert counts == [6, 6], asked  # case rows, entries; entries, case rows, clocks, letters
    async with ledger.db.read() as connection:
        marked = sa.select(sa.func.count()).where(schema.cases.c.unshown.is_not(None))
        assert await connection.scalar(marked) == 7
