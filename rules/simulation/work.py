"""谁主管、谁负责: how departments do their duties: claimed, begun when a hand is free, paused, and ended by an act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from rules.case import CITIZEN
from rules.simulation.agenda import Agenda
from rules.simulation.people import People, Plan
from rules.simulation.stations import Job, Station, station_name
from rules.simulation.tally import Tally
from rules.trials.life import Life, Move, Order
from rules.trials.situation import Duty

CLAIM, CONTACT, PAUSE, RESUME, EXTEND = "claim", "contact", "pause", "resume", "extend"
OUTSTANDING = "partners_outstanding"
"""The refusal of an act that has to wait for the partners."""
MINUTE = 60


class Errand(NamedTuple):
    """Something small that somebody is about to do with a duty."""

    life: Life
    duty: str
    action: str


class Work:
    """All departments. ``order``: lets something happen to a life; ``hands``: of each station, by its name; a station
    without a number has as many as there is work."""

    def __init__(
        self, agenda: Agenda, people: People, tally: Tally, *, order: Callable[[Life, Order, int], Move],
        hands: Mapping[str, int],
    ) -> None:  # fmt: skip
        self.stations: dict[str, Station] = {}
        self._agenda, self._people, self._tally, self._order = agenda, people, tally, order
        self._calendar, self._hands, self._dice = people.book.calendar, hands, people.dice

    def take_up(self, life: Life, duty: Duty, now: int) -> None:
        """Somebody has a new task."""
        if duty.role == CITIZEN:
            return
        plan, allowed = self._people.plan_of(life, duty), life.situation.actions.get(duty.role, ())
        if plan is None:
            self._tally.stuck[f"nobody answers for {duty.role} in {duty.stage}"] += 1
            return
        station = self._station(life.party(duty.party), plan)
        station.jobs += 1
        self._soon(life, duty, plan, station, now)
        if PAUSE in allowed and plan.spec.pauses and self._dice.random() < plan.spec.pauses:
            self._agenda.plan(station.until(now, MINUTE), self._pause, Errand(life, duty.id, PAUSE))
        else:
            self._begin_work(life, duty, plan, now)

    def try_again(self, life: Life, now: int) -> None:
        """What waited for the partners, once something has changed."""
        job, life.tag = life.tag, None
        if (duty := held(life, job.duty)) is not None:
            self._end(job, duty, now)

    def _soon(self, life: Life, duty: Duty, plan: Plan, station: Station, now: int) -> None:
        """The task is claimed and the citizen called, beside all other work."""
        allowed = life.situation.actions[duty.role]
        for action, sampler in ((CLAIM, plan.claims), (CONTACT, plan.contacts)):
            if sampler and action in allowed:
                at = station.until(now, sampler(self._dice))
                self._agenda.plan(at, self._do, Errand(life, duty.id, action))

    def _do(self, now: int, errand: Errand) -> None:
        life = errand.life
        if held(life, errand.duty) is not None:
            self._order(life, self._people.order(errand.action, errand.duty, life, now), now)

    def _begin_work(self, life: Life, duty: Duty, plan: Plan, now: int) -> None:
        """The task waits for a hand, or is done in the time it takes."""
        act = self._people.act(plan, life.situation.actions.get(duty.role, ()))
        if not act:
            self._stuck(duty)
            return
        station = self._station(life.party(duty.party), plan)
        job = Job(life, duty.id, act, (plan.work if act == plan.usual else plan.quick)(self._dice), now)
        if not plan.spec.queued:
            self._agenda.plan(station.until(now, job.seconds), self._done, (None, job))
        elif plan.before is not None:
            at = station.until(now, plan.before(self._dice))
            self._agenda.plan(at, self._line_up, (station, job._replace(at=at)))
        else:
            self._line_up(now, (station, job))

    def _line_up(self, now: int, what: tuple[Station, Job]) -> None:
        station, job = what
        if station.is_free:
            self._lay_hands_on(station, job, now)
        else:
            station.wait(job)

    def _stuck(self, duty: Duty) -> None:
        self._tally.stuck[f"{duty.role} has nothing to do in {duty.stage}"] += 1

    def _lay_hands_on(self, station: Station, job: Job, now: int) -> None:
        done = station.until(now, job.seconds)
        station.busy += 1
        self._tally.began(station, job, now, done)
        self._agenda.plan(done, self._done, (station, job))

    def _done(self, now: int, what: tuple[Station | None, Job]) -> None:
        station, job = what
        if station is not None:
            station.busy -= 1
            while (following := station.next(now)) is not None:
                if held(following.life, following.duty) is not None:
                    self._lay_hands_on(station, following, now)
        if (duty := held(job.life, job.duty)) is not None:
            self._end(job, duty, now)

    def _end(self, job: Job, duty: Duty, now: int) -> None:
        """The act that ends the task; when it is refused, the partners are waited for, or another act is tried."""
        life, act, refused = job.life, job.act, frozenset[str]()
        while refusal := self._order(life, self._people.order(act, duty.id, life, now), now).refusal:
            if refusal == OUTSTANDING:
                life.tag = job
                return
            self._tally.refused[refusal] += 1
            refused |= {act}
            plan = self._people.plan_of(life, duty)
            act = self._people.act(plan, life.situation.actions.get(duty.role, ()), refused) if plan else ""
            if not act:
                self._stuck(duty)
                return
        self._go_on(life, duty.id, now)

    def _go_on(self, life: Life, id: str, now: int) -> None:
        """An act that did not end the task, such as a request for partners, is followed by another."""
        duty = held(life, id)
        plan = None if duty is None else self._people.plan_of(life, duty)
        if duty is not None and plan is not None:
            self._begin_work(life, duty, plan, now)

    def _pause(self, now: int, errand: Errand) -> None:
        """Wait for somebody outside; the work begins when that is over, whether the clocks stood still or not."""
        life, id, _ = errand
        duty = held(life, id)
        plan = None if duty is None else self._people.plan_of(life, duty)
        if duty is None or plan is None:
            return
        self._order(life, self._people.order(PAUSE, id, life, now), now)
        station = self._station(life.party(duty.party), plan)
        self._agenda.plan(station.until(now, plan.paused(self._dice)), self._resume, Errand(life, id, RESUME))

    def _resume(self, now: int, errand: Errand) -> None:
        self._do(now, errand)
        self._go_on(errand.life, errand.duty, now)

    def _station(self, department: str, plan: Plan) -> Station:
        name = station_name(department, plan.spec.hours)
        if name not in self.stations:
            hands = self._hands.get(name, 0) if plan.spec.queued else 0
            self.stations[name] = Station(department, plan.spec.hours, hands, self._calendar)
        return self.stations[name]


def held(life: Life, id: str) -> Duty | None:
    """The duty, while it is open."""
    if life.situation.result:
        return None
    return next((duty for duty in life.situation.duties if duty.id == id), None)
