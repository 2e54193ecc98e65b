"""随时提: what is asked for at the same time is done together, and nobody waits longer for it.

While one batch is under way, the next gathers: alone, a call goes at once; in a rush, a hundred share one transaction
and one wait for the disk (group commit).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Together(Generic[Asked, Given]):
    """``carry`` answers many calls at once, in their order; bound to the event loop of the first call."""

    def __init__(self, carry: Callable[[Sequence[Asked]], Awaitable[Sequence[Given]]], *, most: int) -> None:
        self._carry = carry
        self._most = most
        self._waiting: list[tuple[Asked, asyncio.Future[Given]]] = []
        self._carrier: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Given:
        """Raises what ``carry`` raised for the batch. Who goes away while waiting stops nobody else."""
        answer: asyncio.Future[Given] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, answer))
        if self._carrier is None:
            self._carrier = asyncio.create_task(self._carry_on())
        return await answer

    async def _carry_on(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                (given,) = await asyncio.gather(self._carry([asked for asked, _ in batch]), return_exceptions=True)
                for nth, (_, answer) in enumerate(batch):
                    if answer.done():
                        continue
                    if isinstance(given, BaseException):
                        answer.set_exception(given)
                    else:
                        answer.set_result(given[nth])
        finally:
            self._carrier = None  # whoever asks next is carried, whatever became of these
