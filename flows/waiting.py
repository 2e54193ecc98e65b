"""限时反馈 needs patience without forgetting: the only place that suspends.

A suspended run holds no process and no memory, and starts again from the top when somebody wakes it. No timeout and
no typed input: deadlines are the ledger's clocks, and answers are the ledger's signals.
"""

from __future__ import annotations

from prefect.flow_runs import asuspend_flow_run

from tasks.showing import show
from tasks.signals import Work, elsewhere_key, put_down


async def wait_for_a_signal(work: Work) -> None:
    """Show where the case stands and go to sleep; the case is put down only when Prefect has accepted that."""
    await show(work.case)
    try:
        await asuspend_flow_run(key=work.wait_key, timeout=None)
    finally:
        await put_down(work)


async def step_back() -> None:
    """Another activation works on this case: sleep, and leave everything to it."""
    await asuspend_flow_run(key=elsewhere_key(), timeout=None)
