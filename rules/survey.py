"""A rulebook is checked as a whole: what its checks share, so that no fault hides another or is told twice."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence, Set
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from rules.calendar import Span
from rules.departments import SEPARATOR, Words
from rules.faults import like, meant
from rules.process import Process
from rules.reading import PROCESSES, Reading
from rules.said import NOTHING, Said, said, told_by
from rules.tables import Row, Table

if TYPE_CHECKING:
    from rules.rulebook import Rulebook

DEPARTMENTS, DISTRICTS, CATEGORIES = "departments.yaml", "districts.yaml", "categories.yaml"
_WORD = re.compile(r"\w+")
_NOTHING_LEFT = 50
"""A description with fewer words than this was emptied."""


class Survey:
    """A rulebook under examination, with what is known of the files it was read from."""

    def __init__(self, book: Rulebook, reading: Reading) -> None:
        self.book = book
        self.clauses: Mapping[str, Words] = reading.clauses()
        self._reading = reading

    def rows(self, table: str) -> Sequence[Row]:
        """The rows of a table; none of one that could not be read."""
        return self.book.tables[table].rows if table in self.book.tables else ()

    def table(self, name: str) -> Table | None:
        return self.book.tables.get(name)

    def has(self, file: str) -> bool:
        """Whether there is such a file, whatever it says."""
        return file in self._reading.files

    def sound(self, *files: str) -> bool:
        """Whether these files say all they were meant to say; only then can something be missing from them. A name
        that ends with ``/`` is a folder."""
        return not any(doubtful.startswith(file) for doubtful in self._reading.doubtful for file in files)

    def processes(self) -> list[Process]:
        """The processes that say all they were meant to say."""
        return [p for p in self.book.processes.values() if self.sound(file_of(p))]

    def unknown(self, what: str, word: str, known: Collection[str], *files: str) -> Said | None:
        """What is wrong with a word that is not ``known`` and that these files do not mention in a broken part; of a
        path the first step that is not known, because whatever is below it has the same cause."""
        steps = word.split(SEPARATOR)
        paths = (SEPARATOR.join(steps[: n + 1]) for n in range(len(steps)))
        if word in known or any(self._mentions(file, word) for file in files):
            return None
        first = next(path for path in paths if path not in known)
        called = (
            [code for code, record in known.items() if word in _names(record)] if isinstance(known, Mapping) else []
        )
        cure = said("; its code is %(codes)s", codes=called) if called else meant(first, known) or _write(files)
        return said("unknown %(what)s '%(word)s'%(cure)s", what=said(what), word=first, cure=cure)

    def complete(self) -> bool:
        """Whether all tables and processes say all they were meant to say."""
        return not any(
            doubtful.endswith(".csv") or doubtful.startswith(PROCESSES) for doubtful in self._reading.doubtful
        )

    def line(self, file: str, words: str, *, last: bool = False) -> int:
        """The first line (from 1) that holds ``words``, or the last one."""
        lines = [n for n, line in enumerate(self._reading.files[file].splitlines(), 1) if words in line]
        return lines[-1 if last else 0] if lines else 0

    def faulty(self, file: str) -> Set[int]:
        """Lines of which something was told when the file was read."""
        return {fault.line for fault in self._reading.faults if fault.file == file}

    def _mentions(self, file: str, word: str) -> bool:
        """Whether a file that has faults may have been meant to say ``word``; one that is as good as missing may."""
        if self.sound(file):
            return False
        texts = [text for name, text in self._reading.files.items() if name.startswith(file) and not self.sound(name)]
        words = {one for text in texts for one in _WORD.findall(text)}
        missing = set(_WORD.findall(word)) - words
        lost = any(name.startswith(file) for name in self._reading.lost)
        return not missing or len(words) < _NOTHING_LEFT or (lost and not any(like(one, words) for one in missing))


def _names(record: Any) -> Collection[str]:
    """What people call something that the tables call by its code."""
    words = getattr(record, "name", None) or getattr(record, "label", None)
    return words.values() if isinstance(words, Mapping) else ()


def _write(files: Sequence[str]) -> Said:
    if not files or files[0].endswith("/"):
        return NOTHING
    return said("; add it to %(file)s, or name one that is there", file=files[0])


def file_of(process: Process) -> str:
    return f"{PROCESSES}{process.name}.yaml"


def span_of(cell: str) -> Span | None:
    """A length of time; ``None`` when the cell holds none."""
    try:
        return Span.parse(cell)
    except ValueError:
        return None


def span_fault(cell: str) -> Said | None:
    try:
        Span.parse(cell)
    except ValueError as wrong:
        return told_by(wrong)
    return None


def moments(table: Table) -> list[datetime | None]:
    """One moment in each spell of a table; for a table without dates the question needs none."""
    days = [table.turns[0] - 1, *table.turns] if table.turns else []
    return [datetime.combine(date.fromordinal(day), time(), UTC) for day in days] or [None]
