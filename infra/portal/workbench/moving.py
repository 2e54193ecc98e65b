"""首接负责: running cases go on under another version in two steps: what would change for whom, and then the change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from infra.access import PROCESS_OWNER, Session
from infra.locale import label, say
from infra.moment import now
from infra.portal.pages import locale_of, page
from infra.portal.roles import Owner, OwnPage, Workbench
from infra.portal.services import Services
from infra.portal.workbench.shared import Provided, typed
from infra.prefect_api import PrefectAway
from infra.wording import party_name
from infra.workbench import versions
from infra.workbench.moving import Moved, Wanted, carried_out, concerned, planned, target
from infra.workbench.moving_words import HOWS, gone, lines, total
from infra.workbench.page_words import SENTENCES
from infra.workbench.trials import NoTrial
from rules.rulebook import Rulebook
from rules.succession import Move

router = APIRouter(include_in_schema=False, prefix="/workbench/versions/{version}/move")
AT_ONCE = 200
"""Cases that are looked at, or moved, while somebody waits for the page."""
STAGE, DEPARTMENT = "stage:", "department:"
"""How a field is called that says what stands for a stage or a department: ``stage:old`` is the new one."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the form says; ``asked`` are its fields."""

    wanted: Wanted
    asked: Mapping[str, str]


@router.get("", response_class=HTMLResponse)
async def plan(version: str, request: Request, provided: Services = Provided, who: Session = Workbench) -> HTMLResponse:
    """What would change for whom; nothing is written."""
    order = await _order(provided, version, dict(request.query_params), who.who)
    found = await _first(planned(provided.ledger, order.wanted, at=now()))
    return await _page(request, provided, who, order, found, done=False)


@router.post("", response_class=HTMLResponse, dependencies=[OwnPage])
async def move(version: str, request: Request, provided: Services = Provided, who: Session = Owner) -> HTMLResponse:
    """Move so many cases; what was moved is no longer asked for, so the same form goes on with the next."""
    order = await _order(provided, version, await typed(request), who.who)
    found = await _first(carried_out(provided.ledger, order.wanted, at=now))
    return await _page(request, provided, who, order, found, done=True)


@router.post("/all", dependencies=[OwnPage])
async def move_all(version: str, request: Request, provided: Services = Provided, who: Session = Owner) -> Response:
    """All of them, as a run that everybody can watch and stop; what was moved stays moved."""
    asked = await typed(request)
    order = await _order(provided, version, asked, who.who)
    await target(provided.ledger, order.wanted.to, at=now())
    told = {name: asked.get(name, "").strip() for name in ("process", "since", "note")}
    told |= {"stages": _joined(order.wanted.move.stages), "departments": _joined(order.wanted.move.departments)}
    try:
        if provided.trials is None:
            raise NoTrial
        run = await provided.trials.move(
            {**told, "version": order.wanted.to, "later": order.wanted.move.later}, by=who.who
        )
    except (NoTrial, PrefectAway) as fault:
        raise HTTPException(503, say(locale_of(request), SENTENCES["prefect_away"])) from fault
    return RedirectResponse(f"/workbench/trials/{run}", 303)


def _joined(pairs: Mapping[str, str]) -> str:
    return ", ".join(f"{old}={new}" for old, new in pairs.items())


async def _order(provided: Services, version: str, asked: Mapping[str, str], by: str) -> Order:
    """Raises ``VersionRefusal`` for versions that are not known or not approved."""
    ledger = provided.ledger
    to = (await versions.show(ledger, version, at=now())).id
    since = await versions.find(ledger, asked["since"]) if asked.get("since") else None
    move = Move(
        by=by, note=asked.get("note", "").strip(), later=bool(asked.get("later")),
        stages=_pairs(asked, STAGE), departments=_pairs(asked, DEPARTMENT),
    )  # fmt: skip
    return Order(Wanted(to=to, since=since, process=asked.get("process") or None, batch=AT_ONCE, move=move), asked)


def _pairs(asked: Mapping[str, str], kind: str) -> dict[str, str]:
    return {name.removeprefix(kind): value for name, value in asked.items() if name.startswith(kind) and value}


async def _first(batches: AsyncIterator[list[Moved]]) -> list[Moved]:
    """As many as one page tells; whatever else there is waits for the next."""
    found: list[Moved] = []
    async with aclosing(batches) as several:  # type: ignore[type-var]  # both are async generators
        async for batch in several:
            found += batch
            if len(found) >= AT_ONCE:
                break
    return found


async def _page(
    request: Request, provided: Services, who: Session, order: Order, found: list[Moved], *, done: bool
) -> HTMLResponse:
    ledger, locale, wanted = provided.ledger, locale_of(request), order.wanted
    new = await target(ledger, wanted.to, at=now())
    known = [v.id for v in await versions.listing(ledger, at=now()) if v.id != wanted.to]
    return page(
        request, "workbench_move", session=who, version=wanted.to, asked=order.asked, done=done,
        lines=await lines(ledger, found, new, locale), sum=total(found), others=known, **_choices(found, new, locale),
        left=await concerned(ledger, wanted, at=now()), hows={how: say(locale, text) for how, text in HOWS.items()},
        may_move=who.role == PROCESS_OWNER, at_once=AT_ONCE,
    )  # fmt: skip


def _choices(found: list[Moved], new: Rulebook, locale: str) -> dict[str, Any]:
    """What may stand for what is gone."""
    stages, departments = gone(found)
    processes = [(name, label(process.label, locale)) for name, process in new.processes.items()]
    named = {s.name: label(s.label, locale) for p in new.processes.values() for s in p.stages.values()}
    parties = [(code, party_name(new, code, locale)) for code in new.departments_there(now())]
    return {
        "processes": processes, "stages": named if stages else {}, "parties": parties if departments else [],
        "gone": [(STAGE, one) for one in stages] + [(DEPARTMENT, one) for one in departments],
    }  # fmt: skip
