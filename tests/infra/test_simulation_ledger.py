"""A simulation learns its people from the ledger, and agrees with a month that the ledger knows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from infra.chance import stream
from infra.ledger import Ledger, Person
from infra.ledger.habits import observe
from infra.ledger.past_month import month
from infra.mistakes import Mistake
from infra.workbench.simulation import Wish, people, simulate
from infra.workbench.simulation_ledger import column, known_period, learned, midnight
from rules.case import CITIZEN, Signal
from rules.rulebook import Rulebook
from rules.simulation.city import City, Period
from rules.simulation.figures import Figures, figures
from rules.simulation.fitting import fit, measured
from rules.simulation.observed import Deed, Observed, Task
from rules.trials.learned import LOOK, Learned
from rules.trials.life import SETTLE, Life, Order
from rules.trials.moments import micros, moment
from tests import lives

FIRST, DAYS = date(2026, 9, 1), 12
PEOPLE = """
arrivals: {rate: 20}
matters:
  - {type: complaint, weight: 3, category: environment/noise/construction}
  - {type: complaint, weight: 2, category: environment/air/fumes}
  - {type: consultation, weight: 2}
duties:
  - {role: desk, hours: always, queued: false, work: {median: 20 min}, acts: {answer: 70, dispatch: 30}}
  - role: lead
    queued: false
    claims: {median: 2 h}
    contacts: {median: 5 h}
    work: {median: 14 h, sigma: 0.6}
    acts: {fix: 80, close_coordination: 80, return: 8, cannot_fix_now: 8, explain: 80}
    quick: {median: 2 h}
    extends: 0.3
  - {role: partner, queued: false, claims: {median: 3 h}, work: {median: 6 h, sigma: 0.5}, acts: {contribute: 1}}
citizens: {after: {median: 10 h}, rates: 0.8, withdraws: 0.03, withdraws_after: {median: 4 h}}
warm_up: 0
"""


class Remembering(Learned):
    """Everything that was done to every life, in the order of time."""

    def __init__(self, book: Rulebook) -> None:
        super().__init__(book)
        self.lives: list[Life] = []
        self.done: list[tuple[int, Life, Order]] = []

    def begin(self, *args: Any, **more: Any) -> Any:
        life, move = super().begin(*args, **more)
        self.lives.append(life)
        return life, move

    def act(self, life: Life, order: Order, now: int) -> Any:
        move = super().act(life, order, now)
        if not move.refusal:
            self.done.append((now, life, order))
        return move


@pytest.fixture(scope="module")
def town(book: Rulebook) -> tuple[Remembering, Figures]:
    """Twelve days of a small town."""
    city = City(book, people(book, PEOPLE), stream)
    city._learned = told = Remembering(book)  # what happened has to be told to a ledger afterwards
    tally = city.live(Period(micros(midnight(FIRST).astimezone(UTC)), DAYS, 0), 5, {})
    return told, figures(tally)


async def written(ledger: Ledger, told: Remembering) -> None:
    """The town's life, as its people would have done it in the product."""
    numbers = {}
    for life in told.lives:
        at = moment(life.opened_at)
        numbers[life] = (await ledger.submit(life.complaint, Person(), at=at, key=None)).case.number
        await lives.settled(ledger, numbers[life], at)
    for now, life, order in told.done:
        await ledger.record(numbers[life], await _signal(ledger, numbers[life], order), at=moment(now))


async def _signal(ledger: Ledger, number: str, order: Order) -> Signal:
    if order in (LOOK, SETTLE):
        return Signal(order.action)
    held = (await ledger.case(number)).assignment(order.assignment or "")
    return Signal(order.action, held.party if held else CITIZEN, order.assignment, order.fields())


async def test_the_ledger_counts_a_month_as_the_simulation_does(ledger: Ledger, book: Rulebook, town):
    """The same people in the product and in the simulation: the same figures, to the case."""
    told, simulated = town
    await written(ledger, told)
    until = midnight(FIRST + timedelta(days=DAYS))
    found = await month(ledger.db, since=midnight(FIRST), until=until)
    known = {name: simulated.city[name] for name in found.city if name != "late_share"}
    assert {name: round(number, 6) for name, number in found.city.items() if name in known} == {
        name: round(number, 6) for name, number in known.items()
    }
    assert found.city["late_share"] == pytest.approx(simulated.city["late_share"])
    assert found.city["returns"] > 0
    tasks = {name.split()[0]: 0 for name in simulated.stations}
    for name, one in simulated.stations.items():
        tasks[name.split()[0]] += int(one["tasks"])
    assert found.tasks == tasks
    await learned_as_they_were(ledger, book)
    await agrees_with_what_it_learned_from(ledger, book)


async def learned_as_they_were(ledger: Ledger, book: Rulebook) -> None:
    seen = await observe(ledger.db, book, since=midnight(FIRST), until=midnight(FIRST + timedelta(days=DAYS)))
    model = fit(seen, book.calendar)
    assert model.arrivals.rate == pytest.approx(20, rel=0.25)
    desk = model.spec("consultation", "first_contact", "desk", "city-desk")
    lead = model.spec("standard", "departmental_fix", "lead", "nobody-in-particular")
    assert (desk.hours, lead.hours, lead.queued) == ("always", "office", False)
    assert desk.work.measured[20] == pytest.approx(20 * 60, rel=0.4)
    assert lead.work.measured[20] == pytest.approx(14 * 3600, rel=0.3)
    assert lead.claims.measured[20] == pytest.approx(2 * 3600, rel=0.4)
    assert lead.acts["return"] / lead.acts["fix"] == pytest.approx(0.1, abs=0.08)
    assert model.citizens.rates == pytest.approx(0.8, abs=0.12)
    assert model.citizens.after.measured[20] == pytest.approx(10 * 3600, rel=0.4)
    kinds = {matter.category for matter in model.matters if matter.type == "complaint"}
    assert kinds == {"environment/noise/construction", "environment/air/fumes"}


async def agrees_with_what_it_learned_from(ledger: Ledger, book: Rulebook) -> None:
    today = FIRST + timedelta(days=DAYS)
    wish, past, back = await known_period(ledger, Wish(start=today, days=30, seeds=5), today=today)
    assert (wish.start, wish.days, back) == (FIRST, DAYS, 0)
    model = (await learned(ledger, book, since=wish.start, days=wish.days)).model_copy(update={"warm_up": 0})
    # The median is left out: with answers at once and handling by departments it lies in the gap between two humps.
    city, real = simulate(wish, model, book)["simulated"]["city"], column(past)["city"]
    for name, off in (("received", 0.2), ("closed", 0.2), ("whole_mean", 0.3), ("whole_p90", 0.3)):
        assert city[name][0] == pytest.approx(real[name][0], rel=off), name
    assert city["extensions"][0] == pytest.approx(real["extensions"][0], abs=12)
    assert city["late_share"][0] == pytest.approx(real["late_share"][0], abs=0.1)


async def test_an_empty_ledger_teaches_nothing_and_says_so(sqlite_ledger: Ledger, book: Rulebook):
    with pytest.raises(Mistake, match="knows 0 cases"):
        await learned(sqlite_ledger, book, since=FIRST, days=30)
    with pytest.raises(Mistake, match="knows no whole day yet"):
        await known_period(sqlite_ledger, Wish(start=FIRST, days=30), today=FIRST)


def test_tasks_still_open_keep_a_young_ledger_from_seeming_quick():
    """Textbook: of 6, 6, 6, 6+, 7, 9+, 10, 10+ (plus: still open) the median by Kaplan and Meier is 7."""
    times = [(6, True)] * 3 + [(6, False), (7, True), (9, False), (10, True), (10, False)]
    found = measured([(float(t), end) for t, end in times]).measured
    assert found[20] == 7
    assert found[-1] > 10


def test_a_department_that_had_enough_work_speaks_for_itself(book: Rulebook):
    start = micros(datetime(2026, 9, 7, 1, 0, tzinfo=UTC))
    seen = Observed(start, start + 10**12)
    for party, minutes in (("ecology", 10), ("shinan-urban", 40)):
        for n in range(120):
            end = start + n + minutes * 60 * 10**6
            task = Task("standard", "departmental_fix", "lead", party, start + n, end, [Deed("fix", end)])
            seen.tasks.append(task)
    model = fit(seen, book.calendar)
    specs = [model.spec("standard", "departmental_fix", "lead", party) for party in ("ecology", "shinan-urban")]
    assert [spec.work.measured[20] for spec in specs] == [600, 2400]
