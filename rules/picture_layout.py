"""深化党政公开: where everything stands: stages below each other, ways on at the right, ways back at the left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rules.case import CLOSED
from rules.picture import Ladder, Picture
from rules.picture_cards import HEAD, PAD, WIDTH, clock_lines, ladder_badge, lines, stage_card
from rules.picture_rails import Side, Way, drawn, rails, room
from rules.picture_shapes import Arrow, Box, Dot, Line, Shape, Text, moved, text_width, wrapped

MARGIN, GAP, PILL = 22, 40, 40
HUES = 9
"""How many colours there are for stages; then they begin again."""
RUNGS = ("yellow_card", "red_card")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A finished picture: size in pixels, and shapes from back to front."""

    width: float
    height: float
    shapes: list[Shape]


def layout(picture: Picture) -> Sheet:
    """Put ``picture`` on a sheet."""
    return _Layout(picture).sheet()


class _Layout:
    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        boxes = picture.stages
        self.hues = {box.name: f"hue{n % HUES}" for n, box in enumerate(boxes)} | {CLOSED: "closed"}
        self.order = {name: n for n, name in enumerate(self.hues)}
        self.cards = [stage_card(box, self.hues) for box in boxes]
        self.intro, self.begin = self._intro()
        self.tops = [self.begin + PILL + GAP]
        for card in self.cards:
            self.tops.append(self.tops[-1] + card.height + GAP)
        self.ahead, self.back = (rails(self._ways(on), self._arrivals()) for on in (True, False))
        self.left = MARGIN + room(self.back)
        self.width = self.left + WIDTH + room(self.ahead) + MARGIN

    def sheet(self) -> Sheet:
        right = Side(self.left + WIDTH, 1, self.hues, self.picture.busiest)
        left = Side(self.left, -1, self.hues, self.picture.busiest)
        placed = zip(self.cards, self.tops, strict=False)
        cards = [shape for card, top in placed for shape in moved(card.shapes, self.left, top)]
        ladders, height = self._ladders(self.tops[-1] + PILL + 34)
        ground = Box(0, 0, self.width, height, "ground", 0)
        ways = [*drawn(self.ahead, right), *drawn(self.back, left)]
        head = [ground, *self._ends(), *moved(self.intro, self.left, 0)]
        return Sheet(self.width, height, [*head, *ways, *cards, *ladders])

    def _ways(self, on: bool) -> Iterator[Way]:
        """Ways to later stages, or back to earlier ones (and to the stage itself)."""
        for box, card, top in zip(self.picture.stages, self.cards, self.tops, strict=False):
            for port in card.ports:
                exit = port.exit
                if (self.order[exit.target] > self.order[box.name]) is on:
                    counted = "" if exit.count is None else f" ({exit.count})"
                    hint = f"{box.title}: {exit.outcome} → {exit.target_text}{counted}"
                    yield Way(exit.target, top + port.y, exit.count, hint, exit.is_designed)

    def _arrivals(self) -> dict[str, float]:
        """Where the arrows to a stage end."""
        at = {box.name: top + HEAD for box, top in zip(self.picture.stages, self.tops, strict=False)}
        return at | {CLOSED: self.tops[-1] + PILL / 2}

    def _intro(self) -> tuple[list[Shape], float]:
        """Title, clocks of the whole case and caps; and where the next thing begins."""
        shapes: list[Shape] = []
        title = wrapped(self.picture.title, 22, WIDTH, bold=True)
        y = lines(shapes, title, Text(0, 44, "", "ink", 22, bold=True), 28) - 22
        below: list[Shape] = []
        for clock in self.picture.clocks:
            y = clock_lines(below, clock, y)
        shapes += moved(below, -PAD, 0)
        caps = wrapped(" · ".join(self.picture.notes), 12, WIDTH)
        return shapes, lines(shapes, caps, Text(0, y + 17, "", "soft", 12)) + 6

    def _ends(self) -> Iterator[Shape]:
        """Where a case begins and where it ends."""
        middle = self.left + WIDTH / 2
        width = text_width(self.picture.begins, 14) + 44
        yield Box(middle - width / 2, self.begin, width, PILL, "begin", PILL / 2)
        yield Text(middle, self.begin + 25, self.picture.begins, "on-begin", 14, bold=True, anchor="middle")
        first = self.tops[0]
        yield Line(f"M{middle:g} {self.begin + PILL:g}V{first - 8:g}", "hue0", 2.4)
        yield Arrow(middle, first - 1, 0, "hue0", 9)
        yield Box(self.left, self.tops[-1], WIDTH, PILL, "closed", PILL / 2)
        yield Text(middle, self.tops[-1] + 25, self.picture.ends, "on-closed", 14, bold=True, anchor="middle")

    def _ladders(self, y: float) -> tuple[list[Shape], float]:
        """What the letters beside the spans mean; and the height of the whole sheet."""
        if not self.picture.ladders:
            return [], y
        shapes: list[Shape] = [Text(MARGIN, y + 16, self.picture.ladder_title, "ink", 16, bold=True)]
        y += 32
        for ladder in self.picture.ladders:
            y = _ladder(shapes, ladder, y, self.width - 2 * MARGIN)
        return shapes, y + MARGIN


def _ladder(shapes: list[Shape], ladder: Ladder, y: float, width: float) -> float:
    """One ladder: its letter, its rungs from left to right; the lower edge."""
    start, step = MARGIN + 32, (width - 32) / len(ladder.rungs)
    names = [wrapped(name, 12, step - 8, bold=True) for _, name, _, _ in ladder.rungs]
    line = y + max(map(len, names)) * 15 + 12
    shapes += ladder_badge(MARGIN + 10, line, ladder.mark)
    shapes.append(Box(start, line - 1.2, width - 32 - step + 12, 2.4, "rule", 1))
    lowest = line
    for n, (code, _, offset, told) in enumerate(ladder.rungs):
        x = start + n * step
        shapes.append(Dot(x + 6, line, 6, code if code in RUNGS else "rung"))
        top = line - 12 - 15 * (len(names[n]) - 1)
        lines(shapes, names[n], Text(x, top, "", "ink", 12, bold=True), 15)
        y = lines(shapes, wrapped(offset, 11.5, step - 8), Text(x, line + 22, "", "ink", 11.5), 15)
        lowest = max(lowest, lines(shapes, wrapped(told, 11, step - 8), Text(x, y, "", "soft", 11), 15))
    return lowest + 8
