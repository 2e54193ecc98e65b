"""限时反馈: what a city writes about its working days in calendar.yaml, and what can be wrong with it."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rules.calendar import OFFICE_HOURS, Calendar, OfficeHours
from rules.faults import Fault, line_of
from rules.records import read_record, whole
from rules.said import said, told_by

Day = Annotated[date, Field(strict=True)]
Year = Annotated[int, Field(ge=2004, le=2100)]
"""The notices on working days begin with 2004."""


class _CalendarFile(BaseModel):
    """``office_hours`` are intervals; ``noticed`` are the years whose notice the days carry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    office_hours: list[str] | None = None
    workdays: list[Day] | None = None
    days_off: list[Day] | None = None
    noticed: list[Year] | None = None


def read_calendar_file(text: str, file: str) -> Calendar:
    """The calendar of a text. Raises :class:`RulebookFaults`; without a word of its own it is the library's."""
    written, faults = read_record(_CalendarFile, text or "{}", file)
    days_off = set(written.days_off or ())
    workdays = [day for day in written.workdays or () if day not in days_off]
    for day in days_off.intersection(written.workdays or ()):
        message = said("%(day)s is both a workday and a day off; take it out of one of them", day=day)
        faults.append(Fault(file, line_of(text, ("workdays",)), "workdays", message))
    hours = written.office_hours or OFFICE_HOURS
    try:
        OfficeHours(hours)
    except ValueError as wrong:
        faults.append(Fault(file, line_of(text, ("office_hours",)), "office_hours", told_by(wrong)))
        hours = OFFICE_HOURS
    return whole(Calendar(hours=hours, workdays=workdays, days_off=days_off, noticed=written.noticed or ()), faults)
