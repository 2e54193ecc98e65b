"""深化党政公开: figures that need no whole city: the clocks, the portal's pages, the memory of one worker."""

from __future__ import annotations

from infra.bench.pages import time_pages
from infra.bench.rungs import climb
from infra.bench.wakes import weigh
from infra.mistakes import Mistake

OPEN = 100_000
"""Open cases beside the closed ones, unless said otherwise."""


def measure_one(
    *, clocks: int = 0, due: int = 0, pages: int = 0, open: int = 0, whole: int = 1, wakes: int = 0, as_json: bool
) -> int:
    """Measure the one that was wished for, and print it; 0 when it keeps what is promised. Raises :class:`Mistake`."""
    if sum(map(bool, (clocks, pages, wakes))) > 1:
        raise Mistake("--clocks, --pages and --wakes are measured one at a time")
    if clocks:
        return climb(clocks=clocks, due=due, as_json=as_json)
    if pages:
        return time_pages(stored=pages, open=open or OPEN, whole=whole, as_json=as_json)
    return weigh(count=wakes, as_json=as_json)
