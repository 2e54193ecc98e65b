"""只闻声不见面: every answer of the portal carries safety headers, and a failure becomes a sentence with a number."""

from __future__ import annotations

import logging
import time

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra import tracing
from infra.chance import token
from infra.locale import say
from infra.portal import metrics
from infra.portal.pages import locale_of, page

log = logging.getLogger("minsheng.portal")

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # tracking keys and tokens stand in addresses
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Strict-Transport-Security": "max-age=31536000",
}
FAILURE = "Something went wrong on our side (incident %(incident)s). Please try again."
API = "/api/"


class Guard:
    """Plain ASGI, without the task and the queue that a middleware of functions costs each request.

    Adds the safety headers, notes the time to the answer, and tells an unexpected failure without its details.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, started = time.perf_counter(), False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(scope, message)
                metrics.ANSWERED.labels(_route(scope)).observe(time.perf_counter() - began)
            await send(message)

        try:
            with tracing.request() as tell:
                await self._app(scope, receive, guarded)
                tell(f"{scope['method']} {_route(scope)}")
        except Exception:
            request, incident = Request(scope, receive), token()[:8]
            log.exception("incident %s at %s", incident, request.url.path.split("/")[1])
            if started:
                raise
            answer = trouble(request, 500, say(locale_of(request), FAILURE, incident=incident))
            await answer(scope, receive, guarded)


def _add_headers(scope: Scope, message: Message) -> None:
    headers = MutableHeaders(scope=message)
    headers.update(HEADERS)
    if not scope["path"].startswith("/static"):
        headers["Cache-Control"] = "no-store"


def _route(scope: Scope) -> str:
    """The pattern of the address, so that there are as many labels as patterns."""
    return getattr(scope.get("route"), "path", "none")


def trouble(request: Request, status: int, sentence: str) -> Response:
    if request.url.path.startswith(API):
        return JSONResponse({"detail": sentence}, status)
    return page(request, "trouble", status=status, sentence=sentence)
