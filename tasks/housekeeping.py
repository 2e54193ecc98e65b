"""建立台账: the ledger keeps everything; beside it nothing piles up that nobody needs."""

from __future__ import annotations

from datetime import timedelta

from infra.housekeeping import delete_service_runs, tidy
from infra.moment import wall
from infra.prefect_api import PrefectApi
from infra.settings import prefect_api_url, prefect_auth, settings
from tasks._step import means, step


@step
async def clear_service_runs() -> int:
    """Completed runs of the pulse and its like, older than the city wants them; the number deleted."""
    prefect = PrefectApi(prefect_api_url(), auth=prefect_auth())
    try:
        kept = timedelta(days=settings().service_runs_days)
        return await delete_service_runs(prefect, ended_before=wall() - kept)
    finally:
        await prefect.close()


@step
async def tidy_ledger() -> int:
    """The number of expired one-time secrets forgotten."""
    return await tidy(means().ledger)
