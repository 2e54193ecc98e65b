"""asyncio has one exception for two things; only one of them is an end."""

from __future__ import annotations

import asyncio

import pytest

from infra.stray import is_asked_to_stop


async def work(waited_for: asyncio.Future[None], went_on: asyncio.Event) -> None:
    while True:
        try:
            await waited_for
        except (Exception, asyncio.CancelledError):
            if is_asked_to_stop():
                raise
            waited_for = asyncio.get_running_loop().create_future()
            went_on.set()


async def test_what_it_waits_for_may_be_cancelled_and_it_goes_on_until_it_is_asked_to_stop():
    waited_for: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    went_on = asyncio.Event()
    task = asyncio.create_task(work(waited_for, went_on))
    await asyncio.sleep(0)
    waited_for.cancel()
    async with asyncio.timeout(20):
        await went_on.wait()
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
