"""A simulated city agrees with what queueing theory knows in closed form, feels its holidays, and repeats itself."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import pytest

from infra.chance import stream
from infra.mistakes import Mistake
from infra.workbench.simulation import Wish, day, people, simulate
from rules.faults import RulebookFaults
from rules.rulebook import Rulebook
from rules.simulation.city import City, Period
from rules.simulation.estimate import Estimate, estimate, together
from rules.simulation.figures import Figures, figures
from rules.simulation.model import Model
from rules.simulation.reading import read_model
from rules.trials.moments import micros

AT_NOON = micros(datetime(2026, 3, 2, 16, tzinfo=UTC))
"""Midnight of Tuesday 3 March 2026 in Qingdao."""


def queue(rate: float, hours: str = "always", servers: int = 3) -> str:
    """One desk whose officers take half an hour on average, exponentially; nobody comes back."""
    return f"""
arrivals: {{rate: {rate}}}
matters: [{{type: consultation, category: education/meals, district: shinan}}]
servers: {{city-desk: {servers}}}
duties: [{{role: desk, hours: {hours}, work: {{exponential: 30 min}}, acts: {{answer: 1}}}}]
citizens: {{rates: 0, withdraws: 0}}
warm_up: 3
"""


def erlang_c(load: float, servers: int) -> float:
    """The probability that somebody has to wait in M/M/c; ``load`` = arrival rate x mean service."""
    last = load**servers / math.factorial(servers) / (1 - load / servers)
    return last / (sum(load**k / math.factorial(k) for k in range(servers)) + last)


def runs(book: Rulebook, text: str, *, seeds: int, days: int) -> list[Figures]:
    city = City(book, read_model(text, "people.yaml", book=book), stream)
    period = Period(AT_NOON, days, 3)
    hands = {"city-desk always": 3}
    return [figures(city.live(period, seed, hands)) for seed in range(seeds)]


@pytest.mark.parametrize("utilisation", [0.6, 0.85])
def test_one_desk_agrees_with_erlang(book: Rulebook, utilisation: float):
    servers, service = 3, 0.5
    rate = utilisation * servers / service
    found = together(runs(book, queue(rate * 24), seeds=10, days=50)).stations["city-desk always"]
    wait = erlang_c(rate * service, servers) / (servers / service - rate)
    assert within(found["wait"], wait)
    assert within(found["queue"], rate * wait)
    assert within(found["utilisation"], utilisation)


def within(found: Estimate, known: float) -> bool:
    """Two intervals' half widths leave one in ten thousand chances for a wrong alarm, at any seed."""
    half = (found.high - found.low) / 2
    assert half < 0.2 * known, "the interval says too little"
    return abs(found.mean - known) < 2 * half


def test_what_waits_is_what_comes_times_how_long_it_waits(book: Rulebook):
    """Little's law holds in every single run, whatever the spread."""
    for run in runs(book, queue(120), seeds=3, days=60):
        desk = run.stations["city-desk always"]
        assert desk["queue"] == pytest.approx(desk["tasks"] / 60 / 24 * desk["wait"], rel=0.01)


def test_a_desk_of_office_hours_works_within_them_only(book: Rulebook):
    """The same work in 7.5 hours of 5 days: what comes at night waits for the morning, and nobody is busy twice."""
    text = queue(40, "office", servers=4)
    city = City(book, read_model(text, "people.yaml", book=book), stream)
    found = figures(city.live(Period(AT_NOON, 28, 3), 1, {"city-desk office": 4}))
    desk = found.stations["city-desk office"]
    assert desk["utilisation"] == pytest.approx(40 * 7 * 0.5 / (4 * 5 * 7.5), rel=0.1)


def test_as_many_hands_as_keep_them_busy_for_the_wanted_share(book: Rulebook):
    text = queue(144) + "load: 0.55\n"
    model = read_model(text.replace("servers: {city-desk: 3}\n", ""), "people.yaml", book=book)
    city = City(book, model, stream)
    assert city.staff(Period(AT_NOON, 30, 3)) == {"city-desk always": 6}  # 144 x 0.5 h / 24 h / 0.55 = 5.5


def small(book: Rulebook, start: date, days: int) -> dict:
    model = people(book)
    model = model.model_copy(update={"warm_up": 14, "matters": model.matters[1:2]})
    return simulate(Wish(start=start, days=days, rate=60), model, book)


@pytest.fixture(scope="module")
def autumn(book: Rulebook) -> dict:
    return small(book, date(2026, 9, 21), 28)


def test_open_cases_rise_over_the_national_day(autumn: dict):
    """1 to 7 October 2026 are off: fewer complain, but the offices finish nothing."""
    waiting = [one[0] for one in autumn["simulated"]["in_work"]]
    before, after = waiting[10 * 4], waiting[17 * 4]
    assert after > before * 1.3
    assert waiting[-1] < after


def test_open_cases_rise_over_the_spring_festival(book: Rulebook):
    """The State Council's notice for 2026 gives 15 to 23 February off."""
    waiting = [one[0] for one in small(book, date(2026, 2, 9), 21)["simulated"]["in_work"]]
    assert waiting[15 * 4] > waiting[5 * 4] * 1.3


def test_the_same_seed_gives_the_same_result(book: Rulebook, autumn: dict):
    assert small(book, date(2026, 9, 21), 28) == autumn


def test_returns_redos_and_the_four_honest_ends_happen(autumn: dict):
    city = autumn["simulated"]["city"]
    assert all(city[name][0] > 0 for name in ("returns", "redos", "extensions", "yellow_card", "red_card"))
    ends = sum(city[f"result_{name}"][0] for name in ("answered", "fixed", "planned", "refused", "withdrawn"))
    assert ends == city["closed"][0]
    assert autumn["simulated"]["stuck"] == {}


def test_nobody_is_lost(autumn: dict):
    city = autumn["simulated"]["city"]
    assert city["open_first"][0] + city["received"][0] - city["closed"][0] == city["open_last"][0]


def test_a_draft_gets_no_more_people_than_there_are(book: Rulebook):
    """Beside itself nothing differs: the same complaints, the same hands."""
    model = people(book).model_copy(update={"warm_up": 2, "matters": people(book).matters[1:2]})
    told = simulate(Wish(start=date(2026, 9, 21), days=3, rate=30), model, book, beside=book)
    assert told["simulated"] == told["beside"]


def test_intervals_are_those_of_student():
    """Textbook: of 1..5 the mean is 3, and half the interval t(4) x s / sqrt(5) = 2.776 x 1.5811 / 2.2361."""
    found = estimate([1, 2, 3, 4, 5])
    assert found.mean == 3
    assert found.high - 3 == pytest.approx(1.963, abs=0.001)
    assert estimate([7]) == (7, 7, 7)


def test_people_come_as_often_as_the_file_says(book: Rulebook):
    """By hour, by day of the week, and half as many on the seven days off of October."""
    from rules.simulation.arrivals import of_day, per_second  # noqa: PLC0415

    arrivals = Model.model_validate(
        {"arrivals": {"rate": 700, "hours": [0] * 8 + [1] * 16, "weekdays": [2, 1, 1, 1, 1, 0.5, 0.5], "days_off": 0.5}}
    ).arrivals
    monday, holiday = date(2026, 9, 21), date(2026, 10, 5)
    days = [(d - date(1970, 1, 1)).days for d in (monday, holiday)]
    assert [of_day(arrivals, book.calendar, d) for d in days] == [2.0, 1.0]
    morning = days[0] * 24 + 9 - 8
    assert per_second(arrivals, book.calendar, morning) * 3600 * 16 == pytest.approx(1400)
    assert per_second(arrivals, book.calendar, morning - 3) == 0


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "servers: {ecologi: 3}",
            "own.yaml:1 [servers.ecologi] the rulebook knows no department 'ecologi'; did you mean",
        ),
        ("arrivals:\n  rate: -3", "own.yaml:2 [arrivals.rate] more than 0 and at most"),
        ("arrivals: {hours: [1, 2]}", "has to be a list of 24 weights; these are 2"),
        ("duties: [{role: lead, work: 2 wd, acts: {fix: 1}}]", "'2 wd' has to be given in min, h or d"),
        ("duties: [{role: leed, work: 2 h, acts: {fix: 1}}]", "'leed' is not known here; did you mean lead?"),
        ("duties: [{work: 2 h, acts: {fixx: 1}}]", "the rulebook knows no action 'fixx'; did you mean fix"),
        ("duties: [{work: {median: 2 h, fixed: 1 h}, acts: {fix: 1}}]", "give one of fixed, exponential, median"),
        ("duties: [{work: 2 h, acts: {fix: 0}}]", "at least one act needs a weight of more than 0"),
        ("citizens: {ratess: 0.3}", "unknown key 'ratess'; did you mean rates?"),
        ("citizens: {rates: 40}", "a share lies between 0 and 1; this is 40"),
        ("load: 1.5", "has to lie between 0 and 1"),
        ("- a", "has to hold keys with values"),
    ],
)
def test_what_is_wrong_with_a_file_of_people_is_told_with_its_place(book: Rulebook, text: str, told: str):
    with pytest.raises(RulebookFaults) as wrong:
        read_model(text, "own.yaml", book=book)
    assert told in str(wrong.value)
    with pytest.raises(Mistake, match="cannot be used"):
        people(book, text)


def test_a_file_may_hold_only_what_is_known_better(book: Rulebook):
    text = "arrivals: {rate: 230}\nservers: {ecology: 4}\ncitizens: {solved: {no: 1}}\n"
    own, shipped = people(book, text), people(book)
    assert (own.arrivals.rate, own.servers, own.citizens.solved) == (230, {"ecology": 4}, {"no": 1})
    assert (own.arrivals.hours, own.duties, own.citizens.rates) == (
        shipped.arrivals.hours, shipped.duties, shipped.citizens.rates,
    )  # fmt: skip


@pytest.mark.parametrize("wrong", [{"days": 0}, {"days": 400}, {"seeds": 0}, {"rate": 1e9}])
def test_what_cannot_be_simulated_is_said(wrong: dict):
    with pytest.raises(Mistake):
        Wish(start=date(2026, 9, 21), **wrong)
    with pytest.raises(Mistake, match="write it as 2026-10-01"):
        day("next week", date(2026, 9, 21))
