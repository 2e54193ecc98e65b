"""便民: what a flow asks for, as a JSON schema: ``python -m infra.flow_form ENTRYPOINT``.

A process of its own, because Prefect takes 100 megabytes that whoever deploys would keep for as long as it lives.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from infra.mistakes import Mistake


async def form_of(entrypoint: str) -> dict[str, Any]:
    """The parameters of a flow. Raises :class:`Mistake` when it cannot be loaded."""
    pipe = asyncio.subprocess.PIPE
    asked = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, entrypoint, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    told, wrong = await asked.communicate()
    if asked.returncode:
        last = (wrong.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise Mistake(f"the flow {entrypoint} cannot be loaded: {last}")
    found: dict[str, Any] = json.loads(told)
    return found


def main() -> None:
    from prefect.flows import load_flow_from_entrypoint  # noqa: PLC0415 -- only in a process of its own

    flow: Any = load_flow_from_entrypoint(sys.argv[1], use_placeholder_flow=False)
    json.dump(flow.parameters.model_dump(), sys.stdout)


if __name__ == "__main__":
    main()
