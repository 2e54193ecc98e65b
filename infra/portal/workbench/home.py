"""机关流程再造: where a process owner begins: the rules in force, drafts, versions that wait for somebody."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from infra.access import Session
from infra.locale import label
from infra.moment import now
from infra.portal.pages import locale_of, page
from infra.portal.roles import Owner, OwnPage, Workbench
from infra.portal.services import Services
from infra.portal.workbench.shared import Provided, typed
from infra.workbench import drafts, versions

router = APIRouter(include_in_schema=False, prefix="/workbench")
WAITING = ("checked", "approved", "planned")


@router.get("", response_class=HTMLResponse)
async def home(request: Request, provided: Services = Provided, who: Session = Workbench) -> HTMLResponse:
    book, locale = await provided.ledger.active(now()), locale_of(request)
    known = await versions.listing(provided.ledger, at=now())
    return page(
        request, "workbench_home", session=who, version=book.version,
        processes=[(name, label(process.label, locale)) for name, process in book.processes.items()],
        drafts=await drafts.open_drafts(provided.ledger), waiting=[v for v in known if v.standing in WAITING],
    )  # fmt: skip


@router.post("/drafts", dependencies=[OwnPage])
async def open_draft(request: Request, provided: Services = Provided, who: Session = Owner) -> Response:
    """A new draft on the rules in force, or on the version named."""
    form = await typed(request)
    base, title = form.get("base") or None, form.get("title", "")
    draft = await drafts.open_draft(provided.ledger, by=who.who, at=now(), base=base, title=title)
    return RedirectResponse(f"/workbench/drafts/{draft.id}", 303)
