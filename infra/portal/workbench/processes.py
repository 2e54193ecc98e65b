"""深化党政公开: the picture of a process with the work of today on it, and the ways that cases really took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from infra.access import Session
from infra.ledger import NoRulebook
from infra.ledger.paths import Traffic
from infra.locale import label
from infra.moment import now
from infra.portal.links import NoSuchLink
from infra.portal.pages import locale_of, page, services
from infra.portal.roles import AnyRole
from infra.portal.services import Services
from infra.wording import stage_name
from infra.workbench.comparing import ACTIVE, book_of
from infra.workbench.drawing import FORMS
from infra.workbench.picture_words import PictureWords, outcome_name
from rules.drawing import svg
from rules.picture import Live
from rules.picturing import picture
from rules.process import Process
from rules.rulebook import Rulebook
from rules.variants import Variant, never_taken, variants

router = APIRouter(include_in_schema=False, prefix="/workbench/processes")
Provided = Depends(services)
PERIODS = (1, 7, 30, 90, 365)
DEFAULT_PERIOD = 30
MEDIA = {"svg": "image/svg+xml", "mermaid": "text/plain; charset=utf-8"}


@router.get("", response_class=HTMLResponse)
async def listing(request: Request, provided: Services = Provided, who: Session = AnyRole) -> HTMLResponse:
    """Every process of the rules in force."""
    book, locale = await provided.ledger.active(now()), locale_of(request)
    rows = [{"name": name, "label": label(p.label, locale), "stages": _titles(p, locale)} for name, p in _all(book)]
    return page(request, "workbench_processes", session=who, rows=rows, version=book.version)


@router.get("/{name}", response_class=HTMLResponse)
async def one(name: str, request: Request, provided: Services = Provided, who: Session = AnyRole) -> Response:
    """The picture. ``?days=`` is the period of the figures, ``?rules=`` another version or a draft (then without
    figures), ``?form=svg`` or ``mermaid`` the picture alone."""
    rules, form = request.query_params.get("rules") or ACTIVE, request.query_params.get("form", "")
    book, moment, locale = await _book(provided, rules), now(), locale_of(request)
    if name not in book.processes:
        raise NoSuchLink
    process = book.process(name)
    words = PictureWords(process, locale)
    if form in FORMS:
        ending, write = FORMS[form]
        saved = {"Content-Disposition": f'attachment; filename="{name}{ending}"'}
        return Response(write(picture(book, process, words, at=moment)), media_type=MEDIA[form], headers=saved)
    days = _days(request.query_params.get("days"))
    traffic = await provided.ledger.paths.recent(name, days=days, now=moment) if rules == ACTIVE else None
    drawn = svg(picture(book, process, words, at=moment, live=traffic.live if traffic else None))
    return page(
        request, "workbench_process", session=who, process=name, rules=rules, version=book.version, days=days,
        periods=PERIODS, drawing=Markup(drawn),  # noqa: S704 -- our own SVG; every text in it is escaped
        processes=[(n, label(p.label, locale)) for n, p in _all(book)], label=label(process.label, locale),
        **_figures(book, process, traffic, words, locale),
    )  # fmt: skip


def _figures(
    book: Rulebook, process: Process, traffic: Traffic | None, words: PictureWords, locale: str
) -> Mapping[str, Any]:
    """The numbers on the picture once more, as tables that can be read aloud and copied."""
    if traffic is None:
        return {"traffic": None}
    rows = [{"stage": _title(book, process, n, locale), "figures": f} for n, f in _in_order(process, traffic.live)]
    ways = [_way(book, process, v, locale) for v in variants(process, traffic.ways, traffic.cases)]
    unused = [
        (_title(book, process, stage, locale), outcome_name(locale, outcome), _title(book, process, target, locale))
        for stage, outcome, target in never_taken(process, [*traffic.live.moves])
    ]
    return {"traffic": traffic, "stages": rows, "ways": ways, "unused": unused, "length": words.length}


def _way(book: Rulebook, process: Process, variant: Variant, locale: str) -> Mapping[str, Any]:
    def title(stage: str) -> str:
        return _title(book, process, stage, locale)

    return {
        "variant": variant,
        "way": [title(stage) for stage in variant.way],
        "again": [(title(stage), times) for stage, times in variant.again],
        "skipped": [title(stage) for stage in variant.skipped],
        "strange": [(title(one), title(other)) for one, other in variant.strange],
    }


def _in_order(process: Process, live: Live) -> list[tuple[str, Any]]:
    names = [*process.stages, *(name for name in live.stages if name not in process.stages)]
    return [(name, live.stages[name]) for name in names if name in live.stages]


def _title(book: Rulebook, process: Process, stage: str, locale: str) -> str:
    return stage_name(book, process.name, stage, locale)


def _titles(process: Process, locale: str) -> list[str]:
    return [label(stage.label, locale) for stage in process.stages.values()]


def _all(book: Rulebook) -> list[tuple[str, Process]]:
    return [*book.processes.items()]


async def _book(provided: Services, rules: str) -> Rulebook:
    try:
        return await book_of(provided.ledger, rules, at=now())
    except NoRulebook as fault:
        raise NoSuchLink from fault


def _days(asked: str | None) -> int:
    return int(asked) if asked and asked.isdecimal() and int(asked) in PERIODS else DEFAULT_PERIOD
