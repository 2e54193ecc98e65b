"""列入工作规划并开诚布公地向群众解释; 对不合理的诉求,耐心细致做好解释."""

from __future__ import annotations

from tasks._step import proceed, step


@step
async def explanation(number: str, attempt: int) -> None:
    """The lead is asked for the letter that explains; its clock begins to run."""
    await proceed(number, attempt=attempt)
