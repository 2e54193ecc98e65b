"""及时回应: a process that stands still ends, and its log says where it stood; whoever started it starts it again.

Every supervisor starts again what died: ``minsheng up``, systemd, compose, Kubernetes. What hangs looks well to most
of them. A thread of the interpreter itself, which needs neither the event loop nor the lock that everything else waits
for, ends the process when the loop has not turned for too long.
"""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

log = logging.getLogger("minsheng.watchdog")

HANGS = 120.0
"""Seconds that the event loop may stand still; the longest that anything keeps it is a second or two."""
LOOK = 10.0
"""Seconds between two turns of the loop that are noticed."""

STDERR = 2
"""The file itself: its thread writes while nothing of Python can."""


def _nothing_is_stuck() -> bool:
    return False


@asynccontextmanager
async def watched(
    is_stuck: Callable[[], bool] = _nothing_is_stuck, leave: Callable[[], None] = lambda: None
) -> AsyncIterator[None]:
    """End this process, with the stacks of its threads, when its loop stands still while the block lasts; ``leave`` it,
    with the stacks of its tasks, when ``is_stuck`` says that the loop turns and the work does not move."""
    keeper = asyncio.create_task(_watch(is_stuck, leave))
    try:
        yield
    finally:
        keeper.cancel()
        faulthandler.cancel_dump_traceback_later()


async def _watch(is_stuck: Callable[[], bool], leave: Callable[[], None]) -> None:
    while not is_stuck():
        faulthandler.dump_traceback_later(HANGS, exit=True, file=STDERR)
        await asyncio.sleep(LOOK)
    log.error("the work does not move; what waits, and where:")
    for task in asyncio.all_tasks():
        task.print_stack(file=sys.stderr)
    leave()
