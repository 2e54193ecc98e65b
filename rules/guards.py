"""谁主管、谁负责: whether an action is possible, and where an outcome leads, a table may say for each kind of case."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rules.case import Case
from rules.refusals import Refusal

if TYPE_CHECKING:
    from rules.draft import Draft

FACTS = (
    "process", "stage", "category/", "district", "urgency", "type", "channel", "lead", "answer",
    "returns", "redos", "contests", "appeals", "reviews", "extensions", "pauses",
)  # fmt: skip
"""Columns by which such a table may choose its row, besides ``action`` or ``outcome``."""


def facts(case: Case) -> Mapping[str, Any]:
    """What the tables may look at: codes as texts, counts as numbers."""
    names = [name.removesuffix("/") for name in FACTS if name != "pauses"]
    return {name: getattr(case, name) for name in names} | {"pauses": sum(case.pauses.values())}


def guard(draft: Draft, action: str) -> None:
    """Refuse ``action`` when the table that guards it in this stage does not allow it; keep the row when it does."""
    stage = draft.process.stages.get(draft.case.stage)
    spec = stage.guards.get(action) if stage else None
    if spec is None:
        return
    row = draft.rulebook.tables[spec.table].first(draft.now, **facts(draft.case), action=action)
    if row is None or row.cells["verdict"] != spec.needs:
        cells, id = (row.cells, row.id) if row else ({"zh": "", "en": ""}, "")
        raise Refusal("guarded", table=spec.table, row=id, why=cells["en"], why_zh=cells["zh"])
    draft.rows[spec.table] = row.id


def turned(draft: Draft, outcome: str) -> str:
    """``outcome``, or what a table turns it into in this stage; the row is kept with the next entry."""
    stage = draft.process.stages.get(draft.case.stage)
    table = stage.chosen_by.get(outcome) if stage else None
    if table is None:
        return outcome
    row = draft.rulebook.tables[table].first(draft.now, **facts(draft.case), outcome=outcome)
    if row is None or not row.cells["becomes"]:
        return outcome
    draft.rows[table] = row.id
    return row.cells["becomes"]
