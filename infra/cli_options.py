"""有意见随时提: what the commands of Minsheng share."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer


def _use_data(folder: Path | None) -> Path | None:
    """``--data`` is the same wish as MINSHENG_DATA_DIR; settings are read after this."""
    if folder is not None:
        os.environ["MINSHENG_DATA_DIR"] = str(folder)
    return folder


Data = Annotated[
    Path | None,
    typer.Option("--data", callback=_use_data, help="Folder of the embedded default.", show_default=".minsheng"),
]


def run(job: Coroutine[Any, Any, Any]) -> Any:
    """What the job returns, from an event loop of its own."""
    return asyncio.run(job)
