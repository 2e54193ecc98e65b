"""A rulebook is a folder that any city can replace; this is the only place that reads one from disk."""

from __future__ import annotations

from pathlib import Path

from infra.mistakes import Mistake
from rules.faults import Fault, RulebookFaults
from rules.rulebook import Rulebook, build

ENDINGS = (".yaml", ".yml", ".csv")


def read_folder(folder: Path) -> dict[str, str]:
    """Relative path -> text of every table and description. Raises :class:`RulebookFaults` for what cannot be read.

    Hidden files (locks and backups of editors) are no part of a rulebook.
    """
    if not folder.is_dir():
        raise RulebookFaults([Fault(str(folder), 0, "", "is not a folder; name one in rules/ or give a path")])
    files: dict[str, str] = {}
    faults: list[Fault] = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        if path.suffix not in ENDINGS or any(part.startswith((".", "~")) for part in inside.parts):
            continue
        try:
            files[inside.as_posix()] = path.read_text("utf-8-sig")
        except UnicodeDecodeError:
            faults.append(Fault(inside.as_posix(), 0, "", "is not UTF-8; save it as 'CSV UTF-8', or as text in UTF-8"))
        except OSError as wrong:
            faults.append(Fault(inside.as_posix(), 0, "", f"cannot be read: {wrong.strerror}"))
    if faults:
        raise RulebookFaults(faults)
    return files


def sound_rulebook(folder: Path) -> Rulebook:
    """The rulebook of a folder. Raises :class:`Mistake` that lists all its faults."""
    try:
        return build(read_folder(folder))
    except RulebookFaults as wrong:
        listed = "\n".join(f"  {fault}" for fault in wrong.faults)
        raise Mistake(f"the rulebook {folder} cannot be used:\n{listed}") from None
