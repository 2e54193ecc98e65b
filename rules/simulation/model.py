"""机关流程再造: the model file of a simulation: who comes when with what, who answers how, and how long it takes.

Nothing in it is a rule: rules are the rulebook's. A file without a part gets that part of the model that is shipped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from rules.case import TYPES, Role
from rules.said import said
from rules.simulation.parts import Part, Share, Weight, Weights
from rules.simulation.spread import Spread

OFFICE, ALWAYS = "office", "always"
ANY, NONE = "any", "none"
BUSIEST = 1_000_000
Hours = Literal["office", "always"]


class Arrivals(Part):
    """When people come."""

    rate: float = 15_000
    """Complaints a day, on average over a week without a holiday."""
    hours: Weights = (1,) * 24
    """Weight of each hour of the day, from midnight."""
    weekdays: Weights = (1,) * 7
    """Weight of each day of the week, from Monday; a make-up workday counts as a Monday."""
    days_off: Weight = 1.0
    """On a public holiday so many come, compared with a usual day of that name."""

    @field_validator("rate")
    @classmethod
    def _some(cls, rate: float) -> float:
        if not 0 < rate <= BUSIEST:
            raise ValueError(
                said(
                    "more than 0 and at most %(most)s complaints a day; this is %(given)s",
                    most=BUSIEST,
                    given=f"{rate:g}",
                )
            )
        return rate

    @field_validator("hours", "weekdays")
    @classmethod
    def _all(cls, weights: Sequence[float], info: ValidationInfo) -> Sequence[float]:
        wanted = 24 if info.field_name == "hours" else 7
        if len(weights) != wanted:
            raise ValueError(
                said("has to be a list of %(wanted)s weights; these are %(given)s", wanted=wanted, given=len(weights))
            )
        return weights


class Matter(Part):
    """What somebody brings."""

    category: str = ANY
    """A code; `any`: every matter of the tree alike; `none`: nothing is said, so that keywords or the desk decide."""
    district: str = ANY
    """A code; `any`: all districts alike; `none`: nothing is said."""
    type: Literal[TYPES] = "complaint"  # type: ignore[valid-type]  # the words of rules.case
    channel: str = "web"
    words: str = ""
    """What it says, as far as tables look for words."""
    weight: Weight = 1.0


class DutySpec(Part):
    """What somebody does with a task. `process`, `stage`, `role` and `department` say whose; left out: anybody's."""

    process: str | None = None
    stage: str | None = None
    role: Role | None = None
    department: str | None = None
    hours: Hours = "office"
    """Whether the time below passes within office hours only."""
    claims: Spread | None = None
    """Time until it is claimed; nothing: nobody claims."""
    contacts: Spread | None = None
    """Time until the citizen is called."""
    before: Spread | None = None
    """Time before the work can begin that keeps no hand busy, such as an appointment on site."""
    work: Spread
    """Time a hand works on it; with `queued: false` the whole time until the act."""
    queued: bool = True
    """Whether it waits until one of the department's hands is free."""
    acts: Mapping[str, Weight]
    """What it ends with -> weight, among what the stage allows."""
    quick: Spread | None = None
    """Time a hand needs for an act other than the heaviest, such as a return; nothing: as `work`."""
    extends: Share = 0.0
    """How often more time is asked for when the yellow card comes."""
    extends_days: Annotated[int, Field(ge=1, le=30)] = 5
    pauses: Share = 0.0
    """How often it first waits for somebody outside, for one of the reasons that the process knows."""
    paused: Spread = Spread(fixed="2 d")
    """How long."""


def _words(weights: object) -> object:
    """YAML reads a plain ``yes`` or ``no`` as more than text."""
    told = {True: "yes", False: "no"}
    return {told.get(k, k): v for k, v in weights.items()} if isinstance(weights, dict) else weights


_Said = Mapping[Literal["yes", "partly", "no"], Sequence[float]]
_SATISFIED: _Said = {
    "yes": (1, 1, 4, 30, 64), "partly": (12, 28, 40, 15, 5), "no": (60, 25, 10, 4, 1),
}  # fmt: skip


class Citizens(Part):
    """What citizens do."""

    rates: Share = 0.4
    """How many answer the callback; the others are silent."""
    after: Spread = Spread(median="20 h")
    solved: Mapping[Literal["yes", "partly", "no"], Weight] = {"yes": 0.75, "partly": 0.13, "no": 0.12}
    satisfied: Mapping[Literal["yes", "partly", "no"], Weights] = _SATISFIED
    """By what they said: five weights, for 1 to 5."""
    contests: Share = 0.05
    """How many of those who answer contest an explanation, where they can."""
    appeals: Share = 0.25
    """The same for a review."""
    withdraws: Share = 0.01
    withdraws_after: Spread = Spread(median="2 d")

    _plain = field_validator("solved", "satisfied", mode="before")(_words)

    @field_validator("satisfied")
    @classmethod
    def _five(cls, by: _Said) -> _Said:
        if any(len(weights) != 5 for weights in by.values()):
            raise ValueError(said("each needs five weights, for 1 to 5"))
        return {**_SATISFIED, **by}

    @field_validator("solved")
    @classmethod
    def _some(cls, solved: Mapping[str, float]) -> Mapping[str, float]:
        if not sum(solved.values()):
            raise ValueError(said("at least one weight has to be more than 0"))
        return solved


class Model(Part):
    """A model file."""

    arrivals: Arrivals = Arrivals()
    matters: Sequence[Matter] = (Matter(),)
    """What people bring, by weight."""
    servers: Mapping[str, Annotated[int, Field(ge=1, le=100_000)]] = {}
    """Hands of a department, by its code: within office hours, and as many round the clock where it has such duties."""
    load: float = 0.8
    """A department without a number has so many hands that they are busy for this share of their hours; round the clock
    it has as many as the busiest hour needs."""
    duties: Sequence[DutySpec] = ()
    """The first that fits counts."""
    citizens: Citizens = Citizens()
    warm_up: int = 14
    """Days before the first that counts, so that the city is not empty."""

    @field_validator("load")
    @classmethod
    def _busy(cls, load: float) -> float:
        if not 0 < load < 1:
            raise ValueError(said("has to lie between 0 and 1, without them; this is %(given)s", given=f"{load:g}"))
        return load

    @field_validator("warm_up")
    @classmethod
    def _a_year(cls, days: int) -> int:
        if not 0 <= days <= 365:
            raise ValueError(said("a number of days from 0 to 365; this is %(given)s", given=days))
        return days

    def spec(self, process: str, stage: str, role: str, department: str) -> DutySpec | None:
        wanted = (process, stage, role, department)
        return next((one for one in self.duties if _fits(one, wanted)), None)

    def over(self, shipped: Model) -> Model:
        """This file where it says something, ``shipped`` elsewhere."""
        own, whole = self.model_dump(exclude_unset=True), shipped.model_dump()
        for part in ("arrivals", "citizens"):
            own[part] = whole[part] | own.get(part, {})
        return Model.model_validate(whole | own)


def _fits(spec: DutySpec, wanted: tuple[str, ...]) -> bool:
    own = (spec.process, spec.stage, spec.role, spec.department)
    return all(said in (None, w) for said, w in zip(own, wanted, strict=True))
