"""Every decision can be explained: `minsheng rules explain` tells what the rulebook makes of a complaint."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from typer import echo

from infra.intake_files import clean
from infra.intake_rows import BadFile, check_path, read_rows
from infra.intake_ways import RowFault
from infra.locale import environment, label
from infra.mistakes import Mistake
from infra.moment import now
from infra.rulebook_check import sound_rulebook
from infra.settings import settings
from infra.wording import category_name, clock_name, district_name, party_name, stage_name, term
from rules.calendar import Span
from rules.case import Complaint
from rules.explain import Explanation, Told, explain
from rules.rulebook import Rulebook

CITY = ZoneInfo("Asia/Shanghai")
TEMPLATE = "rules/explanation.txt"
MORNING = 9
"""A day without an hour means the opening of the offices."""
_PERSON = ("name", "phone", "email")


def print_explanation(file: Path, *, at: str | None, folder: Path, as_json: bool) -> None:
    """``minsheng rules explain``. Raises :class:`Mistake` for a file, a date or a rulebook that cannot be used."""
    complaint, moment = _complaint(file), _moment(at)
    book = sound_rulebook(folder)
    told = explain(book, complaint, moment)
    if as_json:
        echo(json.dumps(plain(told), ensure_ascii=False, indent=1))
    else:
        echo(explanation_text(book, told, settings().locale))


def explanation_text(book: Rulebook, told: Explanation, locale: str) -> str:
    """The explanation as a person reads it."""
    words = Words(book, told.process.value or "", locale)
    stages = [(stage, [*several]) for stage, several in groupby(told.deadlines, attrgetter("stage"))]
    return environment(locale).get_template(TEMPLATE).render(told=told, stages=stages, words=words).strip()


def plain(told: Explanation) -> Mapping[str, Any]:
    """The explanation as JSON values: moments as ISO texts in UTC, spans as the tables write them."""
    return {name: _plain(getattr(told, name)) for name in told.__slots__}


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Span):
        return str(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    names = getattr(value, "__slots__", None)
    return {name: _plain(getattr(value, name)) for name in names} if names else value


class Words:
    """Codes of one rulebook and process in words of one locale."""

    def __init__(self, book: Rulebook, process: str, locale: str) -> None:
        self._book, self._process, self._locale = book, process, locale

    def process(self, name: str) -> str:
        return label(self._book.process(name).label, self._locale)

    def stage(self, name: str) -> str:
        return stage_name(self._book, self._process, name, self._locale)

    def category(self, code: str | None) -> str:
        return category_name(self._book, code, self._locale)

    def district(self, code: str | None) -> str:
        return district_name(self._book, code, self._locale)

    def party(self, code: str) -> str:
        return party_name(self._book, code, self._locale)

    def parties(self, codes: Sequence[str]) -> str:
        return ", ".join(map(self.party, codes))

    def people(self, told: Iterable[Told]) -> str:
        return ", ".join(f"{self.party(one.party)} {one.person}" for one in told)

    def clock(self, name: str) -> str:
        return clock_name(self._locale, name, self._book.process(self._process))

    def term(self, code: str | None) -> str:
        return term(self._locale, code)


def _complaint(file: Path) -> Complaint:
    """The one complaint of a file; whoever brought it is left out."""
    check_path(file)
    try:
        (row,) = read_rows(file)
        return Complaint(**{k: v for k, v in clean(row.cells).items() if k not in _PERSON})
    except BadFile as wrong:
        raise Mistake(f"{file}: {wrong}") from None
    except RowFault as wrong:
        raise Mistake(f"{file}: {'; '.join(f'{name} {why}' for name, why in wrong.wrong.items())}") from None
    except ValueError:
        raise Mistake(f"{file} has to hold exactly one complaint") from None


def _moment(text: str | None) -> datetime:
    """The moment a person typed, by the clock of the city; now, when nobody typed one."""
    if text is None:
        return now()
    try:
        day = date.fromisoformat(text)
        return datetime(day.year, day.month, day.day, MORNING, tzinfo=CITY).astimezone(UTC)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Mistake(f"--at '{text}' is not a date; write 2027-01-31 or 2027-01-31T14:30") from None
    return (at if at.tzinfo else at.replace(tzinfo=CITY)).astimezone(UTC)
