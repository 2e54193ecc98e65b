"""有意见随时提: what people bring, in every place, as the rules of one rulebook may tell it apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from rules.case import Complaint
from rules.rulebook import Rulebook
from rules.simulation.model import ANY, NONE, Matter


@dataclass(frozen=True, slots=True)
class Kind:
    """Complaints that the rules cannot tell apart; ``place`` among all kinds."""

    place: int
    complaint: Complaint


def kinds(matters: Sequence[Matter], book: Rulebook, at: datetime) -> list[tuple[Kind, float]]:
    """Every kind with its weight; ``any`` is divided evenly among all there are at a moment."""
    found = [one for matter in matters for one in _kinds(matter, book, at)]
    return [(Kind(place, complaint), weight) for place, (complaint, weight) in enumerate(found)]


def _kinds(matter: Matter, book: Rulebook, at: datetime) -> Iterator[tuple[Complaint, float]]:
    leaves = [code for code, category in book.open_categories(at=at).items() if category.leaf]
    categories = leaves if matter.category == ANY else [_named(matter.category)]
    districts = [*book.districts] if matter.district == ANY else [_named(matter.district)]
    for category in categories:
        for district in districts:
            complaint = Complaint(
                channel=matter.channel, type=matter.type, subject=matter.words, description="", category=category,
                district=district,
            )  # fmt: skip
            yield complaint, matter.weight / (len(categories) * len(districts))


def _named(word: str) -> str | None:
    return None if word == NONE else word
