"""听得进批评: a simulation learns from the ledger, and is held against a month that the ledger knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from infra.ledger import Ledger
from infra.ledger.habits import observe
from infra.ledger.past_month import Month, month
from infra.locale import CITY_ZONE
from infra.mistakes import Mistake
from infra.workbench.simulation import Wish
from rules.rulebook import Rulebook
from rules.simulation.fitting import fit
from rules.simulation.model import Model

ENOUGH = 30
"""Cases, of which something can be learned."""
WARM_UP = 30
LEARNED = 30
"""Days of which `--fit` learns."""


async def learned(ledger: Ledger, book: Rulebook, *, since: date, days: int) -> Model:
    """People as they were in whole days of the city. Raises :class:`Mistake` when there were too few."""
    begin, end = midnight(since), midnight(since + timedelta(days=days))
    seen = await observe(ledger.db, book, since=begin, until=end)
    if seen.cases < ENOUGH:
        raise Mistake(
            f"the ledger knows {seen.cases} cases received from {since} on in {days} days; at least {ENOUGH} are needed"
            " to learn from: leave --fit and --against-ledger out, or take more --days"
        )
    return fit(seen, book.calendar)


async def known_period(ledger: Ledger, wish: Wish, *, today: date) -> tuple[Wish, Month, int]:
    """The last whole days of the ledger, at most as many as are wished; their figures; and how many days the ledger
    reaches back before them."""
    since = today - timedelta(days=wish.days)
    found = await month(ledger.db, since=midnight(since), until=midnight(today))
    first = found.first.astimezone(CITY_ZONE).date() if found.first else today
    if first >= today:
        raise Mistake("the ledger knows no whole day yet; come back tomorrow, or simulate without --against-ledger")
    begun = max(since, first)
    return replace(wish, start=begun, days=(today - begun).days), found, max(0, (since - first).days)


def column(found: Month) -> dict[str, Any]:
    """As a column beside the simulated one: figures that were counted have no interval."""
    counted = {name: [float(number)] * 3 for name, number in found.city.items()}
    return {"city": counted, "tasks": dict(sorted(found.tasks.items()))}


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CITY_ZONE)
