"""限时反馈: answers within a time limit need one honest source of the present time; this is the only reader.

*Case time* (:func:`now`) is what clocks, entries and letters use. It equals the wall time unless a demonstration
speeds it up (``minsheng up --speed``): then a small file holds the anchors, which all processes of the tree share.
*Wall time* (:func:`wall`) is for the machinery: leases, back-off, link expiry.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

ANCHOR_FILE = "MINSHENG_MOMENT_FILE"


@dataclass(frozen=True, slots=True)
class Anchor:
    """Case time was ``case`` when wall time was ``wall`` (epoch seconds); since then it is ``speed`` times as fast."""

    wall: float
    case: float
    speed: float = 1.0

    def at(self, wall: float) -> float:
        return self.case + (wall - self.wall) * self.speed


_floor: Anchor | None = None
_cache: tuple[tuple[str, int], Anchor] | None = None


def wall() -> datetime:
    """Wall time, aware, UTC."""
    return datetime.fromtimestamp(time.time(), UTC)


def now() -> datetime:
    """Case time, aware, UTC, to the microsecond; never runs backwards within one anchor file."""
    anchor = _anchor()
    return wall() if anchor is None else datetime.fromtimestamp(anchor.at(time.time()), UTC)


def speed() -> float:
    """How many seconds of case time pass in one second."""
    anchor = _anchor()
    return 1.0 if anchor is None else anchor.speed


def run_at(path: Path, *, speed: float, not_before: datetime | None = None) -> None:
    """Write the anchor file ``path``: case time goes on at ``speed``, from now or a later ``not_before``."""
    start = max(now(), not_before or now())
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(Anchor(wall=time.time(), case=start.timestamp(), speed=speed))), "utf-8")
    draft.replace(path)


def go_on_from(newest: datetime) -> None:
    """For this process case time begins at ``newest`` if that is still to come: a ledger that a fast demonstration left
    ahead of the wall is not looked at from its past."""
    global _floor  # noqa: PLW0603 -- one fact per process
    if newest > now():
        _floor = Anchor(wall=time.time(), case=newest.timestamp())


def wall_span(span: timedelta) -> timedelta:
    """How long ``span`` of case time takes on the wall."""
    return span / speed()


def _anchor() -> Anchor | None:
    """The anchors in force; the file is read again only when it changed."""
    global _cache  # noqa: PLW0603 -- one cached reading of one file, replaced whole
    path = os.environ.get(ANCHOR_FILE)
    if not path:
        return _floor
    try:
        stamp = (path, os.stat(path).st_mtime_ns)  # noqa: PTH116 -- asked at every turn; a Path costs more than the look
    except FileNotFoundError:
        return _floor
    if _cache is None or _cache[0] != stamp:
        _cache = (stamp, Anchor(**json.loads(Path(path).read_text("utf-8"))))
    return _cache[1]
