"""Prefect by REST, without importing it: one client that repeats what a busy server refused."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from infra.chance import jitter

TRIES = 7
FIRST_PAUSE = 0.3
"""Seconds before the first repeat; doubled each time, so a server may be busy or away for about twenty seconds."""


class PrefectAway(Exception):
    """Prefect does not answer now."""


class PrefectApi:
    """A client for one event loop; ``at_once`` calls at a time (1 for SQLite, which has a single write lock, P8)."""

    def __init__(self, api_url: str, *, auth: str = "", at_once: int = 1) -> None:
        basic = httpx.BasicAuth(*auth.split(":", 1)) if auth else None
        self._http = httpx.AsyncClient(base_url=api_url, auth=basic, timeout=30)
        self._turns = asyncio.Semaphore(at_once)

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answer; ``None`` for 404 and 409. Every call may be repeated.

        Raises :class:`PrefectAway` when the server stays busy or away, ``httpx.HTTPStatusError`` when it says no.
        """
        fault = ""
        for nth in range(TRIES):
            if nth:
                await asyncio.sleep(jitter(FIRST_PAUSE * 2 ** (nth - 1)))  # back-off, not a wait for an event
            try:
                async with self._turns:
                    answer = await self._http.request(method, path, json=body)
            except httpx.HTTPError as wrong:
                fault = f"{type(wrong).__name__} {wrong}"
                continue
            if answer.status_code in (httpx.codes.NOT_FOUND, httpx.codes.CONFLICT):
                return None
            if not answer.is_server_error:
                answer.raise_for_status()
                return answer.json() if answer.content else None
            fault = f"HTTP {answer.status_code}"
        raise PrefectAway(f"{method} {path}: {fault}")

    async def close(self) -> None:
        await self._http.aclose()
