"""机关流程再造: versions: what each one changes, who wrote it, who approved it, and from when it counts."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from infra.access import APPROVER, Session
from infra.ledger import NoRulebook
from infra.locale import CITY_ZONE
from infra.moment import now
from infra.portal.pages import locale_of, page
from infra.portal.roles import NotAllowed, OwnPage, Workbench
from infra.portal.services import Services
from infra.portal.workbench.shared import Provided, typed
from infra.workbench import versions
from infra.workbench.comparing import compare
from infra.workbench.refusals import VersionRefusal
from infra.workbench.versions import Version
from infra.workbench.words import standing_name

router = APIRouter(include_in_schema=False, prefix="/workbench/versions")


@router.get("", response_class=HTMLResponse)
async def listing(request: Request, provided: Services = Provided, who: Session = Workbench) -> HTMLResponse:
    """Every version, newest first."""
    locale = locale_of(request)
    found = await versions.listing(provided.ledger, at=now())
    return page(
        request, "workbench_versions", session=who, rows=[(v, standing_name(locale, v.standing)) for v in found]
    )


@router.get("/{version}", response_class=HTMLResponse)
async def one(version: str, request: Request, provided: Services = Provided, who: Session = Workbench) -> HTMLResponse:
    """One version: its story, and what it changes in words. ``?against=`` another version, default the one it is made
    from, else the one in force."""
    found, locale = await versions.show(provided.ledger, version, at=now()), locale_of(request)
    against = request.query_params.get("against") or found.base or "active"
    changes = await _changes(provided, against, found.id, locale)
    others = [v.id for v in await versions.listing(provided.ledger, at=now()) if v.id != found.id]
    return page(
        request, "workbench_version", session=who, version=found, standing=standing_name(locale, found.standing),
        steps=[(step, standing_name(locale, step.state)) for step in found.steps], changes=changes, against=against,
        others=others, is_author=who.who.casefold() in {author.casefold() for author in found.authors},
    )  # fmt: skip


@router.post("/{version}/{act}", dependencies=[OwnPage])
async def step(
    version: str, act: str, request: Request, provided: Services = Provided, who: Session = Workbench
) -> Response:
    """Approve (approvers only), reject, activate, call off or return to the version before."""
    if act == "approve" and who.role != APPROVER:
        raise NotAllowed(who, (APPROVER,))
    form = await typed(request)
    done = await _step(provided, version, act, who, form)
    return RedirectResponse(f"/workbench/versions/{done.id}", 303)


async def _step(provided: Services, version: str, act: str, who: Session, form: dict[str, str]) -> Version:
    ledger, by, note, at = provided.ledger, who.who, form.get("note", ""), now()
    if act == "activate":
        since = _moment(form.get("from", ""))
        return await versions.activate(ledger, version, by=by, at=at, active_from=since, note=note)
    if act == "rollback":
        return await versions.rollback(ledger, by=by, at=at, note=note)
    acts = {"approve": versions.approve, "reject": versions.reject, "call-off": versions.call_off}
    if act not in acts:
        raise VersionRefusal("no_version", version=act)
    return await acts[act](ledger, version, by=by, at=at, note=note)


def _moment(text: str) -> datetime | None:
    """What a date field says, in the city's time; ``None``: at once."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=CITY_ZONE) if text else None
    except ValueError:
        raise VersionRefusal("in_the_past") from None


async def _changes(provided: Services, old: str, new: str, locale: str) -> list[str] | None:
    """``None`` when there is nothing to compare with."""
    try:
        return (await compare(provided.ledger, old, new, at=now())).sentences(locale)
    except (VersionRefusal, NoRulebook):
        return None
