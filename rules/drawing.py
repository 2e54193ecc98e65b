"""深化党政公开: a process as a picture that a browser, a printer and a screen reader understand (SVG).

Colours are attributes, which any programme shows; each shape also has a class, so that a page may dress it for
the dark.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from rules.picture import Picture
from rules.picture_layout import layout
from rules.picture_shapes import Arrow, Box, Dot, Line, Shape, Text

FONT = 'system-ui,"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","WenQuanYi Micro Hei",sans-serif'
COLOURS = {
    "ground": "#f7f9f7", "bridge": "#f7f9f7", "card": "#ffffff", "rule": "#dfe6e2", "chip": "#e6f0ec", "ink": "#1c2925",
    "soft": "#55645f", "clock": "#8fb3a7", "badge": "#eadfc4", "on-badge": "#5f4708", "begin": "#1c2925",
    "on-begin": "#ffffff", "closed": "#5d6b66", "on-closed": "#ffffff", "never": "#b3beb9", "live": "#0f5c4d",
    "on-live": "#ffffff", "on-chip": "#1c2925", "bad": "#a3271f", "on-bad": "#ffffff", "bad-ink": "#a3271f",
    "bad-line": "#a3271f", "yellow_card": "#e3a008", "red_card": "#c22f25", "rung": "#7a5a8c",
    "hue0": "#0f6b5a", "hue1": "#2866a8", "hue2": "#7a4aa0", "hue3": "#a35b00", "hue4": "#a8325e", "hue5": "#4d7320",
    "hue6": "#14788a", "hue7": "#8a4f3a", "hue8": "#5458bd",
}  # fmt: skip
"""Kind of shape -> colour by day."""


def svg(picture: Picture) -> str:
    """The picture as one SVG text without scripts, styles and outside addresses."""
    sheet = layout(picture)
    size = f'width="{sheet.width:g}" height="{sheet.height:g}" viewBox="0 0 {sheet.width:g} {sheet.height:g}"'
    opened = f'<svg xmlns="http://www.w3.org/2000/svg" class="process" role="img" {size} font-family={quoteattr(FONT)}>'
    told = f"<title>{escape(picture.title)}</title><desc>{escape(' '.join(_described(picture)))}</desc>"
    return "\n".join([opened + told, *map(_shape, sheet.shapes), "</svg>\n"])


def _described(picture: Picture) -> Iterator[str]:
    """The whole picture in words, for whoever cannot see it."""
    for box in picture.stages:
        exits = "; ".join(f"{exit.outcome} → {exit.target_text}" for exit in box.exits)
        yield f"{box.title} ({box.owner}): {exits}."


def _shape(shape: Shape) -> str:
    look = f'class="{shape.kind}"'
    colour = COLOURS[shape.kind]
    match shape:
        case Text(x, y, text, _, size, bold, anchor):
            more = ' font-weight="600"' if bold else ""
            more += f' text-anchor="{anchor}"' if anchor != "start" else ""
            return f'<text {look} x="{x:g}" y="{y:g}" font-size="{size:g}"{more} fill="{colour}">{escape(text)}</text>'
        case Box(x, y, width, height, kind, radius):
            line = f' stroke="{COLOURS["rule"]}"' if kind == "card" else ""
            place = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}"'
            return f'<rect {look} {place} fill="{colour}"{line}/>'
        case Dot(x, y, radius):
            return f'<circle {look} cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{colour}"/>'
        case Line():
            return _line(shape, colour)
        case Arrow():
            return f'<path {look} d="{_head(shape)}" fill="{colour}"/>'


def _line(line: Line, colour: str) -> str:
    dashes = ' stroke-dasharray="2 5" stroke-linecap="round"' if line.dashed else ""
    pen = f'fill="none" stroke="{colour}" stroke-width="{line.width:.2f}"{dashes}'
    drawn = f'<path class="line {line.kind}" d="{line.d}" {pen}'
    return f"{drawn}><title>{escape(line.hint)}</title></path>" if line.hint else f"{drawn}/>"


def _head(arrow: Arrow) -> str:
    """A triangle whose tip is at the place of the arrow."""
    x, y, long, half = arrow.x, arrow.y, arrow.size, arrow.size * 0.62
    if arrow.way == 0:
        return f"M{x:g} {y:g}L{x - half:g} {y - long:g}H{x + half:g}Z"
    back = x - arrow.way * long
    return f"M{x:g} {y:g}L{back:g} {y - half:g}V{y + half:g}Z"
