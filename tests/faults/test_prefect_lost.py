"""建立台账: the ledger remembers. Prefect may be away, restarted or lost with all it knew, and no case ends there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest

from infra.deployments import BASE_JOB_TEMPLATE, POOL, deploy
from tests.prefect_server import PrefectServer, Town, until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectServer]:
    """A server of this module alone, because it is killed."""
    server = PrefectServer(tmp_path_factory.mktemp("lost"))
    server.start()
    yield server
    server.process.kill()


@pytest.fixture
async def asleep(town: Town) -> AsyncIterator[str]:
    """A case that waits for its department."""
    number = await town.complain()
    await town.rests(number, "departmental_fix")
    yield number


async def test_an_answer_given_while_prefect_is_away_is_acted_upon_when_it_is_back(town: Town, asleep: str):
    town.server.process.kill()
    await town.act(asleep, "fix", "lead-1", reply="修好了")
    assert (await town.ledger.case(asleep)).is_moving, "the answer is in the ledger"

    town.server.process.start()
    await asyncio.to_thread(town.server.wait)

    await town.pulse()
    await town.rests(asleep, "feedback")


async def test_a_worker_that_comes_before_prefect_waits_for_it_and_makes_its_pool(town: Town):
    town.worker.kill()
    town.server.process.kill()
    for file in town.server.home.glob("prefect.db*"):
        file.unlink()
    before = len(town.worker.text)
    town.worker.start()

    async def said() -> str:
        return town.worker.text[before:]

    await until("the worker to wait", said, lambda text: "waits for Prefect" in text)
    assert town.worker.running is not None
    assert town.worker.running.poll() is None, "it did not end"
    town.server.process.start()
    await asyncio.to_thread(town.server.wait)

    workers = partial(town.server.call, "POST", f"/work_pools/{POOL}/workers/filter", limit=5)
    await until("its heartbeat", lambda: without_fault(workers))
    pool = await town.server.call("GET", f"/work_pools/{POOL}")
    assert pool["base_job_template"] == BASE_JOB_TEMPLATE
    assert await asyncio.to_thread(town.worker.stop) == 0, "asked to stop while it begins, it leaves in order"
    assert "Traceback" not in await said()
    await deploy(town.server.api, pulse_seconds=3600)
    town.worker.start()


async def without_fault(look: Callable[[], Awaitable[Any]]) -> Any:
    """What it finds; nothing as long as there is no such thing."""
    try:
        return await look()
    except httpx.HTTPStatusError:
        return None


async def test_a_lost_prefect_database_is_filled_again_from_the_ledger(town: Town, asleep: str):
    before, lost = await town.kinds(asleep), await town.run_id(asleep)
    town.server.process.kill()
    for file in town.server.home.glob("prefect.db*"):
        file.unlink()
    town.server.process.start()
    await asyncio.to_thread(town.server.wait)
    await deploy(town.server.api, pulse_seconds=3600)
    town.worker.kill()
    town.worker.start()

    await town.pulse()

    await until("a new run", partial(town.run_id, asleep), lambda found: found != lost)
    await town.rests(asleep, "departmental_fix")
    assert await town.kinds(asleep) == before
    assert (await town.run(asleep))["name"] == asleep
