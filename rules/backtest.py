"""认真解决: what a draft would have meant for past cases, one by one, before it touches anybody.

A past case is led twice: through the rules it followed, and through the draft, with the same people taking the same
time (``rules.trials.replay``, ADR 0009). What differs is what the draft changes. Where people would have to do what
nobody did in the past, the comparison ends; the rest of such a case is not told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rules.case import CITIZEN, Role
from rules.trials.past import Past
from rules.trials.replay import Replayed, Told, replay, tell
from rules.trials.trail import Late, Trail, Under

__all__ = ["Change", "Compared", "Path", "Under", "compare"]


@dataclass(frozen=True, slots=True)
class Path:
    """Where a case went. ``leads``: in order, each once in a row; ``partners``: whoever joined in, sorted."""

    process: str
    leads: tuple[str, ...]
    partners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A clock with another due moment (microseconds): id, before, after."""

    clock: str
    old: int
    new: int


@dataclass(slots=True)
class Compared:
    """One past case and what the draft changes for it; everything is empty where nothing changes.

    ``unlike``: the replay is not what the ledger says, so the case is not compared. ``parted``: the stage of the draft
    that waits for somebody who did nothing of the kind; only what came before is compared. ``letters`` and ``tasks``:
    letter, or department, -> how many more (or fewer).
    """

    past: Past
    old: Path
    new: Path
    category: str | None = None
    unlike: str = ""
    parted: str = ""
    refused: Sequence[tuple[str, str]] = ()
    deadlines: Sequence[Change] = ()
    added: Sequence[Late] = ()
    avoided: Sequence[Late] = ()
    letters: Mapping[str, int] = field(default_factory=dict)
    tasks: Mapping[str, int] = field(default_factory=dict)
    load: tuple[Mapping[str, int], Mapping[str, int]] = field(default_factory=lambda: ({}, {}))
    """Department -> duties it was given, before and after."""
    late: tuple[Sequence[Late], Sequence[Late]] = ((), ())
    """All breaches, before and after."""

    @property
    def is_routed(self) -> bool:
        """Whether it goes another way: another process, lead or partner."""
        return not self.unlike and self.old != self.new


def compare(past: Past, old: Under, new: Under, until: int) -> Compared:
    """What the rules ``new`` would have changed for a case that followed ``old``, up to ``until`` (microseconds)."""
    told = tell(past, old, until)
    before = path_of(told.trail, until)
    category = told.trail.life.situation.category or past.category
    if told.unlike:
        return Compared(past, before, before, category, told.unlike)
    done = replay(past, told, new, until)
    cuts = done.cut or (until, until)
    found = Compared(past, path_of(told.trail, cuts[0]), path_of(done.trail, cuts[1]), category)
    found.parted, found.refused = done.parted, done.refused
    found.deadlines = [*_moved(told.trail.dues, done.trail.dues)]
    _compare_breaches(found, told, done, cuts)
    _compare_loads(found, told.trail, done.trail, cuts)
    return found


def path_of(trail: Trail, cut: int) -> Path:
    leads: list[str] = []
    partners: set[str] = set()
    for at, party, role in trail.tasks:
        if at > cut:
            break
        if role == Role.PARTNER:
            partners.add(party)
        elif role == Role.LEAD and leads[-1:] != [party]:
            leads.append(party)
    return Path(trail.life.situation.process, tuple(leads), tuple(sorted(partners)))


def _moved(old: Mapping[str, int], new: Mapping[str, int]) -> Iterator[Change]:
    if old != new:
        for clock, due in old.items():
            if new.get(clock, due) != due:
                yield Change(clock, due, new[clock])


def _compare_breaches(found: Compared, told: Told, done: Replayed, cuts: tuple[int, int]) -> None:
    old, new = _late(told.trail, cuts[0]), _late(done.trail, cuts[1])
    found.late = [*old.values()], [*new.values()]
    if old or new:
        found.added, found.avoided = only_in(new, old), only_in(old, new)


def only_in(these: Mapping[str, Late], those: Mapping[str, Late]) -> list[Late]:
    """Breaches of clocks (by id) that are late here and not there, earliest first."""
    return sorted((late for id, late in these.items() if id not in those), key=lambda late: (late.due, late.clock))


def _late(trail: Trail, cut: int) -> Mapping[str, Late]:
    return {id: late for id, late in trail.late.items() if late.due <= cut} if trail.late else trail.late


def _compare_loads(found: Compared, old: Trail, new: Trail, cuts: tuple[int, int]) -> None:
    letters = [*old.letters(cuts[0])], [*new.letters(cuts[1])]
    if letters[0] != letters[1]:
        found.letters = difference(letters[0], letters[1])
    tasks = tasks_of(old, cuts[0]), tasks_of(new, cuts[1])
    if tasks[0] != tasks[1]:
        found.tasks = difference(tasks[0], tasks[1])
    found.load = Counter(tasks[0]), Counter(tasks[1])


def tasks_of(trail: Trail, cut: int) -> list[str]:
    return [party for at, party, role in trail.tasks if at <= cut and role != CITIZEN]


def difference(old: Sequence[str], new: Sequence[str]) -> Mapping[str, int]:
    was, will = Counter(old), Counter(new)
    return {name: will[name] - was[name] for name in {**was, **will} if will[name] != was[name]}


def as_json(found: Compared, told: Any) -> dict[str, Any]:
    """One row of a list of cases; ``told`` writes a moment. Empty fields are left out."""
    past, both = found.past, (found.old, found.new)
    row = {
        "number": past.number,
        "received": told(past.opened_at),
        "category": found.category,
        "district": past.district,
        "process": [path.process for path in both],
        "leads": [list(path.leads) for path in both],
        "partners": [list(path.partners) for path in both],
        "deadlines": [{"clock": c.clock, "old": told(c.old), "new": told(c.new)} for c in found.deadlines],
        "added": [{"clock": b.clock, "department": b.holder, "due": told(b.due)} for b in found.added],
        "avoided": [{"clock": b.clock, "department": b.holder, "due": told(b.due)} for b in found.avoided],
        "letters": found.letters,
        "tasks": found.tasks,
        "refused": [{"action": action, "why": why} for action, why in found.refused],
        "parted": found.parted,
        "unlike": found.unlike,
    }
    return {name: value for name, value in row.items() if value not in (None, "", [], {})}
