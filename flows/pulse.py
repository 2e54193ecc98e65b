"""及时回应、限时办结: once a minute somebody asks of every case "not yet done?", and a day of outage loses nothing."""

from __future__ import annotations

import logging

from prefect import flow

from tasks.delivery import deliver_what_is_left
from tasks.signals import has_beaten_since, put_runs_right, wake_who_is_due

log = logging.getLogger("minsheng.pulse")


@flow(name="pulse", retries=0, persist_result=False)
async def pulse() -> None:
    """Wake whom time or a signal concerns, put runs right that were touched from outside, send what is left to send.

    It looks at everything there is, so of all the pulses missed in an outage only the first does any work.
    """
    if has_beaten_since():
        return
    woken = await wake_who_is_due()
    mended = await put_runs_right()
    await deliver_what_is_left()
    log.info("woken: %s, mended: %s", woken, mended)
