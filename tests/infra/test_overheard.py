"""及时回应, with many workers: each case has one that knows it, and every other one when that does not come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import cast

import pytest

from infra import overheard as module
from infra.bell import listening, ring_for
from infra.ledger import Ledger
from infra.ledger.database import Database
from infra.overheard import Overheard, answering
from tests import lives
from tests.conftest import opened
from tests.infra.test_bell import Ears, somebody_hears

NUMBERS = [f"QD261123-{nth:08}" for nth in range(60)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE", 0.0)
    monkeypatch.setattr(module, "LOOK", 0.0)


class Left:
    """A ledger that knows what nobody has taken up; the first question finds it away."""

    def __init__(self, numbers: Sequence[str]) -> None:
        self.numbers = numbers
        self.asked: list[list[str]] = []
        self.leases = self

    async def wanted(self, numbers: list[str], _now: datetime) -> list[str]:
        self.asked.append(numbers)
        if len(self.asked) == 1:
            raise ConnectionError("away")
        return [number for number in numbers if number in self.numbers]


@asynccontextmanager
async def helping(overheard: Overheard) -> AsyncIterator[Overheard]:
    helper = asyncio.create_task(overheard.help_out())
    yield overheard
    helper.cancel()


class Listener(Ears):
    """A worker's ears: hears every ring, and which are for itself."""

    def __init__(self, db: Database) -> None:
        super().__init__()
        self.own: set[str] = set()
        self._task = asyncio.create_task(self._listen(db))

    async def _listen(self, db: Database) -> None:
        async with listening(db, self._hear_own, self.hear):
            await asyncio.Event().wait()

    def _hear_own(self, number: str) -> None:
        self.own.add(number)
        self.hear(number)

    async def heard_all(self) -> set[str]:
        """Those of the numbers that are for itself, once all of them were rung for."""
        while not {*NUMBERS} <= {*self.numbers}:
            await self.until(len(self.numbers) + 1)
        return self.own & {*NUMBERS}

    async def leave(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_each_case_is_rung_for_with_one_worker_which_is_always_the_same(postgres_url: str):
    db = Database(postgres_url)
    listeners = [Listener(db) for _ in range(3)]
    await somebody_hears(db)
    while not all(one.numbers for one in listeners):
        await somebody_hears(db)

    assert all(await ring_for(db, NUMBERS))
    shares = [await one.heard_all() for one in listeners]
    assert all(shares) and sum(map(len, shares)) == len(NUMBERS), "none is rung for with two, or with none"

    gone, one, other = listeners
    await gone.leave()
    async with asyncio.timeout(20):
        while not one.own | other.own >= {*NUMBERS}:  # PostgreSQL may not have missed it yet
            before = len(one.numbers)
            await ring_for(db, NUMBERS)
            await one.until(before + len(NUMBERS))
    assert not (shares[1] & other.own or shares[2] & one.own), "whoever stays keeps what it knows"
    await one.leave()
    await other.leave()
    await db.close()


async def test_what_others_leave_is_taken_over_also_when_the_ledger_was_away():
    ledger, ears = Left(["QD000000-B"]), Ears()
    async with helping(Overheard(cast("Ledger", ledger), ears.hear, lambda: False)) as overheard:
        for number in ("QD000000-A", "QD000000-B"):
            overheard.note(number)
        assert await ears.until(1) == ["QD000000-B"]
    assert ledger.asked[-1] == ["QD000000-A", "QD000000-B"]


async def test_whoever_has_enough_to_do_takes_nothing_over():
    ledger, ears, is_busy = Left(["QD000000-A"]), Ears(), True
    async with helping(Overheard(cast("Ledger", ledger), ears.hear, lambda: is_busy)) as overheard:
        overheard.note("QD000000-A")
        for _ in range(20):
            await asyncio.sleep(0)
        assert ledger.asked == []
        is_busy = False
        assert await ears.until(1) == ["QD000000-A"]


async def test_a_worker_takes_over_what_another_that_hangs_was_rung_for_and_who_leaves_is_not_rung_for(
    postgres_url: str, now: datetime, book_files: dict[str, str]
):
    async with opened(postgres_url, book_files) as ledger:
        numbers = [(await lives.received(ledger, now)).number for _ in range(20)]
        hangs, ears = Listener(ledger.db), Ears()
        async with answering(ledger, ears.hear, is_busy=lambda: False) as go_deaf:
            async with asyncio.timeout(20):
                while not (hangs.own and {*numbers} <= {*ears.numbers}):  # some are for the other, which does nothing
                    await ring_for(ledger.db, numbers)
                    await asyncio.sleep(0.05)

            go_deaf()
            hangs.own.clear()
            async with asyncio.timeout(20):
                while not {*numbers} <= hangs.own:
                    before = len(hangs.numbers)
                    await ring_for(ledger.db, numbers)
                    await hangs.until(before + len(numbers))
        await hangs.leave()


async def test_what_is_left_is_what_nobody_is_at_and_something_is_to_be_done(ledger: Ledger, now: datetime):
    moving, held = [(await lives.received(ledger, now)).number for _ in range(2)]
    await ledger.take(held)
    asleep, closed = (await lives.waiting(ledger, now)).number, (await lives.closed(ledger, now)).number
    everything = [moving, held, asleep, closed, "QD000000-NOBODY"]
    assert await ledger.leases.wanted(everything, now) == [moving]
