"""Departments, matters and people come and go on a day, and what was before stays known.

``valid_from`` and ``valid_until`` are the first and the last day in the city, both included. What ends may name its
successor (``merged_into``): from the day after, whatever was its own is the successor's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from rules.calendar import city_day

R = TypeVar("R")
Text = Annotated[str, Field(min_length=1)]


class Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Term(Record):
    """A name, and from when until when its bearer is in office."""

    name: Text
    valid_from: date | None = None
    valid_until: date | None = None


class Person(Term):
    """A named person; ``mail`` is empty when the office's mailbox is used."""

    mail: str = ""


class Dated(Record):
    """Something that holds from a day on, until a day, and may be merged into another of its kind."""

    valid_from: date | None = None
    valid_until: date | None = None
    merged_into: str | None = None


def _one_or_more(written: Any) -> Any:
    return ({"name": written},) if isinstance(written, str) else written


Terms = Annotated[Sequence[Term], BeforeValidator(_one_or_more), Field(min_length=1)]
"""One name, or several with their days."""


def holds(what: Any, day: date) -> bool:
    """Whether something holds on a day."""
    return (what.valid_from or date.min) <= day <= (what.valid_until or date.max)


def in_office(people: Sequence[Person], day: date) -> Person:
    """Whoever is in office on a day; between two terms the one who came before."""
    begun = [person for person in people if (person.valid_from or date.min) <= day]
    return next((p for p in reversed(begun) if holds(p, day)), begun[-1] if begun else people[0])


def heir(records: Mapping[str, Any], code: str, day: date) -> str | None:
    """Which record stands on a day for what ``code`` stood for: itself, or its successor; ``None``: none does."""
    seen: set[str] = set()
    while code in records and code not in seen:
        seen.add(code)
        if holds(records[code], day):
            return code
        if (records[code].valid_until or date.max) >= day:  # not yet
            return None
        code = records[code].merged_into or ""
    return None


def heirs(records: Mapping[str, R], day: date) -> dict[str, R]:
    """Code -> the record that stands on a day for what the code stood for."""
    found = ((code, heir(records, code, day)) for code in records)
    return {code: records[one] for code, one in found if one}


def day_of(at: datetime) -> date:
    """The day in the city at a moment."""
    return date.fromordinal(city_day(at))


def turns(records: Iterable[Any]) -> Iterator[int]:
    """The days (ordinals) on which a record begins to hold, or holds no more."""
    for record in records:
        if record.valid_from and record.valid_from > date.min:
            yield record.valid_from.toordinal()
        if record.valid_until and record.valid_until < date.max:
            yield record.valid_until.toordinal() + 1
