"""立查立纠、立行立改: what one department can solve, it solves at once."""

from __future__ import annotations

from tasks._step import proceed, step


@step
async def departmental_fix(number: str, attempt: int) -> None:
    """The task mail to the lead, and the clocks for claim, contact and fix."""
    await proceed(number, attempt=attempt)
