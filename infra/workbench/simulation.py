"""认真解决: what is simulated, and what comes out: a city under one rulebook, or under two with the same people."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from infra.chance import stream
from infra.locale import CITY_ZONE
from infra.mistakes import Mistake
from infra.settings import RULEBOOKS
from rules.faults import RulebookFaults
from rules.rulebook import Rulebook
from rules.simulation.city import City, Period
from rules.simulation.estimate import Together, together
from rules.simulation.figures import Figures, figures
from rules.simulation.model import BUSIEST, Model
from rules.simulation.reading import read_model
from rules.trials.moments import micros

PEOPLE = RULEBOOKS / "simulation/people.yaml"
"""The model that is shipped."""
LONGEST, MOST_SEEDS = 366, 50
EVERY = 6
"""Open cases are told once in so many hours."""
PILOT = 0.15
"""Share of the time, about, that goes into finding out how many hands there are."""

Progress = Callable[[float], None]
"""Hears the share that is done; may raise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to simulate. ``start``: the first day that counts, of ``days``; ``rate``: complaints a day, 0: the
    model's; ``seeds``: how many runs. Raises :class:`Mistake` for what nobody can simulate."""

    start: date
    days: int = 30
    rate: float = 0.0
    seeds: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.days <= LONGEST:
            raise Mistake(f"{self.days} days cannot be simulated; take 1 to {LONGEST}")
        if not 1 <= self.seeds <= MOST_SEEDS:
            raise Mistake(f"{self.seeds} seeds are not possible; take 1 to {MOST_SEEDS}")
        if not 0 <= self.rate <= BUSIEST:
            raise Mistake(f"{self.rate:g} complaints a day cannot be simulated; take up to {BUSIEST}")

    def period(self, model: Model) -> Period:
        midnight = datetime(self.start.year, self.start.month, self.start.day, tzinfo=CITY_ZONE)
        return Period(micros(midnight.astimezone(UTC)), self.days, model.warm_up)


def day(text: str, today: date) -> date:
    """A first day as somebody typed it; empty: tomorrow. Raises :class:`Mistake`."""
    if not text.strip():
        return today + timedelta(days=1)
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise Mistake(f"'{text}' is not a day; write it as 2026-10-01") from None


def people(book: Rulebook, text: str = "", file: str = "people", *, known: Model | None = None) -> Model:
    """The model of a text, over one that is ``known`` or the one that is shipped. Raises :class:`Mistake` with all
    faults, as those of a ``file``."""
    try:
        shipped = known or read_model(PEOPLE.read_text("utf-8"), PEOPLE.name)
        return read_model(text, file, book=book, shipped=shipped) if text.strip() else shipped
    except RulebookFaults as wrong:
        raise Mistake(f"the people of the simulation cannot be used:\n{wrong}") from None


def people_file(file: Path) -> str:
    """The text of a file. Raises :class:`Mistake`."""
    try:
        return file.read_text("utf-8-sig")
    except OSError as wrong:
        raise Mistake(f"{file} cannot be read: {wrong.strerror}") from None
    except UnicodeDecodeError:
        raise Mistake(f"{file} is not UTF-8; save it as text in UTF-8") from None


def simulate(
    wish: Wish, model: Model, book: Rulebook, *, beside: Rulebook | None = None, progress: Progress = lambda _: None
) -> dict[str, Any]:
    """Plain data, the same to the byte for the same wish. Hands are those that ``beside`` needs, so that a draft gets
    no more people than there are; only for departments that it does not know, those of ``book`` are added."""
    if wish.rate:
        model = model.model_copy(update={"arrivals": model.arrivals.model_copy(update={"rate": wish.rate})})
    period, books = wish.period(model), [book] if beside is None else [book, beside]
    cities = [City(one, model, stream) for one in books]
    with _no_search_for_cycles():
        hands: dict[str, int] = {}
        for nth, city in enumerate(cities):
            hands |= city.staff(period, _part(progress, nth, len(cities), 0.0, PILOT))
        found = [
            together([*_runs(city, period, wish.seeds, hands, _part(progress, nth, len(cities), PILOT, 1.0))])
            for nth, city in enumerate(cities)
        ]
    told = {"from": wish.start.isoformat(), "days": wish.days, "rate": model.arrivals.rate, "seeds": wish.seeds}
    columns = {
        name: {"rulebook": one.version} | as_json(f) for name, one, f in zip(_COLUMNS, books, found, strict=False)
    }
    return told | {"warm_up": model.warm_up, "hands": dict(sorted(hands.items()))} | columns


_COLUMNS = ("simulated", "beside")


def _runs(city: City, period: Period, seeds: int, hands: Mapping[str, int], progress: Progress) -> Iterator[Figures]:
    for seed in range(seeds):
        yield figures(city.live(period, seed + 1, hands, _part(progress, seed, seeds, 0.0, 1.0)))


def _part(progress: Progress, nth: int, of: int, low: float, high: float) -> Progress:
    """The ``nth`` of so many equal parts of the stretch from ``low`` to ``high``."""
    step = (high - low) / of
    return lambda share: progress(low + step * (nth + share))


def as_json(found: Together) -> dict[str, Any]:
    """Each figure as mean and both ends of its interval; ``open`` and ``in_work`` once in :data:`EVERY` hours."""
    return {
        "city": _rounded(found.city), "late": _rounded(found.late),
        "departments": {name: _rounded(one) for name, one in found.stations.items()}, "stuck": dict(found.stuck),
        "open": [[round(number, 1) for number in one] for one in found.open[::EVERY]],
        "in_work": [[round(number, 1) for number in one] for one in found.in_work[::EVERY]],
    }  # fmt: skip


def _rounded(found: Mapping[str, tuple[float, ...]]) -> dict[str, list[float]]:
    return {name: [round(number, 6) for number in one] for name, one in found.items()}


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """A simulated month makes millions of small objects and no cycles; looking for some took a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
