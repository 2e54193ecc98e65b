"""A draft is tried on what the ledger remembers, on both databases, and nothing is written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from infra.ledger import Ledger
from infra.ledger.pasts import pasts
from infra.mistakes import Mistake
from infra.workbench import backtest, backtest_command, drafts
from infra.workbench.backtest_command import Asked, print_backtest
from infra.workbench.backtest_words import BacktestWords
from rules.backtest_figures import concerns
from rules.rulebook import build
from tests import lives

QUICK = ("fix-normal,,fix,normal,5 wd", "fix-normal,,fix,normal,3 wd")


async def fixed(ledger: Ledger, at: datetime, days: float) -> str:
    """A case of noise: claimed and called after an hour, fixed after so many days, accepted at once."""
    case = await lives.waiting(ledger, at)
    soon, then = at + timedelta(hours=1), at + timedelta(days=days)
    for when, action, duty, data in (
        (soon, "claim", "lead-1", {}),
        (soon, "contact", "lead-1", {}),
        (then, "fix", "lead-1", {"reply": "已停工"}),
        (then, "rate", "citizen-1", {"solved": "yes", "satisfied": 5}),
    ):
        await lives.act(ledger, case, action, duty, at=when, **data)
        case = await lives.settled(ledger, case.number, when)
    return case.number


@pytest.fixture
def quicker(book_files: Mapping[str, str]) -> dict[str, str]:
    """Three working days instead of five."""
    return {**book_files, "deadlines.csv": book_files["deadlines.csv"].replace(*QUICK)}


@pytest.fixture
def folder(quicker: Mapping[str, str], tmp_path: Path) -> Path:
    """The same as a folder."""
    for name, text in quicker.items():
        (tmp_path / "draft" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "draft" / name).write_text(text, "utf-8")
    return tmp_path / "draft"


async def tried(ledger: Ledger, files: Mapping[str, str], now: datetime, **more) -> backtest.Backtest:
    told: list[tuple[int, int]] = []
    found = await backtest.backtest(
        ledger, build(files), since=now, at=now + timedelta(days=30),
        progress=lambda done, total: told.append((done, total)), **more,
    )  # fmt: skip
    assert told[-1] == (found.figures["looked_at"],) * 2
    return found


async def test_the_cases_of_the_ledger_are_led_through_the_draft(ledger: Ledger, quicker, now: datetime):
    """Received Monday 10:00; three working days end on Thursday 10:00, five on the next Monday."""
    kept, missed = await fixed(ledger, now, 2), await fixed(ledger, now, 3.5)
    late = await fixed(ledger, now, 8)
    before = await ledger.entries(missed)
    found = await tried(ledger, quicker, now)
    assert found.figures["breaches"] == {"old": 1, "new": 2, "added": 1, "avoided": 0}
    assert [row["number"] for row in found.rows if concerns(row, "added", about="fix")] == [missed]
    assert {row["number"] for row in found.rows if concerns(row, "deadlines")} == {kept, missed, late}
    assert found.figures["cases"]["unlike"] == 0
    assert found.rate > 0
    assert await ledger.entries(missed) == before


async def test_whatever_people_did_is_read_back_as_they_did_it(ledger: Ledger, book, now: datetime):
    """Every kind of life replays to what the ledger says; then no case is left out of the comparison."""
    await fixed(ledger, now, 1)
    await returned_and_ruled(ledger, now)
    await extended_and_joined(ledger, now)
    await lives.received(ledger, now)
    found = await backtest.backtest(ledger, book, since=now, at=now + timedelta(hours=30), progress=lambda *_: None)
    assert (found.figures["looked_at"], found.figures["cases"]["unlike"]) == (4, 0)
    assert found.rows == []


async def returned_and_ruled(ledger: Ledger, now: datetime) -> None:
    case = await lives.waiting(ledger, now, what=lives.RIDDLE)
    for hours, action, role, data in (
        (1, "dispatch", "desk", {"department": "ecology", "category": "environment/air/dust", "urgency": "complex"}),
        (2, "return", "lead", {"reason": "不属于我们", "department": "shinan-urban"}),
        (3, "dispatch", "desk", {"department": "shinan-urban", "partners": ["shinan-ecology"]}),
        (4, "contribute", "partner", {"contribution": "已监测"}),
        (5, "close_coordination", "lead", {"reply": "已办结"}),
        (6, "rate", "citizen", {"solved": "no", "satisfied": 1}),
    ):
        at = now + timedelta(hours=hours)
        await lives.act(ledger, case, action, case.open_assignments(role)[0].id, at=at, **data)
        case = await lives.settled(ledger, case.number, at)
    assert case.redos == 1


async def extended_and_joined(ledger: Ledger, now: datetime) -> None:
    case = await lives.waiting(ledger, now)
    for hours, action, data in (
        (1, "claim", {}),
        (2, "extend", {"days": 4, "reason": "等待材料"}),
        (3, "pause", {"cause": "expert_opinion", "reason": "等待检测"}),
        (4, "resume", {}),
        (5, "request_partners", {"partners": ["drainage"], "reason": "涉及排水"}),
        (6, "cannot_fix_now", {"reason": "需要改造", "plan": "列入明年计划", "promised_on": "2027-06-01"}),
        (7, "explain", {"text": "说明原因", "contact": "0532"}),
    ):
        at = now + timedelta(hours=hours)
        await lives.act(ledger, case, action, case.open_assignments("lead")[0].id, at=at, **data)
        case = await lives.settled(ledger, case.number, at)
    assert case.stage == "feedback"


async def test_pages_come_one_after_another_and_only_of_the_period(ledger: Ledger, now: datetime):
    for days in (-3, 0, 0, 1, 1):
        await lives.waiting(ledger, now + timedelta(days=days))
    pages = [page async for page in pasts(ledger.db, since=now, page=3)]
    assert [len(page) for page in pages] == [3, 1]
    numbers = [past.number for page in pages for past in page]
    assert numbers == sorted(set(numbers))


async def test_a_longer_list_is_cut(ledger: Ledger, quicker, now: datetime):
    for _ in range(3):
        await fixed(ledger, now, 1)
    found = await tried(ledger, quicker, now, listed=2)
    assert found.figures["cases"]["deadlines"] == 3
    assert len([row for row in found.rows if "deadlines" in row["in"]]) == 2


async def test_rows_that_begin_later_are_said_not_to_count(ledger: Ledger, book_files, now: datetime):
    await fixed(ledger, now, 3.5)
    merged = "{unit: urban, valid_until: 2027-01-31, merged_into: market@district, name:"
    text = book_files["departments.yaml"].replace("{unit: urban, name:", merged)
    found = await tried(ledger, {**book_files, "departments.yaml": text}, now)
    assert found.rows == []
    words = BacktestWords(build(book_files), "en")
    assert any("1 Feb 2027" in sentence for sentence in words.summary(found.as_json()))


@pytest.fixture
def command(sqlite_ledger: Ledger, sqlite_url: str, now: datetime, monkeypatch: pytest.MonkeyPatch):
    """The command on a ledger, some weeks later."""
    monkeypatch.setenv("MINSHENG_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("MINSHENG_LOCALE", "en")
    monkeypatch.setattr(backtest_command, "now", lambda: now + timedelta(days=30))
    backtest_command.settings.cache_clear()
    yield lambda **asked: print_backtest(Asked(**{"since": "2026-11-23"} | asked))
    monkeypatch.undo()
    backtest_command.settings.cache_clear()


async def test_the_command_takes_a_folder_and_shows_figures(
    command, sqlite_ledger: Ledger, folder: Path, now: datetime, capsys: pytest.CaptureFixture[str]
):
    number = await fixed(sqlite_ledger, now, 3.5)
    await command(rulebook=str(folder))
    told = capsys.readouterr().out
    assert "0 before, 1 under the draft (1 added, 0 avoided)" in told
    assert "cases a second" in told
    await command(rulebook=str(folder), figure="added", about="fix")
    assert number in capsys.readouterr().out
    await command(rulebook=str(folder), figure="added", as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert [row["number"] for row in told["rows"]] == [number]
    assert told["rate"] > 0


async def test_the_command_takes_a_draft_of_the_workbench(
    command, sqlite_ledger: Ledger, quicker, now: datetime, capsys: pytest.CaptureFixture[str]
):
    await fixed(sqlite_ledger, now, 3.5)
    draft = await drafts.open_draft(sqlite_ledger, by="王科", at=now, title="三天")
    text = quicker["deadlines.csv"]
    seen = draft.seen("deadlines.csv")
    await drafts.save_file(sqlite_ledger, draft.id, "deadlines.csv", text, by="王科", at=now, seen=seen)
    await command(rulebook=f"draft:{draft.id}")
    assert "1 under the draft" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"rulebook": "nothing"}, "--rulebook nothing is no folder"),
        ({"rulebook": "active", "figure": "lead"}, "--cases lead: there is no such figure"),
        ({"rulebook": "active", "since": "soon"}, "'soon' is not a moment"),
        ({"rulebook": "active", "since": "2099-01-01"}, "is still to come"),
    ],
)
async def test_what_cannot_be_tried_is_one_sentence(command, asked, said):
    with pytest.raises(Mistake) as mistake:
        await command(**asked)
    assert said in str(mistake.value)
