"""深化党政公开: figures that need no whole city: clocks, the portal's pages, the memory of one worker, files."""

from __future__ import annotations

from infra.bench.files import import_rows
from infra.bench.pages import time_pages
from infra.bench.rungs import climb
from infra.bench.wakes import weigh
from infra.mistakes import Mistake

OPEN = 100_000
"""Open cases beside the closed ones, unless said otherwise."""


def measure_one(
    *,
    clocks: int = 0,
    due: int = 0,
    pages: int = 0,
    open: int = 0,
    whole: int = 1,
    wakes: int = 0,
    rows: int = 0,
    embedded: bool = False,
    as_json: bool,
) -> int:
    """Measure the one that was wished for, and print it; 0 when it keeps what is promised. Raises :class:`Mistake`."""
    if sum(map(bool, (clocks, pages, wakes, rows))) > 1:
        raise Mistake("--clocks, --pages, --wakes and --rows are measured one at a time")
    if clocks:
        return climb(clocks=clocks, due=due, as_json=as_json)
    if pages:
        return time_pages(stored=pages, open=open or OPEN, whole=whole, as_json=as_json)
    if rows:
        return import_rows(rows=rows, embedded=embedded, as_json=as_json)
    return weigh(count=wakes, as_json=as_json)
