"""复查、复核: somebody who did not decide looks at it again."""

from __future__ import annotations

from tasks._step import proceed, step


@step
async def review(number: str, attempt: int) -> None:
    """The task mail to the reviewer, whose clock begins to run; the citizen hears who looks again."""
    await proceed(number, attempt=attempt)
