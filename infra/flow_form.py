"""便民: what flows ask for, as JSON schemas: ``python -m infra.flow_form ENTRYPOINT…``.

A process of its own, because Prefect takes 100 megabytes that whoever deploys would keep for as long as it lives.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from typing import Any

from infra.mistakes import Mistake
from infra.settings import ROOT
from rules.reading import version_of

CODE = ("rules", "infra", "tasks", "flows")


async def forms_of(entrypoints: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Entrypoint -> the parameters of its flow. Raises :class:`Mistake` when one cannot be loaded."""
    pipe = asyncio.subprocess.PIPE
    asked = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, *entrypoints, stdin=asyncio.subprocess.DEVNULL, stdout=pipe, stderr=pipe
    )
    told, wrong = await asked.communicate()
    if asked.returncode:
        last = (wrong.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise Mistake(f"a flow of the workbench cannot be loaded: {last}")
    found: dict[str, dict[str, Any]] = json.loads(told)
    return found


@cache
def code_version() -> str:
    """Changes with every character of our code and with Prefect: as long as it is the same, so are the forms."""
    ours = {str(path): path.read_text("utf-8") for folder in CODE for path in ROOT.glob(f"{folder}/**/*.py")}
    return version_of({**ours, "prefect": version("prefect")})


def main() -> None:
    from prefect.flows import load_flow_from_entrypoint  # noqa: PLC0415 -- only in a process of its own

    flows: dict[str, Any] = {
        entrypoint: load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False) for entrypoint in sys.argv[1:]
    }
    json.dump({entrypoint: flow.parameters.model_dump() for entrypoint, flow in flows.items()}, sys.stdout)


if __name__ == "__main__":
    main()
