"""A table is something a clerk can edit: the closed sets from which its cells choose, for drop-down lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rules.case import Urgency
from rules.check_cells import VERDICTS, VOCABULARY
from rules.check_ladder import RECIPIENTS
from rules.departments import BY_PLACE
from rules.rulebook import Rulebook
from rules.tables import OUTPUT


def choices(book: Rulebook) -> Mapping[str, Sequence[str]]:
    """Column, as its header names it -> what may stand in its cells; a cell may name several of them."""
    units = dict.fromkeys(code.removeprefix(f"{d.district}-") for code, d in book.departments.items() if d.district)
    owners = [*(f"{unit}{BY_PLACE}" for unit in units), *(c for c, d in book.departments.items() if not d.district)]
    return {name: [str(word) for word in words(book)] for name, (_, words) in VOCABULARY.items()} | {
        OUTPUT + "lead": owners,
        OUTPUT + "partners": owners,
        OUTPUT + "urgency": [str(urgency) for urgency in Urgency],
        OUTPUT + "verdict": VERDICTS,
        OUTPUT + "to": RECIPIENTS,
        OUTPUT + "category": [*book.categories],
        OUTPUT + "process": [*book.processes],
    }
