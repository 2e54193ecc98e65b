"""开诚布公: whoever starts Minsheng sees what starts, what is slow and what happened to each sample complaint."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console, Group
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class Row:
    """One sample complaint as the screen shows it."""

    number: str
    story: str
    stage: str
    outcome: str = ""
    ended: bool = False


class Screen:
    """Plain lines, one per event: for logs, pipes and tests."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.began = time.monotonic()
        self._rows: dict[str, Row] = {}

    def say(self, text: str) -> None:
        self._line(f"[{time.monotonic() - self.began:5.1f} s] {text}")

    def starting(self, name: str) -> None:
        self.say(f"{name} …")

    def ready(self, name: str) -> None:
        self.say(f"{name} ready")

    def samples(self, rows: Sequence[Row]) -> None:
        """Show how far the sample complaints are: a line for each that moved."""
        for row in rows:
            if row != self._rows.get(row.story):
                self._rows[row.story] = row
                self.say(f"{row.number or '—':12} {row.story}: {row.stage} {row.outcome}".rstrip())

    def table(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        """Two columns, for people: what, and where to find it."""
        width = max(len(name) for name, _ in rows)
        self._line(f"\n{title}")
        for name, value in rows:
            self._line(f"  {name:{width}}  {value}")
        self._line("")

    def close(self) -> None:
        """Nothing to put back."""

    def _line(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


class LiveScreen(Screen):
    """A terminal: spinners while parts start, one table while the samples run."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._starting: dict[str, tuple[float, Spinner]] = {}
        self._last: Sequence[Row] = ()
        self._told = False
        self._live = Live(console=console, refresh_per_second=4, transient=True, get_renderable=self._picture)
        self._live.start()

    def starting(self, name: str) -> None:
        self._starting[name] = time.monotonic(), Spinner("dots", text=f"{name} …")

    def ready(self, name: str) -> None:
        took = time.monotonic() - self._starting.pop(name)[0]
        self.console.print(Text.assemble(("✓ ", "green"), f"{name} ", (f"{took:.1f} s", "dim")))

    def samples(self, rows: Sequence[Row]) -> None:
        ended = all(row.ended for row in rows)
        if ended and not self._told:
            self.console.print(_sample_table(rows))
        self._last, self._told = () if ended else tuple(rows), ended

    def close(self) -> None:
        self._live.stop()

    def _picture(self) -> Group:
        spinners = [spinner for _, spinner in list(self._starting.values())]
        return Group(*spinners, *([_sample_table(self._last)] if self._last else []))


def open_screen() -> Screen:
    """The screen that suits where the output goes."""
    console = Console()
    return LiveScreen(console) if console.is_terminal else Screen(console)


def _sample_table(rows: Sequence[Row]) -> Table:
    table = Table("number", "story", "stage", "outcome", title="Sample complaints 示例诉求")
    for row in rows:
        table.add_row(row.number, row.story, row.stage, row.outcome, style="green" if row.ended else "")
    return table
