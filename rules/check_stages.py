"""机关流程再造: every stage of a process can be reached, worked in by whoever has it, and left towards an end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from rules.actions import BY_KIND
from rules.case import CLOSED, Role
from rules.faults import Fault, like, meant, unknown
from rules.process import Process, Stage, StageKind
from rules.said import Said, noted, said
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
Told = Iterator[tuple[str, Said]]
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
            yield f"caps.{name}", said("'%(value)s' is less than nothing; write 0 or more", value=value)
    if process.start not in process.stages:
        yield "start", _no_stage(process.start, process.stages)
    elif process.stages[process.start].kind != StageKind.FIRST_CONTACT:
        first = noted("a complaint starts in a stage of kind %(kind)s; '%(stage)s' is none")
        yield "start", said(first, kind=StageKind.FIRST_CONTACT, stage=process.start)


def _no_stage(name: str, known: Iterable[str]) -> Said:
    return said("no stage '%(stage)s'%(cure)s", stage=name, cure=meant(name, known))


def _no_task(party: str, kind: str, known: Iterable[str]) -> Said:
    cure = meant(party, known)
    return said("the %(party)s has no task in a stage of kind %(kind)s%(cure)s", party=party, kind=kind, cure=cure)


def _targets(process: Process, stage: Stage) -> Told:
    for outcome, target in stage.outcomes.items():
        if target not in process.stages and target != CLOSED:
            yield f"outcomes.{outcome}", _no_stage(target, [*process.stages, CLOSED])


def _parties(stage: Stage) -> list[Role]:
    return [*PARTIES.get(stage.kind, (stage.owner,)), Role.CITIZEN]


def _actions(_process: Process, stage: Stage) -> Told:
    known, parties = BY_KIND[stage.kind], _parties(stage)
    for party, names in stage.actions.items():
        if party not in parties:
            yield f"actions.{party}", _no_task(party, stage.kind, parties)
        for name in names:
            if name not in known:
                yield f"actions.{party}", unknown(noted("action"), name, known)
        if len(set(names)) < len(names):
            yield f"actions.{party}", said("an action is there twice; take one out")
    owners = PARTIES.get(stage.kind) or parties
    if stage.owner not in owners:
        yield "owner", _no_task(stage.owner, stage.kind, owners)


def offered(process: Process, stage: Stage) -> dict[str, str]:
    """Action -> where it is offered, for every action that somebody has in a stage."""
    here = {name: f"actions.{party}" for party, names in stage.actions.items() for name in names}
    always = {name: "outcomes" for names in process.always.values() for name in names}
    return always | here


def possible(process: Process, stage: Stage) -> dict[str, tuple[Said, str]]:
    """Outcome -> what brings it about, and where in the stage that is said."""
    found: dict[str, tuple[Said, str]] = {}
    for action, where in offered(process, stage).items():
        if action in BY_KIND[stage.kind]:
            found |= dict.fromkeys(BY_KIND[stage.kind][action].outcomes, (Said(f"'{action}'"), where))
    for clock, spec in stage.clocks.items():
        if spec.on_due:
            found.setdefault(spec.on_due, (said("the clock '%(clock)s'", clock=clock), f"clocks.{clock}.on_due"))
    if getattr(stage, "routed_by", "catalogue") == "catalogue":
        found |= dict.fromkeys(AUTOMATIC.get(stage.kind, ()), (said("the catalogue"), "outcomes"))
    return found | dict.fromkeys(getattr(stage, "verdicts", ()), (said("the reviewer"), "verdicts"))


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
            word, right = (meaning[0], outcome) if where.startswith(("actions", "outcomes")) else (outcome, meaning[0])
            yield f"outcomes.{word}" if right == outcome else where, unknown(noted("outcome"), word, [right])
        else:
            nowhere = noted("%(by)s may end with '%(outcome)s', which leads nowhere; add '%(outcome)s: …' to outcomes")
            yield where, said(nowhere, by=by, outcome=outcome)


def _clocks(process: Process, stage: Stage) -> Told:
    parties, actions = _parties(stage), offered(process, stage)
    for name, spec in stage.clocks.items():
        if spec.holder not in parties:
            never = noted("the %(party)s has no task in a stage of kind %(kind)s, so this clock never starts%(cure)s")
            cure = meant(spec.holder, parties)
            yield f"clocks.{name}.holder", said(never, party=spec.holder, kind=stage.kind, cure=cure)
        if spec.stopped_by and spec.stopped_by not in actions:
            cure = meant(spec.stopped_by, actions)
            message = said("nobody may '%(action)s' here%(cure)s", action=spec.stopped_by, cure=cure)
            yield f"clocks.{name}.stopped_by", message
    if "extend" in actions and not any(spec.extendable for spec in stage.clocks.values()):
        yield actions["extend"], said("'extend' moves a clock, and none of this stage is 'extendable: true'")


def _letters(_process: Process, stage: Stage) -> Told:
    needed = LETTERS.get(stage.kind, ())
    for name in needed:
        if not stage.letters.get(name):
            near = like(name, [one for one in stage.letters if one not in needed])
            cure = said("add '%(name)s: …' to letters", name=name)
            if near:
                cure = said("'%(word)s' is unknown; did you mean %(near)s?", word=near[0], near=name)
            message = said("nobody knows which letter is written for '%(name)s'; %(cure)s", name=name, cure=cure)
            yield "letters", message


def _ways(process: Process) -> Told:
    """Stages that no case reaches, and stages that no case can leave; of the latter the last one is the cause."""
    ways = {name: _next(process, stage) for name, stage in process.stages.items()}
    reached = _closure({process.start}, ways)
    for name in process.stages:
        if name not in reached:
            yield f"stages.{name}", said("no case ever reaches this stage; let an outcome of another stage lead to it")
    back = {name: {other for other, targets in ways.items() if name in targets} for name in [*ways, CLOSED]}
    ending = _closure({CLOSED}, back)
    for name in sorted(reached - ending):
        if not ways[name] or ways[name] == {name}:
            yield f"stages.{name}", said("a case cannot leave this stage; give somebody an action that ends it")
    lost = [name for name in process.stages if name in reached - ending]
    if lost and not any(not ways[name] or ways[name] == {name} for name in lost):
        never = noted("a case never ends once it is here: from %(stages)s nothing leads to %(closed)s")
        yield f"stages.{lost[0]}", said(never, stages=", ".join(lost), closed=CLOSED)


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
