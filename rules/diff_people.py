"""谁主管、谁负责: departments, matters, places and working days that come, go or change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rules.diff import Change, change
from rules.diff_routes import owners
from rules.rulebook import Rulebook


def departments(old: Rulebook, new: Rulebook, _at: datetime | None) -> Iterator[Change]:
    yield from _records("department", old.departments, new.departments)


def categories(old: Rulebook, new: Rulebook, at: datetime | None) -> Iterator[Change]:
    """A new one is named with whoever will lead in it."""
    for found in _records("category", old.categories, new.categories):
        code = found.places["category"]
        yield (
            change(found.kind, **found.places, leads=owners(new, code, at)) if found.kind == "category_added" else found
        )


def districts(old: Rulebook, new: Rulebook, _at: datetime | None) -> Iterator[Change]:
    yield from _records("district", old.districts, new.districts)


def calendar(old: Rulebook, new: Rulebook, _at: datetime | None) -> Iterator[Change]:
    """Office hours, and days on which the offices open or close other than before."""
    was, will = old.calendar, new.calendar
    if was.hours.intervals != will.hours.intervals:
        yield change("hours_changed", old=", ".join(was.hours.intervals), new=", ".join(will.hours.intervals))
    for day in sorted(was.workdays | was.days_off | will.workdays | will.days_off):
        if was.is_workday(day) != will.is_workday(day):
            yield change("day_off" if was.is_workday(day) else "day_worked", day=day.isoformat())
    for year in sorted(was.noticed ^ will.noticed):
        yield change("year_noticed" if year in will.noticed else "year_not_noticed", year=year)


def _records(what: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Change]:
    """Records by their code; of one that stayed, each field that changed."""
    for code in dict.fromkeys([*old, *new]):
        was, will = old.get(code), new.get(code)
        if was is None or will is None:
            yield change(f"{what}_added" if was is None else f"{what}_removed", **{what: code})
        elif was != will:
            before, after = (record.model_dump(mode="json") for record in (was, will))
            for field in after:
                if before[field] != after[field]:
                    yield change(f"{what}_changed", **{what: code}, field=field, old=before[field], new=after[field])
