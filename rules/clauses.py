"""Every row serves a sentence of the policy: the sentences a rulebook carries out, by name (``clauses.yaml``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from rules.departments import Words
from rules.records import read_record, whole

CLAUSES = "clauses.yaml"


class _Clauses(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    clauses: Annotated[Mapping[str, Words], Field(min_length=1)]


def read_clauses(text: str, file: str) -> Mapping[str, Words]:
    """Name -> the sentence as it is quoted (``zh``), and what it says (``en``). Raises :class:`RulebookFaults`."""
    written, faults = read_record(_Clauses, text, file)
    return whole(written.clauses, faults)
