"""深化党政公开: `minsheng rules draw` puts pictures of processes into files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from typer import echo

from infra.locale import locales
from infra.mistakes import Mistake
from infra.moment import now
from infra.rulebook_check import sound_rulebook
from infra.settings import settings
from infra.workbench.picture_words import PictureWords
from rules.drawing import svg
from rules.mermaid import mermaid
from rules.picture import Picture
from rules.picturing import picture
from rules.rulebook import Rulebook

FORMS: Mapping[str, tuple[str, Callable[[Picture], str]]] = {"svg": (".svg", svg), "mermaid": (".mmd", mermaid)}
"""Name of a form -> ending of its files, and what makes it."""


def draw_processes(folder: Path, process: str, *, form: str, out: Path | None, lang: str | None) -> None:
    """One process to a file or to the screen, or all of them into a folder. Raises :class:`Mistake`."""
    locale = lang or settings().locale
    if form not in FORMS:
        raise Mistake(f"--format '{form}' is not known; write one of: {', '.join(FORMS)}")
    if locale not in locales():
        raise Mistake(f"--lang '{locale}' is not known; write one of: {', '.join(locales())}")
    book = sound_rulebook(folder)
    names = [process] if process else [*book.processes]
    if unknown := [name for name in names if name not in book.processes]:
        raise Mistake(f"there is no process '{unknown[0]}'; there are: {', '.join(book.processes)}")
    if len(names) > 1 and (out is None or out.is_file()):
        raise Mistake(f"name one of the processes ({', '.join(names)}), or a folder for all of them with --out")
    ending, _ = FORMS[form]
    for name in names:
        text = drawn(book, name, form, locale)
        if out is None:
            echo(text, nl=False)
        else:
            alone = bool(process) and not out.is_dir()
            _write(out if alone else out / f"{name}{ending}", text)


def drawn(book: Rulebook, process: str, form: str, locale: str) -> str:
    """One process as text."""
    found = book.process(process)
    return FORMS[form][1](picture(book, found, PictureWords(found, locale), at=now()))


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    except OSError as wrong:
        raise Mistake(f"{file} cannot be written: {wrong.strerror}") from None
    echo(str(file))
