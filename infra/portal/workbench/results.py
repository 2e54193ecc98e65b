"""开诚布公: what a trial that is over has found, for the page of its kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from infra.ledger import NoRulebook
from infra.moment import now
from infra.portal.links import NoSuchLink
from infra.portal.services import Services
from infra.prefect_api import PrefectAway
from infra.workbench.comparing import ACTIVE, book_of
from infra.workbench.refusals import VersionRefusal
from infra.workbench.trials import NoTrial
from rules.rulebook import Rulebook


async def result_of(provided: Services, id: str, kind: str) -> tuple[Mapping[str, Any], Rulebook]:
    """The whole result of the run ``id``, and the rules that it tried. Raises :class:`NoSuchLink`."""
    if provided.trials is None:
        raise NoSuchLink
    try:
        trial, text = await provided.trials.watch(id), await provided.trials.whole(id, kind)
        told: Mapping[str, Any] = json.loads(text)
        return told, await _book(provided, str(trial.parameters.get("rulebook", ACTIVE)))
    except (NoTrial, PrefectAway, NoRulebook) as fault:
        raise NoSuchLink from fault


async def _book(provided: Services, name: str) -> Rulebook:
    """The draft as it is now; when it is gone the rules in force know most of the names."""
    try:
        return await book_of(provided.ledger, name, at=now())
    except VersionRefusal:
        return await provided.ledger.active(now())
