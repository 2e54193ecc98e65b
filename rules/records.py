"""Every bad input gets a clear answer: a description in YAML becomes a record, or faults that a clerk can mend."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from rules.faults import Fault, RulebookFaults, like, line_of, meant, read_yaml, unknown
from rules.said import Said, noted, said, told_by

R = TypeVar("R", bound=BaseModel)
T = TypeVar("T")
Step = str | int
Path = tuple[Step, ...]

_ATTEMPTS = 20
_QUOTED = re.compile("'([^']*)'")
_NO_CODE = noted("'%(word)s' is no code; use small letters, digits and hyphens, such as traffic-police")
_NO_MAIL = noted("'%(word)s' is no mail address or the end of one")
_NUMBER = noted("'%(value)s' has to be in quotes; without them it is read as a number")
_NO_TEXT = noted("'%(value)s' has to be in quotes; without them it is read as more than a text")
_PLAIN: Mapping[str, str] = {
    "missing": noted("is missing; add it"),
    "string_too_short": noted("is empty; write something"),
    "too_short": noted("is empty; it needs at least one"),
    "bool": noted("has to be true or false"),
    "int": noted("'%(input)s' is not a whole number"),
    "date": noted("'%(input)s' is not a day; write it as 2027-01-31"),
    "greater_than_equal": noted("'%(input)s' is too small; the least is %(ge)s"),
    "less_than_equal": noted("'%(input)s' is too large; the most is %(le)s"),
    "recursion_loop": noted("refers to itself; write it out instead"),
    "dict": noted("has to hold keys with values, such as 'zh: …'"),
    "mapping": noted("has to hold keys with values, such as 'zh: …'"),
    "model": noted("has to hold keys with values, such as 'zh: …'"),
    "list": noted("has to be a list, such as [a, b]"),
    "tuple": noted("has to be a list, such as [a, b]"),
    "sequence": noted("has to be a list, such as [a, b]"),
}
"""Kind of error, as pydantic names it or begins its name -> what a clerk is told."""


def read_record(kind: type[R], text: str, file: str) -> tuple[R, list[Fault]]:
    """A file and all its faults, each with its line; of a faulty one what is left without its broken parts.

    Raises :class:`RulebookFaults` when nothing is left.
    """
    data, faults = read_yaml(text, file)
    try:
        return kind.model_validate(data), faults
    except ValidationError as wrong:
        faults += _faults(kind, wrong, text, file)
        rest = _rest(kind, data, wrong)
    if rest is None:
        raise RulebookFaults(faults)
    return rest, faults


def whole(made: T, faults: list[Fault]) -> T:
    """``made``, when nothing is wrong with it; else raises :class:`RulebookFaults` that carries it."""
    if faults:
        raise RulebookFaults(faults, partial=made)
    return made


def _faults(kind: type[BaseModel], wrong: ValidationError, text: str, file: str) -> Iterator[Fault]:
    """One fault for each cause: a misspelt key is both unknown and missing."""
    errors = [(_path(error["loc"]), error) for error in wrong.errors()]
    missing = {path for path, error in errors if error["type"] == "missing"}
    for path, error in errors:
        if error["type"] == "extra_forbidden":
            absent = [str(one[-1]) for one in missing if one[:-1] == path[:-1]]
            meaning = like(str(path[-1]), absent)[:1]
            missing -= {(*path[:-1], *meaning)} if meaning else set()
            known = meaning or _fields(kind, path[:-1])
            message = unknown(noted("key"), str(path[-1]), known)
            yield _fault(text, file, path, message)
    for path, error in errors:
        if error["type"] != "extra_forbidden" and (error["type"] != "missing" or path in missing):
            yield _fault(text, file, path, _message(error))


def _fault(text: str, file: str, path: Path, message: Said) -> Fault:
    return Fault(file, line_of(text, path), ".".join(map(str, path)), message)


def _path(loc: Sequence[Step]) -> Path:
    return tuple(step for step in loc if step != "[key]")


def _message(error: Mapping[str, Any]) -> Said:
    name, given, more = error["type"], error["input"], error.get("ctx", {})
    if given is None and name not in ("missing", "value_error"):
        return said("is empty; write something")
    if name in ("enum", "literal_error"):
        cure = meant(str(given), _QUOTED.findall(more["expected"]))
        return said("'%(word)s' is not known here%(cure)s", word=given, cure=cure)
    if name == "string_pattern_mismatch":
        wrong = _NO_CODE if "a-z" in more["pattern"] else _NO_MAIL
        return said(wrong, word=given)
    if name == "string_type":
        return said("has to be a text") if isinstance(given, list | dict) else _unquoted(given)
    if name == "value_error":
        return told_by(more["error"])
    kinds = (kind for kind in _PLAIN if name == kind or name.startswith(f"{kind}_"))
    return next((said(_PLAIN[kind], input=_written(given), **more) for kind in kinds), Said(error["msg"]))


def _unquoted(given: Any) -> Said:
    """YAML makes numbers of what looks like one: ``0532`` is 346."""
    number = isinstance(given, int | float) and not isinstance(given, bool)
    return said(_NUMBER if number else _NO_TEXT, value=_written(given))


def _written(given: Any) -> str:
    """A value as the file has it: YAML reads ``no`` and ``2027-01-31`` as more than text."""
    if isinstance(given, bool):
        return "yes" if given else "no"
    return given.isoformat() if isinstance(given, date) else str(given)


def _fields(kind: Any, path: Path) -> Sequence[str]:
    """Keys that may stand at ``path``."""
    for step in path:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            field = kind.model_fields.get(str(step))
            kind = field.annotation if field else None
        else:
            kind = next(iter(reversed(get_args(_bare(kind)))), None)
        kind = _bare(kind)
    return [*kind.model_fields] if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def _bare(kind: Any) -> Any:
    """A type without what only describes it: ``Annotated[X, …]`` and ``X | None`` are X."""
    while hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    args = [one for one in get_args(kind) if one is not type(None)]
    return _bare(args[0]) if get_origin(kind) not in (None, dict) and len(args) == 1 and _optional(kind) else kind


def _optional(kind: Any) -> bool:
    return type(None) in get_args(kind)


def _rest(kind: type[R], data: Any, wrong: ValidationError) -> R | None:
    """The record without its broken parts, as far as one is left; so that other files can still be judged."""
    for _ in range(_ATTEMPTS):
        paths = sorted({_path(error["loc"]) for error in wrong.errors()}, key=_place, reverse=True)
        removed = [_removed(data, path) for path in paths]
        if not all(removed):
            return None
        try:
            return kind.model_validate(data)
        except ValidationError as still:
            wrong = still
    return None


def _place(path: Path) -> list[tuple[int, str]]:
    """In the order of the file; what is taken out last to first leaves the places of the rest alone."""
    return [(step, "") if isinstance(step, int) else (0, step) for step in path]


def _removed(data: Any, path: Path) -> bool:
    """Take out the innermost item or key that holds ``path``; whether there was one."""
    found = None
    for step in path:
        inside = step in data if isinstance(data, dict) else isinstance(data, list) and step in range(len(data))
        if not inside:
            break
        found, data = (data, step), data[step]
    if found:
        found[0].pop(found[1])
    return found is not None
