"""限时反馈、严肃追究责任: four times a minute somebody looks whose time has run out."""

from __future__ import annotations

import logging

from prefect import flow

from tasks.escalation import decide_due_clocks, let_runs_show
from tasks.signals import has_beaten_since

log = logging.getLogger("minsheng.clocks")


@flow(name="clocks", retries=0, persist_result=False)
async def clocks() -> None:
    """Decide what clocks say that ran out, all of them; then wake the runs of their cases, a few at a time."""
    if has_beaten_since():
        return
    decided = await decide_due_clocks()
    await let_runs_show()
    if decided:
        log.info("cases whose clocks have spoken: %s", decided)
