"""机关流程再造: a process is a table of stages that a process owner can change without programming.

A stage has a *kind* (which is code), an owner, clocks, the actions each party may take, and for each outcome the
next stage. The tables are ``rules/<city>/process/*.yaml``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import model_validator

from rules.case import CLOSED, Case, Role
from rules.records import read_record, whole
from rules.vocabulary import CATALOGUE, PERSON, Caps, ClockSpec, Guard, Label, Part, PauseReason, Stage, StageKind

__all__ = [
    "CATALOGUE", "PERSON", "Caps", "ClockSpec", "Guard", "PauseReason", "Process", "Stage", "StageKind", "read_process",
]  # fmt: skip


class Process(Part):
    """One process file."""

    name: str
    """The name of the file, and of the Prefect deployment."""
    label: Label
    """What pages and letters call it."""
    start: str
    """The first stage."""
    clocks: Mapping[str, ClockSpec] = {}
    """Clocks of the whole case."""
    always: Mapping[Role, tuple[str, ...]] = {}
    """What a party may do in every stage."""
    caps: Caps = Caps()
    """How often something may happen in one case."""
    pauses: Mapping[str, PauseReason] = {}
    """Reasons for which clocks may stand still."""
    stages: Mapping[str, Stage]
    """The stages, by name."""

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

    def specs(self) -> Iterator[tuple[str, ClockSpec]]:
        """Every clock by name, those of the whole case first."""
        yield from self.clocks.items()
        for stage in self.stages.values():
            yield from stage.clocks.items()

    def clock(self, stage: str, name: str) -> ClockSpec | None:
        """The clock of that name in ``stage``, else the process's own."""
        of_stage = self.stages[stage].clocks if stage in self.stages else {}
        return of_stage.get(name) or self.clocks.get(name)


def read_process(text: str, file: str) -> Process:
    """A process from YAML. Raises :class:`RulebookFaults` naming every fault with its line."""
    return whole(*read_record(Process, text, file))
