"""What single thoughts cost, as multiples of a calibrated loop, so that figures of two machines can be compared.

``python -m tests.bench.micro`` prints them beside the stored ones; with ``--store`` they become the stored ones.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

from aiosmtplib.email import flatten_message

from infra.ledger import Person
from infra.ledger.outbox import decided
from infra.mail.letters import Composed, compose
from infra.mail.mailbox import read
from infra.mail.message import Envelope, message
from infra.mail.values import values_for
from infra.rulebook_files import read_folder
from infra.settings import ROOT
from rules.calendar import Span
from rules.case import CITIZEN, Case, Complaint, Entry, Signal
from rules.decide import PROCEED, decide, submit
from rules.evolve import evolve, fold
from rules.rulebook import Rulebook, build

BASELINE = Path(__file__).with_name("baseline.json")
NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
NUMBER = "QD261123-AAAAAAAA"
MATTER = Complaint(
    channel="web", subject="半夜施工噪音", description="工地夜间施工,无法入睡。", address="市南区香港中路12号"
)
ACTS = (
    ("claim", {}),
    ("contact", {}),
    ("fix", {"reply": "夜间施工已停工。"}),
    ("rate", {"solved": "yes", "satisfied": 5}),
)
ROUNDS, LONG_ENOUGH = 9, 0.02
"""The best of so many rounds counts, each of so many seconds at least: whatever else the machine does only slows."""

Thought = Callable[[], object]


def calibrated() -> object:
    """What a Python program does all day: small objects, a dictionary, text."""
    seen: dict[str, int] = {}
    for n in range(200):
        seen[f"{n % 17}"] = seen.get(f"{n % 17}", 0) + n
    return seen


def life(book: Rulebook) -> list[Entry]:
    """The entries of a whole life."""
    entries = submit(book, NUMBER, MATTER, NOW)
    acts: Iterator[tuple[str, dict[str, Any]]] = iter(ACTS)
    while not (case := fold(NUMBER, entries)).is_closed:
        entries += decide(book, case, _next(case, acts), NOW)
    return entries


def _next(case: Case, acts: Iterator[tuple[str, dict[str, Any]]]) -> Signal:
    if case.is_moving:
        return Signal(PROCEED, complaint=None if case.visits else MATTER)
    action, data = next(acts)
    own = "citizen-1" if action == "rate" else "lead-1"
    return Signal(action, CITIZEN if action == "rate" else str(case.lead), own, data)


def thoughts() -> Mapping[str, Thought]:
    """What is measured, each by its name."""
    book = build(dict(read_folder(ROOT / "rules" / "qingdao")))
    entries = life(book)
    new = fold(NUMBER, entries[:1])
    claimed = next(n for n, entry in enumerate(entries) if entry.kind == "department_claimed")
    waiting = fold(NUMBER, entries[:claimed])
    claim = Signal("claim", str(waiting.lead), "lead-1", {})
    turn = count()
    return {
        "decide: first contact": lambda: decide(book, new, Signal(PROCEED, complaint=MATTER), NOW),
        "decide: a claim": lambda: decide(book, waiting, claim, NOW),
        "evolve: one entry": lambda: evolve(waiting, entries[claimed]),
        "evolve: fold a life": lambda: fold(NUMBER, entries),
        "table: a question never asked": lambda: book.tables["keywords"].first(None, text=f"噪音 {next(turn)}"),
        "calendar: five working days": lambda: book.calendar.add(NOW, Span(5, "wd")),
        "calendar: a month of working time": lambda: book.calendar.working_seconds_between(NOW, NOW + timedelta(30)),
        "table: an answer that is remembered": lambda: book.deadline("standard", "fix", "normal"),
        **_letter(book, entries),
    }


def _letter(book: Rulebook, entries: list[Entry]) -> Mapping[str, Thought]:
    """The mail that gives the lead its task: its words, the mail around them, and what the catcher makes of it."""
    letter = next(one for one in decided(NUMBER, 1, entries, held=True) if one.letter == "lead_task")
    known = {"complaint": MATTER, "person": Person("示例"), "book": book, "entries": entries, "locale": "zh_CN"}

    def composed() -> Composed:
        return compose(letter.letter, locale="zh_CN", values=values_for(letter, **known))  # type: ignore[arg-type]  # by name

    words = composed()
    envelope = Envelope(sender="m@minsheng.example", to="lead@city.example", to_name="市南", reply_to="d@city.example")
    mail = flatten_message(message(words, letter, envelope))
    return {
        "letter: a task mail": composed,
        "letter: the mail around it": lambda: flatten_message(message(words, letter, envelope)),
        "letter: the mail as the catcher reads it": lambda: read(1, mail),
    }


def seconds(thought: Thought) -> float:
    """The best time of one thought."""
    times, found = 1, float("inf")
    thought()
    gc.disable()
    try:
        for _ in range(ROUNDS):
            while (took := _took(thought, times)) < LONG_ENOUGH:
                times *= 2
            found = min(found, took / times)
    finally:
        gc.enable()
    return found


def _took(thought: Thought, times: int) -> float:
    began = time.process_time()
    for _ in range(times):
        thought()
    return time.process_time() - began


def measured() -> dict[str, float]:
    """Thought -> how many calibrated loops it takes."""
    return {name: round(seconds(one) / seconds(calibrated), 3) for name, one in thoughts().items()}


def stored() -> dict[str, float]:
    found: dict[str, float] = json.loads(BASELINE.read_text("utf-8"))
    return found


def table(now: Mapping[str, float], before: Mapping[str, float]) -> str:
    """One line per thought: loops now, loops then, and how they compare."""
    lines = [f"{'in calibrated loops':36} {'now':>9} {'stored':>9}"]
    for name, loops in now.items():
        then = before.get(name)
        lines.append(f"{name:36} {loops:9.3f} {then or 0:9.3f} {f'x{loops / then:.2f}' if then else 'new'}")
    return "\n".join(lines)


if __name__ == "__main__":
    import tests.conftest  # noqa: F401 -- settings of its own, with a key for the links in letters

    found = measured()
    if "--store" in sys.argv:
        BASELINE.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    print(table(found, stored()))  # noqa: T201 -- talks to whoever typed the command
