"""开诚布公: what a backtest found, in words: for the page, for Prefect and for the command line alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from infra.locale import day_text, label, listed, moment_text, number_text, say
from infra.wording import LETTERS, clock_name, letter_name, party_name, stage_name, term
from rules.refusals import SENTENCES as REFUSALS
from rules.rulebook import Rulebook

KIND = "backtest"
"""Type of the artifact that the result page is made of."""

FIGURES = {
    "routed": "Routed differently",
    "deadlines": "Deadlines moved",
    "added": "Breaches added",
    "avoided": "Breaches avoided",
    "letters": "Letters added or dropped",
    "tasks": "Tasks for other departments",
    "refused": "Answers that the draft refuses",
    "parted": "Cannot be told to the end",
    "unlike": "Not compared",
}
"""Figure -> English label."""

NOTES = {
    "routed": "Another process, lead or partner.",
    "deadlines": "A clock of the case has another due moment.",
    "added": "A deadline that was kept in the past, or was not there, is missed under the draft.",
    "avoided": "A deadline that was missed in the past is kept under the draft, or is not there.",
    "letters": "The case gets more or fewer letters of some kind.",
    "tasks": "A department gets more or fewer tasks in the case.",
    "refused": "Somebody did what the draft does not allow; the case goes on without it.",
    "parted": "The draft waits for what nobody did in the past; only what came before is compared.",
    "unlike": "Led through its own rules the case does not become what the ledger says, as after a migration.",
}
"""Figure -> what it counts."""

COLUMNS = {
    "clock": "Clock", "department": "Department", "letter": "Letter", "cases": "Cases",
    "earlier": "Earlier", "later": "Later", "late_old": "Missed before", "late_new": "Missed under the draft",
    "added": "Added", "avoided": "Avoided", "dropped": "Dropped", "tasks_old": "Tasks before",
    "tasks_new": "Tasks under the draft", "old": "Before", "new": "Under the draft", "figure": "Figure",
    "number": "Number", "received": "Received", "what": "What changes",
}  # fmt: skip
"""Column -> English heading."""

TABLES = {
    "routes": "Who leads", "clocks": "Deadlines", "letters": "Letters", "departments": "Load per department",
}  # fmt: skip
"""Table -> English title."""

SENTENCES = {
    "summary": "%(compared)s of %(looked_at)s cases received since %(since)s were compared under %(rulebook)s.",
    "breaches": "Missed deadlines: %(old)s before, %(new)s under the draft (%(added)s added, %(avoided)s avoided).",
    "rate": "%(rate)s cases a second on one processor (%(seconds)s s in all).",
    "assumption": "Everybody takes the time from the task to the answer that they took in the past.",
    "later": "Rows of the draft that begin or end later (%(days)s) do not count for past cases.",
    "nothing": "Nothing changes for these cases.",
    "first": "The first %(count)s are listed.",
    "process": "process %(old)s → %(new)s",
    "lead": "lead %(old)s → %(new)s",
    "partners": "partners %(old)s → %(new)s",
    "due": "%(clock)s: due %(old)s → %(new)s",
    "late": "%(clock)s: %(department)s, due %(due)s",
    "more": "%(count)s more: %(name)s",
    "fewer": "%(count)s fewer: %(name)s",
    "parted": "waits in stage %(stage)s",
    "nobody": "nobody",
}
"""Code -> English sentence."""

REASONS = {
    "return_too_late": "the time for a return is over",
    "extensions_used": "no further extension is possible",
    "extension_too_long": "an extension may not be so long",
    "extension_too_many_days": "an extension may not be so long",
    "partners_outstanding": "partners still have time to contribute",
    "pause_used": "no further standstill is possible",
    "pauses_used": "no further standstill is possible",
    "guarded": "a table of the draft does not allow it",
    "fields_wrong": "it names something that the draft does not know",
}
"""Code of a refusal -> why, where its own sentence needs particulars of the case."""

FORM = {
    "backtest": "backtest", "since": "since", "rulebook": "rulebook",
    "since_note": "First day of the cases.",
    "rulebook_note": "A draft (draft:N), a version, or the beginning of one.",
}  # fmt: skip
"""What the form of the flow says: its name, its parameters and their notes, as the flow has them."""

ALL = (FORM, FIGURES, NOTES, COLUMNS, TABLES, SENTENCES, REASONS)


class BacktestWords:
    """Words for one draft and one language."""

    def __init__(self, book: Rulebook, locale: str) -> None:
        self._book, self._locale = book, locale

    def say(self, code: str, **places: Any) -> str:
        return say(self._locale, SENTENCES[code], **places)

    def figure(self, name: str) -> str:
        return say(self._locale, FIGURES[name])

    def note(self, name: str) -> str:
        return say(self._locale, NOTES[name])

    def column(self, name: str) -> str:
        return say(self._locale, COLUMNS[name])

    def table(self, name: str) -> str:
        return say(self._locale, TABLES[name])

    def summary(self, told: Mapping[str, Any]) -> list[str]:
        """What it comes to, in a few sentences; ``told`` as :meth:`Backtest.as_json` writes it."""
        counts = {name: self._number(told[name]) for name in ("compared", "looked_at")}
        since = moment_text(told["since"], self._locale)
        breaches = {name: self._number(count) for name, count in told["breaches"].items()}
        speed = {"rate": self._number(told["rate"]), "seconds": self._number(round(told["seconds"], 1))}
        days = listed([day_text(date.fromisoformat(day), self._locale) for day in told["later"]], self._locale)
        return [
            self.say("summary", rulebook=told["rulebook"], since=since, **counts),
            self.say("breaches", **breaches),
            self.say("assumption"),
            *([self.say("later", days=days)] if told["later"] else []),
            self.say("rate", **speed),
        ]

    def name(self, column: str, value: Any) -> str:
        """A cell of a table in words."""
        if column == "clock":
            return clock_name(self._locale, value)
        if column == "department":
            return self._party(value)
        if column == "letter":
            return letter_name(self._locale, value)
        if isinstance(value, list):
            return self._parties(value)
        return self._number(value)

    def about(self, code: str) -> str:
        """The clock, department or letter that a list is about."""
        if code in self._book.departments:
            return self._party(code)
        return letter_name(self._locale, code) if code in LETTERS else clock_name(self._locale, code)

    def changes(self, row: Mapping[str, Any], figure: str) -> list[str]:
        """What the draft changes for one listed case, as far as the figure is about it."""
        says = {
            "routed": self._routed, "deadlines": self._deadlines, "added": self._late, "avoided": self._late,
            "letters": self._counted, "tasks": self._counted,
        }  # fmt: skip
        if figure in says:
            return [*says[figure](row, figure)]
        if figure == "refused":
            return [f"{term(self._locale, one['action'])}: {self._why(one['why'])}" for one in row["refused"]]
        if figure == "parted":
            stage = stage_name(self._book, row["process"][1], row["parted"], self._locale)
            return [self.say("parted", stage=stage)]
        return [str(row["unlike"])]

    def _routed(self, row: Mapping[str, Any], _figure: str) -> Iterator[str]:
        for name, key, word in (("process", "process", self._process), ("lead", "leads", self._parties)):
            old, new = row[key]
            if old != new:
                yield self.say(name, old=word(old), new=word(new))
        old, new = row.get("partners", ([], []))
        if old != new:
            yield self.say("partners", old=self._parties(old), new=self._parties(new))

    def _deadlines(self, row: Mapping[str, Any], _figure: str) -> Iterator[str]:
        for change in row["deadlines"]:
            moments = {which: moment_text(change[which], self._locale) for which in ("old", "new")}
            yield self.say("due", clock=clock_name(self._locale, change["clock"]), **moments)

    def _late(self, row: Mapping[str, Any], figure: str) -> Iterator[str]:
        for one in row[figure]:
            names = {"clock": clock_name(self._locale, one["clock"]), "department": self._party(one["department"])}
            yield self.say("late", due=moment_text(one["due"], self._locale), **names)

    def _counted(self, row: Mapping[str, Any], figure: str) -> Iterator[str]:
        column = "letter" if figure == "letters" else "department"
        for code, count in row[figure].items():
            yield self.say("more" if count > 0 else "fewer", count=abs(count), name=self.name(column, code))

    def _why(self, code: str) -> str:
        return say(self._locale, REASONS.get(code) or REFUSALS[code])

    def _parties(self, codes: Sequence[str]) -> str:
        return listed([self._party(code) for code in codes], self._locale) if codes else self.say("nobody")

    def _party(self, code: str) -> str:
        return party_name(self._book, code, self._locale)

    def _process(self, name: str) -> str:
        found = self._book.processes.get(name)
        return label(found.label, self._locale) if found else name

    def _number(self, value: float) -> str:
        return number_text(value, self._locale)
