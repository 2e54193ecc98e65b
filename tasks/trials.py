"""认真解决: a trial runs as a flow that everybody can watch and stop; the work itself is done apart from the cases."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from prefect import get_client, task
from prefect.artifacts import acreate_progress_artifact, aupdate_progress_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.actions import ArtifactCreate
from prefect.runtime import flow_run

from infra.prefect_api import PrefectApi
from infra.settings import prefect_api_url, prefect_auth
from infra.workbench.apart import at_work

LOOK = 1.0
"""Seconds between two looks whether somebody wants it stopped, and between two steps of the progress shown."""
STOPPED = ("CANCELLING", "CANCELLED")


@task(name="trial", retries=0, cache_policy=NO_CACHE, persist_result=False, task_run_name="{module}")
async def carry_out(module: str, asked: Mapping[str, Any]) -> bool:
    """Let a job do the work, and show how far it is and what it found; ``False`` when somebody stopped it.

    Raises ``Mistake`` for what cannot be tried.
    """
    run, watch = flow_run.id, _Watch()
    try:
        async with at_work(module, asked) as lines:
            async for told in lines:
                if "found" in told:
                    await watch.show(told["found"]["artifacts"], run)
                elif not await watch.goes_on(told, run):
                    return False
    finally:
        await watch.close()
    return True


class _Watch:
    """What Prefect is told, and asked, while the job is at work."""

    def __init__(self) -> None:
        self._prefect = PrefectApi(prefect_api_url(), auth=prefect_auth())
        self._progress: UUID | None = None
        self._looked = 0.0

    async def goes_on(self, told: Mapping[str, Any], run: str) -> bool:
        """Show the progress, at most once in a while; whether nobody wants it to end."""
        if self._progress is not None and time.monotonic() - self._looked < LOOK:
            return True
        self._looked = time.monotonic()
        await self._advance(100 * told["done"] / max(told["of"], 1))
        known = await self._prefect.ask("GET", f"/flow_runs/{run}")
        return not known or known["state_type"] not in STOPPED

    async def show(self, artifacts: list[Mapping[str, Any]], run: str) -> None:
        await self._advance(100.0)
        async with get_client() as client:
            for one in artifacts:
                await client.create_artifact(ArtifactCreate(**one, flow_run_id=UUID(run)))

    async def close(self) -> None:
        await self._prefect.close()

    async def _advance(self, percent: float) -> None:
        if self._progress is None:
            self._progress = await acreate_progress_artifact(percent, key="progress")
        else:
            await aupdate_progress_artifact(self._progress, percent)
