"""深化党政公开: the words of a picture of a process, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from infra import locale as spoken
from infra.wording import clock_name, term
from rules.calendar import Span
from rules.process import Process, Stage

OUTCOMES = {
    "answered": "Answered at once", "dispatched": "Dispatched", "joint": "Partners needed", "withdrawn": "Withdrawn",
    "fixed": "Fixed", "returned": "Returned: not theirs", "disputed": "Returned too often",
    "cannot_fix_now": "Cannot be fixed now", "unreasonable": "Unreasonable demand", "explained": "Explained",
    "accepted": "Accepted", "silent": "No answer", "redo": "Not solved: once more",
    "exhausted": "Not solved, no round left", "contested": "Explanation contested", "appealed": "Review asked for",
    "upheld": "Upheld", "overturned": "Overturned",
}  # fmt: skip
"""Outcome of a stage -> English label."""

SENTENCES = {
    "begins": "A complaint arrives", "ladder": "When a deadline is missed", "until": "until: %(action)s",
    "extendable": "may be extended", "then": "then: %(outcome)s", "here": "%(count)s here now",
    "late": "%(count)s late", "half": "half within %(length)s", "ninety": "90%% within %(length)s",
    "returns": "returns: up to %(count)s", "redos": "redos: up to %(count)s",
    "contests": "contests: up to %(count)s", "appeals": "reviews: up to %(count)s",
    "pauses": "pauses: up to %(count)s", "extensions": "extensions: up to %(count)s",
    "pause": "clocks may stand still: %(cause)s, up to %(span)s",
    "guard": "%(action)s: only while the table %(table)s allows it",
    "chosen": "%(outcome)s: the table %(table)s may turn it into another outcome", "due": "when due",
    "wd": "%(n)s working days", "d": "%(n)s days", "h": "%(n)s hours", "min": "%(n)s minutes",
    "one_wd": "1 working day", "one_d": "1 day", "one_h": "1 hour",
    "before": "%(span)s before", "after": "%(span)s after", "handler": "handler", "head": "head of department",
}  # fmt: skip
"""Code of :mod:`rules.picturing`, unit of a span, or whom a rung reaches -> English."""


class PictureWords:
    """One process in one language."""

    def __init__(self, process: Process, locale: str) -> None:
        self._process, self._locale = process, locale

    def label(self, names: Mapping[str, str]) -> str:
        return spoken.label(names, self._locale)

    def outcome(self, stage: Stage, outcome: str) -> str:
        """A verdict has the name that its stage gives it."""
        own = stage.verdicts.get(outcome)
        return self.label(own) if own else outcome_name(self._locale, outcome)

    def clock(self, stage: str, name: str) -> str:
        return clock_name(self._locale, name, self._process, stage)

    def term(self, code: str) -> str:
        return term(self._locale, code)

    def told(self, to: str) -> str:
        return self.say(to) if to in SENTENCES else term(self._locale, to)

    def span(self, span: Span) -> str:
        single = f"one_{span.unit}"
        if span.amount == 1 and single in SENTENCES:
            return self.say(single)
        return self.say(span.unit, n=spoken.number_text(span.amount, self._locale))

    def offset(self, span: Span) -> str:
        """How far from the moment something is due."""
        if not span.amount:
            return self.say("due")
        return self.say("before" if span.amount < 0 else "after", span=self.span(span.of(abs(span.amount))))

    def length(self, length: timedelta) -> str:
        """To a tenth of a day, of an hour, or to the minute; for figures, whose sizes are to be compared."""
        seconds = length.total_seconds()
        for unit, size in (("d", 86400), ("h", 3600)):
            if seconds >= size:
                return self.say(unit, n=spoken.number_text(round(seconds / size, 1), self._locale))
        return self.say("min", n=round(seconds / 60))

    def listed(self, words: Sequence[str]) -> str:
        return spoken.listed(words, self._locale) if words else ""

    def share(self, part: float) -> str:
        return spoken.percent_text(part, self._locale)

    def say(self, code: str, **places: object) -> str:
        return spoken.say(self._locale, SENTENCES[code], **places)


def outcome_name(locale: str, outcome: str) -> str:
    """How a stage ended, in words; one that a process owner has invented as it is."""
    return spoken.say(locale, OUTCOMES[outcome]) if outcome in OUTCOMES else term(locale, outcome)
