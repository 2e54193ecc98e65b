"""认真解决: what ``decide`` says is asked once for each kind of case and remembered, so that a month takes minutes.

Everything that ``decide`` looks at is either part of the situation, or of the order, or one of the few facts about
time that stand in :meth:`Learned._key`. Whenever something new is asked, the case is told again from its beginning by
``decide`` itself, and compared: a trial that strays from the real rules stops with :class:`Strayed`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules.case import CITIZEN, Case, Complaint, Entry
from rules.decide import TICK
from rules.refusals import Refusal
from rules.rulebook import Rulebook
from rules.trials.life import SETTLE, Life, Move, Order, carry_out, times_of
from rules.trials.moments import moment
from rules.trials.situation import Party, Situation, Spoken, situation
from rules.trials.timing import Timing, source

LOOK = Order(TICK)
RETURN = "return"
ASK_FOR_TIME = ("close_coordination", "pause")
"""Actions for which it matters which clocks have run out."""
NOWHERE = Situation(-1, "", "", "", 0, None, (), (), (), {}, is_moving=True, result=None)
"""Before a case is there."""


NEW, WITH_CASE = -1, -2
"""A duty begins with the order, or it began with the case."""


class Strayed(Exception):
    """What was remembered is not what ``decide`` says: a fault of this module, never of a rulebook."""


class Learned:
    """All that was learned of one rulebook; lives are begun and led on here. Not for several threads."""

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        self.timing = Timing(book)
        self.asked = 0
        """How often ``decide`` had to be asked."""
        self._spoken = Spoken(book)
        self._situations: dict[Any, Situation] = {}
        self._moves: dict[Any, Move] = {}
        self._plain: dict[tuple[str, int], frozenset[str]] = {}
        self._dated = bool(book.turns)

    def begin(self, complaint: Complaint, at: int, *, like: Any, settled: int | None = None) -> tuple[Life, Move]:
        """A new case received ``at`` and carried on at ``settled`` until it waits for somebody; what that meant.

        ``like``: whatever of the complaint the rules may look at; complaints that are alike in it begin alike.
        """
        life = Life(complaint, at)
        settled = at if settled is None else settled
        key = (like, self.timing.spell(at), self.timing.spell(settled)) if self._dated else (like,)
        move = self._moves.get(key)
        if move is None:
            life.situation = NOWHERE
            move = self._moves[key] = self._learn(life, SETTLE, (), settled)
        self._apply(life, move, settled, ())
        life.past.append((SETTLE, settled))
        return life, move

    def act(self, life: Life, order: Order, now: int) -> Move:
        """Let ``order`` happen to ``life``; a refusal changes nothing."""
        named = self._named(life, order, now) if order.parties else ()
        key = self._key(life, order, named, now)
        move = self._moves.get(key)
        if move is None:
            move = self._moves[key] = self._learn(life, order, named, now)
        if not move.refusal:
            self._apply(life, move, now, named)
            life.past.append((order, now))
        return move

    def settle(self, life: Life, now: int) -> Move | None:
        """Carry a moving case on until it waits for somebody, or is closed; ``None`` when it does not move."""
        return self.act(life, SETTLE, now) if life.situation.is_moving else None

    def look(self, life: Life, now: int) -> Move:
        """What the clocks owe that are due at ``now``, which is ``life.next_at``."""
        return self.act(life, LOOK, now)

    def _key(self, life: Life, order: Order, named: tuple[str, ...], now: int) -> tuple[Any, ...]:
        """Everything that ``decide`` may look at. Of time: which clocks are late, whether a return is over, which
        rungs are reached, and which dated rows hold."""
        action = order.action
        more: Any = None
        if order is LOOK:
            more = self.timing.due(life, now)
        elif action == RETURN:
            more = self.timing.return_is_over(life, order, now)
        elif action in ASK_FOR_TIME:
            more = tuple([clock.due > now for clock in life.clocks])
        said: Any = _form(life, order, named) if order.parties else order
        if not self._dated:
            return (life.situation.id, said, more)
        return (life.situation.id, said, more, self.timing.spell(now), self.timing.spell(life.opened_at))

    def _named(self, life: Life, order: Order, now: int) -> tuple[str, ...]:
        """Departments of the order that the case does not know yet, and that the rules do not know by name."""
        plain = self._plain_at(life.situation.process, now)
        codes = [code for _, several in order.parties for code in several]
        return tuple(dict.fromkeys(code for code in codes if code in plain and code not in life.parties))

    def _plain_at(self, process: str, at: int) -> frozenset[str]:
        key = (process, self.timing.spell(at))
        if key not in self._plain:
            self._plain[key] = self._spoken.plain(process, moment(at))
        return self._plain[key]

    def _apply(self, life: Life, move: Move, now: int, named: tuple[str, ...]) -> None:
        known, old = life.parties + named, life.clocks
        clocks = [old[how] if how.__class__ is int else how(life, old, now) for how in move.clocks]
        life.situation, life.clocks = move.to, clocks
        life.duties = [life.duties[n] if n >= 0 else now if n == NEW else life.opened_at for n in move.duties]
        life.parties = tuple([p if isinstance(p, str) else known[p] for p in move.parties])
        life.next_at = min([c.next for c in clocks if c.next is not None], default=None)

    def _learn(self, life: Life, order: Order, named: tuple[str, ...], now: int) -> Move:
        """Tell the case again from its beginning, ask ``decide``, and keep what its answer means for any like it."""
        self.asked += 1
        case = life.case(self.book)
        if life.situation is not NOWHERE:
            _compare(life, case)
        try:
            entries, after = carry_out(self.book, case, order, moment(now), life.complaint)
        except Refusal as refusal:
            return Move(life.situation, refusal=refusal.code)
        return self._move(life, (case, after), entries, (*life.parties, *named), now)

    def _move(self, life: Life, cases: tuple[Case, Case], entries: list[Entry], known: Sequence[str], now: int) -> Move:
        before, after = cases
        to, parties = self._situation(after, now)
        places = {code: n for n, code in enumerate(known)}
        duties = {duty.id: n for n, duty in enumerate(life.situation.duties)}
        left = {clock.id for clock in to.clocks}
        return Move(
            to,
            clocks=tuple(source(c, before, after, entries, self.timing) for c in after.clocks if c.is_open),
            duties=tuple(duties.get(duty.id, WITH_CASE if duty.role == CITIZEN else NEW) for duty in to.duties),
            parties=tuple(places.get(code, code) for code in parties),
            opened=tuple(n for n, duty in enumerate(to.duties) if duty.id not in duties),
            stopped=tuple(n for n, clock in enumerate(life.situation.clocks) if clock.id not in left),
            kinds=tuple(e.kind for e in entries),
            letters=tuple(letter["letter"] for e in entries for letter in e.data.get("letters", ())),
            rungs=tuple(_rungs(entries, before, places)),
        )

    def _situation(self, case: Case, at: int) -> tuple[Situation, list[str]]:
        key, parties = self._spoken.key(case, self._plain_at(case.process, at))
        if key not in self._situations:
            category = self._spoken.category(case)
            self._situations[key] = situation(len(self._situations), case, self.book, parties, category=category)
        return self._situations[key], parties


def _rungs(entries: list[Entry], case: Case, places: Mapping[str, int]) -> Iterator[tuple[str, str, Party]]:
    names = {clock.id: clock.name for clock in case.clocks}
    for entry in entries:
        if entry.kind == "rung_reached":
            holder = entry.data["holder"]
            yield entry.data["rung"], names[entry.data["clock"]], places.get(holder, holder)


def _form(life: Life, order: Order, named: tuple[str, ...]) -> tuple[Any, ...]:
    """The order, with departments by their place."""
    places = {code: n for n, code in enumerate(life.parties + named)}
    parties = tuple([(name, tuple([places.get(code, code) for code in codes])) for name, codes in order.parties])
    return (order.action, order.assignment, order.data, parties)


def _compare(life: Life, case: Case) -> None:
    """Raises :class:`Strayed` when the life is not what ``decide`` made of the case."""
    here = life.situation
    told = {c.id: times for c, times in zip(here.clocks, life.clocks, strict=True)}
    mine = (told, here.stage, here.process, life.lead, life.partners, here.result)
    real = (times_of(case), case.stage, case.process, case.lead or "", [*case.partners], case.result)
    if mine != real:
        raise Strayed(f"{life.past}: {mine} instead of {real}")
