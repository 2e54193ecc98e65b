"""A simulated month is shown with charts that any browser draws without a script, and with where work waits."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from datetime import date, datetime
from typing import Any
from xml.etree import ElementTree as Xml

import httpx
import pytest

from infra.ledger import Ledger
from infra.workbench import simulation_job
from infra.workbench.simulation import Wish, people, simulate
from infra.workbench.simulation_words import FORM, SimulationWords
from rules.calendar import Calendar
from rules.rulebook import Rulebook
from rules.simulation.chart import chart
from tests.infra.one_trial import OneTrial, reader

FEW = """
matters: [{type: consultation, category: education/meals}, {type: complaint, category: environment/noise/construction}]
arrivals: {rate: 30}
warm_up: 3
"""


@pytest.fixture(scope="module")
def told(book: Rulebook) -> dict[str, Any]:
    wish = Wish(start=date(2026, 9, 28), days=7, seeds=2)
    return simulate(wish, people(book, FEW), book, beside=book)


@pytest.fixture
async def browser(sqlite_ledger: Ledger, told, now: datetime) -> AsyncIterator[httpx.AsyncClient]:
    async with reader(sqlite_ledger, OneTrial("simulation", told, now)) as browser:
        yield browser


async def test_open_cases_and_queues_are_drawn(browser, told):
    page = html.unescape((await browser.get("/workbench/trials/1/simulation")).text)
    charts = re.findall(r"<svg xmlns.*?</svg>", page, re.DOTALL)
    assert [title(one) for one in charts] == ["Open cases", "With a department"]
    assert all(one.count("<polyline") == 2 for one in charts)
    assert charts[0].count('class="off"') == 4  # 1 to 4 October; the Sunday before is a workday
    assert "style=" not in page
    assert "Urban management" in page or "urban management" in page
    assert "7 days from 2026-09-28, 30 complaints a day, 2 runs" in page
    assert "Beside it" in page


async def test_what_is_not_there_is_not_found(browser):
    assert (await browser.get("/workbench/trials/2/simulation")).status_code == 404


async def test_the_trial_leads_to_its_charts(browser):
    assert 'href="/workbench/trials/1/simulation"' in (await browser.get("/workbench/trials/1")).text


def test_prefect_is_told_in_the_citys_words(book: Rulebook, told):
    words = SimulationWords(told, book, "zh_CN")
    summary = simulation_job._summary(words)["data"]
    assert "| 指标 | 模拟 | 对照 |" in summary
    assert re.search(r"\| 受理诉求 \| \d+", summary)


def test_the_form_speaks_as_the_flow_does():
    from flows.simulation import simulation as flow  # noqa: PLC0415 -- Prefect takes seconds

    asked = flow.parameters.model_dump()["properties"]
    names = {name.replace("_", " ") for name in asked}
    assert names | {one["description"] for one in asked.values()} == {*FORM.values()} - {"simulation"}


def title(svg: str) -> str | None:
    return Xml.fromstring(svg)[0].text  # noqa: S314  our own


def test_a_chart_holds_what_it_is_given():
    points = [(0.0, 0.0, 0.0), (50.0, 40.0, 60.0), (180.0, 170.0, 190.0)]
    drawn = chart({"<open>": points}, title="a & b", first=date(2026, 10, 1), days=3, calendar=Calendar())
    assert title(drawn) == "a & b"
    line = re.search(r'<polyline[^>]*points="([^"]+)"', drawn)[1].split()
    heights = [float(place.split(",")[1]) for place in line]
    assert heights == sorted(heights, reverse=True)
    assert ">200</text>" in drawn
    assert drawn.count('class="off"') == 3
