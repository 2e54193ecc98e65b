"""及时回应: Prefect's own worker, on the event loop that portal and server have.

``python -m infra.prefect_worker worker start …`` is ``prefect worker start …``, which is as good and some hundredths
slower: Prefect's command makes its loop before it knows our worker type. It may also be started before Prefect, and is
loaded by the time Prefect answers; ``prefect worker start`` would end.
"""

from __future__ import annotations

import asyncio
import os
import sys
from importlib import import_module

import httpx
import uvloop
from typer import echo

from infra.deployments import WORKER, make_pool
from infra.mistakes import Mistake
from infra.quick_http import transport
from infra.settings import SettingsFault, prefect_api_url

STARTING = ["worker", "start"]
LOOK, TIMEOUT = 0.2, 5.0
"""Seconds between two looks whether Prefect answers, and for one of them."""


def main() -> None:
    """Prefect's command line, with our settings where nobody has set others; for a worker when Prefect answers, however
    long that takes."""
    for name, value in WORKER.items():
        os.environ.setdefault(name, value)
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    from prefect.cli import app  # noqa: PLC0415 -- reads the settings when it is imported

    if sys.argv[1:3] == STARTING:
        _load()
        try:
            asyncio.run(_find_prefect(prefect_api_url()))
        except (Mistake, SettingsFault) as fault:
            sys.exit(f"worker: {fault}")
    app()


def _load() -> None:
    """What a worker will need, in the seconds that a server needs which starts beside us."""
    for name in ("prefect.cli.worker", "infra.worker"):
        import_module(name)


async def _find_prefect(api: str) -> None:
    """Returns when Prefect answers and has our pool; its command would make one with a template that costs more."""
    async with httpx.AsyncClient(transport=transport(), timeout=TIMEOUT) as http:
        if not await _answers(http, f"{api}/health"):
            echo(f"worker: waits for Prefect at {api}")
        while not await _answers(http, f"{api}/health"):  # noqa: ASYNC110 -- the far side has no event to wait for
            await asyncio.sleep(LOOK)
    await make_pool(api)


async def _answers(http: httpx.AsyncClient, url: str) -> bool:
    """Whether somebody is there, by the certificates that our other calls believe (``infra.up.health`` asks our own
    machine only); one who says no is asked for the pool, and says why."""
    try:
        return not (await http.get(url)).is_server_error
    except httpx.HTTPError:
        return False


if __name__ == "__main__":
    main()
