"""有意见随时提: two ways in for complaints from files; both know what came in before."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Any, Protocol

import requests
from pydantic import ValidationError

from infra.inspection import open_ledger
from infra.ledger import Ledger, NoRulebook, Told
from infra.mistakes import Mistake
from infra.moment import now
from infra.portal.intake import FieldFault, Submission
from rules.rulebook import Rulebook

TIMEOUT = 30
TOGETHER = 500
"""Rows in one transaction: enough to spread its cost, few enough that nobody else waits for it."""


class RowFault(Exception):
    """What is wrong with a row: field -> reason."""

    def __init__(self, wrong: Mapping[str, str]) -> None:
        super().__init__(str(wrong))
        self.wrong = wrong


Keyed = tuple[Mapping[str, Any], str]
"""The fields of a complaint, and the key by which it is recognised when it comes again."""


class Way(Protocol):
    """Where complaints go."""

    def put(self, batch: Sequence[Keyed]) -> list[bool | RowFault]:
        """Whether each is new, or what is wrong with it; in the order given."""
        ...


class PortalWay:
    """The JSON API of a portal, here or elsewhere."""

    def __init__(self, portal: str) -> None:
        self.url = f"{portal}/api/v1/complaints"
        self.http = requests.Session()
        self.http.trust_env = "127.0.0.1" not in portal

    def put(self, batch: Sequence[Keyed]) -> list[bool | RowFault]:
        return [self._put(complaint, key) for complaint, key in batch]

    def _put(self, complaint: Mapping[str, Any], key: str) -> bool | RowFault:
        headers = {"Idempotency-Key": key}
        try:
            reply = self.http.post(self.url, json=dict(complaint), headers=headers, timeout=TIMEOUT)
        except requests.RequestException as fault:
            raise Mistake(f"the portal at {self.url} does not answer ({type(fault).__name__})") from None
        if reply.status_code in (400, 409, 422):
            return RowFault(_reasons(reply))
        if not reply.ok:
            raise Mistake(f"the portal at {self.url} answered {reply.status_code}; try again later")
        return reply.status_code == 201 and reply.headers.get("Idempotent-Replayed", "") != "true"


class LedgerWay:
    """The ledger itself, when no portal runs; the pulse finds the new cases when the parts are started."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.stack = AsyncExitStack()
        self.ledger, self.book = runner.run(self._open())

    async def _open(self) -> tuple[Ledger, Rulebook]:
        ledger = await self.stack.enter_async_context(open_ledger())
        try:
            return ledger, await ledger.shelf.active()
        except NoRulebook as fault:
            await self.stack.aclose()
            raise Mistake(str(fault)) from None

    def put(self, batch: Sequence[Keyed]) -> list[bool | RowFault]:
        return self.runner.run(self._put(batch))

    async def _put(self, batch: Sequence[Keyed]) -> list[bool | RowFault]:
        """While the database stores one part, the next is looked at; never more than two are under way."""
        turns = asyncio.Semaphore(2)

        async def put(some: Sequence[Keyed]) -> list[bool | RowFault]:
            async with turns:
                made = [self._told(complaint, key) for complaint, key in some]
                sound = [one for one in made if isinstance(one, Told)]
                outcomes = iter(await self.ledger.submit_many(sound, at=now()))
                return [_outcome(next(outcomes)) if isinstance(one, Told) else one for one in made]

        parts = (batch[first : first + TOGETHER] for first in range(0, len(batch), TOGETHER))
        return [one for found in await asyncio.gather(*map(put, parts)) for one in found]

    def _told(self, complaint: Mapping[str, Any], key: str) -> Told | RowFault:
        try:
            told = Submission(**complaint)
            return Told(told.complaint(self.book), told.person(), key)
        except ValidationError as fault:
            return RowFault({str(e["loc"][0]): e["msg"] for e in fault.errors()})
        except FieldFault as fault:
            return RowFault({fault.field: str(fault)})

    def close(self) -> None:
        self.runner.run(self.stack.aclose())


def _outcome(found: bool | Exception) -> bool | RowFault:
    return found if isinstance(found, bool) else RowFault({"": str(found)})


def _reasons(reply: requests.Response) -> dict[str, str]:
    """The portal's reasons by field, whatever the shape of its answer."""
    try:
        told = reply.json()
    except ValueError:
        return {"": reply.text[:200]}
    detail = told.get("detail", told) if isinstance(told, dict) else told
    if isinstance(detail, list):
        return {str(one.get("loc", [""])[-1]): str(one.get("msg", one)) for one in detail if isinstance(one, dict)}
    return {"": str(detail)[:300]}
