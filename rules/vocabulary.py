"""机关流程再造: the words in which a process owner writes a process.

Kinds of stages are code; everything that is said about a stage in ``rules/<city>/process/*.yaml`` (its clocks, actions,
guards, letters, outcomes) and about a whole process (caps, pauses) is one of these fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic.json_schema import SkipJsonSchema

from rules.calendar import Span
from rules.case import Role
from rules.departments import LANGUAGES, Words
from rules.said import said

CATALOGUE, PERSON = "catalogue", "person"
"""Who finds the owner of a new complaint."""


class StageKind(StrEnum):
    """What may be done with a complaint; every stage of every process is one of these."""

    FIRST_CONTACT = "first_contact"
    DEPARTMENTAL_FIX = "departmental_fix"
    COORDINATION = "coordination"
    EXPLANATION = "explanation"
    REVIEW = "review"
    FEEDBACK = "feedback"


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _a_span(text: str) -> str:
    if Span.parse(text).amount <= 0:
        raise ValueError(said("'%(text)s' is no time to wait", text=text))
    return text


_IN_BOTH = {
    "type": "object",
    "properties": {language: {"type": "string", "minLength": 1} for language in LANGUAGES},
    "required": list(LANGUAGES),
    "additionalProperties": False,
}
_ONE_OR_MORE = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
Label = Annotated[Words, WithJsonSchema(_IN_BOTH)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed), WithJsonSchema(_ONE_OR_MORE)]
Length = Annotated[str, AfterValidator(_a_span)]
"""A span such as ``10 wd``."""
Count = Annotated[int, WithJsonSchema({"type": "integer", "minimum": 0})]


class Part(BaseModel):
    """The texts below the fields are what an editor shows beside them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ClockSpec(Part):
    """A clock: who is late when it runs out, which action stops it, what silence means. Its length is a row of
    deadlines.csv."""

    holder: Role
    """Who is late when it runs out."""
    label: Label | None = None
    """Its name on pages and in letters; without one the clock is called what it is usually called."""
    stopped_by: str | None = None
    """The action that stops it; without one it runs until the stage ends."""
    on_due: str = ""
    """The outcome that silence means; without one a missed deadline climbs the ladder."""
    extendable: bool = False
    """Whether `extend` moves it."""
    clause: str = ""
    """The sentence of the policy it serves."""


class Guard(Part):
    """An action is possible only while the row of a table that fits the case answers `needs`."""

    table: str
    """A table of the rulebook, without `.csv`; it answers `verdict`, and says why in `zh` and `en`."""
    needs: str = "allowed"
    """What `verdict` has to be."""


class PauseReason(Part):
    """For this reason clocks may stand still, so often and so long at most."""

    label: Label
    """What pages and letters call it."""
    by: tuple[Role, ...]
    """Who may pause for this reason."""
    clocks: tuple[str, ...]
    """The clocks that stand still, those of whoever pauses; the clock of the whole case never does."""
    longest: Length
    """After this time, such as `10 wd`, the clocks run again by themselves."""
    times: Annotated[int, Field(ge=1)] = 1
    """How often in one case."""
    ended_by: str | None = None
    """An action of anybody that ends the pause, such as `add_information`."""
    letters: Mapping[Literal["started", "ended"], str] = {}
    """`started` tells the citizen, `ended` tells whoever paused."""
    clause: str = ""
    """The sentence of the policy it serves."""

    @property
    def longest_span(self) -> Span:
        return Span.parse(self.longest)


class Stage(Part):
    """One row of the process table."""

    name: SkipJsonSchema[str] = ""
    label: Label
    """What pages and letters call it."""
    clause: str
    """The sentence of the policy it serves."""
    kind: StageKind
    """What is done in it."""
    owner: Role
    """Who works in it."""
    party: Names = ()
    """Who that is, for the desk and for a reviewer: an office such as `supervision`, a department, or `above` for the
    superior of whoever decided. Of several, the first that had no hand in the case."""
    routed_by: Literal["catalogue", "person"] = "catalogue"
    """At first contact: whether the catalogue may dispatch, or always a person does."""
    clocks: Mapping[str, ClockSpec] = {}
    """The clocks that start with it."""
    actions: Mapping[Role, tuple[str, ...]]
    """What each party may do."""
    guards: Mapping[str, Guard] = {}
    """Action -> what a table has to answer for it to be possible."""
    verdicts: Mapping[str, Label] = {}
    """In a review: outcomes of its own that a reviewer may choose with `conclude`."""
    letters: Mapping[str, str] = {}
    """Who is written to -> which letter."""
    outcomes: Mapping[str, str]
    """How it may end -> the next stage, or `closed`."""
    chosen_by: Mapping[str, str] = {}
    """Outcome -> a table that may turn it into another outcome of this stage (`becomes`)."""


class Caps(Part):
    """How often something may happen in one case."""

    returns: Count = 2
    """Returns; the next one forces a ruling."""
    redos: Count = 2
    """Rounds after a bad callback; then comes the final answer."""
    contests: Count = 1
    """Explanations contested."""
    appeals: Count = 2
    """Reviews that the citizen asks for."""
    extensions: Count | None = None
    """Extensions, whatever deadlines.csv allows."""
    pauses: Count = 3
    """Pauses, for whatever reason."""
