"""Departments and citizens act by a link that needs no account: a page that shows, forms that act."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, BackgroundTasks, Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from infra import access, chance
from infra.ledger import KeyReused
from infra.locale import say
from infra.moment import now
from infra.portal import views
from infra.portal.links import Opened, SpentLink, carry_out, open_link
from infra.portal.pages import locale_of, page, services, services_of
from infra.portal.services import Services
from infra.wording import field_faults, party_name, refusal_text, term
from rules.case import Complaint, Role
from rules.refusals import Refusal

router = APIRouter(include_in_schema=False)
FORM_KEY, ACTION = "_key", "action"
Provided = Depends(services)


@router.get("/task/{token}", response_class=HTMLResponse)
async def show(token: str, request: Request, provided: Services = Provided, did: str = "") -> Response:
    """The case and a form per possible action. Opening it changes nothing, however often and by whomever."""
    opened = await open_link(provided.ledger, token)
    if did and (opened.case.is_closed or not opened.assignment.is_open):
        complaint = await provided.ledger.complaint(opened.case.number)
        return page(request, "done", **_done(opened, complaint, did, locale_of(request)))
    opened.must_be_open()
    return await _task_page(request, provided, opened, did=did)


@router.post("/task/{token}", response_class=HTMLResponse)
async def act(token: str, request: Request, later: BackgroundTasks, provided: Services = Provided) -> Response:
    """Act, then show what came of it; pressed twice, it acts once."""
    opened = await open_link(provided.ledger, token)
    form = await request.form()
    given = {name: form.getlist(name) for name in form}
    action, key = str(form.get(ACTION, "")), str(form.get(FORM_KEY, ""))
    many = {"partners"}
    fields = {n: v if n in many else v[0] for n, v in given.items() if n not in (ACTION, FORM_KEY) and v != [""]}
    try:
        recorded = await carry_out(provided.ledger, opened, action, fields, key=key or None)
    except KeyReused:
        return await _task_page(request, provided, opened, status=409, trouble=_stale(request))
    except Refusal as refusal:
        if refusal.code in ("assignment_ended", "case_closed"):
            raise SpentLink(opened) from refusal
        return await _task_page(request, provided, opened, status=422 if refusal.fields else 409, refusal=refusal)
    later.add_task(provided.follow_up, recorded)
    return RedirectResponse(f"/task/{token}?did={action}", 303)


def _stale(request: Request) -> str:
    return say(locale_of(request), "This form was sent before with other words; please fill it in again.")


async def _task_page(
    request: Request, provided: Services, opened: Opened, *, status: int = 200, did: str = "", trouble: str = "",
    refusal: Refusal | None = None,
) -> HTMLResponse:  # fmt: skip
    locale, case, own, book = locale_of(request), opened.case, opened.assignment, opened.book
    to_citizen = own.role == Role.CITIZEN
    complaint, person = await provided.ledger.told(case.number)
    may_know = bool(person.name or person.phone) and not (to_citizen or case.anonymous or case.confidential)
    return page(
        request, "task", status=status,
        case=views.facts(case, complaint, book, locale),
        party=party_name(book, own.party, locale), role=term(locale, own.role), to_citizen=to_citizen,
        person=person if may_know else None, is_shielded=not to_citizen and (case.anonymous or case.confidential),
        clocks=[] if to_citizen else views.clocks(case, book, now(), locale, assignment=own.id),
        timeline=views.timeline(case, opened.entries, book, locale, public=to_citizen),
        token=opened.token, key=chance.token(), did=term(locale, did) if did else "",
        trouble=trouble or (refusal_text(refusal, book, locale) if refusal else ""),
        faults=field_faults(refusal, locale) if refusal else {},
        **views.forms(case, own, book, now(), locale),
    )  # fmt: skip


def _done(opened: Opened, complaint: Complaint, did: str, locale: str) -> dict[str, Any]:
    is_citizen = opened.assignment.role == Role.CITIZEN
    return {
        "case": views.facts(opened.case, complaint, opened.book, locale),
        "did": term(locale, did),
        "track_url": access.tracking_url(opened.case.number) if is_citizen else "",
    }


async def spent_page(request: Request, opened: Opened | None) -> HTMLResponse:
    """410, said kindly: what happened to the duty behind this link."""
    locale = locale_of(request)
    if opened is None:
        return page(request, "spent", status=410, case=None, how="", track_url="")
    complaint = await services_of(request).ledger.complaint(opened.case.number)
    return page(
        request, "spent", status=410,
        case=views.facts(opened.case, complaint, opened.book, locale),
        how=term(locale, opened.assignment.how),
        track_url=access.tracking_url(opened.case.number) if opened.assignment.role == Role.CITIZEN else "",
    )  # fmt: skip
