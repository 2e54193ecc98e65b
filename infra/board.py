"""Operators see every run, its stage and its clocks: Prefect is given a new drawing of a case at once, or, in the rush
hour, when the case has come to rest.

A case that is acted upon three times within seconds would be drawn three times for nobody; a drawing costs Prefect as
much as going to sleep and waking. States and task runs are told at once, the drawing of the case some seconds later
while other cases wait for the worker. Where no board is kept, as in a worker that ends with its run, everything is
drawn at once (ADR 0012).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass

log = logging.getLogger("minsheng.board")

REST = 15.0
"""Seconds that a case must be left alone before it is drawn in the rush hour."""
LONGEST = 60.0
"""Seconds after which it is drawn although it still moves."""
LOOK = 1.0
"""Seconds between two looks whether the rush is over."""
AT_ONCE = 4
MOST = 200
"""Drawings that may wait: who comes with one more draws the oldest first, so that a worker that never rests takes up
no more cases than it can draw."""

Draw = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Drawing:
    """``since``, ``due``: times of the event loop, of the first change that is not drawn yet, and of drawing it."""

    draw: Draw
    since: float
    due: float


class Board:
    """Drawings that wait, the newest of each name; bound to one event loop. ``busy`` tells whether others wait."""

    def __init__(self, busy: Callable[[], bool]) -> None:
        self._busy = busy
        self._waiting: dict[str, _Drawing] = {}
        self._more = asyncio.Event()
        self._turn = asyncio.Lock()

    async def put(self, name: str, draw: Draw) -> None:
        """Draw this instead of what still waits under the same name: now if nobody is kept waiting by it, else soon."""
        at = asyncio.get_running_loop().time()
        since = self._waiting[name].since if name in self._waiting else at
        self._waiting[name] = _Drawing(draw, since, min(at + REST, since + LONGEST))
        if not self._busy():
            await self._draw([name])
            return
        self._more.set()
        if len(self._waiting) > MOST:
            async with self._turn:
                await self._draw_few(self._due(at=float("inf"))[:AT_ONCE])

    async def keep(self) -> None:
        """Until cancelled: draw what is due, in its order, and all as soon as nobody is kept waiting by it; one name is
        never drawn twice at the same time."""
        loop = asyncio.get_running_loop()
        while True:
            await self._more.wait()
            first = min((one.due for one in self._waiting.values()), default=loop.time())
            await asyncio.sleep(min(first - loop.time(), LOOK))
            await self._draw(self._due(at=loop.time() if self._busy() else float("inf")))

    async def clear(self) -> None:
        """Draw everything that waits now."""
        await self._draw(self._due(at=float("inf")))

    def _due(self, *, at: float) -> list[str]:
        return [name for due, name in sorted((one.due, name) for name, one in self._waiting.items()) if due <= at]

    async def _draw(self, names: list[str]) -> None:
        """A few at a time: who comes in between waits for these few."""
        for first in range(0, len(names), AT_ONCE):
            async with self._turn:
                await self._draw_few(names[first : first + AT_ONCE])

    async def _draw_few(self, names: list[str]) -> None:
        some = [name for name in names if name in self._waiting]
        drawings = [self._waiting.pop(name) for name in some]
        if not self._waiting:
            self._more.clear()  # before they are drawn, or the keeper would turn idly until they are
        drawn = await asyncio.gather(*(one.draw() for one in drawings), return_exceptions=True)
        for name, fault in zip(some, drawn, strict=True):
            if isinstance(fault, Exception):
                log.warning("%s could not be drawn: %s", name, fault)


_board: ContextVar[Board | None] = ContextVar("board", default=None)


@asynccontextmanager
async def board_kept(busy: Callable[[], bool]) -> AsyncIterator[None]:
    """What is posted in this context while somebody is kept ``busy`` waits for its case to rest; when the block ends,
    all of it is drawn."""
    board = Board(busy)
    _board.set(board)
    keeper = asyncio.create_task(board.keep())
    try:
        yield
    finally:
        await board.clear()
        keeper.cancel()


async def post(name: str, draw: Draw) -> None:
    """Put a drawing on the board, or draw at once where there is none."""
    board = _board.get()
    if board is None:
        await draw()
    else:
        await board.put(name, draw)
