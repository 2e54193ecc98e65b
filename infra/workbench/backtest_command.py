"""`minsheng backtest`: what a draft would have meant for past cases, as tables, and behind each figure its cases."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table
from typer import echo

from infra.inspection import open_ledger
from infra.ledger import Ledger, NoRulebook
from infra.locale import moment_text
from infra.mistakes import Mistake
from infra.moment import now
from infra.rulebook_check import sound_rulebook
from infra.settings import settings
from infra.workbench import backtest
from infra.workbench.backtest_words import FIGURES, BacktestWords
from infra.workbench.commands import moment
from infra.workbench.comparing import book_of
from infra.workbench.refusals import VersionRefusal
from rules.backtest_figures import concerns
from rules.rulebook import Rulebook

COLUMNS = {
    "clocks": ("clock", "earlier", "later", "late_old", "late_new", "added", "avoided"),
    "departments": ("department", "tasks_old", "tasks_new", "late_old", "late_new", "added", "avoided"),
    "letters": ("letter", "added", "dropped"),
    "routes": ("old", "new", "cases"),
}
"""Table of the figures -> its columns."""
SHOWN = 50
"""Cases and routes shown; `--json` tells all that are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """``since``: a day; ``rulebook``: a folder, a version, or ``draft:N``. ``figure``: list the cases behind it,
    ``about`` one clock, department or letter."""

    since: str
    rulebook: str
    figure: str = ""
    about: str = ""
    as_json: bool = False


async def print_backtest(asked: Asked) -> None:
    """Raises :class:`Mistake`."""
    if asked.figure and asked.figure not in FIGURES:
        raise Mistake(f"--cases {asked.figure}: there is no such figure; choose one of {', '.join(FIGURES)}")
    async with open_ledger() as ledger:
        at = now()
        since = beginning(asked.since, at)
        draft = await _draft_of(ledger, asked.rulebook, at)
        with _shown(quiet=asked.as_json) as progress:
            found = await backtest.backtest(ledger, draft, since=since, at=at, progress=progress)
    told = found.as_json()
    if asked.figure:
        told["rows"] = [row for row in told["rows"] if concerns(row, asked.figure, about=asked.about)]
    if asked.as_json:
        echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        _print(told, draft, asked)


def beginning(text: str, at: datetime) -> datetime:
    """The first day. Raises :class:`Mistake`."""
    since = moment(text)
    if since > at:
        raise Mistake(f"--since {text} is still to come; name a day in the past")
    return since


async def version_of(ledger: Ledger, name: str, *, at: datetime) -> Rulebook:
    """A version or draft of the ledger. Raises :class:`Mistake`."""
    try:
        return await book_of(ledger, name, at=at)
    except (VersionRefusal, NoRulebook) as refusal:
        raise Mistake(str(refusal)) from None


async def _draft_of(ledger: Ledger, name: str, at: datetime) -> Rulebook:
    """The same, or the rulebook that a folder holds."""
    if (book := _in_folder(Path(name))) is not None:
        return book
    try:
        return await version_of(ledger, name, at=at)
    except Mistake as mistake:
        raise Mistake(f"--rulebook {name} is no folder, and {mistake}") from None


def _in_folder(folder: Path) -> Rulebook | None:
    return sound_rulebook(folder) if folder.is_dir() else None


@contextmanager
def _shown(*, quiet: bool) -> Iterator[backtest.Progress]:
    """A bar for whoever sits before a terminal."""
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=quiet or not screen.is_terminal) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print(told: dict[str, Any], draft: Rulebook, asked: Asked) -> None:
    locale = settings().locale
    words, screen = (
        BacktestWords(draft, locale),
        Console(width=None if sys.stdout.isatty() else 160, markup=False, highlight=False),
    )
    for sentence in words.summary(told):
        screen.print(sentence, soft_wrap=True)
    if asked.figure:
        screen.print(_cases(told["rows"], asked.figure, words, locale))
        return
    screen.print(_figures(told, words))
    for name, columns in COLUMNS.items():
        if rows := told[name][:SHOWN]:
            screen.print(_table(words.table(name), columns, rows, words))


def _figures(told: dict[str, Any], words: BacktestWords) -> Table:
    made = Table(words.column("figure"), words.column("cases"), "")
    for name, count in told["cases"].items():
        made.add_row(f"{words.figure(name)} (--cases {name})", str(count), words.note(name))
    return made


def _table(title: str, columns: Sequence[str], rows: Sequence[dict[str, Any]], words: BacktestWords) -> Table:
    made = Table(title=title, title_justify="left")
    for column in columns:
        made.add_column(words.column(column), justify="right" if isinstance(rows[0][column], int) else "left")
    for row in rows:
        made.add_row(*(words.name(column, row[column]) for column in columns))
    return made


def _cases(rows: Sequence[dict[str, Any]], figure: str, words: BacktestWords, locale: str) -> Table:
    made = Table(words.column("number"), words.column("received"), words.column("what"), title=words.figure(figure))
    for row in rows[:SHOWN]:
        made.add_row(row["number"], moment_text(row["received"], locale), "; ".join(words.changes(row, figure)))
    if len(rows) > SHOWN:
        made.caption = words.say("first", count=SHOWN)
    return made
