"""认真解决: what a draft would have changed, in figures, and behind each figure the cases it counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from rules.backtest import Compared, as_json
from rules.trials.trail import name_of

FIGURES: Mapping[str, Callable[[Compared], Any]] = {
    "routed": lambda one: one.is_routed,
    "deadlines": lambda one: one.deadlines,
    "added": lambda one: one.added,
    "avoided": lambda one: one.avoided,
    "letters": lambda one: one.letters,
    "tasks": lambda one: one.tasks,
    "refused": lambda one: one.refused,
    "parted": lambda one: one.parted,
    "unlike": lambda one: one.unlike,
}
"""Figure -> whether it counts a case."""
LISTED = 10_000
"""Cases that are listed behind each figure; the figure itself counts all."""


class Tally:
    """Adds up compared cases; ``told`` writes a moment (microseconds) in the lists."""

    def __init__(self, *, told: Callable[[int], Any], listed: int = LISTED) -> None:
        self._told, self._listed = told, listed
        self.looked_at = 0
        self.cases: Counter[str] = Counter()
        """Figure -> cases."""
        self.rows: list[dict[str, Any]] = []
        """The cases that some figure counts, each with the figures it is listed behind (``in``)."""
        self._clocks: dict[str, Counter[str]] = {}
        self._departments: dict[str, Counter[str]] = {}
        self._letters: dict[str, Counter[str]] = {}
        self._routes: Counter[tuple[tuple[str, ...], tuple[str, ...]]] = Counter()
        self._breaches: Counter[str] = Counter()

    def add(self, one: Compared) -> None:
        self.looked_at += 1
        self._load(one)
        counted = [name for name, counts in FIGURES.items() if counts(one)]
        if not counted:
            return
        if any(self.cases[name] < self._listed for name in counted):
            listed = [name for name in counted if self.cases[name] < self._listed]
            self.rows.append({"in": listed, **as_json(one, self._told)})
        self.cases.update(counted)
        self._change(one)

    def _load(self, one: Compared) -> None:
        for which, tasks, late in zip(("old", "new"), one.load, one.late, strict=True):
            for department, count in tasks.items():
                self._of(self._departments, department)[f"tasks_{which}"] += count
            for breach in late:
                self._breaches[which] += 1
                self._of(self._departments, breach.holder)[f"late_{which}"] += 1
                self._of(self._clocks, breach.clock)[f"late_{which}"] += 1

    def _change(self, one: Compared) -> None:
        for change in one.deadlines:
            moved = self._of(self._clocks, name_of(change.clock))
            moved["earlier" if change.new < change.old else "later"] += 1
        for how, breaches in (("added", one.added), ("avoided", one.avoided)):
            self._breaches[how] += len(breaches)
            for breach in breaches:
                self._of(self._clocks, breach.clock)[how] += 1
                self._of(self._departments, breach.holder)[how] += 1
        for letter, count in one.letters.items():
            self._of(self._letters, letter)["added" if count > 0 else "dropped"] += abs(count)
        if one.is_routed and one.old.leads != one.new.leads:
            self._routes[one.old.leads, one.new.leads] += 1

    def _of(self, kept: dict[str, Counter[str]], name: str) -> Counter[str]:
        return kept.setdefault(name, Counter())

    def as_json(self) -> dict[str, Any]:
        """All figures. ``clocks``, ``departments`` and ``letters`` have a row each; ``routes`` count the leads that
        changed, most frequent first."""
        breaches = {name: self._breaches[name] for name in ("old", "new", "added", "avoided")}
        routes = [{"old": [*old], "new": [*new], "cases": n} for (old, new), n in self._routes.most_common()]
        return {
            "looked_at": self.looked_at,
            "compared": self.looked_at - self.cases["unlike"],
            "cases": {name: self.cases[name] for name in FIGURES},
            "breaches": breaches,
            "routes": routes,
            "clocks": _rows("clock", self._clocks, ("earlier", "later", "late_old", "late_new", "added", "avoided")),
            "letters": _rows("letter", self._letters, ("added", "dropped")),
            "departments": _rows(
                "department", self._departments, ("tasks_old", "tasks_new", "late_old", "late_new", "added", "avoided")
            ),
            "listed": self._listed,
        }


def _rows(name: str, kept: Mapping[str, Counter[str]], columns: Iterable[str]) -> list[dict[str, Any]]:
    return [{name: key, **{column: kept[key][column] for column in columns}} for key in sorted(kept)]


def concerns(row: Mapping[str, Any], figure: str, *, about: str = "") -> bool:
    """Whether a listed case stands behind a figure; ``about``: only those with this clock, department or letter."""
    if figure not in row["in"]:
        return False
    return not about or about in _subjects(row, figure)


def _subjects(row: Mapping[str, Any], figure: str) -> set[str]:
    """Clocks, departments and letters for which a figure counts the case."""
    if figure in ("added", "avoided"):
        return {breach[what] for breach in row.get(figure, ()) for what in ("clock", "department")}
    if figure == "deadlines":
        return {name_of(change["clock"]) for change in row.get("deadlines", ())}
    if figure == "routed":
        return {code for kind in ("leads", "partners") for side in row.get(kind, ()) for code in side}
    return {*row.get(figure, ())} if figure in ("letters", "tasks") else set()
