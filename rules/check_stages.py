"""机关流程再造: every stage of a process can be reached, worked in by whoever has it, and left towards an end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rules.actions import BY_KIND
from rules.case import CLOSED, Role
from rules.faults import Fault, like, meant
from rules.process import Process, Stage, StageKind
from rules.survey import Survey, file_of

WITHDRAWN = "withdrawn"
AUTOMATIC: Mapping[str, Sequence[str]] = {"first_contact": ("dispatched", "joint")}
"""Kind of stage -> outcomes that come about without anybody's action: the catalogue dispatches."""
PARTIES: Mapping[str, Sequence[Role]] = {
    "first_contact": (Role.DESK,),
    "departmental_fix": (Role.LEAD,),
    "coordination": (Role.LEAD, Role.PARTNER),
    "explanation": (Role.LEAD,),
}
"""Kind of stage -> who gets a task in it; in the others, whoever owns them. The citizen takes part in all."""
LETTERS: Mapping[str, Sequence[str]] = {
    "first_contact": ("received", "desk"),
    "departmental_fix": ("lead",),
    "coordination": ("lead", "partner"),
    "explanation": ("lead",),
    "feedback": ("citizen", "explained"),
}
"""Kind of stage -> the letters it writes."""
Told = Iterator[tuple[str, str]]
"""Path in the file, and what is wrong there."""


def stages(survey: Survey) -> Iterator[Fault]:
    """What is wrong with the stages of each process, and with the ways between them."""
    for process in survey.processes():
        told = [*_start(process)]
        for stage in process.stages.values():
            for look in (_targets, _actions, _outcomes, _clocks, _letters):
                told += [(f"stages.{stage.name}.{where}", message) for where, message in look(process, stage)]
        dangling = any(".outcomes" in where or where == "start" for where, _ in told)
        told += [] if dangling else _ways(process)
        for where, message in told:
            yield Fault(file_of(process), 0, where, message)


def _start(process: Process) -> Told:
    for name, value in process.caps.model_dump().items():
        if value is not None and value < 0:
            yield f"caps.{name}", f"'{value}' is less than nothing; write 0 or more"
    if process.start not in process.stages:
        yield "start", f"no stage '{process.start}'{meant(process.start, process.stages)}"
    elif process.stages[process.start].kind != StageKind.FIRST_CONTACT:
        yield "start", f"a complaint starts in a stage of kind {StageKind.FIRST_CONTACT}; '{process.start}' is none"


def _targets(process: Process, stage: Stage) -> Told:
    for outcome, target in stage.outcomes.items():
        if target not in process.stages and target != CLOSED:
            yield f"outcomes.{outcome}", f"no stage '{target}'{meant(target, [*process.stages, CLOSED])}"


def _parties(stage: Stage) -> list[Role]:
    return [*PARTIES.get(stage.kind, (stage.owner,)), Role.CITIZEN]


def _actions(_process: Process, stage: Stage) -> Told:
    known, parties = BY_KIND[stage.kind], _parties(stage)
    for party, names in stage.actions.items():
        if party not in parties:
            yield f"actions.{party}", f"the {party} has no task in a stage of kind {stage.kind}{meant(party, parties)}"
        for name in names:
            if name not in known:
                yield f"actions.{party}", f"unknown action '{name}'{meant(name, known)}"
        if len(set(names)) < len(names):
            yield f"actions.{party}", "an action is there twice; take one out"
    owners = PARTIES.get(stage.kind) or parties
    if stage.owner not in owners:
        yield "owner", f"the {stage.owner} has no task in a stage of kind {stage.kind}{meant(stage.owner, owners)}"


def offered(process: Process, stage: Stage) -> dict[str, str]:
    """Action -> where it is offered, for every action that somebody has in a stage."""
    here = {name: f"actions.{party}" for party, names in stage.actions.items() for name in names}
    always = {name: "outcomes" for names in process.always.values() for name in names}
    return always | here


def possible(process: Process, stage: Stage) -> dict[str, tuple[str, str]]:
    """Outcome -> what brings it about, and where in the stage that is said."""
    found: dict[str, tuple[str, str]] = {}
    for action, where in offered(process, stage).items():
        if action in BY_KIND[stage.kind]:
            found |= dict.fromkeys(BY_KIND[stage.kind][action].outcomes, (f"'{action}'", where))
    for clock, spec in stage.clocks.items():
        if spec.on_due:
            found.setdefault(spec.on_due, (f"the clock '{clock}'", f"clocks.{clock}.on_due"))
    if getattr(stage, "routed_by", "catalogue") == "catalogue":
        found |= dict.fromkeys(AUTOMATIC.get(stage.kind, ()), ("the catalogue", "outcomes"))
    return found | dict.fromkeys(getattr(stage, "verdicts", ()), ("the reviewer", "verdicts"))


def _outcomes(process: Process, stage: Stage) -> Told:
    """Outcomes without a next stage. A next stage whose outcome never comes does no harm, but may be a misspelt one."""
    can = possible(process, stage)
    if not can.keys() - {WITHDRAWN}:
        return  # nothing ends it: that is told of the stage as a whole
    turned = getattr(stage, "chosen_by", {})
    idle = [outcome for outcome in stage.outcomes if outcome not in can and not turned]
    for outcome, (by, where) in can.items():
        if outcome in stage.outcomes:
            continue
        if meaning := like(outcome, idle)[:1]:
            idle.remove(meaning[0])
            said = (meaning[0], outcome) if where.startswith(("actions", "outcomes")) else (outcome, meaning[0])
            place = f"outcomes.{meaning[0]}" if said[1] == outcome else where
            yield place, f"unknown outcome '{said[0]}'; did you mean {said[1]}?"
        else:
            yield where, f"{by} may end with '{outcome}', which leads nowhere; add '{outcome}: …' to outcomes"


def _clocks(process: Process, stage: Stage) -> Told:
    parties, actions = _parties(stage), offered(process, stage)
    for name, spec in stage.clocks.items():
        if spec.holder not in parties:
            said = f"the {spec.holder} has no task in a stage of kind {stage.kind}, so this clock never starts"
            yield f"clocks.{name}.holder", said + meant(spec.holder, parties)
        if spec.stopped_by and spec.stopped_by not in actions:
            yield f"clocks.{name}.stopped_by", f"nobody may '{spec.stopped_by}' here{meant(spec.stopped_by, actions)}"
    if "extend" in actions and not any(spec.extendable for spec in stage.clocks.values()):
        yield actions["extend"], "'extend' moves a clock, and none of this stage is 'extendable: true'"


def _letters(_process: Process, stage: Stage) -> Told:
    needed = LETTERS.get(stage.kind, ())
    for name in needed:
        if not stage.letters.get(name):
            near = like(name, [one for one in stage.letters if one not in needed])
            cure = f"'{near[0]}' is unknown; did you mean {name}?" if near else f"add '{name}: …' to letters"
            yield "letters", f"nobody knows which letter is written for '{name}'; {cure}"


def _ways(process: Process) -> Told:
    """Stages that no case reaches, and stages that no case can leave; of the latter the last one is the cause."""
    ways = {name: _next(process, stage) for name, stage in process.stages.items()}
    reached = _closure({process.start}, ways)
    for name in process.stages:
        if name not in reached:
            yield f"stages.{name}", "no case ever reaches this stage; let an outcome of another stage lead to it"
    back = {name: {other for other, targets in ways.items() if name in targets} for name in [*ways, CLOSED]}
    ending = _closure({CLOSED}, back)
    for name in sorted(reached - ending):
        if not ways[name] or ways[name] == {name}:
            yield f"stages.{name}", "a case cannot leave this stage; give somebody an action that ends it"
    lost = [name for name in process.stages if name in reached - ending]
    if lost and not any(not ways[name] or ways[name] == {name} for name in lost):
        yield (
            f"stages.{lost[0]}",
            f"a case never ends once it is here: from {', '.join(lost)} nothing leads to {CLOSED}",
        )


def _next(process: Process, stage: Stage) -> set[str]:
    """Where a stage leads by itself: a citizen who gives up is no way out."""
    if not any(names for party, names in stage.actions.items() if party in _parties(stage)) and not stage.clocks:
        return set()
    return {stage.outcomes[o] for o in possible(process, stage) if o in stage.outcomes and o != WITHDRAWN}


def _closure(begin: set[str], ways: Mapping[str, set[str]]) -> set[str]:
    found, open_ = set(begin), [*begin]
    while open_:
        for target in ways.get(open_.pop(), set()) - found:
            found.add(target)
            open_.append(target)
    return found
