"""A running case may go on under a new version of the rules: nothing of it is lost, nobody is late by it, and no date
that was told becomes later without a word.

Its stage, its departments (``rules.succession``) and its clocks (``rules.carried_clocks``) are looked for under the new
rules; one entry says what changed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rules.carried_clocks import Carried, Carrying, concerned
from rules.case import Case, Entry, Role, Signal
from rules.draft import Draft
from rules.refusals import Refusal
from rules.succession import HandOver, Move, hand_over

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

MIGRATED = "case_migrated"
TOLD = "rules_changed"
"""The letter to whom a changed deadline concerns."""


def migrate(case: Case, old: Rulebook, new: Rulebook, at: datetime, move: Move) -> list[Entry]:
    """The entry that carries ``case`` over from ``old`` to ``new`` at ``at``; none when there is nothing to do.

    Raises :class:`Refusal` when the case could not go on there; then it stays as it is.
    """
    if case.is_closed:
        return []
    stage = _stage(case, old, new, move)
    here = replace(case, stage=stage)
    parties = hand_over(here, new, at, move)
    if case.rulebook == new.version and not parties.ended:
        return []
    clocks = Carrying(here, case.stage, (old, new), at, later=move.later).carry(parties)
    draft = Draft(new, case, Signal(MIGRATED), at)
    changed = _changed(case, here, parties)
    consequences = {"end": parties.ended, "open": parties.opened, "stop": clocks.stopped, "start": clocks.started}
    letters = [*_tasks(draft, here, parties), *_dates(draft, here, parties, clocks)] if stage else []
    order = {"by": move.by, "note": move.note, "was": case.rulebook, "rulebook": new.version}
    draft.add(MIGRATED, **order, **changed, **consequences, letters=letters)
    return draft.entries


def _changed(case: Case, here: Case, parties: HandOver) -> dict[str, Any]:
    """Stage, lead and partners, as far as they are others now."""
    changed: dict[str, Any] = {}
    if here.stage != case.stage:
        changed["stage"] = here.stage
    if parties.lead != case.lead:
        changed["lead"] = parties.lead
    if parties.partners != case.partners:
        changed |= {"partners": list(parties.partners), "no_partners": not parties.partners}
    return changed


def _stage(case: Case, old: Rulebook, new: Rulebook, move: Move) -> str:
    """Where the case stands under the new rules."""
    if case.process not in new.processes:
        raise Refusal("process_gone", process=case.process)
    if not case.stage:
        return ""
    stages = new.process(case.process).stages
    name = move.stages.get(case.stage, case.stage)
    if name not in stages:
        raise Refusal("stage_gone", stage=case.stage, possible=", ".join(stages))
    if stages[name].kind != old.process(case.process).stages[case.stage].kind:
        raise Refusal("stage_of_another_kind", stage=case.stage, to=name)
    if case.outcome is not None and case.outcome not in stages[name].outcomes:
        raise Refusal("outcome_gone", stage=name, outcome=case.outcome)
    return name


def _tasks(draft: Draft, case: Case, parties: HandOver) -> Iterator[dict[str, Any]]:
    """Whoever takes over gets the letter of the task."""
    letters = draft.rulebook.process(case.process).stages[case.stage].letters if case.outcome is None else {}
    for one in parties.opened:
        if name := letters.get(one["role"]):
            yield draft.letter(name, one["party"], assignment=one["id"])


def _dates(draft: Draft, case: Case, parties: HandOver, clocks: Carried) -> Iterator[dict[str, Any]]:
    """A word to whoever has less time than before, and to the citizen when something takes longer."""
    less = concerned(clocks.changes, later=False)
    for own in case.open_assignments():
        answers_for_all = "" in less and own.role in (Role.LEAD, Role.DESK)
        if own.role != Role.CITIZEN and own.id not in parties.ended and (own.id in less or answers_for_all):
            yield draft.letter(TOLD, own.party, assignment=own.id)
    if "" in concerned(clocks.changes, later=True):
        yield draft.to_citizen(TOLD)
