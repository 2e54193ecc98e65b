"""限时反馈: time is counted in office hours, through holidays and make-up workdays, and never silently wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as some

from rules.calendar import Calendar, Span
from rules.calendar_file import read_calendar_file
from rules.faults import RulebookFaults

QINGDAO = ZoneInfo("Asia/Shanghai")
CALENDAR = Calendar()
WORKDAY = 7 * 3600


def local(text: str) -> datetime:
    """``2026-11-23 10:00`` in Qingdao."""
    return datetime.fromisoformat(text).replace(tzinfo=QINGDAO).astimezone(UTC)


def shown(moment: datetime) -> str:
    return moment.astimezone(QINGDAO).strftime("%Y-%m-%d %H:%M")


def after(start: str, span: str) -> str:
    return shown(CALENDAR.add(local(start), Span.parse(span)))


@pytest.mark.parametrize(
    ("start", "span", "due"),
    [
        ("2026-11-23 10:00", "1 wd", "2026-11-24 10:00"),
        ("2026-11-23 10:00", "0.5 wd", "2026-11-23 15:00"),
        ("2026-11-23 11:00", "0.5 wd", "2026-11-23 16:00"),
        ("2026-11-23 09:00", "1 wd", "2026-11-23 17:30"),
        ("2026-11-23 12:30", "0.5 wd", "2026-11-23 17:00"),
        ("2026-11-27 17:30", "1 wd", "2026-11-30 17:30"),
        ("2026-11-28 11:00", "1 wd", "2026-11-30 17:30"),
        ("2026-11-23 03:00", "0.5 wd", "2026-11-23 14:00"),
        ("2026-11-24 10:00", "-1 wd", "2026-11-23 10:00"),
        ("2026-11-30 10:00", "-1 wd", "2026-11-27 10:00"),
        ("2026-11-30 17:30", "-1 wd", "2026-11-30 09:00"),
        ("2026-11-28 11:00", "0 wd", "2026-11-28 11:00"),
        ("2026-11-28 11:00", "30 min", "2026-11-28 11:30"),
        ("2026-11-28 23:00", "2 h", "2026-11-29 01:00"),
        ("2026-11-28 23:00", "7 d", "2026-12-05 23:00"),
        ("2026-11-28 23:00", "-2 h", "2026-11-28 21:00"),
    ],
)
def test_spans_are_counted_as_the_city_counts_them(start: str, span: str, due: str):
    assert after(start, span) == due


@pytest.mark.parametrize(
    ("start", "span", "due"),
    [
        ("2025-09-30 10:00", "1 wd", "2025-10-09 10:00"),
        ("2025-10-09 10:00", "2 wd", "2025-10-11 10:00"),
        ("2026-09-30 10:00", "1 wd", "2026-10-08 10:00"),
        ("2026-10-09 10:00", "1 wd", "2026-10-10 10:00"),
        ("2026-10-10 10:00", "1 wd", "2026-10-12 10:00"),
        ("2025-01-27 10:00", "1 wd", "2025-02-05 10:00"),
        ("2026-02-14 10:00", "1 wd", "2026-02-24 10:00"),
        ("2026-02-27 10:00", "1 wd", "2026-02-28 10:00"),
        ("2026-12-31 10:00", "1 wd", "2027-01-04 10:00"),
        ("2020-01-23 10:00", "1 wd", "2020-02-03 10:00"),
    ],
    ids=[
        "National Day 2025",
        "make-up Saturday 11 October 2025",
        "National Day 2026",
        "make-up Saturday 10 October 2026",
        "Sunday after it is free",
        "Spring Festival 2025",
        "make-up Saturday before Spring Festival 2026",
        "make-up Saturday after Spring Festival 2026",
        "across New Year",
        "Spring Festival 2020 was prolonged",
    ],
)
def test_public_holidays_and_make_up_workdays(start: str, span: str, due: str):
    assert after(start, span) == due


def test_make_up_workdays_are_workdays_and_holidays_are_not():
    worked = {date(2026, 2, 14), date(2026, 2, 28), date(2026, 9, 20), date(2026, 10, 10), date(2025, 1, 26)}
    free = {date(2026, 10, 1), date(2026, 2, 17), date(2026, 4, 6), date(2026, 11, 28), date(2025, 10, 8)}
    assert {day for day in worked | free if CALENDAR.is_workday(day)} == worked


moments = some.datetimes(datetime(2019, 1, 1), datetime(2028, 6, 1)).map(  # noqa: DTZ001 -- made aware below
    lambda moment: moment.replace(microsecond=0, tzinfo=UTC)
)
seconds = some.integers(60, 70 * WORKDAY)


def working_days(count: int) -> Span:
    return Span(count / WORKDAY, "wd")


@settings(max_examples=150, deadline=None)
@given(moments, seconds)
def test_what_is_added_can_be_measured(start: datetime, count: int):
    end = CALENDAR.add(start, working_days(count))
    assert CALENDAR.working_seconds_between(start, end) == count
    back = CALENDAR.add(start, working_days(-count))
    assert CALENDAR.working_seconds_between(back, start) == count


@settings(max_examples=150, deadline=None)
@given(moments, seconds)
def test_a_deadline_lies_in_office_hours_of_a_working_day(start: datetime, count: int):
    for span in (working_days(count), working_days(-count)):
        due = CALENDAR.add(start, span).astimezone(QINGDAO)
        assert CALENDAR.is_workday(due.date())
        clock = due.strftime("%H:%M:%S")
        assert "09:00:00" <= clock <= "12:00:00" or "13:30:00" <= clock <= "17:30:00"


@settings(max_examples=150, deadline=None)
@given(moments, moments, seconds)
def test_who_starts_later_is_not_due_earlier(one: datetime, other: datetime, count: int):
    assume(one < other)
    span = working_days(count)
    assert CALENDAR.add(one, span) <= CALENDAR.add(other, span)
    assert CALENDAR.add(one, span) > one


@settings(max_examples=100, deadline=None)
@given(moments, seconds, seconds)
def test_two_steps_lead_as_far_as_one(start: datetime, first: int, second: int):
    halfway = CALENDAR.add(start, working_days(first))
    assert CALENDAR.add(halfway, working_days(second)) == CALENDAR.add(start, working_days(first + second))


def test_the_order_of_questions_changes_no_answer():
    asked = [local(f"{year}-12-30 10:00") for year in (2026, 2005, 2030, 2015)]
    fresh = [Calendar().add(moment, Span(20, "wd")) for moment in asked]
    one = Calendar()
    assert [one.add(moment, Span(20, "wd")) for moment in asked] == fresh
    assert [one.add(moment, Span(20, "wd")) for moment in reversed(asked)] == fresh[::-1]


def test_a_year_without_a_notice_is_provisional():
    assert [year for year in (2003, 2004, 2015, 2020, 2024, 2025, 2026, 2027, 2031) if CALENDAR.provisional(year)] == [
        2027,
        2031,
    ]


def test_an_override_carries_the_notice_of_a_year():
    known = read_calendar_file("{noticed: [2027], workdays: [2027-02-14], days_off: [2027-02-11]}", "calendar.yaml")
    assert not known.provisional(2027)
    assert known.is_workday(date(2027, 2, 14))
    assert not known.is_workday(date(2027, 2, 11))
    assert shown(known.add(local("2027-02-13 10:00"), Span(1, "wd"))) == "2027-02-14 17:30"
    assert not CALENDAR.is_workday(date(2027, 2, 14)), "one calendar does not change another"


def test_office_hours_are_data():
    short = read_calendar_file('office_hours: ["10:00-12:00"]', "calendar.yaml")
    assert shown(short.add(local("2026-11-23 11:00"), Span(1, "wd"))) == "2026-11-24 11:00"
    assert shown(short.add(local("2026-11-23 09:00"), Span(2, "wd"))) == "2026-11-24 12:00"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("workdays: [tomorrow]", "[workdays.0] 'tomorrow' is not a day; write it as 2027-01-31"),
        ("office_hours: ['9-5 or so']", "[office_hours] '9-5 or so' is not an interval such as 09:00-12:00"),
        ("office_hours: ['12:00-09:00']", "does not lie within one day, from early to late"),
        ("office_hours: ['09:00-12:00', '11:00-17:00']", "intervals in order, without overlap"),
        ("{workdays: [2027-02-14], days_off: [2027-02-14]}", "2027-02-14 is both a workday and a day off"),
        ("holydays: [2027-02-14]", "[holydays] unknown key 'holydays'; did you mean workdays"),
        ("noticed: [next]", "[noticed.0] 'next' is not a whole number"),
        ("workdays: 2027-02-14", "[workdays] has to be a list, such as [a, b]"),
    ],
)
def test_a_calendar_that_makes_no_sense_is_refused(text: str, told: str):
    with pytest.raises(RulebookFaults) as raised:
        read_calendar_file(text, "calendar.yaml")
    (fault,) = raised.value.faults
    assert str(fault).startswith("calendar.yaml:1 ")
    assert told in str(fault)


@pytest.mark.parametrize("text", ["", "5", "wd", "5 weeks", "five wd", "nan wd", "inf d", "99999 wd", "1,5 wd"])
def test_a_span_that_makes_no_sense_is_refused_with_an_example(text: str):
    with pytest.raises(ValueError, match=r"write for example 30 min"):
        Span.parse(text)


@pytest.mark.parametrize("text", ["30 min", "-2 h", "7 d", "0.5 wd", "-1 wd"])
def test_a_span_is_read_as_it_is_written(text: str):
    assert str(Span.parse(text)) == text
