"""A clerk edits a table cell by cell, a process line by line; every fault is said where it stands; nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from infra.access import Session
from infra.moment import now
from infra.portal.links import NoSuchLink
from infra.portal.pages import locale_of, page
from infra.portal.roles import Owner, OwnPage, Workbench
from infra.portal.services import Services
from infra.portal.workbench.drafts import checker
from infra.portal.workbench.shared import Provided, typed
from infra.rulebook_check import in_words
from infra.workbench import drafts
from infra.workbench.drafts import Draft
from infra.workbench.grid import Grid, grid_of, marked, suggestions
from infra.workbench.refusals import VersionRefusal
from infra.workbench.words import refusal_text
from rules.faults import Fault, RulebookFaults

router = APIRouter(include_in_schema=False, prefix="/workbench/drafts/{id:int}")
PER_PAGE = 40
CELL = re.compile(r"c(\d+)-(\d+)")
AROUND = 2
"""Lines shown before and after one that has a fault."""


@router.get("/files/{path:path}", response_class=HTMLResponse)
async def one(
    id: int, path: str, request: Request, provided: Services = Provided, who: Session = Workbench
) -> HTMLResponse:
    """One file: a grid for a table, lines for everything else. ``?q=`` finds rows, ``?from=`` is the first one."""
    return await _shown(request, provided, who, await drafts.get_draft(provided.ledger, id), path)


@router.post("/files/{path:path}", dependencies=[OwnPage])
async def save(id: int, path: str, request: Request, provided: Services = Provided, who: Session = Owner) -> Response:
    """Save what was typed, faults and all: a draft may have faults, it only cannot be submitted then."""
    form, draft = await typed(request), await drafts.get_draft(provided.ledger, id)
    do, _, row = form.get("do", "save").partition(":")
    if do == "remove-file":
        await drafts.save_file(provided.ledger, id, path, None, by=who.who, at=now(), seen=form.get("_seen"))
        return RedirectResponse(f"/workbench/drafts/{id}", 303)
    try:
        text, at = _edited(draft, path, form, do, int(row) if row.isdecimal() else -1)
        await drafts.save_file(provided.ledger, id, path, text, by=who.who, at=now(), seen=form.get("_seen"))
    except VersionRefusal as refusal:
        if refusal.code != "draft_changed":
            raise
        sent = "\n".join(f"{name}: {value}" for name, value in form.items() if value and not name.startswith("_"))
        trouble = refusal_text(refusal, locale_of(request))
        return await _shown(
            request, provided, who, draft, path, status=409, trouble=trouble, sent=form.get("text", sent)
        )
    there = {n: form[n] for n in ("q", "from") if form.get(n)} | {"saved": "1"}
    return RedirectResponse(f"?{urlencode(there)}{f'#row-{at}' if at >= 0 else ''}", 303)


@router.post("/check/{path:path}", dependencies=[OwnPage])
async def check(id: int, path: str, request: Request, provided: Services = Provided, _who: Session = Owner) -> Response:
    """What would be wrong with what is typed now, cell by cell, for the page's script; nothing is saved."""
    form, draft = await typed(request), await drafts.get_draft(provided.ledger, id)
    text, _ = _edited(draft, path, form, "save", -1)
    found = in_words(await checker.faults({**draft.files, path: text}), locale_of(request))
    faults = [fault for fault in found if fault.file == path]
    if not path.endswith(".csv"):
        return JSONResponse({"lines": [{"line": f.line, "message": _said(f)} for f in faults]})
    marks = marked(grid_of(text, path), faults)
    cells = {f"c{row}-{column}": message for (row, column), message in marks.cells.items()}
    rows = {f"row-{row}": message for row, message in marks.rows.items()}
    return JSONResponse({"cells": cells, "rows": rows, "file": list(marks.file)})


def _edited(draft: Draft, path: str, form: Mapping[str, str], do: str, row: int) -> tuple[str, int]:
    """The text of the file after what the form says, and the row that was changed last (-1: none)."""
    if path not in draft.files:
        raise NoSuchLink
    if not path.endswith(".csv") or "text" in form:
        return form.get("text", draft.files[path]), -1
    if draft.seen(path) != form.get("_seen"):  # numbers of rows would mean other rows
        raise VersionRefusal("draft_changed", by=_last_editor(draft, path), path=path)
    grid = grid_of(draft.files[path], path)
    cells = ((CELL.fullmatch(name), value) for name, value in form.items())
    grid.put({(int(found[1]), int(found[2])): value for found, value in cells if found})
    return _done(grid, do, row)


def _done(grid: Grid, do: str, row: int) -> tuple[str, int]:
    at = -1
    if do == "add":
        at = grid.add(row)
    elif do == "add-first":
        at = grid.add(-1)
    elif do == "remove":
        grid.remove(row)
        at = max(row - 1, 0)
    elif do == "days":
        grid.add_days()
    elif do in ("up", "down"):
        at = grid.move(row, -1 if do == "up" else 1)
    return grid.text, at


async def _shown(
    request: Request, provided: Services, who: Session, draft: Draft, path: str, *, status: int = 200, **more: Any
) -> HTMLResponse:
    if path not in draft.files:
        raise NoSuchLink
    text, asked = draft.files[path], request.query_params
    known = in_words(await checker.faults(draft.files), locale_of(request))
    faults = [fault for fault in known if fault.file == path]
    values: dict[str, Any] = {
        "session": who, "draft": draft, "file": path, "seen": draft.seen(path), "faults": faults, "trouble": "",
        "sent": "", "saved": "saved" in asked and status == 200, "q": asked.get("q", ""),
        "may_edit": who.role == "process_owner" and draft.version is None, "is_process": path.startswith("process/"),
    } | more  # fmt: skip
    grid = _grid(text, path)
    if grid is None:
        return page(request, "workbench_text", status=status, text=text, places=_places(text, faults), **values)
    found = grid.found(values["q"])
    first = _first(grid, found, asked)
    shown, marks = found[first : first + PER_PAGE], marked(grid, faults)
    elsewhere = sorted(
        {row for row, _ in marks.cells if row not in shown} | {row for row in marks.rows if row not in shown}
    )
    return page(
        request, "workbench_grid", status=status, grid=grid, marks=marks, first=first, shown=shown, found=len(found),
        per_page=PER_PAGE, elsewhere=elsewhere, suggestions=suggestions(grid, await provided.ledger.active(now())),
        **values,
    )  # fmt: skip


def _first(grid: Grid, found: list[int], asked: Mapping[str, str]) -> int:
    """Which of the rows found comes first: what ``from`` says, or one a little before the ``line`` of a fault."""
    said = asked.get("from", "")
    if (line := asked.get("line", "")).isdecimal() and int(line) in grid.lines:
        row = grid.lines.index(int(line))
        said = str(max(found.index(row) - AROUND, 0)) if row in found else "0"
    return max(0, min(int(said) if said.isdecimal() else 0, len(found) - 1))


def _grid(text: str, path: str) -> Grid | None:
    """``None`` for what is no table, and for a table that has to be mended as text first."""
    try:
        return grid_of(text, path) if path.endswith(".csv") else None
    except RulebookFaults:
        return None


def _places(text: str, faults: list[Fault]) -> list[dict[str, Any]]:
    """Each fault with the lines around it, so that its place is found without counting."""
    lines = text.splitlines()
    return [
        {
            "fault": fault,
            "lines": [
                (n, lines[n - 1], n == fault.line)
                for n in range(max(1, fault.line - AROUND), min(len(lines), fault.line + AROUND) + 1)
                if fault.line
            ],
        }
        for fault in faults
    ]


def _said(fault: Fault) -> str:
    return f"{fault.cell}: {fault.message}" if fault.cell else fault.message


def _last_editor(draft: Draft, path: str) -> str:
    change = draft.changes.get(path)
    return change.by if change else draft.by
