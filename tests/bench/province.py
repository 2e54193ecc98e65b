"""What a life costs each part of a province, by ``python -m tests.bench.province [--workers N] [--servers N]``.

One object of JSON: processor time per life and memory of each kind of part, what they use when nothing happens, and
lives per second. Its costs belong into ``infra/bench/measured.json``, by which ``minsheng size`` reckons. "client"
is what leads the lives, and the proxy between workers and servers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from infra.bench.figures import processor, resident_mb
from infra.bench.lives import leader
from infra.bench.town import DURABLE
from infra.rulebook_files import read_folder
from infra.settings import settings
from infra.up.parts import minsheng
from infra.up.ports import LOCAL
from tests.faults.province import AUTH, Province, Size, open_province
from tests.infra.mail_server import MailServer
from tests.prefect_server import Process, free_port

T = TypeVar("T")

KINDS = {
    "api": "Prefect API", "services": "Prefect services", "worker": "warm worker", "redis": "Redis",
    "postgres": "PostgreSQL", "mail": "mail catcher",
}  # fmt: skip
"""How ``minsheng size`` calls the parts."""
WARMING, IDLE = 5.0, 12.0
"""Seconds of lives that are not counted, and seconds in which nobody does anything."""


async def cost(size: Size, *, seconds: float, at_once: int) -> dict[str, Any]:
    rules = dict(read_folder(settings().rulebook_dir))
    with TemporaryDirectory(prefix="minsheng-province-") as folder:
        home, mail = Path(folder), MailServer(port=free_port())
        with _mail_catcher(home, mail) as (catcher, mailbox):
            async with open_province(home, mail, rules, size=size, database=DURABLE) as province:
                province.parts["mail"] = catcher
                async with leader(province.portals, mailbox, province.ledger.url) as client:
                    await client.for_seconds(WARMING, at_once=at_once)
                    idle = await _used_in(province, asyncio.sleep(IDLE))
                    busy, ran = await _busy(province, client.for_seconds(seconds, at_once=at_once))
                    held = {_kind(name): resident_mb(pid) for name, pid in province.roots().items()}
    took = max(ran.closed)
    own = {kind: (busy[kind] - idle[kind] * took / IDLE) / len(ran.closed) for kind in busy}
    return {
        "lives_per_s": round(ran.per_second, 2),
        "lives_failed": len(ran.failed),
        "ms_per_life": {kind: round(ms, 1) for kind, ms in own.items()},
        "idle_share_of_a_core": {kind: round(ms / IDLE / 1000, 3) for kind, ms in idle.items()},
        "memory_mb": {kind: round(mb or 0) for kind, mb in held.items()},
        "size": vars(size),
    }


@contextmanager
def _mail_catcher(home: Path, mail: MailServer) -> Iterator[tuple[Process, str]]:
    """The product's own in the place of a city's mail server; the address at which its mails are read."""
    port = free_port()
    places = ("--smtp-port", str(mail.port), "--port", str(port), "--folder", str(home / "mailbox"))
    catcher = Process(minsheng("mail-catcher", *places), {}, home / "mail.log")
    catcher.start()
    try:
        yield catcher, f"http://{LOCAL}:{port}"
    finally:
        catcher.stop()


async def _used_in(province: Province, what: Awaitable[object]) -> Counter[str]:
    return (await _busy(province, what))[0]


async def _busy(province: Province, what: Awaitable[T]) -> tuple[Counter[str], T]:
    """Milliseconds of processor of each kind of part while it was awaited, and what came of it."""
    before = _by_kind(province)
    result = await what
    return _by_kind(province) - before, result


def _by_kind(province: Province) -> Counter[str]:
    """Kind of part -> milliseconds of processor so far."""
    total: Counter[str] = Counter()
    for name, ms in processor(province.roots() | {"client": os.getpid()}).items():
        total[_kind(name)] += ms
    return total


def _kind(name: str) -> str:
    kind = re.sub(r"-\d$", "", name)
    return KINDS.get(kind, kind)


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    for name, number in (("servers", 2), ("workers", 3), ("portals", 2), ("seconds", 60), ("at-once", 24)):
        words.add_argument(f"--{name}", type=int, default=number)
    said = words.parse_args()
    os.environ |= {"PREFECT_API_AUTH_STRING": AUTH, "MINSHENG_SECRET_KEY": "only for measuring, and long enough"}
    size = Size(said.servers, said.workers, said.portals)
    print(json.dumps(asyncio.run(cost(size, seconds=said.seconds, at_once=said.at_once))))  # noqa: T201 -- its output


if __name__ == "__main__":
    main()
