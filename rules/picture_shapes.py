"""深化党政公开: the few shapes of which pictures are made, and how wide a text will be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

WIDE = 0x2E80
"""From here on characters are as wide as they are high (Chinese, full-width signs)."""
_SPECIAL = {
    **dict.fromkeys("iIljt.,:;'|!()[]f r", 0.4), **dict.fromkeys("mwMW%@", 0.96), **dict.fromkeys("→↺×·", 0.85)
}  # fmt: skip
_UPPER, _LOWER, _BOLD = 0.73, 0.62, 1.12


@dataclass(frozen=True, slots=True)
class Text:
    """``anchor``: start, middle or end of the text stands at ``x``; ``y`` is the base line."""

    x: float
    y: float
    text: str
    kind: str
    size: float = 13
    bold: bool = False
    anchor: str = "start"


@dataclass(frozen=True, slots=True)
class Box:
    x: float
    y: float
    width: float
    height: float
    kind: str
    radius: float = 10


@dataclass(frozen=True, slots=True)
class Dot:
    x: float
    y: float
    radius: float
    kind: str


@dataclass(frozen=True, slots=True)
class Line:
    """A path in SVG's own words; ``hint`` is what a mouse that rests on it is told."""

    d: str
    kind: str
    width: float
    dashed: bool = False
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """A head whose tip stands at ``x``, ``y`` and points to the left (-1), to the right (1) or down (0)."""

    x: float
    y: float
    way: int
    kind: str
    size: float = 8


Shape = Text | Box | Dot | Line | Arrow


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """About how wide ``text`` will be; rather too wide, because the reader's font is not known."""
    ems = sum(1.0 if ord(c) >= WIDE else _SPECIAL.get(c, _UPPER if c.isupper() else _LOWER) for c in text)
    return size * ems * (_BOLD if bold else 1)


def wrapped(text: str, size: float, width: float, *, bold: bool = False) -> list[str]:
    """Lines no wider than ``width``: broken at blanks, between Chinese characters, and in words too long for one."""
    lines = [""]
    whole = [(p, text_width(p, size, bold=bold) <= width) for p in _pieces(text)]
    for piece in [part for p, fits in whole for part in ([p] if fits else p)]:
        if lines[-1] and text_width(lines[-1] + piece.rstrip(), size, bold=bold) > width:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines if line]


def _pieces(text: str) -> Sequence[str]:
    """What may not be broken: words with the blank behind them, single Chinese characters."""
    pieces: list[str] = []
    for c in text:
        joins = bool(pieces) and ord(c) < WIDE and ord(pieces[-1][-1]) < WIDE and not pieces[-1].endswith(" ")
        if joins or (pieces and c in "、,。;:!?)」》"):
            pieces[-1] += c
        else:
            pieces.append(c)
    return pieces


def moved(shapes: Iterable[Shape], x: float, y: float) -> list[Shape]:
    """The same shapes elsewhere. Lines are drawn where they belong and cannot be moved."""
    return [replace(shape, x=shape.x + x, y=shape.y + y) for shape in shapes if not isinstance(shape, Line)]
