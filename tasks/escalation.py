"""敷衍塞责、推诿扯皮……严肃追究责任: a missed deadline climbs the ladder in its minute, and the run of the case says so.

The pulse decides all clocks that ran out, hundreds a second, in the ledger. Then it wakes their runs a few at a time:
in each the step ``escalation`` shows the rung, so that the timeline of the run stays the whole story of the case.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from datetime import timedelta

from prefect.events import emit_event

from infra.ledger import UnknownCase
from infra.moment import now, wall
from infra.prefect_api import PrefectAway
from rules.case import Entry, Signal
from rules.decide import TICK
from tasks._step import means, record, send_letters, step

log = logging.getLogger("minsheng.tasks")

BATCH = 100
"""Cases decided in one transaction, about a fifth of a second: for so long an answer to one of them waits."""
DECIDING, SHOWING = timedelta(seconds=45), timedelta(seconds=10)
"""How long one pulse does either (wall time); the next one goes on."""
FEW = 8
"""Runs woken at a time to show a rung; an answer that somebody rings for waits for no more of them."""
LOOK, PATIENCE = 0.1, 3.0
"""Seconds between two looks whether they have, and how many they are waited for."""


@step
async def escalation(number: str, attempt: int) -> None:
    """What the clocks of the case have said, and what they owe now: letters, entries, an event per rung."""
    ledger = means().ledger
    said = await ledger.leases.unshown(number)
    if any("letters" in entry.data for entry in said):
        await send_letters(number)
    told = [*said, *await record(number, Signal(TICK), attempt=attempt)]
    for entry in told:
        if entry.kind == "rung_reached":
            _announce(number, entry)
    if said:
        await ledger.leases.shown(number, attempt, count=len(told))


async def decide_due_clocks() -> int:
    """Every clock that ran out says what follows, those first that waited longest; the number of cases decided."""
    until, ledger, decided, last = wall() + DECIDING, means().ledger, 0, None
    while wall() < until:
        batch = await ledger.decide_due(now(), limit=BATCH, after=last)
        decided, last = decided + len(batch.numbers), batch.last
        if last is None:
            break
    return decided


async def let_runs_show() -> None:
    """Wake the runs of decided cases, a few at a time: the next few when these have shown what was decided."""
    until, ledger, last = wall() + SHOWING, means().ledger, ""
    while wall() < until and (few := await ledger.leases.to_show(limit=FEW, after=last)):
        await asyncio.gather(*(_wake(number) for number in few))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while {*few} & {*await ledger.leases.to_show(limit=FEW, after=last)}:  # noqa: ASYNC110 -- no event
                    await asyncio.sleep(LOOK)  # a row of the ledger rings no bell
        last = few[-1]


async def _wake(number: str) -> None:
    try:
        await means().orchestrator.wake(number)
    except (PrefectAway, UnknownCase) as fault:
        log.warning("%s shows its rung later: %s", number, fault)


def _announce(number: str, entry: Entry) -> None:
    """For the Prefect event feed only; no decision reads events (P45)."""
    d = entry.data
    emit_event(
        event="minsheng.rung.reached",
        resource={"prefect.resource.id": f"minsheng.case.{number}", "prefect.resource.name": number},
        payload={name: d[name] for name in ("clock", "rung", "due", "holder") if name in d},
    )
