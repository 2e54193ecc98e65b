"""认真解决: a simulation as a job of its own: its tables and figures, and what Prefect shows of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from infra.settings import settings
from infra.workbench.apart import Tell, serve
from infra.workbench.simulation_command import Asked, simulated
from infra.workbench.simulation_words import KIND, SimulationWords

SHOWN = 200
"""Rows of a table in Prefect."""
STEPS = 1000
"""Of the progress."""


async def city_month(asked: Mapping[str, Any], tell: Tell) -> Mapping[str, Any]:
    """``asked``: the fields of :class:`Asked`. The artifacts of the run, each with ``type``, ``key``, ``description``
    and ``data``. Raises :class:`Mistake`."""
    told, book = await simulated(Asked(**asked), lambda share: tell(int(share * STEPS), STEPS))
    words = SimulationWords(told, book, settings().locale)
    tables = {"clocks": words.clocks(), "departments": words.departments(SHOWN), "tasks": words.tasks(SHOWN)}
    made = [_artifact(KIND, "result", "", json.dumps(told, ensure_ascii=False)), _summary(words)]
    made += [_table(name, words.say(name), rows) for name, rows in tables.items() if rows]
    return {"artifacts": made}


def _summary(words: SimulationWords) -> Mapping[str, Any]:
    rows = words.city()
    head = [*rows[0]]
    lines = [words.title(), "", _line(head), _line(["---", *["---:"] * (len(head) - 1)])]
    lines += [_line([*row.values()]) for row in rows]
    return _artifact("markdown", "summary", "", "\n".join([*lines, "", *(f"{note}\n" for note in words.notes())]))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _table(name: str, title: str, rows: Sequence[Mapping[str, str]]) -> Mapping[str, Any]:
    return _artifact("table", name, title, json.dumps(rows, ensure_ascii=False))


def _artifact(type: str, key: str, description: str, data: str) -> Mapping[str, Any]:
    return {"type": type, "key": f"{KIND}-{key}", "description": description, "data": data}


if __name__ == "__main__":
    serve(city_month)
