"""敷衍塞责要看得见: what the people of a sample complaint will do, read from ``stories.yaml``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

STORIES = Path(__file__).with_name("stories.yaml")
Spec = Mapping[str, Any]
"""One field as the portal describes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One action of one party. ``optional``: passed over when the process no longer offers it."""

    action: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    by_form: bool = False
    optional: bool = False
    after_mail_to: str = ""

    def filled(self, specs: Mapping[str, Spec], *, today: date) -> dict[str, Any]:
        """The fields with their values, as the form wants them."""
        return {name: _value(value, specs.get(name, {}), today) for name, value in self.fields.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A complaint, what each party does in order, and the ``result`` it comes to. A ``slow`` one is begun first."""

    title: str
    result: str
    complaint: Mapping[str, Any]
    parts: Mapping[str, Sequence[Move]]
    slow: bool = False

    def moves(self, role: str) -> Sequence[Move]:
        return self.parts.get(role, ())


@lru_cache
def stories() -> tuple[Story, ...]:
    """All of them, in the order of ``--demo``."""
    return tuple(_story(one) for one in yaml.safe_load(STORIES.read_text("utf-8")))


def _story(one: dict[str, Any]) -> Story:
    parts = {role: [_move(m) for m in one.get(role, ())] for role in ("desk", "lead", "partner", "reviewer", "citizen")}
    told = {name: one[name] for name in ("title", "result", "complaint", "slow") if name in one}
    return Story(parts=parts, **told)


def _move(one: dict[str, dict[str, Any]]) -> Move:
    ((action, given),) = one.items()
    manner = {name: given[name] for name in ("by_form", "optional", "after_mail_to") if name in given}
    return Move(action=action, fields={n: v for n, v in given.items() if n not in manner}, **manner)


def _value(value: Any, spec: Spec, today: date) -> Any:
    if isinstance(value, list):
        return _choose(value, spec)
    if isinstance(value, str) and value.startswith("+") and value.endswith(" days"):
        return (today + timedelta(days=int(value[1:-5]))).isoformat()
    return value


def _choose(wanted: list[str], spec: Spec) -> Any:
    """The first of ``wanted`` that is offered, else the first offered at all."""
    offered = [c if isinstance(c, str) else c["value"] for c in spec.get("choices") or wanted]
    found = next((w for w in wanted if w in offered), offered[0])
    return [found] if spec.get("type") == "choices" else found
