"""认真解决: one run of a simulation: complaints come, people do what they do, and ``decide`` says what it means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from rules.case import CITIZEN
from rules.simulation.agenda import Agenda
from rules.simulation.matters import Kind
from rules.simulation.people import People, Plan
from rules.simulation.tally import SAMPLE, Tally
from rules.simulation.work import EXTEND, Work
from rules.trials.learned import LOOK, Learned
from rules.trials.life import SETTLE, Life, Move, Order
from rules.trials.moments import SECOND
from rules.trials.situation import Situation

YELLOW = "yellow_card"
FIRST_DUTY = "citizen-1"
ENTERED = "stage_entered"
ELSEWHERE = (("contest", "contests"), ("appeal", "appeals"))
"""What citizens may do instead of rating, and the share in the model that says how often."""


class Answer(NamedTuple):
    """What a citizen is going to say; ``visits``: only while no further stage was entered."""

    life: Life
    action: str
    visits: int


class Run:
    """One city for one period. ``come``: what comes when; ``hands`` as :class:`Work` takes them."""

    def __init__(
        self, learned: Learned, people: People, tally: Tally, come: Iterator[tuple[int, Kind]], hands: Mapping[str, int]
    ) -> None:
        self.learned, self.people, self.tally = learned, people, tally
        self.agenda = Agenda()
        self.work = Work(self.agenda, people, tally, order=self.order, hands=hands)
        self._dice, self._citizens = people.dice, people.model.citizens
        self._come = come
        self._works: dict[int, bool] = {}

    def go(self) -> Tally:
        """Until the end of the period."""
        tally = self.tally
        self.agenda.plan(tally.start, self._begin_to_count, None)
        self.agenda.plan(tally.start, self._look, None)
        self._next_arrival()
        self.agenda.go(tally.end)
        for station in self.work.stations.values():
            station.pass_time(tally.end)
            tally.station(station)
        return tally

    def order(self, life: Life, order: Order, now: int) -> Move:
        """Let it happen, with whatever follows; a refusal changes nothing."""
        was, before = life.situation, life.clocks
        move = self.learned.act(life, order, now)
        if move.refusal:
            return move
        self.tally.in_work += self._in_work(life.situation) - self._in_work(was)
        if now >= self.tally.start:
            self.tally.moved(life, move, was, before, now)
        if life.situation.is_moving:
            self.order(life, SETTLE, now)
        else:
            self._moved(life, move, now)
        return move

    def _in_work(self, here: Situation) -> bool:
        """Whether it waits for somebody else than the citizen."""
        if here.id not in self._works:
            self._works[here.id] = any(duty.role != CITIZEN for duty in here.duties)
        return self._works[here.id]

    def _begin_to_count(self, now: int, _nothing: None) -> None:
        for station in self.work.stations.values():
            station.count_anew(now)

    def _look(self, now: int, _nothing: None) -> None:
        self.tally.open_at.append(self.tally.open)
        self.tally.in_work_at.append(self.tally.in_work)
        self.agenda.plan(now + SAMPLE, self._look, None)

    def _next_arrival(self) -> None:
        if (coming := next(self._come, None)) is not None:
            self.agenda.plan(coming[0], self._arrive, coming[1])

    def _arrive(self, now: int, kind: Kind) -> None:
        self._next_arrival()
        life, born = self.learned.begin(kind.complaint, now, like=kind.place)
        self.tally.open += 1
        self.tally.in_work += self._in_work(life.situation)
        if now >= self.tally.start:
            self.tally.received += 1
            self.tally.told(born)
        if self._dice.random() < self._citizens.withdraws:
            later = now + int(self.people.withdraws_after(self._dice) * SECOND)
            self.agenda.plan(later, self._withdraw, life)
        self._moved(life, born, now)

    def _moved(self, life: Life, move: Move, now: int) -> None:
        """Everybody who has something to do now plans it."""
        here = life.situation
        if here.result:
            self.tally.open -= 1
            life.past, life.tag = [], None
            return
        for place in move.opened:
            self.work.take_up(life, here.duties[place], now)
        if ENTERED in move.kinds and CITIZEN in here.actions:
            self._hear(life, now)
        if life.tag is not None:
            self.work.try_again(life, now)
        self._set_alarm(life)

    def _set_alarm(self, life: Life) -> None:
        at = life.next_at
        if at is not None and (life.alarm is None or at < life.alarm):
            life.alarm = at
            self.agenda.plan(at, self._wake, life)

    def _wake(self, now: int, life: Life) -> None:
        """A clock of the life may want something."""
        if life.alarm != now or life.situation.result:
            return
        life.alarm = None
        if life.next_at is None or life.next_at > now:
            self._set_alarm(life)
            return
        here, move = life.situation, self.order(life, LOOK, now)
        if any(rung == YELLOW and self._may_be_extended(here, clock) for rung, clock, _ in move.rungs):
            self._ask_for_time(life, now)

    def _may_be_extended(self, here: Situation, clock: str) -> bool:
        spec = self.learned.book.process(here.process).clock(here.stage, clock)
        return spec is not None and spec.extendable

    def _ask_for_time(self, life: Life, now: int) -> None:
        """Some answer the yellow card by asking for more time."""
        for duty in life.situation.duties:
            if EXTEND in life.situation.actions.get(duty.role, ()):
                plan: Plan | None = self.people.plan_of(life, duty)
                if plan and plan.spec.extends and self._dice.random() < plan.spec.extends:
                    self.order(life, self.people.order(EXTEND, duty.id, life, now), now)

    def _hear(self, life: Life, now: int) -> None:
        """The citizen has read the answer, and may say something to it."""
        own, dice, allowed = self._citizens, self._dice, life.situation.actions[CITIZEN]
        if dice.random() >= own.rates:
            return
        action = "rate"
        for other, share in ELSEWHERE:
            if other in allowed and dice.random() < getattr(own, share):
                action = other
        later = now + int(self.people.rates_after(dice) * SECOND)
        self.agenda.plan(later, self._say, Answer(life, action, life.situation.visits))

    def _say(self, now: int, answer: Answer) -> None:
        life = answer.life
        if not life.situation.result and life.situation.visits == answer.visits:
            rates = answer.action == "rate"
            said = self.people.rating() if rates else self.people.order(answer.action, FIRST_DUTY, life, now)
            if self.order(life, said, now).refusal and not rates:
                self.order(life, self.people.rating(), now)
            elif rates and now >= self.tally.start and not life.situation.result:
                self.tally.redos += 1

    def _withdraw(self, now: int, life: Life) -> None:
        if not life.situation.result:
            self.order(life, self.people.order("withdraw", FIRST_DUTY, life, now), now)
