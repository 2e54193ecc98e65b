"""向群众解释: a complaint is tried on the rules before any citizen meets them: who, by when, and which row says so."""

from __future__ import annotations

from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from pydantic import ValidationError

from infra.access import Session
from infra.explaining import Words
from infra.ledger import NoRulebook
from infra.locale import CITY_ZONE, label
from infra.moment import now
from infra.portal.intake import FieldFault, Submission
from infra.portal.links import NoSuchLink
from infra.portal.pages import locale_of, page
from infra.portal.roles import OwnPage, Workbench
from infra.portal.services import Services
from infra.portal.workbench.shared import Provided, typed
from infra.wording import category_name, term
from infra.workbench import drafts, versions
from infra.workbench.comparing import ACTIVE, DRAFT, book_of
from rules.case import TYPES
from rules.explain import explain
from rules.rulebook import Rulebook

router = APIRouter(include_in_schema=False, prefix="/workbench/try")
MATTER = ("subject", "description", "channel", "type", "category", "district", "address")
VERSIONS_LISTED = 12


@router.get("", response_class=HTMLResponse)
async def form(request: Request, provided: Services = Provided, who: Session = Workbench) -> HTMLResponse:
    """The empty form; ``?rules=`` a version or ``draft:N``."""
    asked = {"rules": request.query_params.get("rules", ACTIVE)}
    return await _page(request, provided, who, asked, await _book(provided, asked["rules"]))


@router.post("", response_class=HTMLResponse, dependencies=[OwnPage])
async def attempt(request: Request, provided: Services = Provided, who: Session = Workbench) -> HTMLResponse:
    """What the rules make of the complaint; nothing is kept."""
    asked = await typed(request)
    book = await _book(provided, asked.get("rules", ACTIVE))
    faults: dict[str, str] = {}
    try:
        given = {name: asked[name] for name in MATTER if asked.get(name, "").strip()}
        complaint = Submission(**{"channel": "web", "subject": "", "description": "", **given}).complaint(book)  # type: ignore[arg-type]  # checked by the model
        told = explain(book, complaint, _moment(asked.get("at", "")))
    except ValidationError as wrong:
        faults = {str(e["loc"][0]): e["msg"].removeprefix("Value error, ") for e in wrong.errors()}
    except FieldFault as fault:
        faults = {fault.field: str(fault)}
    if faults:
        return await _page(request, provided, who, asked, book, status=422, faults=faults)
    words = Words(book, told.process.value or "", locale_of(request))
    stages = [(stage, [*several]) for stage, several in groupby(told.deadlines, attrgetter("stage"))]
    return await _page(request, provided, who, asked, book, told=told, words=words, stages=stages)


async def _page(
    request: Request, provided: Services, who: Session, asked: dict[str, str], book: Rulebook, *, status: int = 200,
    **more: Any,
) -> HTMLResponse:  # fmt: skip
    locale = locale_of(request)
    values: dict[str, Any] = {"told": None, "faults": {}, "words": None, "stages": []} | more
    number = asked["rules"].removeprefix(DRAFT) if asked.get("rules", "").startswith(DRAFT) else ""
    return page(
        request, "workbench_try", status=status, session=who, asked=asked, rulebooks=await _rulebooks(provided),
        draft=number, version=book.version, types=[(code, term(locale, code)) for code in TYPES],
        channels=[(code, label(names, locale)) for code, names in book.channels().items()],
        districts=[(d.code, label(d.name, locale)) for d in book.districts.values()],
        categories=[(c.code, category_name(book, c.code, locale)) for c in book.categories.values()], **values,
    )  # fmt: skip


async def _rulebooks(provided: Services) -> list[tuple[str, str]]:
    """Everything a complaint can be tried on: drafts first, then versions, newest first."""
    open_drafts = [(f"{DRAFT}{d.id}", d.title) for d in await drafts.open_drafts(provided.ledger)]
    known = [(v.id, "") for v in await versions.listing(provided.ledger, at=now())]
    return [*open_drafts, *known[:VERSIONS_LISTED]]


async def _book(provided: Services, rules: str) -> Rulebook:
    try:
        return await book_of(provided.ledger, rules, at=now())
    except NoRulebook as fault:
        raise NoSuchLink from fault


def _moment(text: str) -> datetime:
    """When the complaint comes in, by the clock of the city; now, when nothing readable was typed."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=CITY_ZONE) if text else now()
    except ValueError:
        return now()
