"""Who changed the rules, when and why can be looked up for ever: the history of rulebook versions only grows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema

CHECKED, APPROVED, REJECTED, ACTIVE, CALLED_OFF = "checked", "approved", "rejected", "active", "called_off"
"""What a step says. ``active`` carries the moment it counts from; ``called_off`` takes such a plan back."""
PLANNED, SUPERSEDED = "planned", "superseded"
"""Where a version stands besides: its moment has not come, or another one took over."""
DEPLOY = "deploy"
"""Who puts a folder in force by `minsheng deploy`."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change of state of one version. ``id`` grows; 0: not kept yet."""

    version: str
    state: str
    by: str
    at: datetime
    note: str = ""
    active_from: datetime | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """All steps of all versions, oldest first, and what they add up to."""

    steps: Sequence[Step]

    def of(self, version: str) -> list[Step]:
        return [s for s in self.steps if s.version == version]

    def activations(self) -> list[Step]:
        """What counts, or will count, in order of the moment it counts from; nothing that was called off."""
        off = [(s.version, s.active_from, s.id) for s in self.steps if s.state == CALLED_OFF]
        stand = (
            s
            for s in self.steps
            if s.state == ACTIVE and not any((s.version, s.active_from) == o[:2] and o[2] > s.id for o in off)
        )
        return sorted(stand, key=lambda s: (s.active_from or s.at, s.id))

    def in_force(self, at: datetime) -> Step | None:
        """The activation that counts at ``at``."""
        begun = [s for s in self.activations() if (s.active_from or s.at) <= at]
        return begun[-1] if begun else next(iter(self.activations()), None)

    def planned(self, at: datetime, version: str | None = None) -> list[Step]:
        """Activations whose moment has not come."""
        mine = (s for s in self.activations() if version in (None, s.version))
        return [s for s in mine if s.active_from is not None and s.active_from > at and s != self.in_force(at)]

    def standing(self, version: str, at: datetime) -> str:
        """Where a version stands at ``at``: one of the words above; empty when it is unknown."""
        steps = self.of(version)
        now = self.in_force(at)
        if now is not None and now.version == version:
            return ACTIVE
        if self.planned(at, version):
            return PLANNED
        if any(s.version == version for s in self.activations()):
            return SUPERSEDED
        told = [s.state for s in steps if s.state in (CHECKED, APPROVED, REJECTED)]
        return told[-1] if told else ""

    def before(self, at: datetime) -> str | None:
        """The version a rollback returns to: what was in force before, and was not itself rolled back."""
        stack: list[str] = []
        for step in _begun(self.activations(), at):
            stack = (
                [*stack[: stack.index(step.version)], step.version] if step.version in stack else [*stack, step.version]
            )
        return stack[-2] if len(stack) > 1 else None


def _begun(steps: Iterable[Step], at: datetime) -> Iterator[Step]:
    return (s for s in steps if (s.active_from or s.at) <= at)


async def keep(connection: AsyncConnection, step: Step) -> None:
    """Add one step to the history."""
    row = asdict(step)
    del row["id"]
    await connection.execute(sa.insert(schema.rulebook_history).values(row))
    if step.state == ACTIVE and step.active_from is not None and step.active_from <= step.at:
        own = schema.rulebooks.c
        forced = sa.update(schema.rulebooks).where(own.version == step.version).values(activated_at=step.active_from)
        await connection.execute(forced)


async def read(connection: AsyncConnection) -> History:
    """The whole history; a city has some hundred steps."""
    h = schema.rulebook_history.c
    columns = (h.version, h.state, h.by, h.at, h.note, h.active_from, h.id)
    return History([Step(*row) for row in await connection.execute(sa.select(*columns).order_by(h.id))])
