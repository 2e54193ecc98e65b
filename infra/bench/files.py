"""有意见随时提: ``minsheng bench --rows``: how fast complaints that others collected enter the ledger from a file.

The file is a spreadsheet's: each row another citizen and another place. ``minsheng submit --straight`` reads it in a
process of its own. What a row costs is the processor time of that process and of PostgreSQL together.
"""

from __future__ import annotations

import asyncio
import csv
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy as sa
from typer import echo

from infra.bench.figures import processor
from infra.bench.fill import CATEGORIES
from infra.bench.lives import COMPLAINT
from infra.bench.rungs import ledger_at
from infra.bench.town import DURABLE
from infra.ledger import schema
from infra.mistakes import Mistake
from infra.postgres import find_programs
from infra.postgres import running as running_postgres

LEAST = 1000
SERVER = "PostgreSQL"
COMMAND = (sys.executable, "-m", "infra.cli", "submit", "--straight")


def import_rows(*, rows: int, embedded: bool, as_json: bool) -> int:
    """Measure and print; 0 when every row went in. Raises :class:`Mistake`."""
    if rows < LEAST:
        raise Mistake(f"--rows must be at least {LEAST}")
    found = _measure(rows, embedded=embedded)
    echo(json.dumps(found) if as_json else "\n".join(f"{name:24}  {value}" for name, value in found.items()))
    return 0 if found["stored"] == rows else 1


def _measure(rows: int, *, embedded: bool) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="minsheng-rows-")))
        url, roots = f"sqlite+aiosqlite:///{folder / 'ledger.db'}", {}
        if not embedded:
            server = stack.enter_context(running_postgres(find_programs(), DURABLE))
            url, roots = server.url(asyncio.run(server.create("ledger"))), {SERVER: server.process.pid}
        asyncio.run(_prepare(url))
        file = _written(folder / "complaints.csv", rows)
        own, before, began = _own_seconds(), processor(roots), time.monotonic()
        _submit(file, url)
        seconds, own, used = time.monotonic() - began, _own_seconds() - own, processor(roots) - before
        cost = own + used[SERVER] / 1000
        return {
            "rows": rows, "stored": asyncio.run(_stored(url)), "database": "SQLite" if embedded else SERVER,
            "rows_per_s": round(rows / seconds), "rows_per_s_of_one_core": round(rows / cost),
            "importer_us_per_row": round(own / rows * 1e6), "postgresql_us_per_row": round(used[SERVER] / rows * 1e3),
        }  # fmt: skip


async def _prepare(url: str) -> None:
    async with ledger_at(url):
        pass


async def _stored(url: str) -> int:
    async with ledger_at(url, is_new=False) as ledger, ledger.db.read() as connection:
        return int(await connection.scalar(sa.select(sa.func.count()).select_from(schema.cases)) or 0)


def _written(file: Path, rows: int) -> Path:
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        table = csv.DictWriter(out, COMPLAINT)
        table.writeheader()
        table.writerows(_row(nth) for nth in range(rows))
    return file


def _row(nth: int) -> dict[str, str]:
    own = {"category": CATEGORIES[nth % len(CATEGORIES)], "phone": f"0532-{nth:08}", "name": f"示例{nth}"}
    return {**COMPLAINT, **own, "address": f"{COMPLAINT['address']}{nth}号"}


def _submit(file: Path, url: str) -> None:
    environment = os.environ | {"MINSHENG_DATABASE_URL": url}
    done = subprocess.run((*COMMAND, str(file)), env=environment, capture_output=True, text=True, check=False)  # noqa: S603 -- our own command, as a list
    if done.returncode:
        raise Mistake(f"the import ended with {done.returncode}: {(done.stderr or done.stdout)[-500:]}")


def _own_seconds() -> float:
    """Processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
