"""Every bad input gets a clear answer: what is wrong in a rulebook, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import yaml

FEW = 16
"""So many words can be listed in a sentence."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a rulebook. ``line`` counts from 1 (0: the file as a whole); ``cell`` is a column or a YAML path."""

    file: str
    line: int
    cell: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} [{self.cell}] {self.message}" if self.cell else f"{place} {self.message}"


class RulebookFaults(Exception):
    """A rulebook that cannot be used; carries all its faults at once."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def like(word: str, known: Iterable[str]) -> list[str]:
    """Known words that ``word`` may have been meant to be, the likeliest first."""
    return get_close_matches(word, [str(one) for one in known], 3)


def meant(word: str, known: Iterable[str]) -> str:
    """The end of a sentence about an unknown ``word``: what it may have been meant to be; all there is, when little."""
    choices = [str(one) for one in known]
    if near := like(word, choices):
        return f"; did you mean {' or '.join(near)}?"
    return f"; use one of: {', '.join(choices)}" if 0 < len(choices) <= FEW else ""


_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SAFE):  # type: ignore[misc]  # the base is chosen while running
    """The safe loader, except that a key written twice is a fault and not a silent loss."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                problem = f"'{key.value}' is there twice"
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep=deep)


def read_yaml(text: str, file: str) -> Any:
    """Plain data of a YAML text. Raises :class:`RulebookFaults` with the line of a syntax fault."""
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 -- _Loader is a safe loader
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 0
        raise RulebookFaults([Fault(file, line, "", f"is not valid YAML: {fault.problem}")]) from fault
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise RulebookFaults([Fault(file, 0, "", f"is not valid YAML: {fault}")]) from fault


def line_of(text: str, path: tuple[str | int, ...]) -> int:
    """The line (from 1) where ``path`` stands in a YAML text; that of the nearest parent when it is missing."""
    node = yaml.compose(text, Loader=_Loader)
    line = 1
    for key in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(key)), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            line = node.start_mark.line + 1
    return line
