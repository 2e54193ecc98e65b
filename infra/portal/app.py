"""只闻声不见面: the portal as one application; errors become sentences, and every answer carries its safety headers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException as StarletteHTTPException

from infra.locale import say
from infra.portal import api, citizen, desk, metrics, task
from infra.portal.guard import API, Guard, trouble
from infra.portal.links import NoSuchLink, SpentLink
from infra.portal.pages import locale_of, page
from infra.portal.roles import HOMES, Foreign, NotAllowed, NotSignedIn
from infra.portal.services import Services
from infra.portal.workbench import ROUTERS
from infra.portal.workbench.shared import refused
from infra.workbench.page_words import ROLES, SENTENCES
from infra.workbench.refusals import VersionRefusal

log = logging.getLogger("minsheng.portal")

STATIC = Path(__file__).parent / "static"


def create_app(services: Services) -> FastAPI:
    """The portal over ``services``, which it closes when it ends."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        getting_ready = asyncio.create_task(services.get_ready())
        yield
        getting_ready.cancel()
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
    app.add_middleware(Guard)
    return app


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(SpentLink)
    async def spent(request: Request, fault: SpentLink) -> Response:
        if request.url.path.startswith(API):
            sentence = say(locale_of(request), "This task has ended; the link is spent.")
            return JSONResponse({"code": "assignment_ended", "reason": sentence, "detail": sentence}, 410)
        return await task.spent_page(request, fault.opened)

    @app.exception_handler(NoSuchLink)
    async def unknown(request: Request, _fault: NoSuchLink) -> Response:
        return trouble(request, 404, say(locale_of(request), "We do not know this address."))

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
        return trouble(request, 403, say(locale_of(request), SENTENCES["foreign"]))

    @app.exception_handler(StarletteHTTPException)
    async def plain(request: Request, fault: HTTPException) -> Response:
        if request.url.path.startswith(API):
            return await http_exception_handler(request, fault)
        sentence = "We do not know this address." if fault.status_code == 404 else str(fault.detail)
        return trouble(request, fault.status_code, say(locale_of(request), sentence))


def _add_signs_of_life(app: FastAPI, services: Services) -> None:
    @app.get("/livez", include_in_schema=False)
    async def alive() -> dict[str, str]:
        """200 while the process answers at all: restarting it mends no ledger."""
        return {"status": "ok"}

    @app.get("/healthz", include_in_schema=False)
    async def healthy() -> dict[str, str]:
        """200 when the ledger answers."""
        await services.ledger.answers()
        return {"status": "ok"}

    exposition = metrics.Exposition(services.ledger)

    @app.get("/metrics", include_in_schema=False)
    async def figures() -> Response:
        """Figures in Prometheus' text format."""
        return Response(await exposition.text(), media_type=CONTENT_TYPE_LATEST)
