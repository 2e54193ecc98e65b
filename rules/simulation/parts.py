"""机关流程再造: the parts of a model file, in which a process owner says what people do and how long it takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict

from rules.said import said


class Part(BaseModel):
    """An unknown word is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


def _weight(number: float) -> float:
    if not 0 <= number <= MOST:
        raise ValueError(said("a weight is not less than 0; this is %(given)s", given=f"{number:g}"))
    return number


def _share(number: float) -> float:
    if not 0 <= number <= 1:
        raise ValueError(said("a share lies between 0 and 1; this is %(given)s", given=f"{number:g}"))
    return number


def _weights(weights: Sequence[float]) -> Sequence[float]:
    if not sum(weights):
        raise ValueError(said("at least one weight has to be more than 0"))
    return weights


MOST = 1e9
Weight = Annotated[float, AfterValidator(_weight)]
Share = Annotated[float, AfterValidator(_share)]
Weights = Annotated[Sequence[Weight], AfterValidator(_weights)]
