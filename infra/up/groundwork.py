"""建立台账: before the first part opens, the ledger is there, the rulebook is in force and the time is right."""

from __future__ import annotations

import asyncio

from infra.inspection import open_ledger, put_rulebook_in_force
from infra.ledger import Ledger
from infra.moment import now, run_at
from infra.up.plan import Plan


def prepare(plan: Plan) -> None:
    """Ledger tables, time and rulebook. Raises :class:`Mistake` when the ledger cannot be used."""
    asyncio.run(_prepare(plan))


async def _prepare(plan: Plan) -> None:
    async with open_ledger(must_exist=False) as ledger:
        await ledger.upgrade()
        await _set_time(plan, ledger)
    await put_rulebook_in_force()


async def _set_time(plan: Plan, ledger: Ledger) -> None:
    """Case time goes on from the newest entry, so that it never runs backwards; without need, there is no file."""
    plan.moment_file.unlink(missing_ok=True)
    newest = await ledger.search.newest_moment()
    if plan.wishes.speed != 1 or (newest is not None and newest > now()):
        run_at(plan.moment_file, speed=plan.wishes.speed, not_before=newest)
