"""首接负责: running cases go on under another version while somebody watches; stopped, it can be started again."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.states import Cancelled

from tasks.trials import carry_out

JOB = "infra.workbench.migration_job"


@flow(name="migration", retries=0, persist_result=False)
async def migration(
    version: str,
    *,
    by: str = "",
    process: str = "",
    since: str = "",
    stages: str = "",
    departments: str = "",
    note: str = "",
    later: bool = False,
) -> Any:
    """Running cases go on under another version. Its page shows first what changes for whom.

    Args:
        version: An approved version, or the beginning of its id.
        by: Who orders it; on the pages whoever is signed in.
        process: Only cases of this process.
        since: Only cases of this version.
        stages: What stands for stages that are gone, such as old=new, other=third.
        departments: The same for departments.
        note: Why they are moved.
        later: Whether deadlines may become later; citizens are told.
    """
    order = {"version": version, "by": by, "process": process, "since": since, "note": note, "later": later}
    done = await carry_out(JOB, {**order, "stages": stages, "departments": departments})
    return None if done else Cancelled(message="stopped by hand")
