"""及时回应、限时办结: once a minute somebody asks of every case "not yet done?", and a day of outage loses nothing."""

from __future__ import annotations

import logging

from prefect import flow

from tasks.delivery import deliver_what_is_left
from tasks.escalation import decide_due_clocks, let_runs_show
from tasks.signals import has_beaten_since, put_runs_right, wake_who_is_due

log = logging.getLogger("minsheng.pulse")


@flow(name="pulse", retries=0, persist_result=False)
async def pulse() -> None:
    """Decide the clocks that ran out, wake whom time or a signal concerns, put runs right that were touched from
    outside, send what is left to send.

    It looks at everything there is, so of all the pulses missed in an outage only the first does any work.
    """
    if has_beaten_since():
        return
    decided = await decide_due_clocks()
    woken = await wake_who_is_due()
    await let_runs_show()
    mended = await put_runs_right()
    await deliver_what_is_left()
    log.info("decided: %s, woken: %s, mended: %s", decided, woken, mended)
