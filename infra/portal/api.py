"""The JSON API of the portal: submit, follow, act. A GET never acts; a refused action changes nothing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Depends, Header, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from infra import access
from infra.ledger import KeyReused, UnknownCase
from infra.locale import label
from infra.moment import now
from infra.portal import views
from infra.portal.intake import FieldFault, Submission
from infra.portal.links import Opened, carry_out, open_link
from infra.portal.pages import locale_of, services
from infra.portal.services import Services
from infra.wording import field_faults, party_name, refusal_text
from rules.actions import offers
from rules.case import TYPES, Case, Complaint
from rules.refusals import Refusal
from rules.rulebook import Rulebook

router = APIRouter(prefix="/api/v1", tags=["complaints"])
Provided = Annotated[Services, Depends(services)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=120)]


class Receipt(BaseModel):
    """What a citizen needs to follow the complaint."""

    number: str
    tracking_key: str
    tracking_url: str


class Act(BaseModel):
    """An action of a party with its fields."""

    model_config = ConfigDict(extra="forbid")

    action: str = Field(max_length=40)
    fields: dict[str, Any] = Field(default_factory=dict)


@router.post("/complaints", status_code=201, response_model=Receipt)
async def submit(
    body: Submission, provided: Provided, later: BackgroundTasks, answer: Response, *, key: Key = None
) -> Any:
    """Take a complaint in. The same ``Idempotency-Key`` with the same content gives the same answer again, marked
    with the header ``Idempotent-Replayed: true``."""
    book = await provided.ledger.active()
    try:
        complaint = body.complaint(book)
    except FieldFault as fault:
        raise _unprocessable(fault.field, str(fault)) from fault
    try:
        recorded = await provided.ledger.submit(complaint, body.person(), at=now(), key=key, book=book)
    except KeyReused as fault:
        raise HTTPException(409, f"Idempotency-Key '{key}' was used for another complaint; use a new key") from fault
    if recorded.repeated:
        answer.headers["Idempotent-Replayed"] = "true"
    later.add_task(provided.follow_up, recorded)
    return receipt(recorded.case.number)


def receipt(number: str) -> Receipt:
    return Receipt(number=number, tracking_key=access.tracking_key(number), tracking_url=access.tracking_url(number))


@router.get("/complaints/{number}")
async def follow(number: str, provided: Provided, request: Request, key: str = "") -> dict[str, Any]:
    """Where a complaint stands. An unknown number and a wrong key are answered alike."""
    if not access.tracking_key_fits(number, key):
        raise HTTPException(404, "there is no complaint with this number and key")
    try:
        dossier = await provided.ledger.dossier(number)
    except UnknownCase as fault:
        raise HTTPException(404, "there is no complaint with this number and key") from fault
    case, entries, locale = dossier.case, dossier.entries, locale_of(request)
    book = await provided.ledger.rulebook(case.rulebook)
    happened = views.timeline(case, entries, book, locale, public=True)
    return _state(case, book, locale) | {
        "timeline": [{n: item[n] for n in ("at", "kind", "actor", "text", "quote")} for item in happened],
        "task_url": views.citizen_url(case),
        "rating": case.rating,
    }


@router.get("/task/{token}")
async def look(token: str, provided: Provided, request: Request) -> dict[str, Any]:
    """What the holder of a link may do now, with fields, and why anything else is not possible."""
    opened = await open_link(provided.ledger, token)
    opened.must_be_open()
    complaint = await provided.ledger.complaint(opened.case.number)
    return _task(opened, complaint, locale_of(request))


@router.post("/task/{token}")
async def act(
    token: str, body: Act, provided: Provided, request: Request, later: BackgroundTasks, *, key: Key = None
) -> Any:
    """Act. 200 with the new state; 409 when the process does not allow it, 410 when the link is spent."""
    locale = locale_of(request)
    opened = await open_link(provided.ledger, token)
    try:
        recorded = await carry_out(provided.ledger, opened, body.action, body.fields, key=key)
    except Refusal as refusal:
        return _refused(refusal, opened, locale)
    later.add_task(provided.follow_up, recorded)
    return _state(recorded.case, opened.book, locale)


@router.get("/catalogue")
async def catalogue(provided: Provided, request: Request) -> dict[str, Any]:
    """Codes and names of categories, districts, channels and types."""
    book, locale = await provided.ledger.active(), locale_of(request)
    there = [book.department(code) for code in book.departments_there(now())]
    return {
        "categories": [
            {"code": c.code, "label": label(c.label, locale), "leaf": c.leaf}
            for c in book.open_categories(at=now()).values()
        ],
        "districts": [{"code": d.code, "label": label(d.name, locale)} for d in book.districts.values()],
        "channels": [{"code": code, "label": label(names, locale)} for code, names in book.channels().items()],
        "types": list(TYPES),
        "departments": [{"code": d.code, "label": label(d.name, locale)} for d in there],
    }


def _state(case: Case, book: Rulebook, locale: str) -> dict[str, Any]:
    return {
        "number": case.number,
        "stage": case.stage or "received",
        "moving": case.is_moving,
        "outcome": case.result,
        "urgency": case.urgency,
        "category": case.category,
        "district": case.district,
        "lead": views.api_party(book, case.lead, locale),
        "partners": [views.api_party(book, p, locale) for p in case.partners],
        "clocks": views.clocks(case, book, now(), locale),
        "reply": case.reply,
        "plan": dict(case.plan) if case.plan else None,
        "process": case.process,
        "pause": views.pause(case, book, locale),
        "review": views.review(case, book, locale),
        "opened_at": case.opened_at,
        "closed_at": case.closed_at,
    }


def _task(opened: Opened, complaint: Complaint, locale: str) -> dict[str, Any]:
    case, book, own = opened.case, opened.book, opened.assignment
    offered = offers(book, case, own, now())
    refused = [(o.action, o.refusal) for o in offered if o.refusal]
    possible = [o for o in offered if not o.refusal]
    return {
        "number": case.number,
        "stage": case.stage or "received",
        "role": own.role,
        "pause": views.pause(case, book, locale),
        "party": {"code": own.party, "name": party_name(book, own.party, locale)},
        "actions": [{"name": o.action, "fields": [views.api_field(f, case, book) for f in o.fields]} for o in possible],
        "refused": [{"name": name, "code": r.code, "reason": refusal_text(r, book, locale)} for name, r in refused],
        "subject": complaint.subject,
        "description": complaint.description,
        "clocks": views.clocks(case, book, now(), locale, assignment=own.id),
    }


def _refused(refusal: Refusal, opened: Opened, locale: str) -> JSONResponse:
    if refusal.fields:
        faults = field_faults(refusal, locale)
        detail = [{"loc": ["body", "fields", name], "msg": text} for name, text in faults.items()]
        return JSONResponse({"code": refusal.code, "detail": detail}, 422)
    status = 410 if refusal.code in ("assignment_ended", "case_closed") else 409
    body = {"code": refusal.code, "reason": refusal_text(refusal, opened.book, locale)}
    return JSONResponse(body | {"detail": body["reason"]}, status)


def _unprocessable(field: str, text: str) -> HTTPException:
    return HTTPException(422, [{"loc": ["body", field], "msg": text, "type": "unknown"}])
