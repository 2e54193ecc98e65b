"""开诚布公: a simulated month with its charts: open cases over time, and where work waits."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup

from infra.access import Session
from infra.portal.pages import locale_of, page
from infra.portal.roles import Workbench
from infra.portal.services import Services
from infra.portal.workbench.results import result_of
from infra.portal.workbench.shared import Provided
from infra.workbench.simulation_words import KIND, SimulationWords
from rules.simulation.chart import Series, chart

router = APIRouter(include_in_schema=False, prefix="/workbench/trials")
SHOWN = 60
"""Departments listed."""


@router.get("/{id}/simulation", response_class=HTMLResponse)
async def result(id: str, request: Request, provided: Services = Provided, who: Session = Workbench) -> HTMLResponse:
    """Charts and tables of a simulation that is over."""
    told, book = await result_of(provided, id, KIND)
    words = SimulationWords(told, book, locale_of(request))
    charts = [Markup(_chart(told, words, name)) for name in ("open", "in_work")]  # noqa: S704 -- ours, texts escaped
    return page(request, "workbench_simulation", session=who, id=id, told=told, words=words, charts=charts, shown=SHOWN)


def _chart(told: Mapping[str, Any], words: SimulationWords, name: str) -> str:
    """One line for each rulebook."""
    series: dict[str, Series] = {
        f"{words.say(name)} · {words.say(column)}": told[column][name]
        for column in words.columns
        if name in told[column]
    }
    first = date.fromisoformat(told["from"])
    return chart(series, title=words.say(name), first=first, days=told["days"], calendar=words.book.calendar)
