"""Prefect by REST, without importing it: one client that repeats what a busy server refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from infra.chance import jitter
from infra.quick_http import transport

TRIES = 12
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 2.0
"""Seconds between repeats, doubled each time: a server may be away for about fifteen seconds, and on SQLite a call
that lost a race for the lock (P8: most creations of a run do, while others write) has a dozen chances."""


class PrefectAway(Exception):
    """Prefect does not answer now, or refuses; the pulse will repeat what has to be done."""


class PrefectApi:
    """A client for one event loop; ``at_once`` calls at a time (1 for SQLite, which has a single write lock, P8)."""

    def __init__(self, api_url: str, *, auth: str = "", at_once: int = 1) -> None:
        basic = httpx.BasicAuth(*auth.split(":", 1)) if auth else None
        self._http = httpx.AsyncClient(base_url=api_url, auth=basic, timeout=30, transport=transport())
        self._turns = asyncio.Semaphore(at_once)

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer; ``None`` for 404 and 409. Every call may be repeated.

        Raises :class:`PrefectAway` when the server stays busy or away, or says no.
        """
        fault = ""
        for nth in range(TRIES):
            if nth:
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (nth - 1))
                await asyncio.sleep(jitter(pause))  # back-off, not a wait for an event
            try:
                async with self._turns:
                    answer = await self._http.request(method, path, json=body)
            except httpx.HTTPError as wrong:
                fault = f"{type(wrong).__name__} {wrong}"
                continue
            if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.CONFLICT):
                return None
            if answer.is_success:
                return answer.json() if answer.content else None
            fault = f"HTTP {answer.status_code} {answer.text[:200]}"
            if answer.is_client_error:
                break
        raise PrefectAway(f"{method} {path}: {fault}")

    async def close(self) -> None:
        await self._http.aclose()
