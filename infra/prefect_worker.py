"""及时回应: Prefect's own worker, on the event loop that portal and server have.

``python -m infra.prefect_worker worker start …`` is ``prefect worker start …``, which is as good and some hundredths
slower: Prefect's command makes its loop before it knows our worker type. It may also be started before Prefect, and is
loaded by the time Prefect answers; ``prefect worker start`` would end.
"""

from __future__ import annotations

import asyncio
import sys
import time
from importlib import import_module

import uvloop
from typer import echo

from infra.deployments import make_pool
from infra.mistakes import Mistake
from infra.settings import SettingsFault, prefect_api_url
from infra.up.health import answers

STARTING = ["worker", "start"]
LOOK = 0.2
"""Seconds between two looks whether Prefect answers."""


def main() -> None:
    """Prefect's command line; for a worker when Prefect answers, however long that takes."""
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    from prefect.cli import app  # noqa: PLC0415 -- reads the settings when it is imported

    if sys.argv[1:3] == STARTING:
        _load()
        try:
            _await_prefect(prefect_api_url())
        except (Mistake, SettingsFault) as fault:
            sys.exit(f"worker: {fault}")
    app()


def _load() -> None:
    """What a worker will need, in the seconds that a server needs which starts beside us."""
    for name in ("prefect.cli.worker", "infra.worker"):
        import_module(name)


def _await_prefect(api: str) -> None:
    """Returns when Prefect answers and has our pool; its command would make one with a template that costs more."""
    if not answers(f"{api}/health"):
        echo(f"worker: waits for Prefect at {api}")
    while not answers(f"{api}/health"):
        time.sleep(LOOK)
    asyncio.run(make_pool(api))


if __name__ == "__main__":
    main()
