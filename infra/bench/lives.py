"""随时提、马上办: whole lives, as people lead them: over HTTP, with the links that they find in their mail.

A life: received through the portal's API, dispatched by the catalogue, task mail delivered over SMTP, claimed and fixed
through its link, reply and callback mail, rated, closed. Three wakes of its run.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import cycle
from typing import Any

import httpx
import sqlalchemy as sa

from infra.bench.town import Town
from infra.chance import jitter, token
from infra.ledger import Ledger, schema
from infra.moment import now
from infra.quick_http import transport

WAKES = 3
"""Of one life: received, fixed, rated."""
PATIENCE = 120.0
"""Seconds after which a life counts as lost."""
LOOK = 0.15
"""Seconds between two looks into mailbox and ledger, for all lives together."""
OVERLAP = timedelta(seconds=20)
"""A case closed by a slow transaction may appear later than it was decided."""
HEADER = "X-Minsheng-Number"
TASK_LINK = re.compile(r"/task/([A-Za-z0-9._~-]+)")
COMPLAINT = {
    "channel": "web",
    "subject": "垃圾没有清运",
    "description": "测速用的示例诉求,没有真实的人。小区南门的垃圾桶从周一满到现在,味道很大,麻烦尽快清一清,谢谢。",
    "category": "urban/sanitation/garbage",
    "district": "shinan",
    "address": "市南区香港中路(示例)",
    "name": "示例",
    "phone": "0532-55570001",
    "email": "bench@mail.example",
}
REPLY = "您好!积存的垃圾已全部清运,并改为每天早晚各清一次。"


@dataclass
class Ran:
    """What a phase brought: when lives closed (seconds since its beginning), and what went wrong."""

    began: datetime
    closed: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        """Lives per second, from the first submission to the last closing."""
        return len(self.closed) / max(self.closed) if self.closed else 0.0


class Waiting:
    """Things that lives wait for, each by its name; what came before somebody asked is kept."""

    def __init__(self) -> None:
        self._here: dict[str, asyncio.Future[str]] = {}

    def _of(self, name: str) -> asyncio.Future[str]:
        return self._here.setdefault(name, asyncio.get_running_loop().create_future())

    async def get(self, name: str) -> str:
        """Raises :class:`TimeoutError`."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._of(name)
        except TimeoutError:
            raise TimeoutError(f"waited {PATIENCE:.0f} s for {name}") from None
        finally:
            self._here.pop(name, None)

    def put(self, name: str, value: str = "") -> None:
        if not (one := self._of(name)).done():
            one.set_result(value)


class Driver:
    """Leads lives, through each portal in turn; for one event loop. ``opened``: the last mail that was opened."""

    def __init__(
        self, portals: Sequence[str], mailbox: str, ledger: Ledger, http: httpx.AsyncClient, *, opened: int = 0
    ) -> None:
        self.opened = opened
        self._portals, self._mailbox = cycle(portals), mailbox
        self._ledger = ledger
        self._http = http
        self._waiting = Waiting()
        self._seen_closed: set[str] = set()

    async def for_seconds(self, seconds: float, *, at_once: int) -> Ran:
        """As fast as it goes with ``at_once`` lives at a time, then until the last one has closed."""
        ran, began = Ran(now()), time.monotonic()

        async def hand() -> None:
            while time.monotonic() - began < seconds:
                await self._lead(ran, began)

        await asyncio.gather(*(hand() for _ in range(at_once)))
        return ran

    async def at_rate(self, seconds: float, *, per_second: float) -> Ran:
        """Lives begin at a steady rate, whatever becomes of those before them."""
        ran, began, lives = Ran(now()), time.monotonic(), []
        while time.monotonic() - began < seconds:
            lives.append(asyncio.create_task(self._lead(ran, began)))
            await asyncio.sleep(jitter(1 / per_second))  # the rate asked for, not a wait for an event
        await asyncio.gather(*lives)
        return ran

    async def _lead(self, ran: Ran, began: float) -> None:
        try:
            await self._life()
        except (TimeoutError, httpx.HTTPError) as fault:
            ran.failed.append(f"{type(fault).__name__}: {fault}")
        else:
            ran.closed.append(time.monotonic() - began)

    async def _life(self) -> None:
        keyed = {"Idempotency-Key": f"bench-{token()}"}
        receipt = await self._post("/complaints", COMPLAINT, headers=keyed)
        number = receipt["number"]
        lead = await self._waiting.get(f"{number} lead_task")
        await self._post(f"/task/{lead}", {"action": "claim"})
        await self._post(f"/task/{lead}", {"action": "fix", "fields": {"reply": REPLY}})
        citizen = await self._waiting.get(f"{number} reply")
        await self._post(f"/task/{citizen}", {"action": "rate", "fields": {"solved": "yes", "satisfied": 5}})
        await self._waiting.get(f"{number} closed")

    async def _post(self, path: str, body: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        answer = await self._http.post(f"{next(self._portals)}/api/v1{path}", json=body, **more)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    async def look(self) -> None:
        """Until cancelled: open the mail, and see who is closed."""
        while True:
            with suppress(httpx.HTTPError):  # a busy catcher is asked again
                await self._open_mail()
            await self._see_closed()
            await asyncio.sleep(LOOK)  # one look for all, however many wait

    async def _open_mail(self) -> None:
        answer = await self._http.get(f"{self._mailbox}/mailbox.json", params={"since": self.opened})
        for mail in answer.json():
            self.opened = max(self.opened, mail["id"])
            for name, value in _links(mail):
                self._waiting.put(name, value)

    async def _see_closed(self) -> None:
        own = schema.cases.c
        lately = sa.select(own.number).where(own.closed_at >= now() - OVERLAP)
        async with self._ledger.db.read() as connection:
            closed = set(await connection.scalars(lately)) - self._seen_closed
        self._seen_closed |= closed
        for number in closed:
            self._waiting.put(f"{number} closed")


def _links(mail: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """What a letter brings: ``number letter`` -> the token of its task."""
    headers = mail["headers"]
    if found := TASK_LINK.search(mail["text"]):
        yield f"{headers.get(HEADER)} {headers.get('X-Minsheng-Letter')}", found[1]


@asynccontextmanager
async def driver(town: Town) -> AsyncIterator[Driver]:
    """Somebody to lead lives in a town while the block lasts, who knows the mail that others have opened."""
    places = ((town.plan.portal,), town.plan.mailbox, town.ledger_url)
    async with leader(*places, opened=town.opened) as one:
        try:
            yield one
        finally:
            town.opened = one.opened


@asynccontextmanager
async def leader(portals: Sequence[str], mailbox: str, ledger_url: str, *, opened: int = 0) -> AsyncIterator[Driver]:
    """Somebody to lead lives while the block lasts."""
    ledger = Ledger(ledger_url)
    async with httpx.AsyncClient(timeout=60, transport=transport(at_once=64)) as http:
        one = Driver(portals, mailbox, ledger, http, opened=opened)
        looking = asyncio.create_task(one.look())
        try:
            yield one
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking  # raises what it died of, for then lives waited in vain
            await ledger.close()
