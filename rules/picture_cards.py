"""深化党政公开: a stage as a card: owner, clocks with spans and ladders, outcomes, and the live numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from rules.picture import ClockLine, Exit, StageBox, Time
from rules.picture_shapes import Box, Dot, Shape, Text, text_width, wrapped

WIDTH = 420
PAD = 18
INNER = WIDTH - 2 * PAD
ROW, LEADING = 27, 17
TARGET = 132
"""How wide the name of the next stage may be."""
HEAD = 24
"""Where arrows arrive, below the upper edge of a card."""
BADGE = 8.5


@dataclass(frozen=True, slots=True)
class Port:
    """Where an arrow leaves a card: the outcome it stands for, and how far below the upper edge."""

    exit: Exit
    y: float


@dataclass(frozen=True, slots=True)
class Card:
    """The shapes of a card whose upper left corner is at 0, 0; its height; its ports."""

    shapes: list[Shape]
    height: float
    ports: list[Port]


def stage_card(box: StageBox, hues: Mapping[str, str]) -> Card:
    """``hues``: stage -> kind of colour."""
    shapes: list[Shape] = [*_chip(WIDTH - PAD, 30, box.owner)]
    room = INNER - text_width(box.owner, 12) - 30
    y = lines(shapes, wrapped(box.title, 17, room, bold=True), Text(PAD, 30, "", "ink", 17, bold=True), 22) - 22
    y = lines(shapes, wrapped(box.clause, 12, INNER), Text(PAD, y + 21, "", "soft", 12)) - 17
    for note in box.notes:
        y = lines(shapes, wrapped(note, 12, INNER), Text(PAD, y + 17, "", "soft", 12)) - 17
    if box.figures:
        y = _figures(shapes, box, y + 14)
    y += 12
    for clock in box.clocks:
        y = clock_lines(shapes, clock, y)
    shapes.append(Box(PAD, y + 5, INNER, 1, "rule", 0))
    y, ports = y + 24, []
    for exit in box.exits:
        ports.append(Port(exit, y))
        y += ROW + LEADING * (_exit(shapes, exit, y, hues) - 1)
    height = y - ROW + 18
    return Card([*_frame(height, hues[box.name]), *shapes], height, ports)


def lines(shapes: list[Shape], texts: Iterable[str], first: Text, leading: float = LEADING) -> float:
    """Lines of text below each other, looking like ``first``; the base line of what may follow."""
    y = first.y
    for text in texts:
        shapes.append(replace(first, text=text, y=y))
        y += leading
    return y


def _frame(height: float, hue: str) -> Iterator[Shape]:
    yield Box(0, 0, WIDTH, height, "card", 12)
    yield Box(0, 12, 5, height - 24, hue, 2.5)


def _chip(right: float, y: float, text: str) -> Iterator[Shape]:
    width = text_width(text, 12) + 18
    yield Box(right - width, y - 15, width, 22, "chip", 11)
    yield Text(right - width / 2, y, text, "ink", 12, anchor="middle")


def _figures(shapes: list[Shape], box: StageBox, y: float) -> float:
    """Chips in as many rows as they need; the lower edge of the last one."""
    x = float(PAD)
    chips = [*((text, "live" if n == 0 else "chip") for n, text in enumerate(box.figures))]
    if box.late:
        chips.insert(1, (box.late, "bad"))
    for text, kind in chips:
        width = text_width(text, 12.5, bold=kind != "chip") + 18
        if x + width > PAD + INNER:
            x, y = float(PAD), y + 28
        shapes += [Box(x, y, width, 23, kind, 11.5), Text(x + 9, y + 16, text, f"on-{kind}", 12.5, bold=kind != "chip")]
        x += width + 6
    return y + 23


def clock_lines(shapes: list[Shape], clock: ClockLine, y: float) -> float:
    """A clock's name and notes, below them its times; where the next one begins."""
    shapes.append(Dot(PAD + 5, y + 10, 4.5, "clock"))
    names = wrapped(clock.name, 13, INNER - 17, bold=True)
    y = lines(shapes, names, Text(PAD + 17, y + 14.5, "", "ink", 13, bold=True)) - LEADING
    x = PAD + 25 + text_width(names[-1], 13, bold=True)
    for note in clock.notes:
        if x + text_width(note, 12) > PAD + INNER:
            x, y = PAD + 17.0, y + 18
        shapes.append(Text(x, y, note, "soft", 12))
        x += text_width(note, 12) + 12
    return _times(shapes, clock.times, y + 19) if clock.times else y + 10


def _times(shapes: list[Shape], times: Iterable[Time], y: float) -> float:
    x = PAD + 17.0
    for time in times:
        text = f"{time.urgency} {time.span}".strip()
        width = text_width(text, 12.5) + (BADGE * 2 + 4 if time.ladder else 0)
        if x > PAD + 17 and x + width > PAD + INNER:
            x, y = PAD + 17.0, y + 20
        shapes.append(Text(x, y, text, "ink", 12.5))
        if time.ladder:
            shapes += ladder_badge(x + width - BADGE, y - 4.5, time.ladder)
        x += width + 14
    return y + 9


def ladder_badge(x: float, y: float, mark: str) -> Iterator[Shape]:
    """The letter of a ladder in a circle around ``x``, ``y``."""
    yield Dot(x, y, BADGE, "badge")
    yield Text(x, y + 3.8, mark, "on-badge", 10.5, bold=True, anchor="middle")


def _exit(shapes: list[Shape], exit: Exit, y: float, hues: Mapping[str, str]) -> int:
    """One outcome: its name, how often it was taken, where it leads; how many lines that takes."""
    is_taken = exit.count != 0
    where = wrapped(f"→ {exit.target_text}", 12.5, TARGET)
    edge = WIDTH - PAD - max(text_width(line, 12.5) for line in where) - 12
    if exit.count is not None:
        edge = WIDTH - PAD - TARGET - 10
        count = f"{exit.count:,} · {exit.share}" if exit.share else f"{exit.count:,}"
        shapes.append(Text(edge, y + 4.5, count, _tone(exit), 12.5, bold=is_taken, anchor="end"))
        edge -= text_width(count, 12.5, bold=is_taken) + 10
    names = wrapped(exit.outcome, 14, edge - PAD)
    hue = hues[exit.target] if exit.is_designed else "bad-ink"
    lines(shapes, names, Text(PAD, y + 4.5, "", _tone(exit), 14))
    lines(shapes, where, Text(WIDTH - PAD, y + 4.5, "", hue, 12.5, anchor="end"))
    return max(len(names), len(where))


def _tone(exit: Exit) -> str:
    if not exit.is_designed:
        return "bad-ink"
    return "soft" if exit.count == 0 else "ink"
