"""机关流程再造: a draft: its files, its faults, what it changes in words, and its way to a second person."""

from __future__ import annotations

from collections import Counter

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from infra.access import Session
from infra.moment import now
from infra.portal.pages import locale_of, page
from infra.portal.roles import Owner, OwnPage, Workbench
from infra.portal.services import Services
from infra.portal.workbench.shared import Provided, typed
from infra.rulebook_check import in_words
from infra.wording import file_name
from infra.workbench import drafts
from infra.workbench.checking import Checker
from infra.workbench.comparing import compare

router = APIRouter(include_in_schema=False, prefix="/workbench/drafts")
checker = Checker()


@router.get("/{id:int}", response_class=HTMLResponse)
async def one(id: int, request: Request, provided: Services = Provided, who: Session = Workbench) -> HTMLResponse:
    draft = await drafts.get_draft(provided.ledger, id)
    faults = in_words(await checker.faults(draft.files), locale_of(request))
    changes: list[str] = []
    if not faults and draft.changes:
        found = await compare(provided.ledger, draft.base, f"draft:{id}", at=now())
        changes = found.sentences(locale_of(request))
    return page(
        request, "workbench_draft", session=who, draft=draft, files=sorted(draft.files), faults=faults, changes=changes,
        called={path: file_name(locale_of(request), path) for path in draft.files},
        counts=Counter(fault.file for fault in faults), may_edit=who.role == "process_owner" and draft.version is None,
        pictures=sorted(path[8:-5] for path in draft.files if path.startswith("process/") and path.endswith(".yaml")),
    )  # fmt: skip


@router.post("/{id:int}/submit", dependencies=[OwnPage])
async def submit(id: int, request: Request, provided: Services = Provided, who: Session = Owner) -> Response:
    """The draft becomes a version that waits for a second person."""
    note = (await typed(request)).get("note", "")
    version = await drafts.submit_for_approval(provided.ledger, id, by=who.who, at=now(), note=note)
    return RedirectResponse(f"/workbench/versions/{version.id}", 303)


@router.post("/{id:int}/drop", dependencies=[OwnPage])
async def drop(id: int, provided: Services = Provided, _who: Session = Owner) -> Response:
    await drafts.drop_draft(provided.ledger, id)
    return RedirectResponse("/workbench", 303)


@router.post("/{id:int}/files", dependencies=[OwnPage])
async def add_file(id: int, request: Request, provided: Services = Provided, who: Session = Owner) -> Response:
    """A new file, which begins as a copy of another one."""
    form, draft = await typed(request), await drafts.get_draft(provided.ledger, id)
    path, copied = form.get("path", "").strip(), form.get("like", "")
    text = draft.files.get(copied, "")
    await drafts.save_file(provided.ledger, id, path, text, by=who.who, at=now(), seen="")
    return RedirectResponse(f"/workbench/drafts/{id}/files/{path}", 303)
