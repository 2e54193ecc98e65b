"""机关流程再造: a process is checked with the offices, tables and clocks it names, before anybody works by it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from rules.actions import BY_KIND
from rules.draft import WHOLE_CASE
from rules.faults import Fault, meant, unknown
from rules.parties import ABOVE
from rules.process import PERSON, PauseReason, Process, Stage, StageKind
from rules.said import Said, noted, said
from rules.survey import DEPARTMENTS, DISTRICTS, Survey, file_of
from rules.tables import Row

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

_HAS_PARTY = (StageKind.FIRST_CONTACT, StageKind.REVIEW)
_NOWHERE = noted("row '%(row)s' of %(table)s.csv turns it into '%(word)s', which leads nowhere; add it to outcomes")
Told = Iterator[tuple[str, Said]]
"""Path in the file, and what is wrong there."""


def processes(survey: Survey) -> Iterator[Fault]:
    """Parties, guards, choices and pauses that name what is not there, and who is above whom."""
    for process in survey.processes():
        for where, message in _process(survey, process):
            yield Fault(file_of(process), 0, where, message)
    if survey.sound(DEPARTMENTS):
        yield from _above_each_other(survey)
    if survey.sound(DEPARTMENTS, DISTRICTS):
        for department in survey.book.departments.values():
            placed = department.district is None or department.district in survey.book.districts
            if placed and department.above and department.above not in survey.book.departments:
                message = unknown(noted("department"), department.above, survey.book.departments)
                yield Fault(DEPARTMENTS, 0, "above", message)


def _above_each_other(survey: Survey) -> Iterator[Fault]:
    """Two that review each other's decisions, directly or by way of others."""
    told, departments = set[str](), survey.book.departments
    for code in departments:
        chain = [code]
        while (above := departments[chain[-1]].above) in departments and above not in chain:
            chain.append(str(above))
        if above == code and code not in told:
            told.update(chain)
            message = said("%(chain)s are above each other; somebody has to be at the top", chain=", ".join(chain))
            yield Fault(DEPARTMENTS, survey.line(DEPARTMENTS, f"code: {code},"), "above", message)


def stage_names(book: Rulebook) -> set[str]:
    return {name for process in book.processes.values() for name in process.stages}


def outcome_names(book: Rulebook) -> set[str]:
    stages = [stage for process in book.processes.values() for stage in process.stages.values()]
    return {outcome for stage in stages for outcome in stage.outcomes}


def action_names(_book: Rulebook) -> set[str]:
    return {name for actions in BY_KIND.values() for name in actions}


def _process(survey: Survey, process: Process) -> Told:
    for stage in process.stages.values():
        for look in _LOOKS:
            for where, message in look(survey, process, stage):
                yield f"stages.{stage.name}.{where}", message
    for name, reason in process.pauses.items():
        for where, message in _pause(process, reason):
            yield f"pauses.{name}.{where}", message


def _party(survey: Survey, _process: Process, stage: Stage) -> Told:
    known = [ABOVE, *survey.book.offices, *survey.book.departments]
    for name in stage.party:
        if message := survey.unknown(noted("office or department"), name, known, DEPARTMENTS):
            yield "party", message
    if stage.party and stage.kind not in _HAS_PARTY:
        only = said("only a stage of kind %(kinds)s has one; the lead comes from the catalogue", kinds=[*_HAS_PARTY])
        yield "party", only
    if stage.kind == StageKind.REVIEW and not stage.party:
        needed = noted("a review needs somebody who did not decide: an office, a department, or '%(above)s'")
        yield "party", said(needed, above=ABOVE)
    if stage.kind == StageKind.REVIEW and "reviewer" not in stage.letters:
        yield "letters", said("nobody tells the reviewer; add 'reviewer: review_task'")
    if stage.routed_by == PERSON and stage.kind != StageKind.FIRST_CONTACT:
        yield "routed_by", said("only a stage of kind first_contact dispatches")


def _guards(survey: Survey, _process: Process, stage: Stage) -> Told:
    possible = {name for names in stage.actions.values() for name in names}
    for action, guard in stage.guards.items():
        verdicts = {row.cells["verdict"] for row in survey.rows(guard.table)}
        if action not in possible:
            yield f"guards.{action}", unknown(noted("action of this stage"), action, possible)
        if verdicts and guard.needs not in verdicts:
            cure = meant(guard.needs, verdicts)
            never = noted("no row of %(table)s.csv says '%(word)s'%(cure)s")
            yield f"guards.{action}.needs", said(never, table=guard.table, word=guard.needs, cure=cure)


def _choices(survey: Survey, process: Process, stage: Stage) -> Told:
    for outcome, table in stage.chosen_by.items():
        if outcome not in stage.outcomes:
            yield f"chosen_by.{outcome}", unknown(noted("outcome"), outcome, stage.outcomes)
        mine = {"process": process.name, "stage": stage.name, "outcome": outcome}
        for row in survey.rows(table):
            turned = row.cells["becomes"]
            if _may_fit(row, mine) and turned and turned not in stage.outcomes:
                yield f"chosen_by.{outcome}", said(_NOWHERE, row=row.id, table=table, word=turned)


def _may_fit(row: Row, facts: Mapping[str, str]) -> bool:
    """Whether the row is about this stage, as far as its plain words say."""
    return all(row.cells.get(name, "") in ("", value) for name, value in facts.items())


def _pause(process: Process, reason: PauseReason) -> Told:
    known = {name for stage in process.stages.values() for name in stage.clocks}
    for clock in reason.clocks:
        if clock == WHOLE_CASE or clock in process.clocks:
            yield "clocks", said("'%(clock)s' never stands still; it is the clock of the whole case", clock=clock)
        elif clock not in known:
            yield "clocks", unknown(noted("clock"), clock, known)
    for role in reason.by:
        if not any("pause" in stage.actions.get(role, ()) for stage in process.stages.values()):
            yield "by", said("no stage lets the %(role)s pause; add 'pause' and 'resume' to its actions", role=role)


def _resumable(_survey: Survey, process: Process, stage: Stage) -> Told:
    may_pause = {role for reason in process.pauses.values() for role in reason.by}
    for role, names in stage.actions.items():
        if ("pause" in names) != ("resume" in names):
            yield f"actions.{role}", said("'pause' and 'resume' belong together")
        if "pause" in names and role not in may_pause:
            yield f"actions.{role}", said("no reason in 'pauses' lets this party pause; name it there in 'by'")


_LOOKS: tuple[Callable[[Survey, Process, Stage], Told], ...] = (_party, _guards, _choices, _resumable)
