"""限时反馈: a letter that asks for what nobody gives it would never leave; this looks for such letters beforehand."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from jinja2 import TemplateSyntaxError, meta, nodes

from infra.locale import SOURCE, environment
from infra.mail.letters import FOLDER, PARTS, names
from infra.settings import TEMPLATES
from rules.faults import Fault, meant
from rules.said import Said, said

_OFFICE = ("name", "phone", "mail", "handler", "head")
FIELDS: Mapping[str, Sequence[str]] = {
    **dict.fromkeys((
        "number", "subject", "description", "category", "place", "urgency", "urgent", "channel", "received_at", "stage",
        "to_head", "recipient", "greeted", "partners", "shielded", "answer", "reply", "explanation", "final", "contact",
        "contestable", "round", "rounds_left", "contributions", "asked", "result", "task_url", "track_url", "letter",
        "deadlines", "rate_by", "why", "returnable", "appealable", "verdicts",
    ), ()),
    "lead": _OFFICE, "office": _OFFICE, "author": _OFFICE, "receiver": _OFFICE,
    "review": ("by", "stage", "verdict", "reason"),
    "complainant": ("name", "phone"), "plan": ("what", "owner", "promised_on"),
    "rating": ("solved", "satisfied", "comment"), "dispute": ("why", "by", "reason", "better"),
    "own": ("clock", "rung", "due", "holder", "reason", "text", "why", "cause", "until", "how"),
}  # fmt: skip
"""What ``infra.mail.values`` gives to a letter -> what there is to say of it (none: it is a plain value)."""


def letter_faults(asked: Iterator[tuple[str, int, str, str]]) -> Iterator[Fault]:
    """What is wrong with the letters that a rulebook asks for (file, line, place, letter) and with those there are."""
    known = names()
    for file, line, cell, letter in asked:
        if letter not in known:
            cure = meant(letter, known) or said("; write one there, or name one that is there")
            message = said("there is no letter '%(letter)s' in templates/mail%(cure)s", letter=letter, cure=cure)
            yield Fault(file, line, cell, message)
    missing = (FOLDER / letter / part for letter in known for part in PARTS)
    for path in sorted({*missing, *(path for path in FOLDER.rglob("*.*") if path.is_file())}):
        file = path.relative_to(TEMPLATES.parent).as_posix()
        if path.is_file():
            yield from _known(file, path.read_text("utf-8"))
        else:
            yield Fault(file, 0, "", said("is missing; a letter consists of %(parts)s", parts=", ".join(PARTS)))


@lru_cache(maxsize=512)
def _known(file: str, text: str) -> tuple[Fault, ...]:
    """Letters seldom change while a rulebook is checked over and over."""
    return tuple(_part(file, text))


def _part(file: str, text: str) -> Iterator[Fault]:
    made = environment(SOURCE)
    try:
        tree = made.parse(text)
        used = meta.find_undeclared_variables(tree)  # compiles it too, but for the bytes
    except TemplateSyntaxError as wrong:
        yield Fault(file, wrong.lineno, "", said("cannot be read: %(why)s", why=wrong.message))
        return
    for name in sorted(used - set(made.globals) - set(FIELDS) - {"parts"}):
        yield Fault(file, _line(text, name), name, _nobody_knows(name, name, FIELDS))
    for node in tree.find_all(nodes.Getattr):
        parts = FIELDS.get(node.node.name, ()) if isinstance(node.node, nodes.Name) else ()
        if parts and node.attr not in parts:
            named = f"{node.node.name}.{node.attr}"  # type: ignore[attr-defined]  # a Name, as looked up above
            yield Fault(file, node.lineno, named, _nobody_knows(named, node.attr, parts))


def _nobody_knows(named: str, word: str, known: Iterable[str]) -> Said:
    return said("no letter knows '%(name)s'%(cure)s", name=named, cure=meant(word, known))


def _line(text: str, name: str) -> int:
    lines = text.splitlines()
    return next((n for n, line in enumerate(lines, 1) if re.search(rf"\b{name}\b", line)), 0)
