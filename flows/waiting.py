"""限时反馈 needs patience without forgetting: the only place that suspends.

A suspended run holds no process and no memory, and starts again from the top when somebody wakes it. No timeout and
no typed input: deadlines are the ledger's clocks, and answers are the ledger's signals.
"""

from __future__ import annotations

from prefect.client.schemas.objects import State
from prefect.exceptions import Abort
from prefect.flow_runs import asuspend_flow_run
from prefect.states import Completed

from tasks.showing import show
from tasks.signals import Work, is_double, put_down, somewhere_else


async def wait_for_a_signal(work: Work) -> None:
    """Show where the case stands and go to sleep; the case is put down only when Prefect has answered."""
    await show(work)
    try:
        await _sleep(work.wait_key)
    finally:
        await put_down(work)


async def step_back(number: str) -> State:
    """Another activation works on this case: sleep, and leave everything to it. A double of the run just ends."""
    if not await is_double(number):
        await _sleep(somewhere_else())
    return Completed(name="Closed", message="another run carries this case")


async def _sleep(key: str) -> None:
    """Suspend, whatever happens: Prefect lets a key that was used before pass, so a fresh one stands behind it.

    Whoever moved the run by hand meanwhile (cancelled, scheduled, completed) has spoken: the run leaves without a
    word, and the pulse puts its state right (P14).
    """
    try:
        await asuspend_flow_run(key=key, timeout=None)
        await asuspend_flow_run(key=somewhere_else(), timeout=None)  # as after a ledger restored from a backup
    except RuntimeError as moved:
        raise Abort(str(moved)) from moved
