"""限时反馈: ``minsheng bench``: what was asked for on the command line, and the figures as one line or as a table."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from typer import echo

from infra.bench.measure import Wishes, measure, summary
from infra.mistakes import Mistake
from infra.up.tree import PartFault

QUICK = Wishes(lives=20, bare=10, half_load=12, stock=0, at_once=12)
"""About a minute; without the stock worker, whose first life takes as long."""
FILLED = "--stored 1000000 --open 100000"
SECONDS_IN_MINUTE = 60


def bench(*, as_json: bool, quick: bool, minutes: float | None, **wished: Any) -> int:
    """Measure and print; 0 when every life closed and no part ended. Raises :class:`Mistake`."""
    wishes = replace(QUICK if quick else Wishes(), **{name: said for name, said in wished.items() if said is not None})
    if minutes is not None:
        wishes = replace(wishes, lives=minutes * SECONDS_IN_MINUTE)
    if wishes.lives <= 0 or min(wishes.at_once, wishes.workers, wishes.limit) < 1:
        raise Mistake("--minutes must be above 0, and --at-once, --workers and --limit at least 1")
    if min(wishes.stored, wishes.open) < 0 or (wishes.embedded and wishes.stored + wishes.open):
        raise Mistake("--stored and --open cannot be negative, and fill PostgreSQL only, not --embedded")
    try:
        found = measure(wishes)
    except PartFault as fault:
        raise Mistake(str(fault)) from fault
    told = summary(wishes, found)
    echo(json.dumps(told) if as_json else _table(told))
    if not (wishes.stored or wishes.embedded):
        echo(f"for lives_per_s_at_1m add {FILLED}; some twelve minutes more, and twenty on a slow machine", err=True)
    for fault_of_life in found.failed[:10]:
        echo(f"a life did not close: {fault_of_life}", err=True)
    if found.logs:
        echo(f"the logs of all parts: {found.logs}", err=True)
    return 1 if found.failed or found.ended else 0


def _table(told: Any) -> str:
    width = max(map(len, told))
    return "\n".join(f"{name:{width}}  {value}" for name, value in told.items())
