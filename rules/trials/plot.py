"""一案一流程: what happens in a case, without its moments: who did what leads to the same stages, duties and clocks.

A plot is made once for cases that are alike and in which the same was done in the same order; it is told by the trail
itself, with a second between the deeds, so that no clock speaks in between. What depends on time has no plot.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import NamedTuple

from rules.trials.life import Move
from rules.trials.moments import SECOND
from rules.trials.past import Deed, Past
from rules.trials.replay import Replayed, Told, replay, tell
from rules.trials.timing import Started, StoodStill
from rules.trials.trail import Trail, Under

TIMED = frozenset({"extend", "pause", "resume"})
"""Actions after which a clock is due at a moment that depends on when they are done."""
OUTSTANDING = "partners_outstanding"
"""The refusal that time alone may lift."""
RUNG = "rung_reached"


class Fact(NamedTuple):
    """A clock of a plot. ``start``, ``stop``: the events (0: the case was received) at which it starts and stops for
    good or stands still, no ``stop`` where it runs on. ``holder``: empty where whoever leads is late."""

    id: str
    name: str
    process: str
    urgency: str
    start: int
    stop: int | None
    on_due: bool
    holder: str


@dataclass(frozen=True, slots=True)
class Side:
    """A plot under one rulebook. ``leads``: who leads (else the desk) after each event; ``trail`` is the one told.
    ``returns``: event, event since which the case was had, process and urgency of each return."""

    trail: Trail
    facts: Mapping[str, Fact]
    leads: Sequence[str]
    returns: Sequence[tuple[int, int, str, str]]


@dataclass(frozen=True, slots=True)
class Plot:
    """The same deeds under both rulebooks; ``cut``: the last event until which they can be compared."""

    old: Side
    new: Side
    done: Replayed
    cut: int | None = None


def spread(past: Past) -> Past:
    """The same deeds a second apart, and a little more each time: no two stretches between them are equal."""
    moments = (past.opened_at + nth * SECOND + nth * nth for nth in range(1, len(past.deeds) + 1))
    return replace(past, deeds=[Deed(at, deed.order) for at, deed in zip(moments, past.deeds, strict=True)], stage=None)


def plot(past: Past, old: Under, new: Under, silent: tuple[bool, bool] = (False, False)) -> Plot | None:
    """The plot of a case; with ``silent`` sides on which the last clock that waits for silence runs out."""
    if any(deed.order.action in TIMED for deed in past.deeds):
        return None
    one = spread(past)
    moments = [one.opened_at, *(deed.at for deed in one.deeds)]
    told = tell(one, old, moments[-1])
    if told.unlike or (silent[0] and not _let_silence_pass(told.trail)):
        return None
    done = _replayed(one, told, new, silent[1])
    if done is None or done.shifted or any(why == OUTSTANDING for _, why in done.refused):
        return None
    before, after = _side(told.trail, moments), _side(done.trail, moments)
    if before is None or after is None:
        return None
    return Plot(before, after, done, moments.index(done.cut[0]) if done.cut else None)


def _replayed(one: Past, told: Told, new: Under, silent: bool) -> Replayed | None:
    """The replay up to the last deed, or to the silence after it."""
    until = one.deeds[-1].at if one.deeds else one.opened_at
    done = replay(one, told, new, until)
    if not silent:
        return done
    if not _let_silence_pass(done.trail):
        return None
    return replay(one, told, new, done.trail.now)


def _let_silence_pass(trail: Trail) -> bool:
    """Let time pass up to the one clock that closes the case when nobody answers."""
    life = trail.life
    waits = [t.due for c, t in zip(life.situation.clocks, life.clocks, strict=True) if c.on_due]
    if len(waits) != 1:
        return False
    trail.until(waits[0])
    return trail.is_closed


def _side(trail: Trail, moments: Sequence[int]) -> Side | None:
    """What the moves of a trail come to; ``None`` when something depends on time after all."""
    known = {at: nth for nth, at in enumerate(moments)}
    if trail.is_closed:
        known.setdefault(trail.moves[-1][0], len(moments))
    facts: dict[str, Fact] = {}
    leads, running = [""] * len(known), list[str]()
    for (at, move), lead in zip(trail.moves, trail.leads, strict=True):
        nth = known.get(at)
        if {*move.kinds} == {RUNG} and at > moments[-1]:
            continue  # it changes nothing, and is counted by its moment
        if nth is None or RUNG in move.kinds:
            return None
        after = [*_running(trail, move, running, facts, nth)]
        if not all(after):
            return None
        for id in {*running} - {*after}:
            _stop(facts, id, nth)
        running, leads[nth] = after, lead or trail.under.desk
    returns = [(known[at], known[since], process, urgency) for at, since, process, urgency in trail.returns]
    return Side(trail, facts, [*accumulate(leads, _latest)], returns)


def _latest(before: str, now: str) -> str:
    return now or before


def _running(trail: Trail, move: Move, before: Sequence[str], facts: dict[str, Fact], nth: int) -> Iterator[str]:
    """Ids of the clocks that run after a move; empty for one that does not simply go on or start."""
    for how, clock in zip(move.clocks, move.to.clocks, strict=True):
        if isinstance(how, int):
            yield before[how]
        elif isinstance(how, Started):
            start = 0 if how.from_opening else nth
            about = (clock.name, how.process, how.urgency)
            facts[clock.id] = Fact(clock.id, *about, start, None, how.on_due, trail.holders[clock.id])
            yield clock.id
        elif isinstance(how, StoodStill):
            _stop(facts, id := before[how.nth], nth)
            yield id
        else:
            yield ""


def _stop(facts: dict[str, Fact], id: str, nth: int) -> None:
    """From here on it makes nobody late; that it ends afterwards, after it stood still, changes nothing."""
    if facts[id].stop is None:
        facts[id] = facts[id]._replace(stop=nth)
