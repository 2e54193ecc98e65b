"""及时采纳、认真解决、限时反馈: the reply reaches the citizen, who is asked two things: solved? satisfied?"""

from __future__ import annotations

from tasks._step import proceed, step


@step
async def feedback(number: str, attempt: int) -> None:
    """The final reply with the callback to the citizen, and the clock of the citizen's silence."""
    await proceed(number, attempt=attempt)


@step
async def close(number: str, attempt: int) -> None:
    """The case ends in one of the honest results, and the citizen is told so."""
    await proceed(number, attempt=attempt)
