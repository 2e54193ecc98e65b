"""听得进批评: the people of a simulation as the ledger saw them: how often they act, what they do, how long it takes.

Times of tasks include the waiting for a free hand, because a ledger does not know when somebody began. Tasks that are
still open count as well (Kaplan and Meier's estimate): else a young ledger would know only the quick ones.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from rules.calendar import Calendar
from rules.case import CITIZEN
from rules.simulation.coming import coming
from rules.simulation.model import ALWAYS, OFFICE, Citizens, DutySpec, Matter, Model
from rules.simulation.observed import Observed, Task
from rules.simulation.spread import Spread
from rules.trials.moments import SECOND

STEPS = 40
"""Measured times are kept at so many equal steps of probability."""
NEVER = 20_000_000.0
"""Seconds: what nobody did while he was watched, he does long after the end of any simulation."""
ENOUGH = 100
"""So many tasks of one department make it speak for itself."""
ROUND_THE_CLOCK = 0.15
"""Who does more than this share outside office hours works round the clock."""
KINDS = 3000
"""So many kinds of matters are kept, the most frequent ones."""
LONGEST = 30
"""Days that one extension may have."""
SMALL = ("claim", "contact", "extend", "pause", "resume", "add_information")
"""Actions that end no task."""
SAID = ("rate", "contest", "appeal")


def fit(seen: Observed, calendar: Calendar) -> Model:
    """A model of everything that was observed; parts of which nothing is known keep their defaults."""
    matters = [
        Matter.model_construct(type=kind, channel=channel, category=category, district=district, words=words, weight=n)
        for (kind, channel, category, district, words), n in sorted(seen.matters.most_common(KINDS))
    ]
    return Model(
        arrivals=coming(seen, calendar), matters=matters, duties=[*_duties(seen, calendar)], citizens=_citizens(seen)
    )


def _duties(seen: Observed, calendar: Calendar) -> Iterator[DutySpec]:
    """Departments that speak for themselves first, then everybody together."""
    for key, tasks in sorted(_by(seen.tasks, lambda t: (t.process, t.stage, t.role)).items()):
        for party, own in sorted(_by(tasks, lambda t: (t.party,)).items()):
            if sum(bool(task.act) for task in own) >= ENOUGH and len(own) < len(tasks):
                yield from _Habit(seen, calendar, own, len(own) / len(tasks)).spec(*key, *party)
        yield from _Habit(seen, calendar, tasks, 1.0).spec(*key)


def _by(tasks: Sequence[Task], key: Callable[[Task], tuple[str, ...]]) -> dict[tuple[str, ...], list[Task]]:
    found = defaultdict[tuple[str, ...], list[Task]](list)
    for task in tasks:
        if task.role != CITIZEN:
            found[key(task)].append(task)
    return found


@dataclass(frozen=True, slots=True)
class _Habit:
    """How some tasks of one kind were done; ``share``: of all tasks of that kind."""

    seen: Observed
    calendar: Calendar
    tasks: Sequence[Task]
    share: float

    def spec(self, process: str, stage: str, role: str, party: str | None = None) -> Iterator[DutySpec]:
        acts = Counter(task.act for task in self.tasks if task.act and task.act not in SMALL)
        if not acts:
            return
        always = _is_always([deed.at for task in self.tasks for deed in task.deeds], self.calendar)
        times = _Times(self.tasks, self.calendar, self.seen.until, always=always)
        usual = acts.most_common(1)[0][0]
        own: dict[str, object] = {
            "process": process,
            "stage": stage,
            "role": role,
            "department": party,
            "queued": False,
            "acts": {**acts},
        }
        own |= {"hours": ALWAYS if always else OFFICE, "work": times.of_act(usual), "quick": times.of_other_acts(usual)}
        own |= {"claims": times.until_first("claim"), "contacts": times.until_first("contact")}
        yield DutySpec.model_validate(own | self._more_time(process, stage))

    def _more_time(self, process: str, stage: str) -> dict[str, object]:
        """How often clocks are extended and stand still."""
        asked, paused = (sum(task.first(action) is not None for task in self.tasks) for action in ("extend", "pause"))
        cards = self.seen.yellow[process, stage] * self.share
        days = self.seen.days.most_common(1)[0][0] if self.seen.days else 5
        more = {"extends": asked / max(cards, asked, 1), "extends_days": max(1, min(LONGEST, days))}
        return more | {"pauses": paused / len(self.tasks), "paused": _fixed(self.seen.pauses)}


class _Times:
    """How long things took in some tasks, in seconds of the hours of whoever did them."""

    def __init__(self, tasks: Sequence[Task], calendar: Calendar, until: int, *, always: bool) -> None:
        self._tasks, self._calendar, self._until, self._always = tasks, calendar, until, always

    def of_act(self, act: str) -> Spread:
        found = [(self._took(t, t.ended), True) for t in self._tasks if t.act == act and not t.first("pause")]
        waiting = [(self._took(t, self._until), False) for t in self._tasks if t.ended is None and not t.first("pause")]
        return measured(found + waiting)

    def of_other_acts(self, act: str) -> Spread | None:
        found = [(self._took(t, t.ended), True) for t in self._tasks if t.act not in ("", act, *SMALL)]
        return measured(found) if found else None

    def until_first(self, action: str) -> Spread | None:
        times = [(t, t.first(action)) for t in self._tasks]
        if not any(at for _, at in times):
            return None
        return measured([(self._took(t, at or t.ended or self._until), at is not None) for t, at in times])

    def _took(self, task: Task, end: int | None) -> float:
        start, last = task.opened // SECOND, (task.opened if end is None else end) // SECOND
        return float(last - start if self._always else self._calendar.working_seconds(start, last))


def _is_always(moments: Sequence[int], calendar: Calendar) -> bool:
    outside = sum(not calendar.working_seconds(at // SECOND, at // SECOND + 1) for at in moments)
    return outside > ROUND_THE_CLOCK * max(1, len(moments))


def measured(times: Iterable[tuple[float, bool]]) -> Spread:
    """Times, each with whether it came to its end or was only watched for so long."""
    reached = ends(times)
    return Spread(measured=[_at(reached, step / STEPS) for step in range(STEPS + 1)])


def ends(times: Iterable[tuple[float, bool]]) -> list[tuple[float, float]]:
    """Kaplan and Meier: a time -> the share that has come to its end by then."""
    ordered = sorted(times)
    left, still, reached = len(ordered), 1.0, list[tuple[float, float]]()
    for time, same in groupby(ordered, key=lambda one: one[0]):
        ended = [end for _, end in same]
        still *= 1 - sum(ended) / left
        left -= len(ended)
        if any(ended):
            reached.append((time, 1 - still))
    return reached


def _at(reached: Sequence[tuple[float, float]], share: float) -> float:
    return next((time for time, done in reached if done >= share - 1e-9), NEVER)


def _fixed(times: Sequence[int]) -> Spread:
    """The median, as a time that is always the same."""
    ordered = sorted(times)
    return Spread(measured=[ordered[len(ordered) // 2] / SECOND]) if ordered else Spread(fixed="2 d")


def _citizens(seen: Observed) -> Citizens:
    answers = [visit for visit in seen.visits if visit.action in SAID]
    reached = ends((((v.ended or seen.until) - v.opened) / SECOND, v.action in SAID) for v in seen.visits)
    told: dict[str, object] = {"withdraws": len(seen.withdrawn) / max(seen.cases, 1)}
    told |= {"withdraws_after": _fixed(seen.withdrawn)}
    if reached:
        rates = reached[-1][1]
        told |= {"rates": rates, "after": Spread(measured=[_at(reached, rates * n / STEPS) for n in range(STEPS + 1)])}
        told |= {f"{word}s": sum(v.action == word for v in answers) / len(answers) for word in ("contest", "appeal")}
    if seen.solved:
        told |= {"solved": dict(seen.solved), "satisfied": _satisfied(seen)}
    return Citizens.model_validate(told)


def _satisfied(seen: Observed) -> Mapping[str, Sequence[int]]:
    by = {said: [seen.satisfied[said, n] for n in range(1, 6)] for said in seen.solved}
    return {said: weights for said, weights in by.items() if sum(weights)}
