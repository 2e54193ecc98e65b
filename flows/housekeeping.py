"""建立台账: every night somebody tidies up beside the ledger, so that years of complaints stay quick to look at."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from tasks.housekeeping import clear_service_runs, tidy_ledger


@flow(name="housekeeping", retries=0, persist_result=False)
async def housekeeping() -> State:
    """Runs of service flows leave Prefect soon; those of complaints when Prefect's own vacuum says so."""
    runs = await clear_service_runs()
    secrets = await tidy_ledger()
    return Completed(message=f"{runs} runs of service flows deleted, {secrets} expired secrets forgotten")
