"""Every bad input gets a clear answer: what is wrong in a rulebook, where, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import yaml

from rules.said import NOTHING, Said, noted, said

FEW = 16
"""So many words can be listed in a sentence."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a rulebook. ``line`` counts from 1 (0: the file as a whole, or not looked up yet); ``cell`` is a
    column or a YAML path such as ``stages.feedback.kind``."""

    file: str
    line: int
    cell: str
    message: Said

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place} [{self.cell}] {self.message}" if self.cell else f"{place} {self.message}"


class RulebookFaults(Exception):
    """A rulebook that cannot be used; carries all its faults at once, and of one file what is left of it."""

    def __init__(self, faults: list[Fault], partial: Any = None) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults
        self.partial = partial


def like(word: str, known: Iterable[str]) -> list[str]:
    """Known words that ``word`` may have been meant to be, the likeliest first."""
    return get_close_matches(word, [str(one) for one in known], 3)


def meant(word: str, known: Iterable[str]) -> Said:
    """The end of a sentence about an unknown ``word``: what it may have been meant to be; all there is, when little."""
    choices = [str(one) for one in known]
    if near := like(word, choices):
        return said("; did you mean %(near)s?", near=near)
    return said("; use one of: %(words)s", words=", ".join(choices)) if 0 < len(choices) <= FEW else NOTHING


def unknown(what: str, word: str, known: Iterable[str]) -> Said:
    """A sentence about a word that is not among the ``known``; ``what``: what it should be, as a message id."""
    return said("unknown %(what)s '%(word)s'%(cure)s", what=said(what), word=word, cure=meant(word, known))


_SAFE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SAFE):  # type: ignore[misc]  # the base is chosen while running
    """The safe loader, except that a key written twice is a fault and not a silent loss."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.twice: list[tuple[int, str]] = []
        """Line and name of every key that stands there a second time."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                self.twice.append((key.start_mark.line + 1, str(key.value)))
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep=deep)


def _day_or_text(loader: Any, node: Any) -> Any:
    """A day that is in no calendar stays a text, so that it is told with its place like any other wrong value."""
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return loader.construct_scalar(node)


_Loader.add_constructor("tag:yaml.org,2002:timestamp", _day_or_text)


def read_yaml(text: str, file: str) -> tuple[Any, list[Fault]]:
    """Plain data of a YAML text, and the keys that stand there twice (the last one counts).

    Raises :class:`RulebookFaults` with the line of a syntax fault.
    """
    loader: Any = None
    try:
        loader = _Loader(text)
        data = loader.get_single_data()
    except yaml.MarkedYAMLError as fault:
        line = fault.problem_mark.line + 1 if fault.problem_mark else 0
        raise RulebookFaults([Fault(file, line, "", _hint(fault, text, line))]) from fault
    except (yaml.YAMLError, ValueError, RecursionError) as fault:
        raise RulebookFaults([Fault(file, 0, "", said("is not valid YAML: %(problem)s", problem=fault))]) from fault
    twice = noted("'%(key)s' is there twice; each key may stand only once, so rename or join one of them")
    return data, [Fault(file, line, key, said(twice, key=key)) for line, key in dict.fromkeys(loader.twice)]


def _hint(fault: yaml.MarkedYAMLError, text: str, line: int) -> Said:
    """The parser's words, and what it most often was."""
    problem, near = str(fault.problem), "\n".join(text.splitlines()[max(line - 2, 0) : line])
    signs = (cure for sign, cure in _SIGNS.items() if sign in near)
    cure = next(signs, next((cure for words, cure in _HINTS.items() if words in problem), NOTHING))
    return said("is not valid YAML: %(problem)s%(cure)s", problem=problem, cure=cure)


_SIGNS = {
    "<<<<<<<": said("; two texts were merged here and nobody chose; keep one and take the marks out"),
    "=======": said("; two texts were merged here and nobody chose; keep one and take the marks out"),
    "：": said("; a Chinese colon does not count, write ':' and a blank"),
    "，": said("; a Chinese comma does not count, write ','"),
    "\t": said("; indent with spaces, never with tabs"),
}
"""What stands at the line, or just above -> what it most often was."""
_HINTS = {
    "cannot start any token": said(
        "; indent with spaces, never with tabs, and put quotes around a text with special signs"
    ),
    "mapping values are not allowed": said(
        "; look for a second ':' in the line, or for a line that is indented too far"
    ),
    "could not find expected ':'": said("; look for a line without ':' here or just above"),
    "did not find expected": said(
        "; look for a bracket or a quote that is not closed, or a line that is not indented alike"
    ),
    "unexpected end of stream": said("; look for a quote that is not closed"),
}


@lru_cache(maxsize=16)
def _composed(text: str) -> yaml.Node | None:
    """Many lines are looked for in the same text."""
    composed: yaml.Node | None = yaml.compose(text, Loader=_Loader)
    return composed


def line_of(text: str, path: tuple[str | int, ...]) -> int:
    """The line (from 1) where ``path`` stands in a YAML text; that of the nearest parent when it is missing."""
    node = _composed(text)
    line = 1
    for key in path:
        if isinstance(node, yaml.MappingNode):
            pair = next(((k, v) for k, v in node.value if k.value == str(key)), None)
            if pair is None:
                return line
            line, node = pair[0].start_mark.line + 1, pair[1]
        elif isinstance(node, yaml.SequenceNode) and str(key).isdigit() and int(key) < len(node.value):
            node = node.value[int(key)]
            line = node.start_mark.line + 1
    return line
