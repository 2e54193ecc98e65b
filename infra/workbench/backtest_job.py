"""认真解决: a backtest as a job of its own: the figures, the cases behind them, and what Prefect shows of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from infra.inspection import open_ledger
from infra.moment import now
from infra.settings import settings
from infra.workbench.apart import Tell, serve
from infra.workbench.backtest import backtest
from infra.workbench.backtest_command import COLUMNS, beginning, version_of
from infra.workbench.backtest_words import KIND, BacktestWords

LISTED = 2_000
"""Cases listed behind each figure on the page; the command line lists more."""
SHOWN = 200
"""Rows of a table in Prefect."""


async def past_cases(asked: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
    """``asked``: ``since`` and ``rulebook``. The artifacts of the run, each with ``type``, ``key``, ``description`` and
    ``data``. Raises :class:`Mistake`."""
    async with open_ledger() as ledger:
        at = now()
        since = beginning(asked["since"], at)
        draft = await version_of(ledger, asked["rulebook"], at=at)
        found = await backtest(ledger, draft, since=since, at=at, progress=tell, listed=LISTED)
    told, words = found.as_json(), BacktestWords(draft, settings().locale)
    return {"artifacts": [_summary(told, words), *_tables(told, words), _whole(told)]}


def _summary(told: Mapping[str, Any], words: BacktestWords) -> Mapping[str, Any]:
    lines = [*words.summary(told), "", f"| {words.column('figure')} | {words.column('cases')} |", "| --- | ---: |"]
    lines += [f"| {words.figure(name)} | {count} |" for name, count in told["cases"].items()]
    return _artifact("markdown", "summary", "", "\n".join(_paragraph(line) for line in lines))


def _paragraph(line: str) -> str:
    return line if line.startswith("|") or not line else f"{line}\n"


def _tables(told: Mapping[str, Any], words: BacktestWords) -> list[Mapping[str, Any]]:
    made = []
    for name, columns in COLUMNS.items():
        rows = [{words.column(c): words.name(c, row[c]) for c in columns} for row in told[name][:SHOWN]]
        if rows:
            made.append(_artifact("table", name, words.table(name), json.dumps(rows, ensure_ascii=False)))
    return made


def _whole(told: Mapping[str, Any]) -> Mapping[str, Any]:
    return _artifact(KIND, "result", "", json.dumps(told, ensure_ascii=False))


def _artifact(type: str, key: str, description: str, data: str) -> Mapping[str, Any]:
    return {"type": type, "key": f"{KIND}-{key}", "description": description, "data": data}


if __name__ == "__main__":
    serve(past_cases)
