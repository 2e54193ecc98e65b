"""认真解决: whoever tightens a deadline sees first who would have been late, and nobody is touched by the trial."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from infra.ledger import Ledger
from infra.workbench import comparing, drafts
from infra.workbench.backtest import backtest
from rules.backtest_figures import concerns
from tests import lives

OWNER = "王科"


async def fixed(ledger: Ledger, at: datetime, days: int) -> str:
    """Noise that a department stopped after so many days."""
    case = await lives.waiting(ledger, at)
    for when, action in ((at, "claim"), (at, "contact"), (at + timedelta(days=days), "fix")):
        data = {"reply": "已停工"} if action == "fix" else {}
        await lives.act(ledger, case, action, "lead-1", at=when, **data)
        case = await lives.settled(ledger, case.number, when)
    return case.number


async def test_a_process_owner_sees_whom_three_days_would_have_hurt(
    ledger: Ledger, book_files: Mapping[str, str], now: datetime
):
    """Received Monday 10:00: three working days end on Thursday 10:00, five on the Monday after."""
    quick, slow = await fixed(ledger, now, 2), await fixed(ledger, now, 4)
    draft = await drafts.open_draft(ledger, by=OWNER, at=now, title="三天办结")
    tighter = book_files["deadlines.csv"].replace("fix-normal,,fix,normal,5 wd", "fix-normal,,fix,normal,3 wd")
    seen = draft.seen("deadlines.csv")
    await drafts.save_file(ledger, draft.id, "deadlines.csv", tighter, by=OWNER, at=now, seen=seen)

    later = now + timedelta(days=5)
    book = await comparing.book_of(ledger, f"draft:{draft.id}", at=later)
    found = await backtest(ledger, book, since=now, at=later, progress=lambda *_: None)

    assert found.figures["breaches"] == {"old": 0, "new": 1, "added": 1, "avoided": 0}
    assert [row["number"] for row in found.rows if concerns(row, "added", about="shinan-urban")] == [slow]
    assert {row["number"] for row in found.rows if concerns(row, "deadlines", about="fix")} == {quick, slow}
    assert (await ledger.active(later)).version != book.version
    assert await ledger.verify() == []
