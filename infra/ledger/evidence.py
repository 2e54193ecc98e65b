"""The ledger can be checked by anybody: what the rows of one case prove, and what they contradict. No database here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.ledger.chain import GENESIS, link
from infra.ledger.projections import assignment_row, case_row, clock_row, promise_row
from rules.case import SYSTEM, Case, Entry
from rules.evolve import fold

Row = Mapping[str, Any]
Tables = Mapping[str, Sequence[Row]]
"""Table name -> rows of one case; ``entries`` in order of ``seq``."""


@dataclass
class Evidence:
    """All rows of one case, and what they prove."""

    number: str
    tables: Tables
    broken: list[str] = field(default_factory=list)
    """What is wrong with the record itself; nothing can mend that but a backup."""
    wrong: list[str] = field(default_factory=list)
    """What is wrong with the tables made from the record; they can be made again."""
    case: Case | None = None
    head: bytes = GENESIS

    def weigh(self) -> None:
        """Fill in all of the above."""
        self.head, faults = follow(self.number, self.tables["entries"])
        self.broken += [*faults, *self._end_of_chain(), *_letters(self.tables), *_signals(self.tables)]
        if not self.tables["complaints"]:
            self.broken.append("what the citizen wrote is missing")
        try:
            self.case = fold(self.number, (entry_of(row) for row in self.tables["entries"]))
        except (KeyError, ValueError, TypeError, AttributeError) as fault:  # entries that were tampered with
            self.broken.append(f"the entries do not add up to a case: {fault!r}")
        else:
            self.wrong += _projections(self.case, self.tables)

    @property
    def may_be_rebuilt(self) -> bool:
        """A broken record is left as it is: making its tables again would hide what happened."""
        return bool(self.wrong) and not self.broken and self.case is not None

    def _end_of_chain(self) -> Iterator[str]:
        """Entries taken away from the end leave a whole chain, but not the end that the case remembers."""
        for row in self.tables["cases"]:
            if row["head"] != self.head:
                yield f"the chain does not end at entry {row['seq']} as the case does: entries were removed or changed"


def entry_of(row: Row) -> Entry:
    return Entry(row["kind"], row["at"], row["actor"], row["data"])


def follow(number: str, rows: Sequence[Row]) -> tuple[bytes, list[str]]:
    """The hash at the end of the chain, and every link that does not hold."""
    head, faults = GENESIS, []
    for expected, row in enumerate(rows, 1):
        if row["seq"] != expected:
            faults.append(f"entry {expected} is missing")
        head = link(head, number, row["seq"], entry_of(row))
        if head != row["hash"]:
            faults.append(f"entry {row['seq']} ({row['kind']}) does not fit its hash")
            head = row["hash"]
    return head, faults


def _letters(tables: Tables) -> Iterator[str]:
    decided = {(r["seq"], n) for r in tables["entries"] for n in range(_letters_in(r["data"]))}
    queued = {(r["seq"], r["nth"]) for r in tables["letters"]}
    for seq, nth in sorted(decided - queued):
        yield f"letter {seq}.{nth} is not in the outbox"
    for seq, nth in sorted(queued - decided):
        yield f"letter {seq}.{nth} was decided by no entry"


def _letters_in(data: Any) -> int:
    """Tampered data may be anything."""
    letters = data.get("letters", ()) if isinstance(data, dict) else ()
    return len(letters) if isinstance(letters, list) else 0


def _signals(tables: Tables) -> Iterator[str]:
    """Whatever somebody did has a signal; the first entry is the submission itself."""
    known = {row["seq"] for row in tables["entries"]}
    covered: set[int] = set()
    for signal in tables["signals"]:
        span = set(range(signal["first_seq"], signal["last_seq"] + 1))
        if not span <= known or span & covered:
            yield f"the signal {signal['action']} of entry {signal['first_seq']} has entries that are not its own"
        covered |= span
    acts = {row["seq"] for row in tables["entries"] if row["actor"] != SYSTEM and row["seq"] > 1}
    yield from (f"entry {seq} comes from no signal" for seq in sorted(acts - covered))


def _projections(case: Case, tables: Tables) -> Iterator[str]:
    number = case.number
    expected: dict[str, list[dict[str, Any]]] = {
        "cases": [case_row(case)],
        "assignments": [assignment_row(number, a) for a in case.assignments],
        "clocks": [clock_row(number, c) for c in case.clocks if c.runs],
        "promises": [promise_row(number, case.plan)] if case.plan else [],
    }
    for table, rows in expected.items():
        if not _same(rows, tables[table]):
            yield f"table {table} does not equal the folded entries"


def _same(expected: Sequence[Row], found: Sequence[Row]) -> bool:
    """Whether ``found`` says what is expected, in any order; columns that are no projection do not count."""
    if len(expected) != len(found):
        return False
    pairs = zip(_by_id(expected), _by_id(found), strict=True)
    return all(row[name] == value for wanted, row in pairs for name, value in wanted.items())


def _by_id(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: str(row.get("id", "")))
