"""限时反馈: the virtual clock: what is planned happens in order of time, without any waiting.

What is planned for one moment happens in the order in which it was planned, so that a run depends on its seed alone.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

Happens = Callable[[int, Any], None]
"""Gets the moment (microseconds) and what was planned."""


class Agenda:
    """Everything that is going to happen."""

    __slots__ = ("_heap", "_planned", "done")

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Happens, Any]] = []
        self._planned = 0
        self.done = 0

    def plan(self, at: int, happens: Happens, what: Any) -> None:
        self._planned += 1
        heappush(self._heap, (at, self._planned, happens, what))

    def go(self, end: int) -> None:
        """Let everything happen that comes before ``end``."""
        heap = self._heap
        while heap and heap[0][0] < end:
            now, _, happens, what = heappop(heap)
            happens(now, what)
            self.done += 1
