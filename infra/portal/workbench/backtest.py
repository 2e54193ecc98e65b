"""开诚布公: what a draft would have changed, with charts; every figure opens the cases behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from infra.access import Session
from infra.portal.links import NoSuchLink
from infra.portal.pages import locale_of, page
from infra.portal.roles import Workbench
from infra.portal.services import Services
from infra.portal.workbench.results import result_of
from infra.portal.workbench.shared import Provided
from infra.workbench.backtest_words import FIGURES, KIND, BacktestWords
from rules.backtest_figures import concerns

router = APIRouter(include_in_schema=False, prefix="/workbench/trials")
PAGE = 100
SHOWN = 50
"""Rows of a chart."""


@router.get("/{id}/backtest", response_class=HTMLResponse)
async def result(id: str, request: Request, provided: Services = Provided, who: Session = Workbench) -> HTMLResponse:
    """All figures of a backtest that is over."""
    told, words = await _found(id, request, provided)
    return page(
        request, "workbench_backtest", session=who, id=id, told=told, words=words, most=_most(told), shown=SHOWN
    )


@router.get("/{id}/backtest/{figure}", response_class=HTMLResponse)
async def cases(
    id: str, figure: str, request: Request, provided: Services = Provided, who: Session = Workbench
) -> HTMLResponse:
    """The cases behind a figure; ``?about=`` one clock, department or letter, ``?page=`` from 1."""
    if figure not in FIGURES:
        raise NoSuchLink
    told, words = await _found(id, request, provided)
    about, asked = request.query_params.get("about", ""), request.query_params.get("page", "1")
    nth = int(asked) if asked.isdecimal() and int(asked) else 1
    found = [row for row in told["rows"] if concerns(row, figure, about=about)]
    shown = [(row, words.changes(row, figure)) for row in found[(nth - 1) * PAGE : nth * PAGE]]
    return page(
        request, "workbench_backtest_cases", session=who, id=id, words=words, figure=figure, about=about, rows=shown,
        count=len(found), nth=nth, more=len(found) > nth * PAGE, is_cut=told["cases"][figure] > told["listed"],
        told=told,
    )  # fmt: skip


async def _found(id: str, request: Request, provided: Services) -> tuple[Mapping[str, Any], BacktestWords]:
    """What a run has found, and words for it. Raises :class:`NoSuchLink`."""
    told, book = await result_of(provided, id, KIND)
    return told, BacktestWords(book, locale_of(request))


def _most(told: Mapping[str, Any]) -> Mapping[str, int]:
    """Column -> its greatest number: the whole length of a bar."""
    found: dict[str, int] = {}
    for table in ("departments", "clocks", "letters"):
        for row in told[table]:
            for column, count in row.items():
                if isinstance(count, int):
                    kind = f"{table}_{column.rpartition('_')[0] or column}"
                    found[kind] = max(found.get(kind, 1), count)
    return found
