"""敷衍塞责要看得见: what the people of a sample complaint will do, written down as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Protocol

from infra.moment import now


class Sight(Protocol):
    """What a person in the story can know: how often a kind of mail about this case was delivered."""

    def mails(self, word: str) -> int:
        """How many delivered mails about the case have ``word`` in their subject or go to an address with it."""
        ...


FieldSpec = Mapping[str, Any]
Value = str | int | list[str] | Callable[[FieldSpec], Any]
"""A value, or how to find it from what the form offers."""


def at_once(_sight: Sight) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One action of one party. ``optional``: passed over when the process no longer offers it."""

    action: str
    fields: Mapping[str, Value]
    when: Callable[[Sight], bool] = at_once
    by_form: bool = False
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A complaint and what each party does, in order. Every partner plays ``partner`` from its beginning."""

    title: str
    complaint: Mapping[str, Any]
    result: str
    desk: tuple[Move, ...] = ()
    lead: tuple[Move, ...] = ()
    partner: tuple[Move, ...] = ()
    citizen: tuple[Move, ...] = ()
    slow: bool = False

    def moves(self, role: str) -> tuple[Move, ...]:
        return {"desk": self.desk, "lead": self.lead, "partner": self.partner, "citizen": self.citizen}[role]


def move(
    action: str, *, when: Callable[[Sight], bool] = at_once, by_form: bool = False, optional: bool = False, **fields: Value
) -> Move:
    return Move(action=action, fields=fields, when=when, by_form=by_form, optional=optional)


def choose(*wanted: str) -> Callable[[FieldSpec], Any]:
    """The first of ``wanted`` that the form offers, else the first it offers at all."""

    def value(spec: FieldSpec) -> Any:
        offered = [c if isinstance(c, str) else c["value"] for c in spec.get("choices") or ()]
        found = next((w for w in wanted if w in offered), offered[0] if offered else wanted[0])
        return [found] if spec["type"] == "choices" else found

    return value


def in_days(days: int) -> Callable[[FieldSpec], Any]:
    """A day so many days from now, in case time."""

    def value(_spec: FieldSpec) -> str:
        day: date = (now() + timedelta(days=days)).date()
        return day.isoformat()

    return value


def after_mail(word: str, *, count: int = 1) -> Callable[[Sight], bool]:
    """Not before ``count`` mails of that kind about the case were delivered."""
    return lambda sight: sight.mails(word) >= count
