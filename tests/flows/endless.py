"""A trial that never ends by itself, to be stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from prefect import flow
from prefect.states import Cancelled

from infra.workbench.apart import Tell, serve
from tasks.trials import carry_out


@flow(name="endless", retries=0, persist_result=False)
async def endless() -> Any:
    return None if await carry_out("tests.flows.endless", {}) else Cancelled(message="stopped by hand")


async def job(_asked: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
    while True:
        tell(1, 4)
        await asyncio.sleep(0.1)  # the pace of its work


if __name__ == "__main__":
    serve(job)
