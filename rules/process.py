"""机关流程再造: a process is a table of stages that a process owner can change without programming.

A stage has a *kind* (which is code), an owner, clocks, the actions each party may take, and for each outcome the
next stage. The tables are ``rules/<city>/process/*.yaml``.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from rules.case import CLOSED, Case, Role
from rules.records import read_record, whole


class StageKind(StrEnum):
    """The five things the policy does with a complaint; every stage of every process is one of them."""

    FIRST_CONTACT = "first_contact"
    DEPARTMENTAL_FIX = "departmental_fix"
    COORDINATION = "coordination"
    EXPLANATION = "explanation"
    FEEDBACK = "feedback"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClockSpec(_Part):
    """A clock of a stage: who is late when it runs out, which action stops it, what silence means."""

    holder: Role
    stopped_by: str | None = None
    on_due: str = ""
    extendable: bool = False
    clause: str = ""


class Stage(_Part):
    """One row of the process table. ``outcomes``: outcome -> name of the next stage, or ``closed``."""

    name: str
    label: Mapping[str, str]
    clause: str
    kind: StageKind
    owner: Role
    clocks: Mapping[str, ClockSpec] = {}
    actions: Mapping[Role, tuple[str, ...]]
    letters: Mapping[str, str] = {}
    outcomes: Mapping[str, str]


class Caps(_Part):
    """How often something may happen in one case."""

    returns: int = 2
    redos: int = 2
    contests: int = 1


class Process(_Part):
    """One process file."""

    name: str
    label: Mapping[str, str]
    start: str
    clocks: Mapping[str, ClockSpec] = {}
    always: Mapping[Role, tuple[str, ...]] = {}
    caps: Caps = Caps()
    stages: Mapping[str, Stage]

    @model_validator(mode="before")
    @classmethod
    def _name_stages(cls, data: Any) -> Any:
        """A stage is named by its key; the file does not say it twice."""
        if isinstance(data, dict) and isinstance(data.get("stages"), dict):
            named = {k: {**v, "name": k} if isinstance(v, dict) else v for k, v in data["stages"].items()}
            return {**data, "stages": named}
        return data

    def next_stage(self, case: Case) -> Stage | None:
        """The stage a moving case enters next; ``None`` when it is to be closed."""
        if case.stage == "":
            return None if case.outcome else self.stages[self.start]
        if case.outcome is None:
            raise ValueError(f"{case.number} is not moving: it waits in {case.stage}")
        target = self.stages[case.stage].outcomes[case.outcome]
        return None if target == CLOSED else self.stages[target]

    def clock(self, stage: str, name: str) -> ClockSpec | None:
        """The clock of that name in ``stage``, else the process's own."""
        of_stage = self.stages[stage].clocks if stage in self.stages else {}
        return of_stage.get(name) or self.clocks.get(name)


def read_process(text: str, file: str) -> Process:
    """A process from YAML. Raises :class:`RulebookFaults` naming every fault with its line."""
    return whole(*read_record(Process, text, file))
