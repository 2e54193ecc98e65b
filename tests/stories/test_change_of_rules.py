"""机关流程再造: a process owner changes the rules while cases run, and nobody's case is lost."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest

from infra.ledger import Ledger
from infra.workbench import comparing, drafts, moving, versions
from infra.workbench.moving import MOVED, Moved, Wanted
from infra.workbench.refusals import VersionRefusal
from rules.case import Case
from rules.rulebook import Rulebook
from rules.succession import Move
from tests import lives

OWNER, APPROVER = "王科", "李处"
MERGED = ("{unit: urban, name:", "{unit: urban, valid_until: 2026-11-24, merged_into: market@district, name:")


async def closed_by_whoever_has_it(ledger: Ledger, number: str, at: datetime) -> Case:
    """Whoever has the case finishes it; a case of the desk is answered at once."""
    case = await ledger.case(number)
    while not case.is_closed:
        (own, *_) = [a for a in case.open_assignments() if a.role != "citizen"] or case.open_assignments()
        action, data = {
            "lead": ("fix", {"reply": "已停工"}),
            "desk": ("answer", {"reply": "已答复"}),
            "citizen": ("rate", {"solved": "yes", "satisfied": 5}),
        }[own.role]
        await lives.act(ledger, case, action, own.id, at=at, **data)
        case = await lives.settled(ledger, number, at)
    return case


async def moved(ledger: Ledger, wanted: Wanted, at: datetime) -> list[Moved]:
    return [one async for batch in moving.carried_out(ledger, wanted, at=lambda: at) for one in batch]


def change(files: Mapping[str, str]) -> dict[str, str]:
    """Three days instead of five for the departments, and a merger on the day after tomorrow."""
    return {
        "deadlines.csv": files["deadlines.csv"].replace("fix-normal,,fix,normal,5 wd", "fix-normal,,fix,normal,3 wd"),
        "departments.yaml": files["departments.yaml"].replace(*MERGED),
    }


async def test_rules_change_departments_merge_and_every_case_reaches_its_end(
    ledger: Ledger, book: Rulebook, book_files: Mapping[str, str], now: datetime
):
    running = [await lives.waiting(ledger, now) for _ in range(4)] + [
        await lives.waiting(ledger, now, what=lives.RIDDLE)
    ]
    done = await lives.closed(ledger, now)

    draft = await drafts.open_draft(ledger, by=OWNER, at=now, title="三天办结,执法并入市场监管")
    for path, text in change(book_files).items():
        await drafts.save_file(ledger, draft.id, path, text, by=OWNER, at=now, seen=draft.seen(path))
    told = (await comparing.compare(ledger, "active", f"draft:{draft.id}", at=now)).sentences("zh_CN")
    assert any(sentence.startswith("办理:5 个工作日 → 3 个工作日") for sentence in told)
    version = await drafts.submit_for_approval(ledger, draft.id, by=OWNER, at=now)
    with pytest.raises(VersionRefusal):
        await versions.approve(ledger, version.id, by=OWNER, at=now)
    await versions.approve(ledger, version.id, by=APPROVER, at=now)
    await versions.activate(ledger, version.id, by=OWNER, at=now, active_from=now + timedelta(hours=1))

    later = now + timedelta(hours=2)
    assert (await lives.received(ledger, now)).rulebook == book.version
    young = await lives.waiting(ledger, later)
    assert (young.rulebook, young.lead) == (version.id, "shinan-urban")
    assert [(await ledger.case(case.number)).rulebook for case in running] == [book.version] * 5

    order = Wanted(to=version.id, move=Move(by=OWNER, note="三天办结"))
    first = await moved(ledger, order, later)
    assert {one.how for one in first} == {MOVED} and len(first) == 6
    for case in running[:4]:
        after = await ledger.case(case.number)
        assert after.running("fix").due_at < case.running("fix").due_at
        assert after.lead == "shinan-urban", "the merger is still to come"

    merged = now + timedelta(days=2)
    assert (await lives.waiting(ledger, merged)).lead == "shinan-market"
    second = await moved(ledger, order, merged)
    assert {one.lead for one in second} == {("shinan-urban", "shinan-market")}

    open_ = [*running, young]
    ends = [await closed_by_whoever_has_it(ledger, case.number, merged) for case in open_]
    assert {case.result for case in ends} == {"fixed", "answered"}
    assert {case.rulebook for case in ends} == {version.id}
    assert (await ledger.case(done.number)).rulebook == book.version
    assert await ledger.verify() == []
