"""谁主管、谁负责: what people do in a simulation: which act a duty ends with, what they write into it, and when."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Generic, TypeVar

from rules.rulebook import Rulebook
from rules.simulation.matters import Kind
from rules.simulation.model import DutySpec, Model
from rules.simulation.spread import Dice, Sampler
from rules.trials.life import Life, Order
from rules.trials.moments import moment
from rules.trials.situation import Duty

T = TypeVar("T")
WORDS = "…"
"""What everybody writes; the rules do not read it."""
SOME_DAY = "2999-12-31"


class Choice(Generic[T]):
    """One of several, by weight."""

    def __init__(self, weights: Mapping[T, float] | Sequence[tuple[T, float]]) -> None:
        pairs: list[tuple[T, float]] = [*(weights.items() if isinstance(weights, Mapping) else weights)]
        self._values = [value for value, weight in pairs if weight > 0]
        self._sums = [*accumulate(weight for _, weight in pairs if weight > 0)]

    def __bool__(self) -> bool:
        return bool(self._values)

    def draw(self, dice: Dice) -> T:
        return self._values[bisect_right(self._sums, dice.random() * self._sums[-1])]


@dataclass(frozen=True, slots=True)
class Plan:
    """How a department goes about a duty; the samplers give seconds."""

    spec: DutySpec
    work: Sampler
    quick: Sampler
    before: Sampler | None
    claims: Sampler | None
    contacts: Sampler | None
    paused: Sampler
    usual: str
    """The act with most weight."""


class People:
    """Everybody, by the model; ``dice`` is their stream of chance."""

    def __init__(self, model: Model, book: Rulebook, kinds: Choice[Kind], dice: Dice) -> None:
        self.model, self.book, self.dice, self.kinds = model, book, dice, kinds
        self._plans: dict[tuple[str, str, str, str], Plan | None] = {}
        self._choices: dict[tuple[int, frozenset[str], frozenset[str]], Choice[str]] = {}
        self._categories: dict[int, str | None] = {}
        own = model.citizens
        self.rates_after = own.after.sampler()
        self.withdraws_after = own.withdraws_after.sampler()
        self._solved = Choice(own.solved)
        self._satisfied = {said: Choice([*enumerate(weights, 1)]) for said, weights in own.satisfied.items()}

    def plan(self, process: str, stage: str, role: str, department: str) -> Plan | None:
        """Nothing when the model says nothing of such a duty: then nobody does it."""
        key = (process, stage, role, department)
        if key not in self._plans:
            spec = self.model.spec(*key)
            self._plans[key] = None if spec is None else _plan(spec)
        return self._plans[key]

    def plan_of(self, life: Life, duty: Duty) -> Plan | None:
        return self.plan(life.situation.process, duty.stage, duty.role, life.party(duty.party))

    def act(self, plan: Plan, allowed: Sequence[str], refused: frozenset[str] = frozenset()) -> str:
        """What a duty ends with; empty when nothing is left that the stage allows."""
        key = (id(plan), frozenset(allowed), refused)
        if key not in self._choices:
            acts = plan.spec.acts
            self._choices[key] = Choice({a: w for a, w in acts.items() if a in allowed and a not in refused})
        choice = self._choices[key]
        return choice.draw(self.dice) if choice else ""

    def order(self, action: str, duty: str, life: Life, now: int) -> Order:
        """The act with its form filled in."""
        if make := _FORMS.get(action):
            return make(self, duty, life, now)
        fixed = _FIXED.get((action, duty))
        if fixed is None:
            fixed = _FIXED[action, duty] = Order(action, duty, _TEXTS.get(action, ()))
        return fixed

    def rating(self) -> Order:
        said = self._solved.draw(self.dice)
        satisfied = self._satisfied[said].draw(self.dice)
        return Order("rate", "citizen-1", (("solved", said), ("satisfied", satisfied)))

    def category(self, life: Life, now: int) -> str | None:
        """What the case is about, as far as nobody had to say so."""
        id_ = id(life.complaint)
        if id_ not in self._categories:
            self._categories[id_] = self.book.classify(life.complaint, moment(now)).value
        return self._categories[id_]

    def another(self, life: Life, now: int) -> str:
        """A department that answers for something else in the same place."""
        for _ in range(5):
            category = self.kinds.draw(self.dice).complaint.category
            lead = self.book.route(category, life.complaint.district, at=moment(now)).lead
            if lead not in (life.lead, *life.partners):
                break
        return lead


def _plan(spec: DutySpec) -> Plan:
    work = spec.work.sampler()
    return Plan(
        spec, work, spec.quick.sampler() if spec.quick else work,
        spec.before.sampler() if spec.before else None,
        spec.claims.sampler() if spec.claims else None,
        spec.contacts.sampler() if spec.contacts else None,
        spec.paused.sampler(), max(spec.acts, key=lambda act: spec.acts[act], default=""),
    )  # fmt: skip


def _dispatch(people: People, duty: str, life: Life, now: int) -> Order:
    """What is clear goes where the catalogue says; what was returned or contested goes to somebody else."""
    category, data = people.category(life, now), dict[str, str]()
    if category is None:
        category = people.kinds.draw(people.dice).complaint.category
        data = {"category": category} if category else {}
    if life.situation.visits > 1:
        lead = people.another(life, now)
    else:
        lead = people.book.route(category, life.complaint.district, at=moment(now)).lead
    return Order("dispatch", duty, (*data.items(),), (("department", (lead,)),))


def _rule(people: People, duty: str, life: Life, now: int) -> Order:
    return Order("rule", duty, (("reason", WORDS),), (("department", (people.another(life, now),)),))


def _partners(people: People, duty: str, life: Life, now: int) -> Order:
    chosen = people.another(life, now)
    return Order("request_partners", duty, (("reason", WORDS),), (("partners", (chosen,)),))


def _extend(people: People, duty: str, life: Life, _now: int) -> Order:
    plan = next((people.plan_of(life, d) for d in life.situation.duties if d.id == duty), None)
    days = plan.spec.extends_days if plan else 1
    return Order("extend", duty, (("days", days), ("reason", WORDS)))


def _conclude(people: People, duty: str, life: Life, _now: int) -> Order:
    verdicts = people.book.process(life.situation.process).stages[life.situation.stage].verdicts
    verdict = Choice([(name, 1.0) for name in verdicts]).draw(people.dice) if verdicts else ""
    return Order("conclude", duty, (("verdict", verdict), ("reason", WORDS)))


def _pause(people: People, duty: str, life: Life, _now: int) -> Order:
    """For one of the reasons that whoever it is may have."""
    role = next((d.role for d in life.situation.duties if d.id == duty), "")
    reasons = people.book.process(life.situation.process).pauses
    mine = [(name, 1.0) for name, reason in reasons.items() if role in reason.by]
    return Order("pause", duty, (("cause", Choice(mine).draw(people.dice) if mine else ""), *_REASON))


_FORMS: Mapping[str, Callable[[People, str, Life, int], Order]] = {
    "dispatch": _dispatch, "rule": _rule, "request_partners": _partners, "extend": _extend, "conclude": _conclude,
    "pause": _pause,
}  # fmt: skip
_REASON = (("reason", WORDS),)
_TEXTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "answer": (("reply", WORDS),), "fix": (("reply", WORDS),), "close_coordination": (("reply", WORDS),),
    "return": _REASON, "refuse": _REASON, "contest": _REASON, "appeal": _REASON, "uphold": _REASON, "overturn": _REASON,
    "contribute": (("contribution", WORDS),), "explain": (("text", WORDS), ("contact", WORDS)),
    "add_information": (("text", WORDS),),
    "cannot_fix_now": (("reason", WORDS), ("plan", WORDS), ("promised_on", SOME_DAY)),
}  # fmt: skip
_FIXED: dict[tuple[str, str], Order] = {}
"""Orders that are always the same; made once."""
