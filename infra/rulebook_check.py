"""限时反馈, 谁主管、谁负责: `minsheng rules check` tells all faults of a rulebook and of its letters at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from typer import echo

from infra.locale import SOURCE, again, say
from infra.mail.fields import letter_faults
from infra.mistakes import Mistake
from infra.rulebook_files import Folder, look_into
from infra.wording import CLOCKS
from rules.faults import Fault, RulebookFaults, line_of
from rules.rulebook import Rulebook, examine
from rules.said import Said, noted, said

FAULTY = 1


def faults_of(files: Mapping[str, str]) -> tuple[Rulebook, list[Fault]]:
    """The rulebook of these texts as far as it can be read, and all its faults, those of its letters too."""
    book, faults = examine(files)
    return book, [*faults, *_nameless(book, files), *letter_faults(_letters(book, files))]


def in_words(faults: Iterable[Fault], locale: str) -> list[Fault]:
    """Faults as people read them in this language; files, lines and cells stay what they are."""
    return [replace(fault, message=Said(again(fault.message, locale))) for fault in faults]


def check_folder(folder: Path, *, as_json: bool, locale: str = SOURCE) -> int:
    """``minsheng rules check``: print every fault; 1 when there are any. Raises :class:`Mistake` for no folder."""
    try:
        found = look_into(folder)
    except RulebookFaults as wrong:
        raise Mistake(str(wrong)) from None
    book, faults = faults_of(found.files)
    told = in_words(found.told(faults), locale)
    if as_json:
        listed = [asdict(fault) for fault in told]
        whole = {"rulebook": str(folder), "version": book.version, "sound": not told, "faults": listed}
        echo(json.dumps(whole, ensure_ascii=False, indent=1))
    else:
        _print(folder, found, book, told, locale)
    return FAULTY if told else 0


def sound_rulebook(folder: Path) -> Rulebook:
    """The rulebook of a folder. Raises :class:`Mistake` that lists all its faults."""
    try:
        found = look_into(folder)
    except RulebookFaults as wrong:
        raise Mistake(str(wrong)) from None
    book, faults = faults_of(found.files)
    if told := found.told(faults):
        listed = "\n".join(f"  {fault}" for fault in told)
        raise Mistake(f"the rulebook {folder} cannot be used:\n{listed}")
    return book


def _print(folder: Path, found: Folder, book: Rulebook, told: list[Fault], locale: str) -> None:
    for fault in told:
        echo(str(fault))
    if len(told) == 1:
        echo(say(locale, noted("1 fault in %(folder)s: mend it at its line, and check again"), folder=folder))
    elif told:
        many = noted("%(count)s faults in %(folder)s: mend each at its line, and check again")
        echo(say(locale, many, count=len(told), folder=folder))
    else:
        sound = noted("rulebook %(folder)s is sound: version %(version)s, %(count)s files")
        echo(say(locale, sound, folder=folder, version=book.version, count=len(found.files)))


def _nameless(book: Rulebook, files: Mapping[str, str]) -> Iterator[Fault]:
    """Clocks that people could not tell apart: without a label one is called as usual, or like its only stage."""
    for process in book.processes.values():
        file = f"process/{process.name}.yaml"
        of_stages = [(f"stages.{stage.name}.clocks", stage.clocks) for stage in process.stages.values()]
        for place, clocks in [("clocks", process.clocks), *of_stages]:
            strange = [name for name, spec in clocks.items() if spec.label is None and name not in CLOCKS]
            for name in strange[0 if place == "clocks" else 1 :]:
                path = f"{place}.{name}"
                message = said(
                    "nobody knows what to call the clock '%(clock)s'; give it a label in zh and en", clock=name
                )
                yield Fault(file, line_of(files.get(file, ""), tuple(path.split("."))), path, message)


def _letters(book: Rulebook, files: Mapping[str, str]) -> Iterator[tuple[str, int, str, str]]:
    """File, line, place and name of every letter a rulebook asks for."""
    for row in book.tables["ladder"].rows if "ladder" in book.tables else ():
        if letter := row.cells["letter"]:
            yield "ladder.csv", row.line, "letter", letter
    for process in book.processes.values():
        file = next((name for name in files if name.startswith(f"process/{process.name}.")), process.name)
        for path, letter in _named(process.model_dump(mode="json"), ()):
            yield file, line_of(files.get(file, ""), path), ".".join(path), letter


def _named(data: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text below a key ``letters``, wherever in a process it stands."""
    if isinstance(data, dict):
        for key, value in data.items():
            if isinstance(value, str) and path and path[-1] == "letters":
                yield (*path, key), value
            yield from _named(value, (*path, key))
