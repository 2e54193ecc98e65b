"""机关流程再造: what changes in a process: stages, outcomes, clocks, what each party may do, how often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from rules.diff import Change, change
from rules.process import Process, Stage
from rules.rulebook import Rulebook

_PLAIN = (str, int, float, bool, type(None))


def processes(old: Rulebook, new: Rulebook, _at: datetime | None) -> Iterator[Change]:
    for name in dict.fromkeys([*old.processes, *new.processes]):
        was, will = old.processes.get(name), new.processes.get(name)
        if was is None:
            yield change("process_added", process=name)
        elif will is None:
            yield change("process_removed", process=name)
        elif was != will:
            yield from _process(was, will)


def _process(old: Process, new: Process) -> Iterator[Change]:
    here = {"process": new.name}
    for name in dict.fromkeys([*old.stages, *new.stages]):
        was, will = old.stages.get(name), new.stages.get(name)
        if was is None and will is not None:
            yield change("stage_added", **here, stage=name, stage_kind=str(will.kind))
        elif will is None:
            yield change("stage_removed", **here, stage=name)
        elif was is not None and was != will:
            yield from _stage(was, will, here)
    yield from _clocks(old.clocks, new.clocks, {**here, "stage": ""})
    yield from _fields(old, new, ("name", "stages", "clocks"), {**here, "stage": ""})


def _stage(old: Stage, new: Stage, process: Mapping[str, str]) -> Iterator[Change]:
    here = {**process, "stage": new.name}
    for outcome in dict.fromkeys([*old.outcomes, *new.outcomes]):
        was, will = old.outcomes.get(outcome), new.outcomes.get(outcome)
        if was is None:
            yield change("outcome_added", **here, outcome=outcome, new=will)
        elif will is None:
            yield change("outcome_removed", **here, outcome=outcome, old=was)
        elif was != will:
            yield change("outcome_redirected", **here, outcome=outcome, old=was, new=will)
    yield from _actions(old, new, here)
    yield from _clocks(old.clocks, new.clocks, here)
    yield from _fields(old, new, ("name", "outcomes", "actions", "clocks"), here)


def _actions(old: Stage, new: Stage, here: Mapping[str, str]) -> Iterator[Change]:
    for party in dict.fromkeys([*old.actions, *new.actions]):
        was, will = old.actions.get(party, ()), new.actions.get(party, ())
        yield from (change("action_added", **here, party=str(party), action=a) for a in will if a not in was)
        yield from (change("action_removed", **here, party=str(party), action=a) for a in was if a not in will)


def _clocks(old: Mapping[str, Any], new: Mapping[str, Any], here: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        was, will = old.get(name), new.get(name)
        if was is None or will is None:
            yield change("clock_added" if was is None else "clock_removed", **here, clock=name)
        elif was != will:
            yield from _fields(was, will, (), {**here, "clock": name}, kind="clock_changed")


def _fields(
    old: Any, new: Any, without: tuple[str, ...], here: Mapping[str, Any], kind: str = "process_changed"
) -> Iterator[Change]:
    """Whatever else a part of a process says, leaf by leaf, under the name that the file gives it."""
    was, will = (dict(_leaves(part.model_dump(mode="json", exclude=set(without)), ())) for part in (old, new))
    for path in dict.fromkeys([*was, *will]):
        if was.get(path) != will.get(path):
            yield change(kind, **here, field=".".join(path), old=was.get(path), new=will.get(path))


def _leaves(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, Mapping):
        for key, below in value.items():
            yield from _leaves(below, (*path, str(key)))
    elif value not in (None, [], ""):
        yield path, value if isinstance(value, _PLAIN) else list(value)
