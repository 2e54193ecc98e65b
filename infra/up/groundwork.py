"""建立台账: before the first part opens its doors the ledger is there, the rulebook is in force and the time is right."""

from __future__ import annotations

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from infra.access import sign_in_token
from infra.chance import token
from infra.ledger import Ledger
from infra.mistakes import Mistake
from infra.moment import now, run_at
from infra.rulebook_files import read_folder
from infra.settings import settings
from infra.up.plan import Plan


def prepare(plan: Plan) -> None:
    """Ledger tables, time and rulebook. Raises :class:`Mistake` when the ledger cannot be reached."""
    try:
        asyncio.run(_prepare(plan))
    except (SQLAlchemyError, OSError) as fault:
        place = settings().ledger_url.rsplit("@", 1)[-1]
        raise Mistake(f"the ledger at {place} cannot be used: {getattr(fault, 'orig', None) or fault}") from fault


def sign_in_url(portal: str) -> str:
    """A link that signs the desk in once."""
    return f"{portal}/sign-in/{sign_in_token('desk', token())}"


async def _prepare(plan: Plan) -> None:
    ledger = Ledger(settings().ledger_url)
    try:
        await ledger.upgrade()
        await _set_time(plan, ledger)
        await ledger.shelf.activate(read_folder(settings().rulebook_dir), at=now())
    finally:
        await ledger.close()


async def _set_time(plan: Plan, ledger: Ledger) -> None:
    """Case time goes on from the newest entry, so that it never runs backwards; without need, no file says otherwise."""
    plan.moment_file.unlink(missing_ok=True)
    newest = await ledger.search.newest_moment()
    if plan.wishes.speed != 1 or (newest is not None and newest > now()):
        run_at(plan.moment_file, speed=plan.wishes.speed, not_before=newest)
