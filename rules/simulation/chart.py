"""深化党政公开: open cases over time as a picture: a line with its interval, days off shaded, a second line beside it.

Plain SVG without scripts and styles; every shape has a class, so that a page may dress it, and a colour of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from xml.sax.saxutils import escape, quoteattr

from rules.calendar import Calendar
from rules.drawing import FONT

WIDTH, HEIGHT = 900.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 70.0, 16.0, 34.0, 28.0
COLOURS = {"first": "#0f6b5a", "second": "#a35b00", "off": "#eadfc4", "rule": "#dfe6e2", "soft": "#55645f"}
MOST_LABELS = 10
Series = Sequence[Sequence[float]]
"""At equal steps of time: mean, low, high."""


def chart(series: Mapping[str, Series], *, title: str, first: date, days: int, calendar: Calendar) -> str:
    """At most two lines, by their labels; over ``days`` from ``first`` on."""
    most = _round_up(max((point[2] for points in series.values() for point in points), default=1.0))
    size = f'width="{WIDTH:g}" height="{HEIGHT:g}" viewBox="0 0 {WIDTH:g} {HEIGHT:g}"'
    opened = f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" role="img" {size} font-family={quoteattr(FONT)}>'
    shapes = [*_days_off(first, days, calendar), *_scale(most), *_dates(first, days)]
    for (label, points), look, nth in zip(series.items(), ("first", "second"), (0, 1), strict=False):
        shapes += [*_line(points, most, look), *_legend(label, look, nth)]
    return "\n".join([f"{opened}<title>{escape(title)}</title>", *shapes, "</svg>\n"])


def _round_up(number: float) -> float:
    """The next of 1, 2, 5, 10, 20, 50 … times something."""
    step = 1.0
    while True:
        for times in (1, 2, 5):
            if number <= step * times:
                return step * times
        step *= 10


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(number: float, most: float) -> float:
    return HEIGHT - BOTTOM - max(0.0, number) / most * (HEIGHT - TOP - BOTTOM)


def _days_off(first: date, days: int, calendar: Calendar) -> Iterator[str]:
    for nth in range(days):
        if not calendar.is_workday(first + timedelta(days=nth)):
            place = f'x="{_x(nth / days):.1f}" y="{TOP:g}" width="{_x(1 / days) - LEFT:.1f}"'
            place += f' height="{HEIGHT - TOP - BOTTOM:g}"'
            yield f'<rect class="off" {place} fill="{COLOURS["off"]}" fill-opacity="0.5"/>'


def _scale(most: float) -> Iterator[str]:
    for nth in range(5):
        number = most * nth / 4
        y = _y(number, most)
        line = f'x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"'
        yield f'<line class="rule" {line} stroke="{COLOURS["rule"]}"/>'
        yield _text(LEFT - 8, y + 4, f"{number:,.6g}" if most < 10 else f"{number:,.0f}", "end")


def _dates(first: date, days: int) -> Iterator[str]:
    step = -(-days // MOST_LABELS)
    for nth in range(0, days, step):
        yield _text(_x(nth / days), HEIGHT - 8, f"{first + timedelta(days=nth):%m-%d}", "start")


def _line(points: Series, most: float, look: str) -> Iterator[str]:
    places = [(_x(nth / max(1, len(points))), point) for nth, point in enumerate(points)]
    there = " ".join(f"{x:.1f},{_y(point[2], most):.1f}" for x, point in places)
    back = " ".join(f"{x:.1f},{_y(point[1], most):.1f}" for x, point in reversed(places))
    yield f'<polygon class="{look} band" points="{there} {back}" fill="{COLOURS[look]}" fill-opacity="0.2"/>'
    line = " ".join(f"{x:.1f},{_y(point[0], most):.1f}" for x, point in places)
    yield f'<polyline class="{look} line" points="{line}" fill="none" stroke="{COLOURS[look]}" stroke-width="2"/>'


def _legend(label: str, look: str, nth: int) -> Iterator[str]:
    x = LEFT + nth * (WIDTH - LEFT) / 2
    yield f'<rect class="{look} key" x="{x:g}" y="10" width="14" height="10" fill="{COLOURS[look]}"/>'
    yield _text(x + 20, 20, label, "start")


def _text(x: float, y: float, text: str, anchor: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="soft" {place} font-size="13" fill="{COLOURS["soft"]}">{escape(text)}</text>'
