"""What is asked for at the same time is done together, and nobody waits for somebody else's misfortune."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from infra.together import Together


class Counter:
    """Doubles numbers; remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []

    async def double(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        await asyncio.sleep(0)
        if 13 in numbers:
            raise ValueError("unlucky")
        return [2 * number for number in numbers]


@pytest.fixture
def counter() -> Counter:
    return Counter()


async def test_one_alone_goes_at_once_and_those_who_come_meanwhile_share(counter: Counter):
    together = Together(counter.double, most=3)
    assert await asyncio.gather(*(together.ask(n) for n in range(5))) == [0, 2, 4, 6, 8]
    assert await together.ask(9) == 18
    assert [n for batch in counter.batches for n in batch] == [0, 1, 2, 3, 4, 9]
    assert max(map(len, counter.batches)) <= 3


async def test_what_fails_is_told_to_all_of_the_batch_and_the_next_goes_on(counter: Counter):
    together = Together(counter.double, most=2)
    done = await asyncio.gather(*(together.ask(n) for n in (13, 1, 2)), return_exceptions=True)
    assert [isinstance(one, ValueError) for one in done] == [True, True, False]
    assert await together.ask(3) == 6


async def test_who_goes_away_while_waiting_stops_nobody(counter: Counter):
    together = Together(counter.double, most=9)
    impatient, patient = (asyncio.create_task(together.ask(n)) for n in (1, 2))
    await asyncio.sleep(0)
    impatient.cancel()
    assert await patient == 4
    assert counter.batches == [[1, 2]]


async def test_a_batch_that_gets_too_few_answers_stops_nobody_after_it():
    async def forgets(numbers: Sequence[int]) -> list[int]:
        return [] if 13 in numbers else list(numbers)

    together = Together(forgets, most=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await together.ask(13)
    assert await together.ask(3) == 3
