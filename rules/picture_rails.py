"""深化党政公开: the ways between stages. All ways to one stage on one side share a rail, in the colour of that stage.

So no two arrows can be taken for each other however a process is changed. A rail carries as much width as cases went
along it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rules.picture_shapes import Arrow, Line, Shape

SPACING, FIRST = 22, 24
"""Pixels between two rails, and from the cards to the first one."""
BEND = 10
THIN, THICK = 1.8, 11.0
NEVER = 0


@dataclass(frozen=True, slots=True)
class Way:
    """One arrow: from a port at height ``y`` to a stage. ``count``: how many cases took it, ``None``: not counted."""

    target: str
    y: float
    count: int | None
    hint: str
    is_designed: bool = True


@dataclass(slots=True)
class Rail:
    """All ways to one stage along one side, which they reach at height ``arrives``; ``column`` 0 is the inmost."""

    target: str
    arrives: float
    ways: list[Way] = field(default_factory=list)
    column: int = 0

    @property
    def span(self) -> tuple[float, float]:
        ends = [self.arrives, *(way.y for way in self.ways)]
        return min(ends), max(ends)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the cards: ``edge`` is where they end, ``way`` 1 for the right one and -1 for the left one."""

    edge: float
    way: int
    hues: Mapping[str, str]
    busiest: int

    def x(self, rail: Rail) -> float:
        return self.edge + self.way * (FIRST + SPACING * rail.column)

    def width(self, count: int | None) -> float:
        """The area of a line says how many took it: the square root keeps the rare ways visible."""
        if not count or not self.busiest:
            return THIN
        return THIN + (THICK - THIN) * math.sqrt(count / self.busiest)


def rails(ways: Iterable[Way], arrivals: Mapping[str, float]) -> list[Rail]:
    """One rail for each target, in columns where no two overlap; the shorter one is nearer to the cards."""
    by_target: dict[str, Rail] = {}
    for way in ways:
        by_target.setdefault(way.target, Rail(way.target, arrivals[way.target])).ways.append(way)
    placed: list[Rail] = []
    for rail in sorted(by_target.values(), key=lambda r: r.span[1] - r.span[0]):
        taken = {other.column for other in placed if _overlap(rail, other)}
        rail.column = next(n for n in range(len(taken) + 1) if n not in taken)
        placed.append(rail)
    return placed


def _overlap(one: Rail, other: Rail) -> bool:
    (a, b), (c, d) = one.span, other.span
    return a <= d + SPACING and c <= b + SPACING


def room(placed: Sequence[Rail]) -> float:
    """How wide a side has to be for its rails."""
    return FIRST + SPACING * max((rail.column for rail in placed), default=-1) + THICK if placed else 0


def drawn(placed: Sequence[Rail], side: Side) -> list[Shape]:
    """The uprights first, then the ways to them, which cross other rails on a small bridge, then the heads."""
    uprights = [shape for rail in placed for shape in _uprights(rail, side)]
    stubs = [shape for rail in placed for way in rail.ways for shape in _stub(way, rail, side)]
    ends = [shape for rail in placed for shape in _arrival(rail, side)]
    return [*uprights, *stubs, *ends]


def _uprights(rail: Rail, side: Side) -> Iterator[Shape]:
    """From the farthest port to the arrival, wider wherever another way joins."""
    for ways in (_above(rail), _below(rail)):
        total = 0
        for n, way in enumerate(ways):
            total += way.count or 0
            following = ways[n + 1].y if n + 1 < len(ways) else rail.arrives
            bend = math.copysign(BEND, rail.arrives - way.y)
            end = following + bend if n + 1 < len(ways) else following - bend
            counted = None if way.count is None else total
            seam = math.copysign(0.5, bend)  # neighbours overlap a little, or a bright hair would show between them
            path = f"M{side.x(rail):g} {way.y + bend - seam:g}V{end + seam:g}"
            yield Line(path, _kind(rail, side, counted), side.width(counted), dashed=counted == NEVER)


def _above(rail: Rail) -> list[Way]:
    return sorted((w for w in rail.ways if w.y <= rail.arrives), key=lambda w: w.y)


def _below(rail: Rail) -> list[Way]:
    return sorted((w for w in rail.ways if w.y > rail.arrives), key=lambda w: -w.y)


def _stub(way: Way, rail: Rail, side: Side) -> Iterator[Shape]:
    x, bend = side.x(rail), math.copysign(BEND, rail.arrives - way.y)
    reach = x - side.way * BEND
    width = side.width(way.count)
    yield Line(f"M{side.edge + side.way * 12:g} {way.y:g}H{reach:g}", "bridge", width + 4)
    kind = _kind(rail, side, way.count) if way.is_designed else "bad-line"
    path = f"M{side.edge:g} {way.y:g}H{reach:g}Q{x:g} {way.y:g} {x:g} {way.y + bend:g}"
    yield Line(path, kind, width, dashed=way.count == NEVER or not way.is_designed, hint=way.hint)


def _arrival(rail: Rail, side: Side) -> Iterator[Shape]:
    x, counts = side.x(rail), [way.count for way in rail.ways if way.count is not None]
    total = sum(counts) if counts else None
    kind, width = _kind(rail, side, total), side.width(total)
    head = 7 + width * 0.7
    yield Line(f"M{side.edge + side.way * 12:g} {rail.arrives:g}H{x - side.way * BEND:g}", "bridge", width + 5)
    for ways, bend in ((_above(rail), BEND), (_below(rail), -BEND)):
        if ways:
            turn = f"M{x:g} {rail.arrives - bend:g}Q{x:g} {rail.arrives:g} {x - side.way * BEND:g} {rail.arrives:g}"
            yield Line(f"{turn}H{side.edge + side.way * head:g}", kind, width, dashed=total == NEVER)
    yield Arrow(side.edge + side.way, rail.arrives, -side.way, kind, head)


def _kind(rail: Rail, side: Side, count: int | None) -> str:
    return "never" if count == NEVER else side.hues[rail.target]
