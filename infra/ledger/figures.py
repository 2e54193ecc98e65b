"""深化党政公开: figures for operators, each read from a small index of open work, however many cases are closed.

All of them together cost one walk over open cases and one over their clocks (measured on PostgreSQL with 100,000 open
cases: see ``minsheng bench --pages``), so whoever asks often keeps the answer for some seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from infra.ledger import schema
from infra.ledger.database import Database
from infra.ledger.outbox import GIVEN_UP
from infra.moment import wall

PULSE = "pulse"
"""The name of the pulse among the beats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is open, late and waiting. Ages in seconds of wall time; ``None``: it never beat."""

    open: Mapping[tuple[str, str], int]
    """(process, stage) -> open cases."""
    late: Mapping[tuple[str, str], int]
    """(process, stage) -> open cases with a missed deadline."""
    moving: int
    """Cases whose run has a next step to do."""
    longest_moving: float
    """Seconds of case time for which the oldest of them has waited: the latency of waking, as it is now."""
    rungs: Mapping[str, int]
    """Rung of the ladder (empty: none yet) -> running clocks that stand on it."""
    letters_waiting: int
    letters_given_up: int
    oldest_letter: float
    pulse_age: float | None


async def read_figures(db: Database, now: datetime) -> Figures:
    """``now`` is case time."""
    c, letter, clock = schema.cases.c, schema.letters.c, schema.clocks.c
    count, waits = sa.func.count(), letter.due_at.is_not(None)
    given_up = letter.status == sa.literal_column(f"'{GIVEN_UP}'")
    async with db.read() as connection:
        still_open = await _by_stage(connection, now)
        moving = (await connection.execute(sa.select(count, sa.func.min(c.updated_at)).where(c.is_moving))).one()
        letters = (await connection.execute(sa.select(count, sa.func.min(letter.queued_at)).where(waits))).one()
        rungs = (await connection.execute(sa.select(clock.rung, count).group_by(clock.rung))).all()
        beat = await connection.scalar(sa.select(schema.beats.c.at).where(schema.beats.c.name == PULSE))
        return Figures(
            open={key: cases for key, (cases, _) in still_open.items()},
            late={key: late for key, (_, late) in still_open.items()},
            moving=moving[0], longest_moving=_since(moving[1], now),
            rungs={str(rung): int(clocks) for rung, clocks in rungs},
            letters_waiting=letters[0], oldest_letter=_since(letters[1], wall()),
            letters_given_up=await connection.scalar(sa.select(count).where(given_up)) or 0,
            pulse_age=_since(beat, wall()) if beat else None,
        )  # fmt: skip


async def _by_stage(connection: AsyncConnection, now: datetime) -> dict[tuple[str, str], tuple[int, int]]:
    """(process, stage) -> open cases, and how many of them are late; before the first stage nobody is late yet."""
    c = schema.cases.c
    late = sa.func.sum(sa.case((sa.and_(c.due_at < now, c.stage != ""), 1), else_=0))
    query = sa.select(c.process, c.stage, sa.func.count(), late).where(c.closed_at.is_(None))
    rows = await connection.execute(query.group_by(c.process, c.stage))
    return {(row[0], row[1]): (row[2], int(row[3])) for row in rows}


def _since(at: datetime | None, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds()) if at else 0.0
