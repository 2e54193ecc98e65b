"""Whatever people do, in whatever order and however late: the ledger stays whole, and nobody is forgotten."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from infra.ledger import Ledger
from rules.actions import Offer, offers
from rules.case import Assignment, Case, Signal
from rules.fields import Field
from rules.refusals import Refusal
from rules.rulebook import Rulebook
from tests import lives

STEPS = 40
"""Enough for most walks to end; a case nobody closes has its clocks."""


@dataclass
class Walker:
    """Everybody who can do something to the case, and the time that passes."""

    ledger: Ledger
    book: Rulebook
    case: Case
    at: datetime
    chance: random.Random

    async def step(self) -> None:
        """Something that is possible now, or nothing but the clock goes on."""
        self.at += timedelta(hours=self.chance.choice([0, 0, 1, 30]))
        with suppress(Refusal):  # for its fields; then nothing happened
            await self.ledger.record(self.case.number, self.signal(), at=self.at)
        self.case = await lives.settled(self.ledger, self.case.number, self.at)

    def signal(self) -> Signal:
        possible = [(duty, offer) for duty in self.case.open_assignments() for offer in self.offers(duty)]
        if not possible or self.chance.random() < 0.3:
            return Signal("tick")
        duty, offer = self.chance.choice(possible)
        data = {field.name: self.value(field) for field in offer.fields if field.required}
        return Signal(offer.action, actor=duty.party, assignment=duty.id, data=data)

    def offers(self, duty: Assignment) -> list[Offer]:
        """Without withdrawing, which would end most walks at once."""
        found = offers(self.book, self.case, duty, self.at)
        return [offer for offer in found if offer.refusal is None and offer.action != "withdraw"]

    def value(self, field: Field) -> Any:
        if field.type in ("choice", "choices"):
            chosen = self.chance.choice(list(field.choices(self.book, self.case) if field.choices else ()))
            return [chosen] if field.type == "choices" else chosen
        if field.type == "date":
            return (self.at.date() + timedelta(days=90)).isoformat()
        if field.type == "integer":
            return self.chance.randint(field.minimum or 1, field.maximum or 5)
        return "说明 — 'quoted', {braced}, <tagged>"


@pytest.mark.parametrize("seed", range(6))
async def test_a_random_walk_through_a_case_leaves_a_whole_ledger(
    ledger: Ledger, book: Rulebook, now: datetime, seed: int
):
    chance = random.Random(seed)  # noqa: S311 -- a repeatable walk
    case = await lives.waiting(ledger, now, what=chance.choice([lives.NOISE, lives.RIDDLE]))
    walker = Walker(ledger, book, case, now, chance)
    for _ in range(STEPS):
        await walker.step()
        assert walker.case.is_closed or walker.case.next_at, "nobody would ever look at this case again"
        if walker.case.is_closed:
            break
    assert await ledger.verify() == []
