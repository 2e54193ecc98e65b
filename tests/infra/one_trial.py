"""Prefect with one trial that is over, and a process owner who looks at its page."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx

from infra.access import sign_in_token
from infra.chance import token
from infra.ledger import Ledger
from infra.portal.app import create_app
from infra.portal.services import Services
from infra.settings import settings
from infra.workbench.trials import NoTrial, Trial


class OneTrial:
    """The run ``1``, of a draft that is gone."""

    def __init__(self, offer: str, told: Mapping[str, Any], now: datetime) -> None:
        self._told = json.dumps(told)
        about: Any = {"id": "1", "name": "", "offer": offer, "state": "COMPLETED", "message": ""}
        self._trial = Trial(**about, created=now, parameters={"rulebook": "gone"})

    async def watch(self, id: str) -> Trial:
        if id != "1":
            raise NoTrial(id)
        return self._trial

    async def whole(self, _id: str, _kind: str) -> str:
        return self._told

    async def close(self) -> None:
        pass


@asynccontextmanager
async def reader(ledger: Ledger, trial: OneTrial) -> AsyncIterator[httpx.AsyncClient]:
    """A process owner's browser, in English."""
    trials: Any = trial
    app = create_app(Services(ledger=ledger, settings=settings(), trials=trials))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://portal") as browser:
        browser.headers["accept-language"] = "en"
        await browser.post(f"/login/{sign_in_token('Wang', token(), 'process_owner')}")
        yield browser
