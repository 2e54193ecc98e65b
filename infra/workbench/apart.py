"""及时回应: a trial computes for minutes, in a process of its own: no case waits for it, and it can be stopped.

A job is a module that calls :func:`serve`. What is asked goes in as JSON, what it tells comes out as lines of JSON:
``{"done": …, "of": …}`` while it is at work, ``{"wrong": "one sentence"}`` or ``{"found": …}`` at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from typer import echo

from infra.mistakes import Mistake
from infra.up import leash

LONGEST_LINE = 256 * 1024 * 1024
"""Bytes of what a job may find."""
POLITE = 10
"""Cases come first when the processor is short."""

Tell = Callable[[int, int], None]
Job = Callable[[Mapping[str, Any], Tell], Awaitable[Mapping[str, Any]]]


class Broke(Exception):
    """The job ended without a result; the text is what it said last."""


@asynccontextmanager
async def at_work(module: str, asked: Mapping[str, Any]) -> AsyncIterator[AsyncIterator[Mapping[str, Any]]]:
    """What a job tells, as it tells it; leaving the block stops it.

    Raises :class:`Mistake` with the job's own sentence and :class:`Broke`.
    """
    line = (sys.executable, str(Path(leash.__file__)), str(os.getpid()), str(leash.STAND_BACK))
    command = (*line, sys.executable, "-m", module)
    pipe = asyncio.subprocess.PIPE
    job = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, limit=LONGEST_LINE)
    try:
        yield _lines(job, json.dumps(asked).encode())
    finally:
        with contextlib.suppress(ProcessLookupError):
            job.kill()
        await job.communicate()


async def _lines(job: asyncio.subprocess.Process, asked: bytes) -> AsyncIterator[Mapping[str, Any]]:
    if job.stdin is None or job.stdout is None:
        raise Broke("the job cannot be talked to")
    job.stdin.write(asked)
    job.stdin.close()
    told: Mapping[str, Any] = {}
    async for line in job.stdout:
        told = json.loads(line)
        if "wrong" in told:
            raise Mistake(told["wrong"])
        yield told
    if "found" not in told:
        said = (await job.stderr.read()).decode(errors="replace") if job.stderr else ""
        raise Broke((said.strip().splitlines() or ["it was killed"])[-1])


def serve(job: Job) -> None:
    """Be the other side of :func:`at_work`."""
    with contextlib.suppress(OSError):
        os.nice(POLITE)
    asked = json.load(sys.stdin)
    try:
        _tell(found=asyncio.run(_carried_out(job, asked)))
    except Mistake as mistake:
        _tell(wrong=str(mistake))


async def _carried_out(job: Job, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    return await job(asked, lambda done, of: _tell(done=done, of=of))


def _tell(**told: Any) -> None:
    echo(json.dumps(told, ensure_ascii=False))
    sys.stdout.flush()
