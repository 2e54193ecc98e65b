"""认真解决: a change is tried on the past and in a simulated month; started, watched and stopped on these pages."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from markdown_it import MarkdownIt
from markupsafe import Markup

from infra.access import Session
from infra.locale import say
from infra.moment import now
from infra.portal.links import NoSuchLink
from infra.portal.pages import locale_of, page
from infra.portal.roles import Owner, OwnPage, Workbench
from infra.portal.services import Services
from infra.portal.workbench.shared import Provided, typed
from infra.prefect_api import PrefectAway
from infra.workbench import drafts, versions
from infra.workbench.comparing import ACTIVE, DRAFT
from infra.workbench.page_words import SENTENCES, STATES
from infra.workbench.trials import MIGRATION, NoTrial, Trial, Trials, WrongParameter

router = APIRouter(include_in_schema=False, prefix="/workbench/trials")
WATCH_SECONDS = 3
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")


@router.get("", response_class=HTMLResponse)
async def listing(request: Request, provided: Services = Provided, who: Session = Workbench) -> HTMLResponse:
    """What can be started, and what ran lately."""
    return await _listed(request, provided, who)


@router.post("", dependencies=[OwnPage])
async def start(request: Request, provided: Services = Provided, who: Session = Owner) -> Response:
    form, trials = await typed(request), _trials(provided)
    try:
        run = await trials.start(form.get("_offer", ""), form, by=who.who)
    except WrongParameter as wrong:
        return await _listed(request, provided, who, trouble=str(wrong), form=form, status=422)
    except PrefectAway as away:
        return await _listed(request, provided, who, trouble=str(away), form=form, status=503)
    except NoTrial as fault:
        raise NoSuchLink from fault
    return RedirectResponse(f"/workbench/trials/{run}", 303)


@router.get("/{id}", response_class=HTMLResponse)
async def one(id: str, request: Request, provided: Services = Provided, who: Session = Workbench) -> HTMLResponse:
    """How far one is; the page comes again by itself until it is over."""
    try:
        trial = await _trials(provided).watch(id)
    except (NoTrial, PrefectAway) as fault:
        raise NoSuchLink from fault
    locale, ui = locale_of(request), provided.settings.prefect_ui_url
    return page(
        request, "workbench_trial", session=who, trial=trial, state=_state(trial, locale), seconds=WATCH_SECONDS,
        run_url=f"{ui}/runs/flow-run/{id}" if ui else "",
        written=lambda text: Markup(_MARKDOWN.render(text)),  # noqa: S704 -- made without HTML of the text's own
    )  # fmt: skip


@router.post("/{id}/cancel", dependencies=[OwnPage])
async def cancel(id: str, provided: Services = Provided, _who: Session = Owner) -> Response:
    try:
        await _trials(provided).cancel(id)
    except (NoTrial, PrefectAway) as fault:
        raise NoSuchLink from fault
    return RedirectResponse(f"/workbench/trials/{id}", 303)


async def _listed(
    request: Request, provided: Services, who: Session, *, status: int = 200, trouble: str = "",
    form: dict[str, str] | None = None,
) -> HTMLResponse:  # fmt: skip
    locale, offers, recent = locale_of(request), [], []
    if provided.trials is None:
        trouble = say(locale, SENTENCES["no_prefect"])
    else:
        try:
            offers = [offer for offer in await provided.trials.offers() if offer.name != MIGRATION]
            recent = await provided.trials.recent()
        except PrefectAway:
            status, trouble = 503, trouble or say(locale, SENTENCES["prefect_away"])
    names = [f"{DRAFT}{draft.id}" for draft in await drafts.open_drafts(provided.ledger)]
    names += [version.id for version in await versions.listing(provided.ledger, at=now())]
    rows = [(trial, _state(trial, locale)) for trial in recent]
    return page(
        request, "workbench_trials", status=status, session=who, offers=offers, recent=rows, trouble=trouble,
        form=form or {}, names=[ACTIVE, *names],
    )  # fmt: skip


def _trials(provided: Services) -> Trials:
    if provided.trials is None:
        raise NoSuchLink
    return provided.trials


def _state(trial: Trial, locale: str) -> str:
    return say(locale, STATES.get(trial.state, trial.state))
