"""及时回应: what is at work for months does not end, without a word, because what it waited for was cancelled.

asyncio has one ``CancelledError`` for two things: somebody asked this task to stop, and what it waited for was
cancelled by somebody else. Only the first is an end. The second, let through, takes a pair of hands of the worker away,
or cancels the whole group of tasks it belongs to (anyio): a worker that leaves in good order, for no reason, with exit
code 0.
"""

from __future__ import annotations

import asyncio


def is_asked_to_stop() -> bool:
    """Whether somebody cancelled the running task itself: then a ``CancelledError`` has to be let through."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
