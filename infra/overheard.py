"""及时回应: each case has a worker that knows it, and every other one when that does not come.

A ring is addressed to one of the workers that listen, always the same for the same case (``infra/bell.py``): what that
one remembers of the case, its run and its drawings, nobody has to read again. The others overhear it. Whoever has
nothing else to do asks the ledger after some seconds, in one question for all of them, what nobody has taken up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from infra.bell import Heard, listening
from infra.ledger import Ledger
from infra.moment import now
from infra.stray import is_asked_to_stop

log = logging.getLogger("minsheng.bell")

GRACE = 2.0
"""Seconds that the worker of a case has to take it up."""
LOOK = 1.0
"""Seconds between two looks, while something was overheard."""
AT_ONCE = 500
"""Cases asked for in one question."""


class Overheard:
    """Rings for others; bound to one event loop. ``hear`` takes over what is left, unless ``is_busy``."""

    def __init__(self, ledger: Ledger, hear: Heard, is_busy: Callable[[], bool]) -> None:
        self._ledger = ledger
        self._hear = hear
        self._is_busy = is_busy
        self._noted: dict[str, float] = {}
        self._some = asyncio.Event()

    def note(self, number: str) -> None:
        """Somebody else was rung for; the times are those of the event loop."""
        self._noted[number] = asyncio.get_running_loop().time()
        self._some.set()

    async def help_out(self) -> None:
        """Until cancelled: take over what was overheard, and left."""
        while True:
            await self._some.wait()
            await asyncio.sleep(LOOK)  # one question for all that was overheard meanwhile
            try:
                await self._look()
            except (Exception, asyncio.CancelledError) as fault:
                if is_asked_to_stop():
                    raise
                log.warning("what others left is looked for again: %r", fault)

    async def _look(self) -> None:
        until = asyncio.get_running_loop().time() - GRACE
        due = [(number, at) for number, at in self._noted.items() if at <= until][:AT_ONCE]
        if not due or self._is_busy():
            return
        left = await self._ledger.leases.wanted([number for number, _ in due], now())
        for number in left:
            self._hear(number)
        for number, at in due:
            if self._noted[number] == at:  # else it was rung for again meanwhile
                del self._noted[number]
        if not self._noted:
            self._some.clear()


@asynccontextmanager
async def answering(ledger: Ledger, hear: Heard, *, is_busy: Callable[[], bool]) -> AsyncIterator[Callable[[], object]]:
    """``hear`` every number that is rung for with us from now on, and what others leave when they are rung for and
    nothing is to be done here. The block gets what stops the first before its end: from then on others are rung for."""
    overheard = Overheard(ledger, hear, is_busy)
    helper = asyncio.create_task(overheard.help_out())
    try:
        async with listening(ledger.db, hear, overheard.note) as go_deaf:
            yield go_deaf
    finally:
        helper.cancel()
