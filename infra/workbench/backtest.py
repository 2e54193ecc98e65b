"""认真解决: a draft is tried on the past: the cases of a period are read from the ledger and led through it again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from infra.ledger import Ledger
from infra.ledger.pasts import count_since, pasts
from rules.backtest import Under
from rules.backtest_figures import LISTED, Tally
from rules.backtest_quick import Quick
from rules.calendar import city_day
from rules.rulebook import Rulebook
from rules.trials.moments import micros, moment

Progress = Callable[[int, int], None]
"""Told how many of how many cases are done."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """What a draft would have changed. ``figures`` as :meth:`rules.backtest_figures.Tally.as_json` tells them,
    ``rows``: the cases behind them; ``seconds`` on the wall, ``busy`` of one processor."""

    rulebook: str
    since: datetime
    until: datetime
    figures: Mapping[str, Any]
    rows: list[dict[str, Any]]
    seconds: float
    busy: float
    later: Sequence[date] = ()
    """Days still to come on which rows of the draft begin or end: for past cases they do not count."""

    @property
    def rate(self) -> float:
        """Cases per second of one processor, reading them included."""
        return self.figures["looked_at"] / self.busy if self.busy else 0.0

    def as_json(self) -> dict[str, Any]:
        speed = {"seconds": round(self.seconds, 3), "processor_seconds": round(self.busy, 3), "rate": round(self.rate)}
        period = {"since": self.since.isoformat(), "until": self.until.isoformat()}
        later = [day.isoformat() for day in self.later]
        return {"rulebook": self.rulebook, **period, "later": later, **speed, **self.figures, "rows": self.rows}


async def backtest(
    ledger: Ledger, draft: Rulebook, *, since: datetime, at: datetime, progress: Progress, listed: int = LISTED
) -> Backtest:
    """Try ``draft`` on the cases received since a day, up to the moment ``at`` (case time). Nothing is written."""
    began, busy = time.perf_counter(), time.process_time()
    total, tally = await count_since(ledger.db, since), Tally(told=told, listed=listed)
    new, until = Under(draft), micros(at)
    under: dict[str, Quick] = {}
    async for page in pasts(ledger.db, since=since):
        for version in {past.rulebook for past in page} - under.keys():
            under[version] = Quick(Under(await ledger.rulebook(version)), new, until)
        for past in page:
            if past.opened_at <= until:
                tally.add(under[past.rulebook].compare(past))
        progress(min(tally.looked_at, total), total)
        await asyncio.sleep(0)  # whoever wants to stop it is heard between two pages
    spent = time.perf_counter() - began, time.process_time() - busy
    later = [date.fromordinal(turn) for turn in draft.turns if turn > city_day(at)]
    return Backtest(draft.version, since, at, tally.as_json(), tally.rows, *spent, later)


def told(at: int) -> str:
    """A moment as JSON has it."""
    return moment(at).isoformat()
