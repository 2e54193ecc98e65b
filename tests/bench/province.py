"""What a life costs each part of a province, by ``python -m tests.bench.province [--workers N] [--servers N]``.

One object of JSON: processor time per life and memory of each kind of part, what they use when nothing happens, and
lives per second. Its costs belong into ``infra/bench/measured.json``, by which ``minsheng size`` reckons.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from infra.bench.figures import processor, resident_mb
from infra.rulebook_files import read_folder
from infra.settings import settings
from tests.faults.province import AUTH, Province, Size, open_province
from tests.infra.mail_server import mail_server

KINDS = {
    "api": "Prefect API", "services": "Prefect services", "worker": "warm worker", "redis": "Redis",
    "postgres": "PostgreSQL",
}  # fmt: skip
"""How ``minsheng size`` calls the parts."""
WARMING, IDLE = 6, 12.0
"""Lives that are not counted, and seconds in which nobody does anything."""


async def cost(size: Size, *, lives: int, at_once: int) -> dict[str, Any]:
    rules = dict(read_folder(settings().rulebook_dir))
    with TemporaryDirectory(prefix="minsheng-province-") as home:
        async with mail_server() as mail, open_province(Path(home), mail, rules, size=size) as province:
            await _lead(province, range(WARMING), at_once)
            idle = await _used_in(province, asyncio.sleep(IDLE))
            began = time.monotonic()
            busy = await _used_in(province, _lead(province, range(WARMING, WARMING + lives), at_once))
            seconds = time.monotonic() - began
            held = {_kind(name): resident_mb(pid) for name, pid in province.roots().items()}
    own = {kind: (busy[kind] - idle[kind] * seconds / IDLE) / lives for kind in busy}
    return {
        "lives_per_s": round(lives / seconds, 2),
        "ms_per_life": {kind: round(ms, 1) for kind, ms in own.items()},
        "idle_share_of_a_core": {kind: round(ms / IDLE / 1000, 3) for kind, ms in idle.items()},
        "memory_mb": {kind: round(mb or 0) for kind, mb in held.items()},
        "size": vars(size),
    }


async def _lead(province: Province, numbers: range, at_once: int) -> None:
    turns = asyncio.Semaphore(at_once)

    async def one(nth: int) -> None:
        async with turns:
            await province.life(nth)

    await asyncio.gather(*map(one, numbers))


async def _used_in(province: Province, what: Any) -> Counter[str]:
    before = _by_kind(province)
    await what
    return _by_kind(province) - before


def _by_kind(province: Province) -> Counter[str]:
    """Kind of part -> milliseconds of processor so far."""
    total: Counter[str] = Counter()
    for name, ms in processor(province.roots()).items():
        total[_kind(name)] += ms
    return total


def _kind(name: str) -> str:
    kind = re.sub(r"-\d$", "", name)
    return KINDS.get(kind, kind)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    for name, number in (("servers", 2), ("workers", 3), ("portals", 2), ("lives", 60), ("at-once", 12)):
        words.add_argument(f"--{name}", type=int, default=number)
    said = words.parse_args()
    os.environ |= {"PREFECT_API_AUTH_STRING": AUTH, "MINSHENG_SECRET_KEY": "only for measuring, and long enough"}
    size = Size(said.servers, said.workers, said.portals)
    print(json.dumps(asyncio.run(cost(size, lives=said.lives, at_once=said.at_once))))  # noqa: T201 -- its output


if __name__ == "__main__":
    main()
