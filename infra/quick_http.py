"""及时回应: a call to Prefect costs a third of the processor when its bytes are read by a parser in C.

httpx keeps its meaning (errors, time limits, sign-in); only what carries its calls is aiohttp's.
"""

from __future__ import annotations

import ssl

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

IDLE_SECONDS = 4
"""An idle connection is given up before uvicorn, after five, ends it under a call."""


class _Transport(AiohttpTransport):
    """Every fault is one of httpx's, also those for which the library knows no name of its own."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except aiohttp.ClientError as fault:
            raise httpx.RemoteProtocolError(str(fault), request=request) from fault


def transport(verify: ssl.SSLContext | bool = True, *, at_once: int = 32) -> httpx.AsyncBaseTransport:
    """``at_once`` connections for one event loop; they end with their client. ``verify``: whose certificates are
    believed, without a word those of ``SSL_CERT_FILE`` or else of the usual authorities."""
    limits = httpx.Limits(max_connections=at_once, keepalive_expiry=IDLE_SECONDS)
    return _Transport(verify=verify, limits=limits)
