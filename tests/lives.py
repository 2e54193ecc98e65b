"""What people do to a case, in the fewest words; for tests that need a case somewhere in its life."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from infra.ledger import Ledger, Person, Recorded
from rules.case import CITIZEN, Case, Complaint, Signal

NOW = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""Monday, ten in the morning in Qingdao: inside office hours, far from any holiday."""

NOISE = Complaint(
    channel="web", subject="半夜施工噪音", description="工地夜间施工,无法入睡。", address="市南区香港中路12号"
)
"""One department (the district's urban management) answers for it."""
RIDDLE = Complaint(channel="web", subject="一件事", description="说来话长。")
"""No table knows whose this is: the desk decides."""
ZHANG = Person(name="张三", phone="13905320001", email="zhang@citizen.example")


async def received(ledger: Ledger, at: datetime, *, what: Complaint = NOISE, who: Person = ZHANG) -> Case:
    """A new case that no run has touched."""
    return (await ledger.submit(what, who, at=at, key=None)).case


async def settled(ledger: Ledger, number: str, at: datetime) -> Case:
    """The case, carried into the stage where it waits for somebody."""
    case = await ledger.case(number)
    while case.is_moving:
        case = (await ledger.record(number, Signal("proceed"), at=at)).case
    return case


async def waiting(ledger: Ledger, at: datetime, *, what: Complaint = NOISE) -> Case:
    """A new case that waits for its first department (or the desk)."""
    return await settled(ledger, (await received(ledger, at, what=what)).number, at)


async def act(ledger: Ledger, case: Case, action: str, assignment: str, *, at: datetime, **data: Any) -> Recorded:
    """``action`` by whoever holds ``assignment``."""
    return await ledger.record(case.number, doing(case, action, assignment, **data), at=at)


def doing(case: Case, action: str, assignment: str, **data: Any) -> Signal:
    held = case.assignment(assignment)
    return Signal(action, actor=held.party if held else CITIZEN, assignment=assignment, data=data)


async def closed(ledger: Ledger, at: datetime, *, what: Complaint = NOISE) -> Case:
    """A whole life: claimed, citizen called, fixed, rated, closed."""
    case = await waiting(ledger, at, what=what)
    for action, assignment, data in (
        ("claim", "lead-1", {}),
        ("contact", "lead-1", {}),
        ("fix", "lead-1", {"reply": "夜间施工已停工,施工许可已收回。"}),
        ("rate", "citizen-1", {"solved": "yes", "satisfied": 5}),
    ):
        await act(ledger, case, action, assignment, at=at, **data)
        case = await settled(ledger, case.number, at)
    return case
