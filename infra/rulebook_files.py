"""A rulebook is a folder that any city can replace; this is the only place that reads one from disk."""

from __future__ import annotations

from pathlib import Path

from rules.faults import Fault, RulebookFaults

ENDINGS = (".yaml", ".yml", ".csv")


def read_folder(folder: Path) -> dict[str, str]:
    """Relative path -> text of every table and description. Raises :class:`RulebookFaults` for what cannot be read."""
    if not folder.is_dir():
        raise RulebookFaults([Fault(str(folder), 0, "", "is not a folder; name one in rules/ or give a path")])
    files: dict[str, str] = {}
    faults: list[Fault] = []
    for path in sorted(folder.rglob("*")):
        if path.suffix not in ENDINGS:
            continue
        name = path.relative_to(folder).as_posix()
        try:
            files[name] = path.read_text("utf-8-sig")
        except (OSError, UnicodeDecodeError) as wrong:
            faults.append(Fault(name, 0, "", f"cannot be read as UTF-8: {wrong}"))
    if faults:
        raise RulebookFaults(faults)
    return files
