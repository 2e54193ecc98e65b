"""机关流程再造: a change of the rules is drafted, checked, approved by a second person, dated, and taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from infra.ledger import Ledger
from infra.ledger.migrations import upgrade
from infra.locale import message_ids, missing
from infra.workbench import comparing, drafts, versions
from infra.workbench.deployed import take_folder
from infra.workbench.refusals import SENTENCES, VersionRefusal
from rules.rulebook import Rulebook
from tests import lives
from tests.conftest import apart

DAY = timedelta(days=1)


def quicker(files: Mapping[str, str], days: int = 3) -> dict[str, str]:
    """The rulebook with less time for the departments."""
    return {**files, "deadlines.csv": files["deadlines.csv"].replace("normal,5 wd,,立查", f"normal,{days} wd,,立查")}


async def approved(ledger: Ledger, files: Mapping[str, str], at: datetime) -> str:
    version = await versions.submit_files(ledger, files, by="王科", at=at)
    return (await versions.approve(ledger, version.id, by="李处", at=at)).id


def code(refused: pytest.ExceptionInfo[VersionRefusal]) -> str:
    return refused.value.code


# From draft to force


async def test_a_draft_becomes_the_rules_only_after_a_second_person_approved_it(ledger: Ledger, book: Rulebook, now):
    draft = await drafts.open_draft(ledger, by="王科", at=now, title="三天办结")
    text = quicker(draft.files)["deadlines.csv"]
    draft = await drafts.save_file(
        ledger, draft.id, "deadlines.csv", text, by="王科", at=now, seen=draft.seen("deadlines.csv")
    )
    assert await drafts.check(ledger, draft.id) == []
    version = await drafts.submit_for_approval(ledger, draft.id, by="王科", at=now)
    assert (version.standing, version.base, version.authors) == ("checked", book.version, ("王科",))
    version = await versions.approve(ledger, version.id, by="李处", at=now, note="同意")
    assert version.standing == "approved"
    version = await versions.activate(ledger, version.id, by="王科", at=now + DAY)
    assert (version.standing, version.active_from) == ("active", now + DAY)
    assert [(s.state, s.by, s.note) for s in version.steps] == [
        ("checked", "王科", "三天办结"), ("approved", "李处", "同意"), ("active", "王科", "")
    ]  # fmt: skip
    assert (await versions.show(ledger, book.version, at=now + DAY)).standing == "superseded"


async def test_the_version_of_a_case_is_the_one_in_force_when_it_was_received(
    ledger: Ledger, book: Rulebook, book_files, now
):
    newer = await approved(ledger, quicker(book_files), now)
    await versions.activate(ledger, newer, by="王科", at=now, active_from=now + 7 * DAY)
    assert (await versions.show(ledger, newer, at=now)).standing == "planned"
    assert (await lives.received(ledger, now + 6 * DAY)).rulebook == book.version
    assert (await lives.received(ledger, now + 7 * DAY)).rulebook == newer
    assert (await ledger.active(now - 100 * DAY)).version == book.version


async def test_who_asks_together_is_told_the_rules_of_their_own_moment(ledger: Ledger, book: Rulebook, book_files, now):
    version = await approved(ledger, quicker(book_files), now)
    await versions.activate(ledger, version, by="王科", at=now, active_from=now + DAY)
    moments = (now - 3000 * DAY, now, now + DAY, now + 2 * DAY)
    books = await asyncio.gather(*(ledger.active(at) for at in moments))
    assert [one.version for one in books] == [book.version, book.version, version, version]


async def test_nobody_approves_what_they_have_worked_on(ledger: Ledger, book_files, now):
    draft = await drafts.open_draft(ledger, by="王科", at=now)
    for by, days in (("王科", 3), ("张工", 4)):
        text = quicker(book_files, days)["deadlines.csv"]
        await drafts.save_file(ledger, draft.id, "deadlines.csv", text, by=by, at=now, seen=None)
    version = await drafts.submit_for_approval(ledger, draft.id, by="赵主任", at=now)
    for author in ("王科", "张工", " 赵主任 "):
        with pytest.raises(VersionRefusal) as refused:
            await versions.approve(ledger, version.id, by=author, at=now)
        assert code(refused) == "own_work"
    assert (await versions.approve(ledger, version.id, by="李处", at=now)).standing == "approved"


async def test_each_step_is_possible_in_its_place_only(ledger: Ledger, book: Rulebook, book_files, now):
    version = (await versions.submit_files(ledger, quicker(book_files), by="王科", at=now)).id
    with pytest.raises(VersionRefusal) as refused:
        await versions.activate(ledger, version, by="王科", at=now)
    assert code(refused) == "not_approved"
    with pytest.raises(VersionRefusal) as refused:
        await versions.submit_files(ledger, quicker(book_files), by="王科", at=now)
    assert code(refused) == "known"
    await versions.approve(ledger, version, by="李处", at=now)
    for step, kind in ((versions.approve, "not_checked"), (versions.call_off, "not_planned")):
        with pytest.raises(VersionRefusal) as refused:
            await step(ledger, version, by="李处", at=now)
        assert code(refused) == kind
    with pytest.raises(VersionRefusal) as refused:
        await versions.activate(ledger, version, by="王科", at=now, active_from=now - DAY)
    assert code(refused) == "in_the_past"
    with pytest.raises(VersionRefusal) as refused:
        await versions.activate(ledger, book.version, by="王科", at=now)
    assert code(refused) == "in_force"
    assert (await versions.reject(ledger, version, by="李处", at=now)).standing == "rejected"


@pytest.mark.parametrize("name", ["", "  ", "deploy", "x" * 61])
async def test_every_step_needs_a_name(sqlite_ledger: Ledger, book_files, now, name: str):
    with pytest.raises(VersionRefusal) as refused:
        await versions.submit_files(sqlite_ledger, quicker(book_files), by=name, at=now)
    assert code(refused) == "no_name"


async def test_a_version_may_be_named_by_its_beginning(sqlite_ledger: Ledger, book: Rulebook, now):
    assert (await versions.show(sqlite_ledger, book.version[:5], at=now)).id == book.version
    for unknown in ("zzz", "", "%"):
        with pytest.raises(VersionRefusal) as refused:
            await versions.show(sqlite_ledger, unknown, at=now)
        assert code(refused) == "no_version"


# Back


async def test_a_date_can_be_called_off_and_set_again(ledger: Ledger, book: Rulebook, book_files, now):
    newer = await approved(ledger, quicker(book_files), now)
    for _ in range(2):
        await versions.activate(ledger, newer, by="王科", at=now, active_from=now + DAY)
        assert (await ledger.active(now + DAY)).version == newer
        assert (await versions.call_off(ledger, newer, by="李处", at=now, note="再议")).standing == "approved"
        assert (await ledger.active(now + DAY)).version == book.version


async def test_a_rollback_returns_to_what_was_in_force_before_and_never_forth_again(
    ledger: Ledger, book: Rulebook, book_files, now
):
    forced = [book.version]
    for days in (3, 4):
        forced.append(await approved(ledger, quicker(book_files, days), now))
        await versions.activate(ledger, forced[-1], by="王科", at=now + days * DAY)
    for day, expected in ((5, forced[1]), (6, forced[0])):
        back = await versions.rollback(ledger, by="李处", at=now + day * DAY)
        assert (back.id, back.steps[-1].note) == (expected, "rollback")
        assert (await ledger.active(now + day * DAY)).version == expected
    with pytest.raises(VersionRefusal) as refused:
        await versions.rollback(ledger, by="李处", at=now + 7 * DAY)
    assert code(refused) == "nothing_before"


async def test_the_history_cannot_be_rewritten(ledger: Ledger):
    for order in ("UPDATE rulebook_history SET note = 'x'", "DELETE FROM rulebook_history"):
        with pytest.raises(DBAPIError, match="append-only"):
            async with ledger.db.write() as connection:
                await connection.execute(sa.text(order))


async def test_listing_and_database_agree_on_what_is_in_force(ledger: Ledger, book_files, now):
    for days in (2, 3, 4):
        newer = await approved(ledger, quicker(book_files, days), now)
        await versions.activate(ledger, newer, by="王科", at=now, active_from=now + days * DAY)
    await versions.call_off(ledger, newer, by="王科", at=now)
    for day in range(6):
        at = now + day * DAY
        (listed,) = [v.id for v in await versions.listing(ledger, at=at) if v.standing == "active"]
        assert (await ledger.active(at)).version == listed


# Drafts


async def test_a_second_editor_does_not_overwrite_what_they_have_not_seen(ledger: Ledger, now):
    draft = await drafts.open_draft(ledger, by="王科", at=now)
    seen = draft.seen("keywords.csv")
    mine = draft.files["keywords.csv"] + "drone,无人机,public-safety,\n"
    await drafts.save_file(ledger, draft.id, "keywords.csv", mine, by="王科", at=now, seen=seen)
    with pytest.raises(VersionRefusal) as refused:
        await drafts.save_file(ledger, draft.id, "keywords.csv", "别的", by="张工", at=now, seen=seen)
    assert (code(refused), refused.value.params["by"]) == ("draft_changed", "王科")
    again = await drafts.get_draft(ledger, draft.id)
    assert again.files["keywords.csv"] == mine
    await drafts.save_file(ledger, draft.id, "ladder.csv", "别的", by="张工", at=now, seen=draft.seen("ladder.csv"))


async def test_files_come_and_go_in_a_draft(ledger: Ledger, now):
    draft = await drafts.open_draft(ledger, by="王科", at=now)
    added = await drafts.save_file(
        ledger, draft.id, "process/expert.yaml", "name: expert\r\n", by="王科", at=now, seen=""
    )
    assert added.files["process/expert.yaml"] == "name: expert\n"
    gone = await drafts.save_file(ledger, draft.id, "process/expert.yaml", None, by="王科", at=now, seen=None)
    assert gone.files == draft.files and "process/expert.yaml" in gone.changes
    for path in ("../settings.yaml", "/etc/x.csv", "note.txt", "a\\b.csv", ".hidden.csv"):
        with pytest.raises(VersionRefusal) as refused:
            await drafts.save_file(ledger, draft.id, path, "x", by="王科", at=now, seen=None)
        assert code(refused) == "bad_path"


async def test_a_draft_with_faults_cannot_be_submitted_and_says_which(ledger: Ledger, now):
    draft = await drafts.open_draft(ledger, by="王科", at=now)
    broken = draft.files["catalogue.csv"].replace("traffic-police", "trafic-police")
    await drafts.save_file(ledger, draft.id, "catalogue.csv", broken, by="王科", at=now, seen=None)
    with pytest.raises(VersionRefusal) as refused:
        await drafts.submit_for_approval(ledger, draft.id, by="王科", at=now)
    assert code(refused) == "broken" and "trafic-police" in str(refused.value)
    assert refused.value.faults == await drafts.check(ledger, draft.id)
    assert len(await versions.listing(ledger, at=now)) == 1


async def test_a_submitted_draft_is_closed_and_one_without_changes_is_none(ledger: Ledger, book_files, now):
    draft = await drafts.open_draft(ledger, by="王科", at=now)
    with pytest.raises(VersionRefusal) as refused:
        await drafts.submit_for_approval(ledger, draft.id, by="王科", at=now)
    assert code(refused) == "nothing_changed"
    await drafts.save_file(
        ledger, draft.id, "deadlines.csv", quicker(book_files)["deadlines.csv"], by="王科", at=now, seen=None
    )
    assert [d.id for d in await drafts.open_drafts(ledger)] == [draft.id]
    await drafts.submit_for_approval(ledger, draft.id, by="王科", at=now)
    assert list(await drafts.open_drafts(ledger)) == []
    with pytest.raises(VersionRefusal) as refused:
        await drafts.save_file(ledger, draft.id, "deadlines.csv", "x", by="王科", at=now, seen=None)
    assert code(refused) == "draft_submitted"


async def test_a_draft_can_be_dropped(ledger: Ledger, now):
    draft = await drafts.open_draft(ledger, by="王科", at=now)
    await drafts.drop_draft(ledger, draft.id)
    with pytest.raises(VersionRefusal) as refused:
        await drafts.get_draft(ledger, draft.id)
    assert code(refused) == "no_draft"


# Folders


async def test_the_first_folder_is_in_force_at_once_and_deploying_it_again_is_harmless(
    ledger_url: str, book_files, book, now
):
    fresh = Ledger.connect(ledger_url)
    for day in range(3):
        assert await take_folder(fresh, book_files, at=now + day * DAY, required=True) == ""
    (version,) = await versions.listing(fresh, at=now)
    assert (version.id, version.standing, len(version.steps)) == (book.version, "active", 1)
    await fresh.close()


async def test_a_changed_folder_is_in_force_when_it_is_deployed(sqlite_ledger: Ledger, book, book_files, now):
    await take_folder(sqlite_ledger, quicker(book_files), at=now + DAY, required=False)
    assert (await sqlite_ledger.active(now + DAY)).version != book.version
    await take_folder(sqlite_ledger, book_files, at=now + 2 * DAY, required=False)
    assert (await sqlite_ledger.active(now + 2 * DAY)).version == book.version


async def test_where_an_approval_is_required_a_changed_folder_only_waits_for_one(
    sqlite_ledger: Ledger, book, book_files, now
):
    told = await take_folder(sqlite_ledger, quicker(book_files), at=now + DAY, required=True)
    (waiting,) = [v for v in await versions.listing(sqlite_ledger, at=now + DAY) if v.standing == "checked"]
    assert f"minsheng rules approve {waiting.id}" in told
    assert (await sqlite_ledger.active(now + DAY)).version == book.version
    again = await take_folder(sqlite_ledger, quicker(book_files), at=now + DAY, required=True)
    assert "checked" in again and len(await versions.listing(sqlite_ledger, at=now + DAY)) == 2


async def test_a_restart_does_not_undo_what_was_activated_on_the_pages(sqlite_ledger: Ledger, book_files, now):
    newer = await approved(sqlite_ledger, quicker(book_files), now)
    await versions.activate(sqlite_ledger, newer, by="王科", at=now + DAY)
    told = await take_folder(sqlite_ledger, book_files, at=now + 2 * DAY, required=False)
    assert newer in told and (await sqlite_ledger.active(now + 2 * DAY)).version == newer


# The ledger of the release before


async def test_versions_of_the_release_before_are_taken_over(tmp_path, now):
    url = f"sqlite+aiosqlite:///{tmp_path / 'old.db'}"
    apart(lambda: upgrade(url, "001"))
    ledger = Ledger.connect(url)
    async with ledger.db.write() as connection:
        for day, version in enumerate(("aaaaaaaaaaaa", "bbbbbbbbbbbb")):
            row = {"version": version, "day": (now + day * DAY).replace(tzinfo=None).isoformat(" ")}
            await connection.execute(sa.text("INSERT INTO rulebooks VALUES (:version, '{}', :day)"), row)
    await ledger.upgrade()
    listed = await versions.listing(ledger, at=now + DAY)
    assert [(v.id[0], v.standing) for v in listed] == [("b", "active"), ("a", "superseded")]
    await ledger.close()


def test_every_refusal_is_said_in_chinese_too():
    assert set(SENTENCES.values()) <= set(message_ids())
    assert not set(SENTENCES.values()) & set(missing("zh_CN"))


# Side by side


async def test_two_versions_are_compared_in_words(ledger: Ledger, book: Rulebook, book_files, now):
    newer = await versions.submit_files(ledger, quicker(book_files), by="王科", at=now)
    found = await comparing.compare(ledger, "active", newer.id[:6], at=now)
    assert found.sentences("en") == ["Handling: 5 wd → 3 wd (Normal; Standard process and Urgent process)."]
    assert found.sentences("zh_CN") == ["办理:5 个工作日 → 3 个工作日(普通;标准流程和紧急流程)。"]
    draft = await drafts.open_draft(ledger, by="王科", at=now, base=newer.id)
    assert (await comparing.compare(ledger, newer.id, f"draft:{draft.id}", at=now)).changes == []
