"""有想法尽管讲: what was written is found by any word of two characters, wherever it stands, page by page."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from infra.ledger import CaseFilter, Ledger, schema, search, words
from tests import lives
from tests.conftest import opened

HEATING = replace(lives.NOISE, subject="供暖不热", description="暖气不热, Tel 0532-8888, 老人孩子受冻。")


async def found(ledger: Ledger, now: datetime, text: str, **wanted: Any) -> set[str]:
    page = await ledger.list_cases(CaseFilter(words=text, **wanted), now=now, limit=50)
    return {row.number for row in page.rows}


@pytest.mark.parametrize(
    "text", ["供暖", "不热", "暖不", "香港中路", "受冻", "tel", "TEL", "8888", "供暖 老人", "老人孩子受冻", " 受冻 "]
)
async def test_a_complaint_is_found_by_any_word_in_it(ledger: Ledger, now: datetime, text: str):
    await lives.received(ledger, now)
    heating = await lives.received(ledger, now, what=HEATING)
    assert await found(ledger, now, text) >= {heating.number}
    assert text.strip() == "香港中路" or await found(ledger, now, text) == {heating.number}


ABSENT = ("供热", "老孩", "供暖 噪音", "热老", "冻", "100%", "_热", ",", "'; DROP", "供\0暖", "\ud800热")


@pytest.mark.parametrize("text", ABSENT, ids=range(len(ABSENT)))
async def test_what_is_not_in_it_is_not_found(ledger: Ledger, now: datetime, text: str):
    await lives.received(ledger, now, what=HEATING)
    assert await found(ledger, now, text) == set()


@pytest.mark.parametrize("text", ['他说"明天', "明天\\后天", '说"', "不在"])
async def test_marks_that_json_spells_otherwise_are_found(ledger: Ledger, now: datetime, text: str):
    spoken = await lives.received(ledger, now, what=replace(lives.NOISE, description='他说"明天\\后天"有人不在家。'))
    assert await found(ledger, now, text) == (set() if text == '说"' else {spoken.number})  # no pair to look for


async def test_pairs_that_stand_apart_are_not_the_word(ledger: Ledger, now: datetime):
    apart = replace(lives.NOISE, subject="垃圾清", description="圾清运车没来")
    await lives.received(ledger, now, what=apart)
    assert await found(ledger, now, "垃圾清运") == set()


async def test_pages_of_a_search_follow_each_other_through_the_years(ledger: Ledger, now: datetime):
    days = (0, 0, 0, 1, 40, 400, 400, 900)
    made = [(await lives.received(ledger, now - timedelta(days=n))).number for n in days]
    seen: list[str] = []
    after = None
    while True:
        page = await ledger.list_cases(CaseFilter(words="施工噪音"), now=now, limit=3, after=after)
        seen += [row.number for row in page.rows]
        if (after := page.after) is None:
            break
    assert seen == sorted(made, reverse=True)


async def test_words_and_a_number_are_looked_for_among_such_numbers_only(
    ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search, "LOOKED_AT", 2)
    monkeypatch.setattr(words, "NEWEST", 1)
    for days in (0, 0, 0, 1, 1, 1):
        await lives.received(ledger, now - timedelta(days=days))
    old = [(await lives.received(ledger, now - timedelta(days=2))).number for _ in range(2)]
    for days in (3, 3, 3):
        await lives.received(ledger, now - timedelta(days=days))
    for number in (old[0][:8], old[0][:8].lower(), old[0]):
        page = await ledger.list_cases(CaseFilter(words="噪音", number=number), now=now, limit=5)
        assert [row.number for row in page.rows] == sorted(old if len(number) == 8 else old[:1], reverse=True)


@pytest.mark.parametrize("mark", ["", "AAA", "QD", "QD999999-"])
async def test_a_page_that_begins_nowhere_is_no_fault(ledger: Ledger, now: datetime, mark: str):
    await lives.received(ledger, now)
    page = await ledger.list_cases(CaseFilter(words="噪音"), now=now, limit=3, after=(now, mark))
    assert page.after is None


async def test_a_word_that_everybody_uses_is_looked_for_among_all(
    ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(words, "NEWEST", 2)
    noisy = [(await lives.received(ledger, now - timedelta(days=n))).number for n in (0, 0, 1, 2, 90, 91)]
    await lives.received(ledger, now, what=HEATING)
    noisy.append((await lives.received(ledger, now - timedelta(days=900))).number)
    assert await found(ledger, now, "噪音 施工") == set(noisy)
    assert await found(ledger, now, "噪音 施工 受冻") == set()


async def test_a_common_word_with_a_rare_condition_goes_on_from_page_to_page(
    ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(search, "LOOKED_AT", 2)
    old = await lives.closed(ledger, now - timedelta(days=30))
    for _ in range(3):
        await lives.received(ledger, now)
    seen, after, pages = set[str](), None, 0
    while pages == 0 or after:
        page = await ledger.list_cases(CaseFilter(words="噪音", is_open=False), now=now, limit=5, after=after)
        seen, after, pages = seen | {row.number for row in page.rows}, page.after, pages + 1
    assert seen == {old.number} and pages > 1


async def test_a_common_word_is_found_in_the_few_cases_that_fulfil_the_conditions(
    ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(words, "NEWEST", 2)
    is_open = await lives.waiting(ledger, now - timedelta(days=1))
    quiet = await lives.waiting(ledger, now - timedelta(days=1), what=HEATING)
    over = [(await lives.closed(ledger, now)).number for _ in range(5)]
    assert await found(ledger, now, "噪音") == {is_open.number}
    assert await found(ledger, now, "噪音", department=is_open.lead) == {is_open.number}
    assert await found(ledger, now, "噪音", department="nobody") == set()
    assert await found(ledger, now, "受冻", category=quiet.category) == {quiet.number}
    assert await found(ledger, now, "噪音", is_open=False, department=is_open.lead) == set(over)


async def test_cases_that_fail_the_conditions_are_passed_over(
    postgres_url: str, book_files: dict[str, str], now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(words, "NEWEST", 2)
    terms, still_open = ["噪音"], schema.cases.c.closed_at.is_(None)
    every = words.Walk(sa.select(schema.cases.c.number), schema.cases.c.number)
    async with opened(postgres_url, book_files) as ledger:
        old = await lives.waiting(ledger, now - timedelta(days=1))
        for _ in range(9):
            await lives.closed(ledger, now)
        async with ledger.db.read() as connection:
            some = [one async for one in words.with_pairs(connection, terms, every, [still_open], before=search.LAST)]
    assert [one.numbers for one in some if one.numbers] == [[old.number]]
    assert [one.looked_at for one in some] == [2, 6, 2]


async def test_a_department_finds_its_cases_however_many_others_came_since(
    postgres_url: str, book_files: dict[str, str], now: datetime, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(words, "NEWEST", 2)
    monkeypatch.setattr(search, "LOOKED_AT", 2)
    async with opened(postgres_url, book_files) as ledger:
        own = [(await case(ledger, now - timedelta(days=30))).number for case in (lives.waiting, lives.closed)]
        other = replace(lives.NOISE, address="崂山区海尔路1号")
        assert (await lives.waiting(ledger, now, what=other)).lead != (lead := (await ledger.case(own[0])).lead)
        for _ in range(4):
            await lives.waiting(ledger, now, what=other)
            await lives.closed(ledger, now, what=other)
        assert await found(ledger, now, "噪音", department=lead) == {own[0]}
        assert await found(ledger, now, "噪音", department=lead, is_open=False) == {own[1]}


async def test_words_that_were_erased_are_not_found_any_more(ledger: Ledger, now: datetime):
    case = await lives.received(ledger, now, what=HEATING)
    erased = sa.update(schema.complaints).where(schema.complaints.c.number == case.number)
    async with ledger.db.write() as connection:
        await connection.execute(erased.values(matter={"subject": "已删除"}))
    assert await found(ledger, now, "供暖") == set()
    assert await found(ledger, now, "删除") == {case.number}
