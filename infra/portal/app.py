"""只闻声不见面: the portal as one application; errors become sentences, and every answer carries its safety headers."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra.chance import token
from infra.locale import say
from infra.moment import now
from infra.portal import api, citizen, desk, task
from infra.portal.links import NoSuchLink, SpentLink
from infra.portal.pages import locale_of, page
from infra.portal.roles import HOMES, Foreign, NotAllowed, NotSignedIn
from infra.portal.services import Services
from infra.portal.workbench import ROUTERS
from infra.portal.workbench.shared import refused
from infra.workbench.page_words import ROLES, SENTENCES
from infra.workbench.refusals import VersionRefusal

log = logging.getLogger("minsheng.portal")

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # tracking keys and tokens stand in addresses
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Strict-Transport-Security": "max-age=31536000",
}
FAILURE = "Something went wrong on our side (incident %(incident)s). Please try again."
STATIC = Path(__file__).parent / "static"
API = "/api/"


def create_app(services: Services) -> FastAPI:
    """The portal over ``services``, which it closes when it ends."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await services.close()

    app = FastAPI(
        title="Minsheng 民声",
        version="1",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=life,
    )
    app.state.services = services
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for router in (api.router, citizen.router, task.router, desk.router, *ROUTERS):
        app.include_router(router)
    _add_errors(app)
    _add_signs_of_life(app, services)
    app.add_middleware(_Guard)
    return app


class _Guard:
    """Safety headers on everything; an unexpected failure is logged under a number and told without details."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = False

        async def guarded(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                if not scope["path"].startswith("/static"):
                    headers["Cache-Control"] = "no-store"
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except Exception:
            request, incident = Request(scope, receive), token()[:8]
            log.exception("incident %s at %s", incident, request.url.path.split("/")[1])
            if began:
                raise
            answer = _trouble(request, 500, say(locale_of(request), FAILURE, incident=incident))
            await answer(scope, receive, guarded)


def _trouble(request: Request, status: int, sentence: str) -> Response:
    if request.url.path.startswith(API):
        return JSONResponse({"detail": sentence}, status)
    return page(request, "trouble", status=status, sentence=sentence)


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(SpentLink)
    async def spent(request: Request, fault: SpentLink) -> Response:
        if request.url.path.startswith(API):
            sentence = say(locale_of(request), "This task has ended; the link is spent.")
            return JSONResponse({"code": "assignment_ended", "reason": sentence, "detail": sentence}, 410)
        return task.spent_page(request, fault.opened)

    @app.exception_handler(NoSuchLink)
    async def unknown(request: Request, _fault: NoSuchLink) -> Response:
        return _trouble(request, 404, say(locale_of(request), "We do not know this address."))

    @app.exception_handler(NotSignedIn)
    async def stranger(request: Request, _fault: NotSignedIn) -> HTMLResponse:
        return page(request, "login", status=401, who="", token="")

    @app.exception_handler(NotAllowed)
    async def another_role(request: Request, fault: NotAllowed) -> HTMLResponse:
        needed = [say(locale_of(request), ROLES[role]) for role in fault.needed]
        home = HOMES.get(fault.session.role, "/")
        return page(
            request, "other_role", status=403, session=fault.session, needed=needed, home=home, role=fault.needed[0]
        )

    @app.exception_handler(VersionRefusal)
    async def refusal(request: Request, fault: VersionRefusal) -> HTMLResponse:
        return refused(request, fault)

    @app.exception_handler(Foreign)
    async def foreign(request: Request, _fault: Foreign) -> Response:
        return _trouble(request, 403, say(locale_of(request), SENTENCES["foreign"]))

    @app.exception_handler(StarletteHTTPException)
    async def plain(request: Request, fault: HTTPException) -> Response:
        if request.url.path.startswith(API):
            return await http_exception_handler(request, fault)
        sentence = "We do not know this address." if fault.status_code == 404 else str(fault.detail)
        return _trouble(request, fault.status_code, say(locale_of(request), sentence))


def _add_signs_of_life(app: FastAPI, services: Services) -> None:
    @app.get("/healthz", include_in_schema=False)
    async def healthy() -> dict[str, str]:
        """200 when the ledger answers."""
        await services.ledger.counts(now())
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False, response_class=PlainTextResponse)
    async def metrics() -> str:
        """Figures in Prometheus' text format."""
        figures = await services.ledger.counts(now())
        return "".join(f"# TYPE minsheng_{n} gauge\nminsheng_{n} {v:g}\n" for n, v in figures.items())
