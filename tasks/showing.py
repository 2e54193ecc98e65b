"""Operators see every run, its stage and its clocks: what Prefect shows of a case. Nothing personal ever goes there."""

from __future__ import annotations

import json
import logging
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

import httpx
from prefect import get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.objects import FlowRun
from prefect.context import FlowRunContext
from prefect.exceptions import PrefectException

from infra.board import post
from infra.locale import moment_text, say
from infra.orchestrator import tags_of
from infra.settings import settings
from infra.wording import category_name, clock_name, district_name, party_name, sentence, stage_name, term
from rules.case import Case, Entry
from rules.rulebook import Rulebook
from tasks._step import means
from tasks.signals import Work

log = logging.getLogger("minsheng.tasks")
LAST_ENTRIES = 12
REMEMBERED = 10_000
"""Artifacts, and cases, that this process knows again, some hundred bytes each."""

Value = TypeVar("Value")

_shown: OrderedDict[str, tuple[UUID, int]] = OrderedDict()
"""Name of a drawing -> the artifact that it is, and the hash of its text, as this process has put it last."""
_carried: OrderedDict[str, int] = OrderedDict()
"""Case -> the last of its activations, where this process has carried every one of them from the first on."""


async def show(work: Work) -> None:
    """Tags, a Markdown artifact of the case and a table of its open clocks, when there are or may have been any: three
    calls at most, for what has changed when the case has come to rest (see ``infra.board``). A display that fails does
    not hold up a case."""
    others = _others_carried(work)
    context = FlowRunContext.get()
    if context is not None and context.flow_run is not None:
        await post(work.number, partial(_draw, work.case, context.flow_run, others=others))


def _others_carried(work: Work) -> bool:
    """Whether another process may have drawn the case before."""
    if work.attempt != _carried.pop(work.number, 0) + 1:
        return True
    if not work.case.is_closed:
        _keep(_carried, work.number, work.attempt)
    return False


async def _draw(case: Case, run: FlowRun, *, others: bool) -> None:
    ledger = means().ledger
    book = await ledger.rulebook(case.rulebook)
    entries = (await ledger.as_left(case.number, seq=case.seq)).entries
    try:
        await _tag(case, run)
        known = moment_text(entries[-1].at, settings().locale)
        await _put(case.number, "markdown", _markdown(case, entries, book), known=known, of=case, run=run)
        table = f"{case.number} clocks"
        if (clocks := _clocks(case, book)) or others or table in _shown:
            await _put(table, "table", json.dumps(clocks, ensure_ascii=False), known=known, of=case, run=run)
    except (httpx.HTTPError, PrefectException) as fault:
        log.warning("%s cannot be shown in Prefect now: %s", case.number, fault)


async def _put(name: str, type: str, data: str, *, known: str, of: Case, run: FlowRun) -> None:
    """The artifact of the run as it is now; a later wake of the same worker changes it instead of adding one, another
    worker adds one, that is ``known`` by a later moment. Operators look for a case among the runs: a key would cost
    Prefect a second copy of each artifact and an event (ADR 0012)."""
    id, before = _shown.get(name, (None, None))
    if hash(data) == before:
        return
    async with get_client() as client:
        if id is None:
            new = ArtifactCreate(type=type, data=data, description=known, flow_run_id=run.id)
            id = (await client.create_artifact(new)).id
        else:
            await client.update_artifact(id, ArtifactUpdate(data=data, description=known))
    if of.is_closed:
        _shown.pop(name, None)
    else:
        _keep(_shown, name, (id, hash(data)))


def _keep(known: OrderedDict[str, Value], name: str, value: Value) -> None:
    known[name] = value
    known.move_to_end(name)
    while len(known) > REMEMBERED:
        known.popitem(last=False)


async def _tag(case: Case, run: FlowRun) -> None:
    others = [tag for tag in run.tags if ":" not in tag]  # of its deployment
    if sorted(run.tags) != (tags := sorted(others + tags_of(case))):
        async with get_client() as client:
            await client.update_flow_run(run.id, name=case.number, tags=tags)


def _markdown(case: Case, entries: Sequence[Entry], book: Rulebook) -> str:
    locale, portal = settings().locale, settings().portal_url
    facts = [
        stage_name(book, case.process, case.stage, locale),
        party_name(book, case.lead, locale),
        category_name(book, case.category, locale),
        district_name(book, case.district, locale),
        term(locale, case.urgency),
    ]
    lines = [f"# {case.number}", " · ".join(filter(None, facts)), ""]
    lines += [f"[{portal}/desk/cases/{case.number}]({portal}/desk/cases/{case.number})", ""]
    lines += [
        f"- {moment_text(e.at, locale)} — {sentence(book, case.process, e, locale)}" for e in entries[-LAST_ENTRIES:]
    ]
    return "\n".join(lines)


def _clocks(case: Case, book: Rulebook) -> list[dict[str, Any]]:
    """One row per open clock, earliest first."""
    locale = settings().locale
    running = sorted((c for c in case.clocks if c.is_open), key=lambda c: c.due_at)
    process = book.process(case.process)
    return [
        {
            "clock": clock_name(locale, c.name, process, c.stage),
            "holder": party_name(book, c.holder, locale),
            "due": say(locale, "stands still") if c.paused_at else moment_text(c.due_at, locale),
            "rung": term(locale, c.rung),
        }
        for c in running
    ]
