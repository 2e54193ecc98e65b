"""只闻声不见面: ``minsheng bench --pages``: how long the portal's pages take when millions of cases are stored.

A portal of its own answers over HTTP, one request after the other, from a ledger on a PostgreSQL of its own that holds
``stored`` closed and ``open`` open cases, spread over three years and all districts. Where disks are small, only one
closed case in so many has its whole history, and only such cases are opened; lists and searches look at all of them.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode

import asyncpg
import httpx
from rich.console import Console
from typer import echo

from infra import access
from infra.access import Session, TaskLink
from infra.bench.figures import quantile
from infra.bench.fill import YEARS, copier, life
from infra.bench.rungs import own_ledger
from infra.ledger import Ledger, Person, Told
from infra.mistakes import Mistake
from infra.moment import now
from infra.portal.roles import COOKIE
from infra.up.health import answers
from infra.up.part import Part
from infra.up.parts import minsheng
from infra.up.ports import LOCAL, Ports
from infra.up.screen import Screen
from infra.up.tree import Tree
from rules.case import Complaint

DAYS = 180
"""Different days on which the copied lives began."""
OPEN_FOR = timedelta(days=15)
"""How long ago the oldest open case was received."""
SAMPLE = 200
"""Cases of each kind that are looked at."""
REQUESTS = 400
"""For each page."""
RARE, RARELY = "供暖不热", 120
"""Words of a few open cases only."""
OFTEN = "垃圾 清运"
"""Words of all other cases."""
LIMIT_MS = 100
_INDEXES = """
SELECT indexname, indexdef FROM pg_indexes i WHERE schemaname = 'public'
AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conname = i.indexname)
"""
Paths = Sequence[str]


def time_pages(*, stored: int, open: int, whole: int, as_json: bool) -> int:
    """Measure and print; 0 when the 99th percentile of every page is below a tenth of a second."""
    if min(stored // max(whole, 1), open) < SAMPLE or whole < 1:
        raise Mistake(f"--open must be at least {SAMPLE}, --pages so often --whole, and --whole at least 1")
    found = asyncio.run(_measure(stored, open, whole))
    echo(json.dumps(found, ensure_ascii=False) if as_json else _table(found))
    return 0 if all(one["p99_ms"] < LIMIT_MS for one in found["pages"].values()) else 1


async def _measure(stored: int, open: int, whole: int) -> dict[str, Any]:
    screen = Screen(Console(stderr=True))
    async with own_ledger() as ledger:
        began = time.monotonic()
        await _fill(ledger, stored, open, whole, screen)
        filled = time.monotonic() - began
        paths = await _paths(ledger)
        with _portal(ledger, screen) as address:
            timed = {name: await _timed(address, some) for name, some in paths.items()}
        size = await _asked(ledger, "SELECT pg_database_size(current_database())")
    return {
        "stored": stored, "open": open, "one_whole_in": whole, "fill_s": round(filled),
        "kb_per_case": round(size[0][0] / 1024 / stored, 1),
        "pages": timed,
    }  # fmt: skip


async def _fill(ledger: Ledger, stored: int, open: int, whole: int, screen: Screen) -> None:
    districts = [*(await ledger.active()).districts]
    some = partial(life, ledger)
    there = [districts[n % len(districts)] for n in range(DAYS)]
    closed = [await some(now() - OPEN_FOR / DAYS - YEARS * n / DAYS, n, district=one) for n, one in enumerate(there)]
    waiting = [
        await some(now() - OPEN_FOR * (n + 1) / DAYS, n, district=one, until="departmental_fix")
        for n, one in enumerate(there)
    ]
    heating = Complaint(channel="web", subject=RARE, description="测速用的示例诉求。", district="shinan")
    rare = [Told(heating, Person(), f"rare {n}") for n in range(RARELY)]
    await ledger.submit_many(rare, at=now())
    async with _without_indexes(ledger, screen):
        for lives, first, copies, nth in ((closed, 0, stored, whole), (waiting, stored, open, 1)):
            for day, one in enumerate(reversed(lives)):  # the oldest first: what came together lies together
                start, end = (first + copies * k // DAYS for k in (day, day + 1))
                async with copier(ledger, [one]) as copying:
                    await copying.copy(start, end, whole=nth)
                screen.say(f"{end} cases stored")
    await _asked(ledger, "VACUUM ANALYZE")


@asynccontextmanager
async def _without_indexes(ledger: Ledger, screen: Screen) -> AsyncIterator[None]:
    """Make the indexes at once when all is in: three times as quick."""
    indexes = await _asked(ledger, _INDEXES)
    for name, _ in indexes:
        await _asked(ledger, f"DROP INDEX {name}")
    yield
    for name, made in indexes:
        await _asked(ledger, f"SET maintenance_work_mem = '512MB'; {made}")
        screen.say(f"index {name}")


@contextmanager
def _portal(ledger: Ledger, screen: Screen) -> Iterator[str]:
    """A portal of its own over the ledger; its address."""
    port = Ports(LOCAL).take(0, "", "")
    own = {"DATABASE_URL": ledger.url, "PORTAL_PORT": str(port), "PORTAL_HOST": LOCAL}
    os.environ |= {f"MINSHENG_{name}": value for name, value in own.items()}
    os.environ.pop("PREFECT_API_URL", None)
    with TemporaryDirectory(prefix="minsheng-pages-") as folder:
        tree = Tree(Path(folder), screen)
        address = f"http://{LOCAL}:{port}"
        tree.spawn(Part(name="portal", command=minsheng("portal"), healthy=lambda: answers(f"{address}/healthz")))
        try:
            tree.wait("portal")
            yield address
        finally:
            tree.stop()


async def _paths(ledger: Ledger) -> dict[str, Paths]:
    """Page -> addresses of it; each case is looked at once, in no order."""
    closed = await _numbers(ledger, "closed_at IS NOT NULL")
    waiting = await _numbers(ledger, "closed_at IS NULL AND lead IS NOT NULL")
    tracked = [f"/track/{n}?key={access.tracking_key(n)}" for n, _ in closed + waiting]
    tasks = [f"/task/{access.task_token(TaskLink(n, 'lead-1', lead))}" for n, lead in waiting]
    districts = [*(await ledger.active()).districts]
    desk: Callable[..., str] = lambda **asked: f"/desk?{urlencode(asked)}"  # noqa: E731 -- a word for the lines below
    marks = [desk(closed=1, after=f"{(now() - YEARS * n / SAMPLE).isoformat()}|{closed[n][0]}") for n in range(SAMPLE)]
    return {
        "tracking": tracked,
        "task": tasks,
        "case at the desk": [f"/desk/cases/{n}" for n, _ in closed + waiting],
        "desk list": [desk()],
        "late": [desk(late=1)],
        "department's open": [desk(department=lead) for _, lead in waiting],
        "closed": [desk(closed=1)],
        "closed, far back": marks,
        "closed of a district": [desk(closed=1, district=one) for one in districts],
        "closed of a category": [desk(closed=1, category="environment"), desk(closed=1, category="urban")],
        "closed of a department": [desk(closed=1, department=lead) for _, lead in waiting],
        "number": [desk(closed=1, number=n) for n, _ in closed] + [desk(closed=1, number=n[:9]) for n, _ in closed],
        "rare word": [desk(words=RARE), desk(closed=1, words=RARE)],
        "common word": [desk(words=OFTEN), desk(closed=1, words=OFTEN)],
        "common word, department's open": [desk(words=OFTEN, department=lead) for _, lead in waiting],
        "common word, department's closed": [desk(closed=1, words=OFTEN, department=lead) for _, lead in waiting],
    }  # fmt: skip


async def _numbers(ledger: Ledger, condition: str) -> list[tuple[str, str]]:
    """Some cases with a history from all over the ledger, with their leads."""
    share = f"SELECT number, lead, seq FROM cases TABLESAMPLE system_rows({SAMPLE * 500}) WHERE {condition}"  # noqa: S608 -- our own words
    whole = f"SELECT s.number, s.lead FROM ({share}) s JOIN entries e USING (number, seq) LIMIT {SAMPLE}"  # noqa: S608 -- our own words
    await _asked(ledger, "CREATE EXTENSION IF NOT EXISTS tsm_system_rows")
    return [(row[0], row[1]) for row in await _asked(ledger, whole)]


async def _asked(ledger: Ledger, statement: str) -> list[Any]:
    connection = await asyncpg.connect(ledger.url.replace("+asyncpg", ""))
    try:
        if ";" in statement:
            return [await connection.execute(statement)]
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


async def _timed(address: str, paths: Paths) -> dict[str, Any]:
    """The first request of a kind warms what every portal has warm, and is not counted."""
    session = access.session_token(Session("bench"))
    waits, length = [], 0
    async with httpx.AsyncClient(base_url=address, cookies={COOKIE: session}, timeout=120, trust_env=False) as http:
        for nth in range(REQUESTS + 1):
            began = time.perf_counter()
            answer = await http.get(paths[nth % len(paths)])
            waits.append((time.perf_counter() - began) * 1000)
            answer.raise_for_status()
            length = max(length, len(answer.content))
    waits = sorted(waits[1:])
    p50, p99 = (round(quantile(waits, share) or 0, 1) for share in (0.5, 0.99))
    return {"p50_ms": p50, "p99_ms": p99, "max_ms": round(waits[-1], 1), "kb": round(length / 1024, 1)}


def _table(found: dict[str, Any]) -> str:
    head = ", ".join(f"{name} {value}" for name, value in found.items() if name != "pages")
    lines = [f"{name:34}" + "".join(f"{k} {v:>8}  " for k, v in one.items()) for name, one in found["pages"].items()]
    return "\n".join([head, *lines])
