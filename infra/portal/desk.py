"""谁主管、谁负责: the desk sees every case, late work first, each linked to its run; a one-time link signs in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markupsafe import Markup
from starlette.datastructures import State

from infra import access
from infra.access import Session
from infra.ledger import CaseFilter, Ledger, UnknownCase
from infra.ledger.numbers import day_of
from infra.ledger.search import CaseRow
from infra.locale import label, say
from infra.moment import now
from infra.portal import views
from infra.portal.links import NoSuchLink
from infra.portal.pages import locale_of, page, services
from infra.portal.roles import COOKIE, HOMES, AtDesk
from infra.portal.services import Services
from infra.wording import category_name, district_name, letter_name, party_name, stage_name, term
from rules.case import Role
from rules.rulebook import STANDARD, Rulebook

router = APIRouter(include_in_schema=False)
Provided = Depends(services)
PER_PAGE = 50
COUNTS_KEPT, COUNTS_OLD = 5.0, 30.0
OFFERS_KEPT = 8
_offered: dict[tuple[str, str], Mapping[str, Markup]] = {}
"""Version and language -> :func:`_options` with none selected: four hundred options took a quarter of a page."""


@router.get("/login/{token}", response_class=HTMLResponse)
async def offer_sign_in(token: str, request: Request) -> Response:
    """A page with a button: mail scanners may open the link without spending it."""
    try:
        session, _ = access.read_sign_in_token(token)
    except access.LinkFault:
        return page(request, "login", status=410, who="", token="")
    return page(request, "login", who=session.who, token=token)


@router.post("/login/{token}", response_class=HTMLResponse)
async def sign_in(token: str, request: Request, provided: Services = Provided) -> Response:
    """Spend the link and open a session of twelve hours."""
    try:
        session, nonce = access.read_sign_in_token(token)
    except access.LinkFault:
        return page(request, "login", status=410, who="", token="")
    if not await provided.ledger.spend(nonce):
        return page(request, "login", status=410, who="", token="")
    answer = RedirectResponse(HOMES.get(session.role, "/desk"), 303)
    secure = provided.settings.portal_url.startswith("https")
    life = int(access.SESSION_LIFE.total_seconds())
    opened = access.session_token(session)
    answer.set_cookie(COOKIE, opened, max_age=life, httponly=True, samesite="strict", secure=secure)
    return answer


@router.post("/logout")
async def sign_out() -> Response:
    answer = RedirectResponse("/", 303)
    answer.delete_cookie(COOKIE)
    return answer


@router.get("/desk", response_class=HTMLResponse)
async def cases(request: Request, provided: Services = Provided, who: Session = AtDesk) -> HTMLResponse:
    """The list, filtered by the query: stage, district, category, department, urgency, number, words, late, closed."""
    book, locale, moment, asked = await provided.ledger.active(), locale_of(request), now(), request.query_params
    fields = ("stage", "district", "category", "department", "urgency", "number", "words")
    chosen = {name: asked.get(name) or None for name in fields}
    wanted = CaseFilter(**chosen, late=bool(asked.get("late")), is_open=not asked.get("closed"))
    found = await provided.ledger.list_cases(wanted, now=moment, limit=PER_PAGE, after=_mark(asked.get("after")))
    rows = [_row(provided, row, await provided.ledger.rulebook(row.rulebook), moment, locale) for row in found.rows]
    rest = {k: v for k, v in asked.items() if k != "after" and v}
    after = f"{found.after[0].isoformat()}|{found.after[1]}" if found.after else ""
    back_to = day_of(found.after[1]) if found.after and len(rows) < PER_PAGE else None
    return page(
        request, "desk", who=who.who, rows=rows, chosen=dict(asked), options=_options(book, locale, asked), rest=rest,
        after=after, back_to=back_to, counts=await _counts(request, provided.ledger),
    )  # fmt: skip


@router.get("/desk/cases/{number}", response_class=HTMLResponse)
async def one(number: str, request: Request, provided: Services = Provided, who: Session = AtDesk) -> HTMLResponse:
    """Everything about one case: facts, clocks, duties, what happened and why, and every letter."""
    locale, ledger = locale_of(request), provided.ledger
    try:
        dossier, complaint = await ledger.dossier(number), await ledger.complaint(number)
    except UnknownCase as fault:
        raise NoSuchLink from fault
    case, entries = dossier.case, dossier.entries
    book, run = await ledger.rulebook(case.rulebook), await ledger.run_of(number)
    duties = [
        {
            "duty": a,
            "party": party_name(book, a.party, locale),
            "role": term(locale, a.role),
            "how": term(locale, a.how),
        }
        for a in case.assignments
    ]
    own = next(iter(case.open_assignments(Role.DESK)), None)
    letters = [
        {
            "letter": x,
            "name": letter_name(locale, x.letter),
            "to": party_name(book, x.to, locale),
            "status": term(locale, x.status),
        }
        for x in await ledger.letters(number)
    ]
    return page(
        request, "case", who=who.who, case=views.facts(case, complaint, book, locale), rulebook=case.rulebook,
        clocks=views.clocks(case, book, now(), locale), duties=duties, letters=letters,
        timeline=views.timeline(case, entries, book, locale, public=False), run_url=_run_url(provided, run.run_id),
        act_url=access.task_url(access.TaskLink(number, own.id, own.party)) if own else "",
    )  # fmt: skip


def _row(provided: Services, row: CaseRow, book: Rulebook, now: datetime, locale: str) -> dict[str, Any]:
    """A case in the words of the rules and of the process that it follows."""
    return {
        "case": row,
        "stage": stage_name(book, row.process, row.stage, locale),
        "category": category_name(book, row.category, locale),
        "district": district_name(book, row.district, locale),
        "lead": party_name(book, row.lead, locale),
        "urgency": term(locale, row.urgency),
        "result": term(locale, row.result),
        "late": row.is_late(now),
        "run_url": _run_url(provided, row.run_id),
    }


async def _counts(request: Request, ledger: Ledger) -> dict[str, float]:
    """The figures above the list, a walk over all open cases: read again beside the page after :data:`COUNTS_KEPT`
    seconds; only for figures older than :data:`COUNTS_OLD` does a page wait."""
    state = request.app.state
    age = time.monotonic() - getattr(state, "counted_at", float("-inf"))
    counting: asyncio.Task[None] | None = getattr(state, "counting", None)
    if age > COUNTS_KEPT and (counting is None or counting.done()):
        state.counting = counting = asyncio.create_task(_count(state, ledger))
    if age > COUNTS_OLD and counting is not None:
        await asyncio.shield(counting)  # others wait for it too
    counts: dict[str, float] = state.counts
    return counts


async def _count(state: State, ledger: Ledger) -> None:
    at = time.monotonic()
    state.counts, state.counted_at = await ledger.counts(now()), at


def _run_url(provided: Services, run_id: str | None) -> str:
    base = provided.settings.prefect_ui_url
    return f"{base}/runs/flow-run/{run_id}" if base and run_id else ""


def _stage_names(book: Rulebook, locale: str) -> dict[str, str]:
    """Stages of all processes in words; one that several have is called as in the standard process."""
    standard = book.process(STANDARD)
    stages = [s for process in (standard, *book.processes.values()) for s in process.stages.values()]
    names: dict[str, str] = {}
    for stage in stages:
        names.setdefault(stage.name, label(stage.label, locale))
    return names


def _options(book: Rulebook, locale: str, chosen: Mapping[str, str]) -> dict[str, Markup]:
    """Filter -> what it offers, as HTML, with the chosen one selected."""
    key = book.version, locale
    if key not in _offered:
        if len(_offered) >= OFFERS_KEPT:
            _offered.clear()
        option = Markup('<option value="%s">%s</option>')
        offers = _choices(book, locale).items()
        _offered[key] = {name: Markup().join(option % one for one in choices) for name, choices in offers}
    return {name: _select(options, chosen.get(name)) for name, options in _offered[key].items()}


def _select(options: Markup, code: str | None) -> Markup:
    value = Markup('value="%s"') % code
    return options.replace(value, value + Markup(" selected")) if code else options


def _choices(book: Rulebook, locale: str) -> dict[str, list[tuple[str, str]]]:
    return {
        "stage": list(_stage_names(book, locale).items()),
        "district": [(d.code, label(d.name, locale)) for d in book.districts.values()],
        "category": [(c.code, category_name(book, c.code, locale)) for c in book.categories.values()],
        "department": [(d.code, label(d.name, locale)) for d in book.departments.values()],
        "urgency": [(u, say(locale, u.capitalize())) for u in ("urgent", "normal", "complex")],
    }


def _mark(text: str | None) -> tuple[datetime, str] | None:
    """Where a page begins; a mark that somebody changed counts as the beginning."""
    at, _, number = (text or "").partition("|")
    try:
        return (datetime.fromisoformat(at), number) if at and number else None
    except ValueError:
        return None
