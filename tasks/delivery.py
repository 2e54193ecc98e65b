"""限时反馈: letters that could not leave at once leave with the next pulse."""

from __future__ import annotations

from tasks._step import send_letters


async def deliver_what_is_left() -> None:
    """All due letters of the outbox, whatever case they belong to."""
    await send_letters()
