"""What a draft would have changed is shown with charts, and every figure opens the cases behind it."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from infra.ledger import Ledger
from infra.workbench import backtest_job
from infra.workbench.backtest import backtest
from infra.workbench.backtest_words import FORM, BacktestWords
from infra.workbench.trials import Parameter, WrongParameter
from rules.rulebook import build
from tests.infra.one_trial import OneTrial, reader
from tests.infra.test_backtest import QUICK, fixed


@pytest.fixture
async def told(sqlite_ledger: Ledger, book_files: dict[str, str], now: datetime) -> Mapping[str, Any]:
    """Three days instead of five, and another lead: three cases, one of them newly late."""
    for days in (2, 3.5, 8):
        await fixed(sqlite_ledger, now, days)
    leads = (
        "construction-noise,",
        "new,environment/noise/construction,shinan,ecology@district,,属地管理\nconstruction-noise,",
    )
    files = {**book_files, "deadlines.csv": book_files["deadlines.csv"].replace(*QUICK)}
    files["catalogue.csv"] = files["catalogue.csv"].replace(*leads, 1)
    at = now + timedelta(days=30)
    return (await backtest(sqlite_ledger, build(files), since=now, at=at, progress=lambda *_: None)).as_json()


@pytest.fixture
async def browser(sqlite_ledger: Ledger, told, now: datetime) -> AsyncIterator[httpx.AsyncClient]:
    async with reader(sqlite_ledger, OneTrial("backtest", told, now)) as browser:
        yield browser


async def test_the_figures_are_shown_with_bars_and_open_their_cases(browser, told):
    page = html.unescape((await browser.get("/workbench/trials/1/backtest")).text)
    assert "1 before, 2 under the draft (1 added, 0 avoided)" in page
    assert re.search(r'<rect class="after" y="7" width="100.0"', page)
    assert "style=" not in page
    for address in re.findall(r'href="(/workbench/trials/1/backtest/[^"]+)"', page):
        listed = (await browser.get(address)).text
        assert "QD2611" in listed, address
    assert "Shinan District urban management" in page


async def test_a_list_holds_the_cases_of_its_figure_and_says_what_changes(browser, told):
    late = next(row["number"] for row in told["rows"] if "added" in row)
    page = html.unescape((await browser.get("/workbench/trials/1/backtest/added?about=fix")).text)
    assert re.findall(r'href="/desk/cases/([^"]+)"', page) == [late]
    assert "Handling: " in page
    page = html.unescape((await browser.get("/workbench/trials/1/backtest/routed?about=shinan-urban")).text)
    assert "Cases: 3" in page
    assert "lead Shinan District urban management → " in page


@pytest.mark.parametrize("address", ["2/backtest", "1/backtest/unknown", "2/backtest/added"])
async def test_what_is_not_there_is_not_found(browser, address):
    assert (await browser.get(f"/workbench/trials/{address}")).status_code == 404


async def test_the_trial_leads_to_its_charts(browser):
    assert 'href="/workbench/trials/1/backtest"' in (await browser.get("/workbench/trials/1")).text


@pytest.mark.parametrize("locale", ["zh_CN", "en"])
def test_every_change_has_its_words(book, locale: str):
    """Also those that few backtests find."""
    words = BacktestWords(book, locale)
    row = {
        "process": ["standard", "urgent"], "leads": [["ecology"], []], "partners": [[], ["drainage", "ecology"]],
        "refused": [{"action": "return", "why": "return_too_late"}, {"action": "contest", "why": "contest_used"}],
        "parted": "coordination", "unlike": "fix: not open", "letters": {"red_card": 2}, "tasks": {"ecology": -1},
    }  # fmt: skip
    for figure, count in (("routed", 3), ("refused", 2), ("parted", 1), ("unlike", 1), ("letters", 1), ("tasks", 1)):
        said = words.changes(row, figure)
        assert len(said) == count
        assert not any("%(" in one for one in said)
    assert words.about("ecology") != words.about("fix") != words.about("red_card")


async def test_prefect_is_told_in_the_citys_words(sqlite_ledger: Ledger, told, book):
    words = BacktestWords(book, "zh_CN")
    assert "| 期限变动 | 3 |" in backtest_job._summary(told, words)["data"]
    assert {one["key"] for one in backtest_job._tables(told, words)} == {
        "backtest-clocks", "backtest-departments", "backtest-letters", "backtest-routes",
    }  # fmt: skip


def test_the_form_speaks_as_the_flow_does():
    from flows.backtest import backtest as flow  # noqa: PLC0415 -- Prefect takes seconds

    asked = flow.parameters.model_dump()["properties"]
    assert {*asked} | {one["description"] for one in asked.values()} == {*FORM.values()} - {"backtest"}


def test_a_day_is_typed_as_one():
    since = Parameter("since", "since", "date")
    assert since.read("2026-10-01") == "2026-10-01"
    with pytest.raises(WrongParameter, match="is not a date"):
        since.read("soon")
