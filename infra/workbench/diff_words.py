"""开诚布公: a change of the rules in sentences that a process owner and an approver read, in Chinese and English."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from infra.locale import SOURCE, day_text, label, listed, say
from infra.wording import (
    CLOCKS,
    category_name,
    clock_name,
    district_name,
    letter_name,
    party_name,
    stage_name,
    table_name,
    term,
)
from infra.workbench.picture_words import outcome_name
from rules.case import CLOSED
from rules.departments import BY_PLACE
from rules.diff import Change
from rules.diff_routes import KNOWN_PLACE, UNKNOWN_PLACE
from rules.rulebook import Rulebook

SENTENCES = {
    "lead_changed": "%(categories)s%(apart_from)s%(where)s: the lead changes from %(old)s to %(new)s.",
    "partners_changed": "%(categories)s%(apart_from)s%(where)s: the partners change from %(old)s to %(new)s.",
    "deadline_changed": "%(clocks)s: %(old)s → %(new)s (%(urgencies)s; %(processes)s).",
    "extensions_changed": "Extensions: %(old)s → %(new)s (%(urgencies)s; %(processes)s).",
    "rung_added": "New rung %(rung)s for %(clocks)s: %(new)s (%(urgencies)s; %(processes)s).",
    "rung_removed": "Rung %(rung)s for %(clocks)s goes: %(old)s (%(urgencies)s; %(processes)s).",
    "rung_changed": "Rung %(rung)s for %(clocks)s: from %(old)s to %(new)s (%(urgencies)s; %(processes)s).",
    "process_added": "New process: %(process)s.",
    "process_removed": "Process %(process)s goes.",
    "process_changed": "%(process)s%(stage)s: %(field)s changes from %(old)s to %(new)s.",
    "stage_added": "%(process)s: new stage %(stage)s.",
    "stage_removed": "%(process)s: stage %(stage)s goes.",
    "outcome_added": "%(process)s, %(stage)s: new outcome %(outcome)s, which leads to %(new)s.",
    "outcome_removed": "%(process)s, %(stage)s: outcome %(outcome)s goes (it led to %(old)s).",
    "outcome_redirected": "%(process)s, %(stage)s: %(outcome)s leads to %(new)s, no longer to %(old)s.",
    "action_added": "%(process)s, %(stage)s: %(party)s may now: %(action)s.",
    "action_removed": "%(process)s, %(stage)s: %(party)s may no longer: %(action)s.",
    "clock_added": "%(process)s%(stage)s: new clock %(clock)s.",
    "clock_removed": "%(process)s%(stage)s: clock %(clock)s goes.",
    "clock_changed": "%(process)s%(stage)s, clock %(clock)s: %(field)s changes from %(old)s to %(new)s.",
    "department_added": "New department: %(department)s.",
    "department_removed": "Department %(department)s goes.",
    "department_changed": "%(department)s: %(field)s changes from %(old)s to %(new)s.",
    "category_added": "New category %(category)s; lead: %(leads)s.",
    "category_removed": "Category %(category)s goes.",
    "category_changed": "Category %(category)s: %(field)s changes from %(old)s to %(new)s.",
    "district_added": "New district: %(district)s.",
    "district_removed": "District %(district)s goes.",
    "district_changed": "%(district)s: %(field)s changes from %(old)s to %(new)s.",
    "row_added": "Table %(table)s: new row %(row)s (%(cells)s).",
    "row_removed": "Table %(table)s: row %(row)s goes (%(cells)s).",
    "row_changed": "Table %(table)s, row %(row)s: %(old)s → %(new)s.",
    "row_moved": "Table %(table)s: row %(row)s stands elsewhere; the first row that fits decides.",
    "hours_changed": "Office hours: %(old)s → %(new)s.",
    "day_off": "%(day)s: the offices are closed.",
    "day_worked": "%(day)s: the offices are open.",
    "year_noticed": "%(year)s: the notice on public holidays is out.",
    "year_not_noticed": "%(year)s: the notice on public holidays no longer counts as out.",
}
"""Kind of change -> English sentence."""

WORDS = {
    "everywhere": "everywhere",
    "in": " in %(districts)s",
    "in_all_districts": " in all districts",
    "place_unknown": " where the place is not known",
    "apart_from": " (apart from %(categories)s)",
    "of_stage": ", %(stage)s",
    "all_clocks": "all clocks", "all_urgencies": "every urgency", "all_processes": "all processes",
    "nobody": "nobody", "nothing": "nothing", "none": "no limit",
    "wd": "%(n)s wd", "d": "%(n)s d", "h": "%(n)s h", "min": "%(n)s min",
    "rung": "%(offset)s from the due moment, %(letter)s to %(to)s",
    "of_the_district": "%(unit)s of the district",
    "handler": "the handler", "head": "the head", "mail": "mail", "phone": "telephone", "name": "name",
    "label": "label", "valid_from": "valid from", "valid_until": "valid until", "merged_into": "merged into",
    "people": "people", "office": "office", "district": "district",
}  # fmt: skip
"""Parts of sentences."""


def change_text(change: Change, old: Rulebook, new: Rulebook, locale: str) -> str:
    """One change as a sentence. A code of the new rulebook has its name, one that is gone has that of the old one."""
    speaker = _Speaker(old, new, locale)
    sentence = SENTENCES.get(change.kind, change.kind)
    return say(locale, sentence, **{name: speaker.place(change, name) for name in change.places})


class _Speaker:
    """Codes in words, in one language, by two rulebooks."""

    def __init__(self, old: Rulebook, new: Rulebook, locale: str) -> None:
        self.books = (new, old)
        self.locale = locale
        self.say = partial(say, locale)
        self.ways: Mapping[str, Callable[[Any], str]] = {
            "categories": lambda codes: self.list(codes, self.category),
            "category": self.category,
            "apart_from": self.apart_from,
            "leads": lambda codes: self.list(codes, self.party),
            "clocks": lambda names: self.some(names, self.clock, "all_clocks"),
            "clock": self.clock,
            "urgencies": lambda names: self.some(names, partial(term, locale), "all_urgencies"),
            "processes": lambda names: self.some(names, self.process, "all_processes"),
            "process": self.process,
            "department": self.party,
            "district": self.district,
            "party": partial(term, locale),
            "action": partial(term, locale),
            "rung": partial(term, locale),
            "table": partial(table_name, locale),
            "day": lambda day: day_text(day, locale),
            "field": lambda name: self.say(WORDS[name]) if name in WORDS else name,
        }

    def place(self, change: Change, name: str) -> str:
        value = change.places[name]
        if name in ("old", "new"):
            into = value and change.places.get("field") == "merged_into"
            return self.record(change, value) if into else self.value(change, value)
        if name == "where":
            return self.where(value, change.places["districts"])
        if name == "stage":
            return self.stage(change, value)
        if name == "outcome":
            return self.outcome(change, value)
        if name == "cells":
            return self.cells(change, value)
        return self.ways[name](value) if name in self.ways else str(value)

    def record(self, change: Change, code: str) -> str:
        """A department or a category, by what the change is about."""
        return self.category(code) if change.kind == "category_changed" else self.party(code)

    def value(self, change: Change, value: Any) -> str:
        """What something was or will be; how it is said depends on what it is."""
        kind = change.kind
        if kind in ("lead_changed", "partners_changed"):
            return self.party(value) if isinstance(value, str) else self.list(value, self.party)
        if kind == "deadline_changed":
            return self.span(value)
        if kind.startswith("rung") and value:
            return self.rung(value)
        if kind.startswith("outcome"):
            return self.target(change.places["process"], value)
        if kind == "row_changed":
            return self.cells(change, value)
        return self.plain(value)

    def plain(self, value: Any) -> str:
        if value in (None, "", [], {}):
            return self.say(WORDS["nothing"])
        if isinstance(value, Mapping):
            return label(value, self.locale) if "zh" in value else ", ".join(str(v) for v in value.values() if v)
        return self.list(value, self.plain) if isinstance(value, list | tuple) else str(value)

    def list(self, codes: Any, phrase: Callable[[str], str]) -> str:
        return listed([phrase(code) for code in codes], self.locale) if codes else self.say(WORDS["nobody"])

    def some(self, codes: Any, phrase: Callable[[str], str], every: str) -> str:
        return self.list(codes, phrase) if codes else self.say(WORDS[every])

    def cells(self, change: Change, cells: Mapping[str, str]) -> str:
        """Cells under the labels of their table, which are Chinese; in English under the names of their columns."""
        tables = [book.tables[change.places["table"]] for book in self.books if change.places["table"] in book.tables]
        labels = {n: word for t in tables for n, word in t.labels.items() if word} if self.locale != SOURCE else {}
        return ", ".join(f"{labels.get(name) or name.rstrip('/~')} {cell or '–'}" for name, cell in cells.items())

    def clock(self, name: str) -> str:
        """As it is usually called, else by the label of the first process that has such a clock."""
        processes = [p for book in self.books for p in book.processes.values() if name not in CLOCKS]
        return clock_name(self.locale, name, next((p for p in processes if name in dict(p.specs())), None))

    def outcome(self, change: Change, name: str) -> str:
        """A verdict has the name that its stage gives it."""
        process, stage = change.places["process"], change.places["stage"]
        known = [book.processes[process].stages for book in self.books if process in book.processes]
        verdicts = [stages[stage].verdicts for stages in known if stage in stages]
        own = next((names[name] for names in verdicts if name in names), None)
        return label(own, self.locale) if own else outcome_name(self.locale, name)

    def category(self, code: str) -> str:
        return next(filter(None, (category_name(book, code, self.locale) for book in self.books)), code)

    def apart_from(self, codes: Any) -> str:
        return self.say(WORDS["apart_from"], categories=self.list(codes, self.category)) if codes else ""

    def district(self, code: str) -> str:
        return next(filter(None, (district_name(book, code, self.locale) for book in self.books)), code)

    def where(self, word: str, districts: Any) -> str:
        if word in (KNOWN_PLACE, UNKNOWN_PLACE):
            return self.say(WORDS[word])
        return self.say(WORDS["in"], districts=self.list(districts, self.district)) if districts else ""

    def party(self, code: str) -> str:
        if code.endswith(BY_PLACE):
            return self.say(WORDS["of_the_district"], unit=self.unit(code.removesuffix(BY_PLACE)))
        book = next((book for book in self.books if code in book.departments), self.books[0])
        return party_name(book, code, self.locale)

    def unit(self, unit: str) -> str:
        """The name of a unit without that of the district it is in."""
        for book in self.books:
            for code, district in book.districts.items():
                if found := book.departments.get(f"{code}-{unit}"):
                    return label(found.name, self.locale).replace(label(district.name, self.locale), "").strip()
        return unit

    def process(self, name: str) -> str:
        book = next((book for book in self.books if name in book.processes), None)
        return label(book.processes[name].label, self.locale) if book else name

    def stage(self, change: Change, name: str) -> str:
        """Within a sentence, or as the part of one that may be missing."""
        said = self.target(change.places["process"], name) if name else ""
        part = change.kind in ("process_changed", "clock_added", "clock_removed", "clock_changed")
        return self.say(WORDS["of_stage"], stage=said) if part and said else said

    def target(self, process: str, stage: str) -> str:
        if stage == CLOSED:
            return term(self.locale, CLOSED)
        books = (b for b in self.books if process in b.processes and stage in b.processes[process].stages)
        book = next(books, None)
        return stage_name(book, process, stage, self.locale) if book else stage

    def span(self, text: str) -> str:
        amount, _, unit = text.partition(" ")
        return self.say(WORDS[unit], n=amount) if unit in WORDS else self.say(WORDS.get(text, text))

    def rung(self, rung: Mapping[str, str]) -> str:
        to = self.list([one.strip() for one in rung["to"].split(",")], self.recipient)
        letter = letter_name(self.locale, rung["letter"])
        return self.say(WORDS["rung"], offset=self.span(rung["offset"]), letter=letter, to=to)

    def recipient(self, name: str) -> str:
        return self.say(WORDS[name]) if name in WORDS else term(self.locale, name)
