"""Never do nothing silently: whatever happens to a good rulebook is caught by the check, or does no harm to a case."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import yaml
from hypothesis import Phase, given, settings
from hypothesis import strategies as some

from infra.rulebook_files import read_folder
from infra.settings import RULEBOOKS
from rules.actions import offers
from rules.case import SYSTEM, Case, Complaint, Entry, Signal
from rules.decide import PROCEED, TICK, decide, submit
from rules.evolve import fold
from rules.explain import explain
from rules.fields import Field
from rules.refusals import Refusal
from rules.rulebook import Rulebook, examine

QINGDAO = read_folder(RULEBOOKS / "qingdao")
MONDAY = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
MATTERS = (
    Complaint(channel="web", subject="半夜施工噪声", description="工地每天凌晨打桩", address="市南区香港中路"),
    Complaint(channel="hotline", subject="楼下烧烤油烟", description="", address="李沧区", type="complaint"),
    Complaint(channel="web", subject="一件事", description="说来话长"),
    Complaint(channel="petition", subject="家里闻到煤气味", description="", district="崂山区"),
)
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
MOST_STEPS = 60


def mutated(chance: Random) -> dict[str, str]:
    """Qingdao's rulebook after a slip of the hand or two in one file."""
    file = chance.choice(sorted(QINGDAO))
    text = QINGDAO[file]
    for _ in range(chance.randint(1, 2)):
        change = _change_table if file.endswith(".csv") else chance.choice([_change_tree, _change_text])
        text = change(chance, text)
    return {**QINGDAO, file: text}


def _change_table(chance: Random, text: str) -> str:
    """A row deleted, doubled or moved, a column deleted, a cell emptied, changed or taken from elsewhere."""
    rows = list(csv.reader(io.StringIO(text)))
    at, to = (chance.randrange(chance.choice([0, 2, 2]), len(rows)) for _ in range(2))
    column = chance.randrange(len(rows[0]))
    slip = chance.choice(["delete", "double", "swap", "blank", "copy", "word", "letter", "column"])
    if slip == "delete":
        del rows[at]
    elif slip == "double":
        rows.insert(to, list(rows[at]))
    elif slip == "swap":
        rows[at], rows[to] = rows[to], rows[at]
    elif slip == "column":
        for row in rows:
            del row[column : column + 1]
    elif len(rows[at]) > column and len(rows[to]) > column:
        cell = rows[at][column]
        rows[at][column] = {"blank": "", "copy": rows[to][column], "word": chance.choice(WORDS), "letter": cell[:-1]}[
            slip
        ]
    made = io.StringIO()
    csv.writer(made, lineterminator="\n").writerows(rows)
    return made.getvalue()


WORDS = [
    "none", "0", "-1 wd", "5 wd", "1 min", "10000 d", "closed", "lead", "desk", "urgent", "claim", "@district", "> 3",
    "[", "ecology", "ecology@district", "environment", "shinan", "yes", "2027-01-01", ",", "a;b",
    "噪音", "{x}", "", "standard",
]  # fmt: skip
VALUES = [
    None, "", 0, -1, 3, True, [], {}, "closed", "feedback", "citizen", "lead", "explain", "none", ["explain"],
    {"zh": "x"},
    "2027-01-01", "{x}", "a b", "@", "a/b",
]  # fmt: skip


def _change_tree(chance: Random, text: str) -> str:
    """A key or an item of a description deleted, doubled, renamed, or given another value."""
    try:
        data = yaml.load(text, Loader=LOADER)  # noqa: S506 -- a safe loader
    except yaml.YAMLError:
        return _change_text(chance, text)
    places = list(_places(data))
    holder, key = places[chance.randrange(len(places))]
    slip = chance.choice(["delete", "value", "rename", "elsewhere", "double"])
    other, with_key = places[chance.randrange(len(places))]
    if slip == "value":
        holder[key] = chance.choice(VALUES)
    elif slip == "elsewhere":
        holder[key] = deepcopy(other[with_key])
    elif slip == "rename" and isinstance(holder, dict):
        holder[chance.choice([f"{key}x", "closed", "fix", "lead", str(with_key)])] = holder.pop(key)
    elif slip == "double" and isinstance(holder, list):
        holder.append(holder[key])
    else:
        del holder[key]
    return yaml.dump(data, Dumper=DUMPER, allow_unicode=True, sort_keys=False)


def _places(data: Any) -> Any:
    """Every key of a mapping and every place in a list, with what holds it."""
    for key in list(data) if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ():
        yield data, key
        yield from _places(data[key])


def _change_text(chance: Random, text: str) -> str:
    """A line deleted, doubled, or indented otherwise; a sign lost."""
    lines = text.splitlines()
    at = chance.randrange(len(lines))
    slip = chance.choice(["delete", "double", "indent", "outdent", "sign"])
    if slip == "delete":
        del lines[at]
    elif slip == "double":
        lines.insert(at, lines[at])
    elif slip == "indent":
        lines[at] = f"  {lines[at]}"
    elif slip == "outdent":
        lines[at] = lines[at].removeprefix("  ")
    elif lines[at]:
        sign = chance.randrange(len(lines[at]))
        lines[at] = lines[at][:sign] + lines[at][sign + 1 :]
    return "\n".join(lines) + "\n"


class Drive:
    """A complaint carried to its end: somebody always does one of the things that are possible."""

    def __init__(self, book: Rulebook, complaint: Complaint, choose: Callable[[int], int]) -> None:
        self.book, self.complaint, self.choose = book, complaint, choose
        self.now = MONDAY
        self.entries: list[Entry] = submit(book, "QD-TEST", complaint, MONDAY)

    @property
    def case(self) -> Case:
        return fold("QD-TEST", self.entries)

    def signal(self, signal: Signal) -> None:
        self.entries += decide(self.book, self.case, signal, self.now)

    def to_its_end(self) -> Case:
        for step in count():
            while (case := self.case).is_moving:
                self.signal(Signal(PROCEED, complaint=self.complaint))
            if case.is_closed or step > MOST_STEPS:
                return case
            self.somebody_acts(patient=step < MOST_STEPS // 2)
        raise AssertionError

    def somebody_acts(self, *, patient: bool) -> None:
        case = self.case
        possible = [
            (assignment, offer)
            for assignment in case.open_assignments()
            for offer in offers(self.book, case, assignment, self.now)
            if offer.refusal is None and (patient or offer.action != "add_information")
        ]
        chosen = self.choose(len(possible) + 1)
        if chosen == len(possible):
            self.now += timedelta(days=30)
            self.signal(Signal(TICK, SYSTEM))
            return
        assignment, offer = possible[chosen]
        data = {field.name: self.filled(field) for field in offer.fields if field.required}
        try:
            self.signal(Signal(offer.action, assignment.party, assignment.id, data))
        except Refusal:  # such as an extension that is longer than allowed
            self.now += timedelta(days=1)

    def filled(self, field: Field) -> Any:
        allowed = [*field.choices(self.book, self.case)] if field.choices else []
        choice = allowed[self.choose(len(allowed))] if allowed else None
        samples = {
            "text": "好",
            "choice": choice,
            "choices": [choice],
            "date": "2030-01-01",
            "integer": field.minimum or 1,
        }
        return samples[field.type]


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(chance=some.randoms(use_true_random=True))
def test_a_slip_of_the_hand_is_caught_or_does_no_harm(chance: Random):
    files = mutated(chance)
    book, faults = examine(files)
    if faults:
        assert all(fault.message and fault.file for fault in faults)
        return
    for matter in MATTERS:
        assert Drive(book, matter, chance.randrange).to_its_end().stage
        explain(book, matter, MONDAY)


def test_a_good_rulebook_brings_every_complaint_to_its_end(book: Rulebook):
    for matter in MATTERS:
        for nth in range(5):
            turn = count(nth)
            end = Drive(book, matter, lambda n, turn=turn: next(turn) * 7 % n).to_its_end()
            assert end.stage
