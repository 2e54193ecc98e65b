"""说出您的不满: say what is wrong in two minutes, get a number, follow it to its end."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import ValidationError

from infra import access, chance
from infra.ledger import KeyReused, UnknownCase
from infra.locale import label, say
from infra.moment import now
from infra.portal import views
from infra.portal.intake import FieldFault, Submission
from infra.portal.links import NoSuchLink
from infra.portal.pages import locale_of, page, services
from infra.portal.services import Services
from rules.case import Role
from rules.rulebook import Rulebook

router = APIRouter(include_in_schema=False)
Provided = Depends(services)
SWITCHES = ("anonymous", "confidential")


@router.get("/", response_class=HTMLResponse)
async def home(request: Request, provided: Services = Provided) -> HTMLResponse:
    return await _form(request, provided, {}, {})


@router.post("/complaints", response_class=HTMLResponse)
async def submit(request: Request, later: BackgroundTasks, provided: Services = Provided) -> Response:
    """The form without JavaScript; a bad field keeps everything that was typed."""
    typed = {name: str(value) for name, value in (await request.form()).items()}
    key = typed.pop("_key", "")
    book = await provided.ledger.active()
    given: dict[str, Any] = {n: v for n, v in typed.items() if v.strip() and n not in SWITCHES}
    given |= {"channel": "web", **{n: n in typed for n in SWITCHES}}
    try:
        body = Submission(**given)
        complaint = body.complaint(book)
    except ValidationError as wrong:
        faults = {str(e["loc"][0]): e["msg"].removeprefix("Value error, ") for e in wrong.errors()}
        return await _form(request, provided, typed, faults, status=422)
    except FieldFault as fault:
        return await _form(request, provided, typed, {fault.field: str(fault)}, status=422)
    try:
        recorded = await provided.ledger.submit(complaint, body.person(), at=now(), key=key or None, book=book)
    except KeyReused:
        return await _form(request, provided, typed, {}, status=409)
    later.add_task(provided.follow_up, recorded)
    return RedirectResponse(f"{access.tracking_url(recorded.case.number)}&new=1", 303)


@router.get("/track", response_class=HTMLResponse)
async def look_up(request: Request, number: str = "", key: str = "") -> Response:
    """Find a complaint by its number and its key."""
    if number and key:
        return RedirectResponse(f"/track/{number.strip().upper()}?key={key.strip()}", 303)
    return page(request, "lookup", number=number, trouble="")


@router.get("/track/{number}", response_class=HTMLResponse)
async def track(number: str, request: Request, provided: Services = Provided, key: str = "", new: str = "") -> Response:
    """The citizen's own page: where it stands, who answers for it, what was said, and what may be done."""
    locale = locale_of(request)
    if not access.tracking_key_fits(number, key):
        trouble = say(locale, "There is no complaint with this number and key.")
        return page(request, "lookup", status=404, number=number, trouble=trouble)
    try:
        dossier, complaint = await provided.ledger.dossier(number), await provided.ledger.complaint(number)
    except UnknownCase as fault:
        raise NoSuchLink from fault
    case, entries = dossier.case, dossier.entries
    book = await provided.ledger.rulebook(case.rulebook)
    own = next(iter(case.open_assignments(Role.CITIZEN)), None)
    offered = views.forms(case, own, book, now(), locale) if own else {"forms": [], "refused": []}
    return page(
        request, "track", case=views.facts(case, complaint, book, locale), is_new=bool(new), url=str(request.url),
        clocks=views.clocks(case, book, now(), locale), tracking_key=key, key=chance.token(),
        timeline=views.timeline(case, entries, book, locale, public=True), action_url=views.citizen_url(case) or "",
        trouble="", faults={}, **offered,
    )  # fmt: skip


async def _form(
    request: Request, provided: Services, typed: dict[str, str], faults: dict[str, str], *, status: int = 200
) -> HTMLResponse:
    book, locale = await provided.ledger.active(), locale_of(request)
    return page(
        request, "home", status=status, typed=typed, faults=faults, key=chance.token(),
        groups=_groups(book, locale), districts=[(d.code, label(d.name, locale)) for d in book.districts.values()],
    )  # fmt: skip


def _groups(book: Rulebook, locale: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """Leaves of the tree under their first level, for a select with groups."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for node in book.open_categories(at=now()).values():
        if node.leaf:
            names = [label(book.categories[step].label, locale) for step in node.path]
            groups.setdefault(names[0], []).append((node.code, " › ".join(names[1:]) or names[0]))
    return list(groups.items())
