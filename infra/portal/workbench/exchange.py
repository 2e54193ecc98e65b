"""A table is something a clerk can edit: it leaves a draft as a workbook or as CSV, and comes back into it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import UploadFile

from infra.access import Session
from infra.locale import say
from infra.mistakes import Mistake
from infra.moment import now
from infra.portal.links import NoSuchLink
from infra.portal.pages import locale_of
from infra.portal.roles import Owner, OwnPage, Workbench
from infra.portal.services import Services
from infra.portal.workbench.shared import LONGEST_FIELD, Provided
from infra.sheets import read_workbook, write_workbook
from infra.workbench import drafts
from infra.workbench.page_words import SENTENCES
from infra.workbench.refusals import VersionRefusal
from rules.choices import choices
from rules.faults import RulebookFaults

router = APIRouter(include_in_schema=False, prefix="/workbench/drafts/{id:int}")
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@router.get("/take/{name}.{ending}")
async def take(id: int, name: str, ending: str, provided: Services = Provided, _who: Session = Workbench) -> Response:
    """A table as ``NAME.csv`` or ``NAME.xlsx``, the latter with drop-down lists."""
    draft = await drafts.get_draft(provided.ledger, id)
    text = draft.files.get(f"{name}.csv")
    if text is None or ending not in ("csv", "xlsx"):
        raise NoSuchLink
    saved = {"Content-Disposition": f'attachment; filename="{name}.{ending}"'}
    if ending == "csv":
        return Response(("\ufeff" + text).encode(), media_type="text/csv; charset=utf-8", headers=saved)
    lists = choices(await provided.ledger.active(now()))
    try:
        return Response(await asyncio.to_thread(_workbook, name, text, lists), media_type=XLSX, headers=saved)
    except Mistake as wrong:
        raise HTTPException(409, str(wrong)) from None


@router.post("/bring/{name}", dependencies=[OwnPage])
async def bring(id: int, name: str, request: Request, provided: Services = Provided, who: Session = Owner) -> Response:
    """A table comes back as a file; it takes the place of the one in the draft, faults and all."""
    form = await request.form(max_part_size=LONGEST_FIELD)
    file, seen, path = form.get("file"), form.get("_seen"), f"{name}.csv"
    content = await file.read(LONGEST_FIELD + 1) if isinstance(file, UploadFile) else b""
    if not content or len(content) > LONGEST_FIELD:
        raise HTTPException(422, say(locale_of(request), SENTENCES["no_file"]))
    try:
        text = await asyncio.to_thread(_table, name, content)
    except RulebookFaults as wrong:
        raise VersionRefusal("broken", count=len(wrong.faults), faults=wrong.faults) from None
    if text is None:
        raise HTTPException(422, say(locale_of(request), SENTENCES["no_sheet"], name=name))
    await drafts.save_file(provided.ledger, id, path, text, by=who.who, at=now(), seen=str(seen) if seen else None)
    return RedirectResponse(f"/workbench/drafts/{id}/files/{path}?saved=1", 303)


def _workbook(name: str, text: str, lists: Mapping[str, Sequence[str]]) -> bytes:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.xlsx"
        write_workbook(path, {name: text}, lists)
        return path.read_bytes()


def _table(name: str, content: bytes) -> str | None:
    """The CSV text of what was sent: of the sheet of that name, or of the only one. ``None``: no such sheet."""
    if not content.startswith(b"PK"):
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            return content.decode("gb18030", errors="replace")
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.xlsx"
        path.write_bytes(content)
        sheets = read_workbook(path)
    return sheets.get(name) if name in sheets or len(sheets) != 1 else next(iter(sheets.values()))
