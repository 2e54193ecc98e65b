"""`minsheng simulate`: a month of the city in minutes, as tables or as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from typer import echo

from infra.inspection import open_ledger
from infra.ledger import Ledger, NoRulebook
from infra.locale import CITY_ZONE
from infra.mistakes import Mistake
from infra.moment import now
from infra.rulebook_check import sound_rulebook
from infra.settings import settings
from infra.workbench import simulation, simulation_ledger
from infra.workbench.comparing import ACTIVE, book_of
from infra.workbench.refusals import VersionRefusal
from infra.workbench.simulation import Wish
from infra.workbench.simulation_words import SimulationWords
from rules.rulebook import Rulebook

SHOWN = 20
"""Departments that are printed; `--json` tells all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was typed. ``rulebook``, ``beside``: a folder, a version, ``active`` or ``draft:N``; empty: the folder of
    the settings, and nothing beside it."""

    days: int
    rate: float
    start: str
    seeds: int
    rulebook: str = ""
    beside: str = ""
    people: str = ""
    """A model file's text, and the name of the file."""
    file: str = "people"
    fit: bool = False
    """Learn people from the ledger."""
    against_ledger: bool = False
    """… and simulate the days that it knows."""
    as_json: bool = False


async def print_simulation(asked: Asked) -> None:
    """Raises :class:`Mistake`."""
    with bar(quiet=asked.as_json) as progress:
        told, book = await simulated(asked, progress)
    if asked.as_json:
        echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        print_told(SimulationWords(told, book, settings().locale))


async def simulated(asked: Asked, progress: simulation.Progress) -> tuple[dict[str, Any], Rulebook]:
    """The result, and the rulebook that gives its names. Raises :class:`Mistake`."""
    today = now().astimezone(CITY_ZONE).date()
    wish = Wish(start=simulation.day(asked.start, today), days=asked.days, rate=asked.rate, seeds=asked.seeds)
    known, past = None, None
    if not (asked.fit or asked.against_ledger):
        book, beside = await _books(asked, None)
    else:
        async with open_ledger() as ledger:
            book, beside = await _books(asked, ledger)
            if asked.against_ledger:
                wish, past, back = await simulation_ledger.known_period(ledger, wish, today=today)
                known = await simulation_ledger.learned(ledger, book, since=wish.start, days=wish.days)
                known = known.model_copy(update={"warm_up": min(back, simulation_ledger.WARM_UP)})
            else:
                days = simulation_ledger.LEARNED
                known = await simulation_ledger.learned(ledger, book, since=today - timedelta(days=days), days=days)
    model = simulation.people(book, asked.people, asked.file, known=known)
    told = simulation.simulate(wish, model, book, beside=beside, progress=progress)
    return told | ({"ledger": simulation_ledger.column(past)} if past else {}), book


async def _books(asked: Asked, ledger: Ledger | None) -> tuple[Rulebook, Rulebook | None]:
    """What is simulated, and what beside it; from a ledger that is open already, if there is one."""
    book = await book_named(asked.rulebook or (ACTIVE if ledger else ""), ledger)
    return book, await book_named(asked.beside, ledger) if asked.beside else None


async def book_named(name: str, ledger: Ledger | None = None) -> Rulebook:
    """The rulebook of a folder, or a version or draft of the ledger. Raises :class:`Mistake`."""
    folder = Path(name) if name else settings().rulebook_dir
    if folder.is_dir():
        return sound_rulebook(folder)
    try:
        if ledger is not None:
            return await book_of(ledger, name, at=now())
        async with open_ledger() as opened:
            return await book_of(opened, name, at=now())
    except (VersionRefusal, NoRulebook) as refusal:
        raise Mistake(f"'{name}' is no folder, and {refusal}") from None


@contextmanager
def bar(*, quiet: bool) -> Iterator[simulation.Progress]:
    """A bar for whoever sits before a terminal."""
    screen = Console(stderr=True)
    columns = (BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Bar(*columns, console=screen, transient=True, disable=quiet or not screen.is_terminal) as shown:
        task = shown.add_task("", total=1.0)
        yield lambda share: shown.update(task, completed=share)


def print_told(words: SimulationWords) -> None:
    screen = Console(width=None if sys.stdout.isatty() else 160, markup=False, highlight=False)
    screen.print(words.title(), soft_wrap=True)
    for title, rows in (
        ("", words.city()), (words.say("clocks"), words.clocks()), (words.say("departments"), words.departments(SHOWN)),
        (words.say("tasks"), words.tasks(SHOWN)),
    ):  # fmt: skip
        if rows:
            screen.print(_table(title, rows))
    for note in words.notes():
        screen.print(note, soft_wrap=True)


def _table(title: str, rows: Sequence[dict[str, Any]]) -> Table:
    made = Table(title=title or None, title_justify="left")
    for nth, column in enumerate(rows[0]):
        made.add_column(column, justify="right" if nth else "left")
    for row in rows:
        made.add_row(*row.values())
    return made
