"""一家牵头、多方联治: one lead, several partners, each with its own task, clock and contribution."""

from __future__ import annotations

from tasks._step import proceed, step


@step
async def coordination(number: str, attempt: int) -> None:
    """The task mails to the lead and to every partner, and their clocks."""
    await proceed(number, attempt=attempt)
