"""及时回应: a call to Prefect costs a third of the processor when its bytes are read by a parser in C.

httpx keeps its meaning (errors, time limits, sign-in); only what carries its calls is aiohttp's. Prefect is in the
city's own network: proxies that the environment names are not asked, and nothing is compressed: that takes
its server 0.13 ms for each answer to a change of state.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

IDLE_SECONDS = 4
"""An idle connection is given up before uvicorn, after five, ends it under a call."""


class _Transport(AiohttpTransport):
    """Faults bear httpx's names: who was never reached is told from who hung up, which the library calls the same."""

    def __init__(self, verify: ssl.SSLContext | bool, at_once: int) -> None:
        super().__init__(verify=verify)
        self._at_once = at_once
        self._session: AsyncGenerator[aiohttp.ClientSession, None] | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self._session is None:
            self._session = _session(self._at_once, self.ssl_context)
            self.client = await anext(self._session)  # waits for nothing: two calls never make two sessions
        request.headers["Accept-Encoding"] = "identity"
        try:
            return await super().handle_async_request(request)
        except (aiohttp.ClientError, httpx.ConnectTimeout) as fault:
            raise _named(fault, request) from fault

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.aclose()


def transport(verify: ssl.SSLContext | bool = True, *, at_once: int = 32) -> httpx.AsyncBaseTransport:
    """``at_once`` connections for one event loop; they end with their client, or with the loop. ``verify``: whose
    certificates are believed, without a word those of ``SSL_CERT_FILE`` or else of the usual authorities."""
    return _Transport(verify, at_once)


async def _session(at_once: int, authorities: ssl.SSLContext) -> AsyncGenerator[aiohttp.ClientSession, None]:
    """A generator, because a loop that ends closes every generator that is under way."""
    lines = aiohttp.TCPConnector(limit=at_once, keepalive_timeout=IDLE_SECONDS, ssl=authorities)
    async with aiohttp.ClientSession(connector=lines, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield session


def _named(fault: aiohttp.ClientError | httpx.ConnectTimeout, request: httpx.Request) -> httpx.TransportError:
    """What httpx itself would have raised."""
    cause = fault.__cause__ if isinstance(fault, httpx.ConnectTimeout) else fault
    if isinstance(fault, httpx.ConnectTimeout) and isinstance(cause, TimeoutError):
        return fault
    kind = httpx.ConnectError if isinstance(cause, aiohttp.ClientConnectorError) else httpx.RemoteProtocolError
    return kind(str(cause), request=request)
