"""认真解决: a draft of the rules is tried on past cases before it touches anybody; watched and stopped like any run."""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import flow
from prefect.states import Cancelled

from tasks.trials import carry_out

JOB = "infra.workbench.backtest_job"


@flow(name="backtest", retries=0, persist_result=False)
async def backtest(since: date, rulebook: str) -> Any:
    """What a draft would have changed for the cases received since a day: routes, deadlines, breaches, letters, load.

    Args:
        since: First day of the cases.
        rulebook: A draft (draft:N), a version, or the beginning of one.
    """
    done = await carry_out(JOB, {"since": since.isoformat(), "rulebook": rulebook})
    return None if done else Cancelled(message="stopped by hand")
