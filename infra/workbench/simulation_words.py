"""听得进批评: a simulated month in words: what its figures are called, and how they are written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.locale import number_text, say
from infra.wording import clock_name, party_name
from rules.rulebook import Rulebook
from rules.simulation.city import shown

FIGURES = {
    "received": "Complaints received", "closed": "Cases closed",
    "open_first": "Open at the beginning", "open_last": "Open at the end", "open_most": "Most open at once",
    "in_work_first": "With a department at the beginning", "in_work_last": "With a department at the end",
    "in_work_most": "Most with departments at once",
    "whole_median": "Time from reception to the end, median", "whole_p90": "Nine in ten are over after",
    "whole_p99": "Ninety-nine in a hundred are over after", "whole_mean": "Time from reception to the end, mean",
    "late_share": "Cases that ended late", "breaches": "Clocks that ended late",
    "yellow_card": "Yellow cards", "red_card": "Red cards", "supervision": "Cases for the supervision office",
    "leading_group": "Cases for the leading group", "accountability": "Accountability files",
    "returns": "Returns", "extensions": "Extensions", "pauses": "Pauses", "contests": "Explanations contested",
    "appeals": "Reviews asked for", "rulings": "Binding rulings", "redos": "New rounds after a bad callback",
    "letters": "Letters", "result_answered": "Answered at once", "result_fixed": "Fixed",
    "result_planned": "Planned and explained", "result_refused": "Refused and explained",
    "result_withdrawn": "Withdrawn",
}  # fmt: skip
"""Figure of the city -> English label, in the order of the report."""
HOURS = frozenset({"whole_median", "whole_p90", "whole_p99", "whole_mean", "wait", "wait_p90"})
SHARES = frozenset({"late_share", "utilisation"})
COLUMNS = {
    "department": "Department", "tasks": "Tasks", "hands": "Hands", "utilisation": "Utilisation",
    "queue": "Waiting on average", "queue_most": "Waiting at most", "wait": "Mean wait",
    "wait_p90": "Nine in ten wait less",
}  # fmt: skip
"""Figure of a department -> English heading."""
SENTENCES = {
    "title": "%(days)s days from %(first)s, %(rate)s complaints a day, %(seeds)s runs, rulebook %(rulebook)s",
    "figure": "Figure", "simulated": "Simulated", "beside": "Beside it", "ledger": "Ledger", "clock": "Clock",
    "late": "Ended late", "departments": "Departments", "round_the_clock": "%(name)s (round the clock)",
    "hours": "%(hours)s h", "days": "%(days)s d", "open": "Open cases", "in_work": "With a department", "when": "Day",
    "clocks": "Clocks", "city": "The city", "tasks": "Tasks of departments", "queues": "Where work waits",
    "stuck": "Nobody of the model did this, so that the case stood still: %(what)s (%(count)s times)",
    "one_run": "One run knows no interval; ask for several.",
    "wait_note": "Waits are in hours of the department's own: 7.5 of them are a working day.",
}  # fmt: skip
"""Code -> English sentence."""
FORM = {
    "simulation": "simulation", "rulebook": "rulebook", "beside": "beside", "start": "start", "days": "days",
    "rate": "rate", "seeds": "seeds", "people": "people", "fit": "fit", "against_ledger": "against ledger",
    "rulebook_note": "The version in force (active), another one, or a draft (draft:N).",
    "beside_note": "Another one, simulated with the same people and hands.",
    "start_note": "First day; blank is tomorrow.",
    "days_note": "Days that count.",
    "rate_note": "Complaints a day; blank is what the people say (15000).",
    "seeds_note": "Runs; several give intervals.",
    "people_note": "What is known better of the people, as YAML in one line: {servers: {city-desk: 60}, load: 0.7}",
    "fit_note": "Learn the people from the ledger's last 30 days.",
    "against_ledger_note": "Simulate the last days that the ledger knows, beside its own figures.",
}  # fmt: skip
"""What the form of the flow says: its name, its parameters and their notes, as the flow has them."""
KIND = "simulation"
"""Type of the artifact that holds a whole result."""
ALL = (FORM, FIGURES, COLUMNS, SENTENCES)
COLUMN_OF = ("simulated", "beside", "ledger")
HOURS_A_DAY = 24


class SimulationWords:
    """Words for one result (``told``, as :func:`infra.workbench.simulation.simulate` makes it)."""

    def __init__(self, told: Mapping[str, Any], book: Rulebook, locale: str) -> None:
        self.told, self.book, self.locale = told, book, locale
        self.columns = [name for name in COLUMN_OF if name in told]

    def say(self, code: str, **places: Any) -> str:
        return say(self.locale, SENTENCES[code], **places)

    def heading(self, name: str) -> str:
        return say(self.locale, COLUMNS[name])

    def title(self) -> str:
        told = self.told
        return self.say(
            "title", days=told["days"], first=told["from"], rate=number_text(told["rate"], self.locale),
            seeds=told["seeds"], rulebook=told["simulated"]["rulebook"],
        )  # fmt: skip

    def notes(self) -> Iterator[str]:
        """What a reader has to know beside the tables."""
        if self.told["seeds"] == 1:
            yield self.say("one_run")
        yield self.say("wait_note")
        for what, count in self.told["simulated"]["stuck"].items():
            yield self.say("stuck", what=what, count=count)

    def city(self) -> list[dict[str, str]]:
        """Rows of the figures of the city, a column for each rulebook."""
        rows = [(name, say(self.locale, label), "city") for name, label in FIGURES.items()]
        return self._rows(self.say("figure"), rows)

    def clocks(self) -> list[dict[str, str]]:
        """The share of each clock that ended late."""
        names = dict.fromkeys(name for column in self.columns for name in self.told[column].get("late", ()))
        return self._rows(self.say("clock"), [(name, clock_name(self.locale, name), "late") for name in names])

    def departments(self, most: int) -> list[dict[str, str]]:
        """Those with most waiting work first; ``most`` of them."""
        found = self.told["simulated"]["departments"]
        names = sorted(found, key=lambda name: _weight(found[name]), reverse=True)[:most]
        return [
            {self.heading("department"): self.station(name)} | {
                self.heading(key): self.number(key, found[name].get(key)) for key in COLUMNS if key != "department"
            } for name in names
        ]  # fmt: skip

    def queues(self, most: int) -> list[dict[str, Any]]:
        """Departments with most waiting work, each with the lengths (0 to 100) of two bars."""
        found = {n: one for n, one in self.told["simulated"]["departments"].items() if "queue" in one}
        names = sorted(found, key=lambda name: _weight(found[name]), reverse=True)[:most]
        longest = max([found[name]["queue"][0] for name in names], default=0.0) or 1.0
        return [
            {
                "name": self.station(name), "queue": self.number("queue", found[name]["queue"]),
                "queue_share": round(100 * found[name]["queue"][0] / longest, 1),
                "utilisation": self.number("utilisation", found[name].get("utilisation")),
                "utilisation_share": round(100 * min(1.0, found[name].get("utilisation", (0.0,))[0]), 1),
            } for name in names
        ]  # fmt: skip

    def tasks(self, most: int) -> list[dict[str, str]]:
        """How many tasks each department got, simulated and in the ledger; those with most in the ledger first."""
        known = self.told.get("ledger", {}).get("tasks", {})
        found: dict[str, list[float]] = {}
        for name, figures in self.told["simulated"]["departments"].items():
            sums = found.setdefault(shown(name)[0], [0.0, 0.0, 0.0])
            found[shown(name)[0]] = [a + b for a, b in zip(sums, figures["tasks"], strict=True)]
        return [
            {
                self.heading("department"): party_name(self.book, code, self.locale),
                self.say("simulated"): self.number("tasks", found.get(code, [0.0] * 3)),
                self.say("ledger"): number_text(known[code], self.locale),
            } for code in sorted(known, key=lambda code: (-known[code], code))[:most]
        ]  # fmt: skip

    def station(self, name: str) -> str:
        code, always = shown(name)
        label = party_name(self.book, code, self.locale)
        return self.say("round_the_clock", name=label) if always else label

    def number(self, name: str, estimate: Sequence[float] | None) -> str:
        """A mean, and how far either end of its interval lies from it."""
        if estimate is None:
            return ""
        mean, low, high = estimate
        half = (high - low) / 2
        return f"{self._plain(name, mean)} ± {self._plain(name, half)}" if half else self._plain(name, mean)

    def _plain(self, name: str, number: float) -> str:
        if name in SHARES:
            return f"{number:.1%}"
        if name in HOURS and abs(number) >= 2 * HOURS_A_DAY and not name.startswith("wait"):
            return self.say("days", days=f"{number / HOURS_A_DAY:.1f}")
        if name in HOURS:
            return self.say("hours", hours=f"{number:.1f}")
        return number_text(round(number, 0 if abs(number) >= 100 else 1), self.locale)

    def _rows(self, head: str, names: Sequence[tuple[str, str, str]]) -> list[dict[str, str]]:
        rows = []
        for name, label, part in names:
            found = [self.told[column].get(part, {}).get(name) for column in self.columns]
            if any(one and one[0] for one in found):
                kind = "late_share" if part == "late" else name
                cells = {self.say(c): self.number(kind, one) for c, one in zip(self.columns, found, strict=True)}
                rows.append({head: label} | cells)
        return rows


def _weight(figures: Mapping[str, Sequence[float]]) -> tuple[float, float]:
    return figures.get("queue", (0.0,))[0], figures["tasks"][0]
