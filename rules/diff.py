"""A change of the rules is seen before it hurts people: what differs between two rulebooks, by meaning.

Not lines of text are compared but answers: who leads for which matter where, how long each clock runs, whom a missed
deadline reaches. A :class:`Change` is data; ``infra.workbench.words`` says it in Chinese and English.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rules.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: ``kind`` names the sentence, ``places`` fill it with codes and plain JSON values."""

    kind: str
    places: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        return {"kind": self.kind, **self.places}


def change(kind: str, /, **places: Any) -> Change:
    return Change(kind, places)


def diff(old: Rulebook, new: Rulebook, *, at: datetime | None = None) -> list[Change]:
    """Every difference that matters to somebody: owners first, then deadlines, processes, words and days.

    Empty when the two decide alike, however their files are written. ``at``: the moment for which dated rows are asked;
    without one their dates are not looked at.
    """
    if old.version == new.version:
        return []
    return [found for compare in _parts() for found in compare(old, new, at)]


def _parts() -> tuple[Callable[[Rulebook, Rulebook, datetime | None], Iterator[Change]], ...]:
    from rules import diff_people, diff_process, diff_routes, diff_tables  # noqa: PLC0415 -- they need Change

    return (
        diff_routes.routes,
        diff_people.departments,
        diff_people.categories,
        diff_people.districts,
        diff_tables.deadlines,
        diff_tables.ladder,
        diff_process.processes,
        diff_tables.rows,
        diff_people.calendar,
    )
