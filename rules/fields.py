"""Every bad input gets a clear answer: the fields of an action, and what is wrong with what was filled in."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from rules.case import Case
from rules.refusals import Refusal

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

CITY_ZONE = ZoneInfo("Asia/Shanghai")
TEXT_LIMIT = 5000
"""Characters of one answer; longer things belong in an attachment."""

Choices = Callable[["Rulebook", Case], Iterable[str]]


class Wrong(Exception):
    """What is wrong with one value: a key of ``FIELD_SENTENCES`` and its places."""

    def __init__(self, code: str, **params: Any) -> None:
        super().__init__(code)
        self.code = code
        self.params = params


@dataclass(frozen=True, slots=True)
class Field:
    """One field of an action. ``type``: text, choice, choices (a list), date (ISO), integer."""

    name: str
    type: str = "text"
    required: bool = True
    choices: Choices | None = None
    minimum: int | None = None
    maximum: int | None = None
    default: Callable[[Rulebook, Case], str | None] | None = None


def clean(
    fields: Sequence[Field], given: Mapping[str, Any], *, rulebook: Rulebook, case: Case, now: datetime
) -> dict[str, Any]:
    """The values by field name, as plain JSON. Raises :class:`Refusal` ``fields_wrong`` naming every bad field."""
    wrong: list[tuple[str, str, dict[str, Any]]] = []
    values: dict[str, Any] = {}
    for field in fields:
        try:
            value = _value(field, given.get(field.name), rulebook=rulebook, case=case, now=now)
        except Wrong as fault:
            wrong.append((field.name, fault.code, fault.params))
        else:
            if value not in (None, "", []):
                values[field.name] = value
    wrong.extend((name, "unknown_field", {}) for name in given if name not in {f.name for f in fields})
    if wrong:
        raise Refusal("fields_wrong", fields=wrong)
    return values


def _value(field: Field, given: Any, *, rulebook: Rulebook, case: Case, now: datetime) -> Any:
    if given in (None, "", []):
        if field.required:
            raise Wrong("missing")
        return None
    allowed = tuple(field.choices(rulebook, case)) if field.choices else ()
    return _READERS[field.type](field, given, allowed, now)


def _text(field: Field, given: Any, _allowed: tuple[str, ...], _now: datetime) -> str:
    text = str(given).replace("\r\n", "\n").strip()
    if any(unicodedata.category(c) in ("Cs", "Cc") and c not in "\n\t" for c in text):
        raise Wrong("unreadable")
    if not text and field.required:
        raise Wrong("missing")
    if len(text) > TEXT_LIMIT:
        raise Wrong("too_long", limit=TEXT_LIMIT)
    return text


def _choice(_field: Field, given: Any, allowed: tuple[str, ...], _now: datetime) -> str:
    if not isinstance(given, str) or given not in allowed:
        raise Wrong("not_a_choice", value=given)
    return given


def _choices(field: Field, given: Any, allowed: tuple[str, ...], now: datetime) -> list[str]:
    chosen = [given] if isinstance(given, str) else given
    if not isinstance(chosen, list | tuple):
        raise Wrong("not_a_list")
    return list(dict.fromkeys(_choice(field, one, allowed, now) for one in chosen))


def _date(_field: Field, given: Any, _allowed: tuple[str, ...], now: datetime) -> str:
    try:
        day = date.fromisoformat(str(given))
    except ValueError:
        raise Wrong("not_a_date") from None
    if day <= now.astimezone(CITY_ZONE).date():
        raise Wrong("date_in_past")
    return day.isoformat()


def _integer(field: Field, given: Any, _allowed: tuple[str, ...], _now: datetime) -> int:
    digits = str(given).strip()
    if isinstance(given, bool) or not (digits.isascii() and digits.removeprefix("-").isdigit()):
        raise Wrong("not_a_number")
    number = int(digits)
    low, high = field.minimum, field.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise Wrong("out_of_range", minimum=low, maximum=high)
    return number


_READERS: Mapping[str, Callable[[Field, Any, tuple[str, ...], datetime], Any]] = {
    "text": _text,
    "choice": _choice,
    "choices": _choices,
    "date": _date,
    "integer": _integer,
}
