"""及时回应: a step that fails is repeated, but not where nothing changes by repeating it."""

from __future__ import annotations

import pytest
from prefect.states import Failed

from infra.ledger import NoRulebook, StaleAttempt, Undecidable
from rules.refusals import Refusal
from tasks._step import step


@step
async def some_step(number: str) -> None:
    """Does nothing."""


@pytest.mark.parametrize(
    ("fault", "is_repeated"),
    [
        (OSError("the database is away"), True),
        (ValueError("half an answer of a proxy"), True),
        (Refusal("case_closed"), False),
        (StaleAttempt("attempt 3 is over"), False),
        (NoRulebook("rulebook version 1 is not in the ledger"), False),
        (Undecidable("the tables break over it"), False),
    ],
)
def test_only_what_may_pass_by_itself_is_repeated(fault: Exception, is_repeated: bool):
    assert some_step.retry_condition_fn is not None
    assert some_step.retry_condition_fn(some_step, None, Failed(data=fault)) is is_repeated
