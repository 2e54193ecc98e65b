"""Every decision can be explained, and the same few questions are asked hundreds of thousands of times."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from rules.tables import MEMO_LIMIT, spell

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

T = TypeVar("T")
P = ParamSpec("P")


def remembered(ask: Callable[Concatenate[Rulebook, P], T]) -> Callable[Concatenate[Rulebook, P], T]:
    """Answers are kept with the rulebook: the same few questions are asked hundreds of thousands of times.

    ``at`` is always given by name; an answer holds from one turn of the tables to the next.
    """

    @wraps(ask)
    def remember(self: Rulebook, /, *args: P.args, **named: P.kwargs) -> T:
        key = (ask.__name__, args, spell(self.turns, named["at"]) if self.turns and "at" in named else 0)  # type: ignore[arg-type]  # a moment
        if key not in self._answers:
            if len(self._answers) >= MEMO_LIMIT:
                self._answers.clear()
            self._answers[key] = ask(self, *args, **named)
        return self._answers[key]  # type: ignore[no-any-return]  # the answers of one question are of one type

    return remember
