"""首接首办、全面梳理、主动认领、建立台账: the first receiver sorts the matter out and dispatches it."""

from __future__ import annotations

from tasks._step import proceed, step


@step
async def first_contact(number: str, attempt: int) -> None:
    """Receipt; class, place and urgency by the rulebook; the lead by the catalogue, else a task for the desk."""
    await proceed(number, attempt=attempt)
