"""深化党政公开: a process as a Mermaid flow chart, for documents and wikis that draw it themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from xml.sax.saxutils import escape

from rules.case import CLOSED
from rules.picture import ClockLine, Ladder, Picture, StageBox


def mermaid(picture: Picture) -> str:
    """The text of the chart: a box for each stage with its clocks, labelled arrows to the next ones, the ladders."""
    lines = ["---", f"title: {_quoted([picture.title])}", "---", "flowchart TD"]
    lines += [f"  begin([{_quoted([picture.begins])}])"]
    lines += [f"  s_{box.name}[{_quoted(_node(box))}]" for box in picture.stages]
    lines += [f"  s_{CLOSED}([{_quoted([picture.ends])}])"]
    lines += [f"  begin --> s_{box.name}" for box in picture.stages[:1]]
    for box in picture.stages:
        for target in dict.fromkeys(exit.target for exit in box.exits):
            label = [exit.outcome for exit in box.exits if exit.target == target]
            lines.append(f"  s_{box.name} -->|{_quoted(label)}| s_{target}")
    lines += [f"  ladder_{ladder.mark}[{_quoted(_rungs(picture, ladder))}]" for ladder in picture.ladders]
    return "\n".join(lines) + "\n"


def _node(box: StageBox) -> Iterator[str]:
    yield f"{box.title} · {box.owner}"
    yield from map(_clock, box.clocks)


def _clock(clock: ClockLine) -> str:
    times = " · ".join(f"{time.urgency} {time.span} {time.ladder}".strip() for time in clock.times)
    return f"{clock.name}: {times}" if times else clock.name


def _rungs(picture: Picture, ladder: Ladder) -> Iterator[str]:
    """One box for each ladder, at whose letter the clocks point."""
    yield f"{ladder.mark} · {picture.ladder_title}"
    for _, name, offset, told in ladder.rungs:
        yield " → ".join(filter(None, (f"{name}: {offset}", told)))


def _quoted(lines: Iterable[str]) -> str:
    """Lines of one box or arrow. Mermaid has no escapes but entities, and reads tags."""
    return '"' + "<br/>".join(escape(line, {'"': "#quot;"}) for line in lines) + '"'
