"""人性化: pages in the reader's language, plain, accessible, the same on a phone and on a desk."""

from __future__ import annotations

from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from infra import moment
from infra.locale import environment, locales
from infra.portal.services import Services

LANGUAGE_COOKIE = "lang"


async def services(request: Request) -> Services:
    """The services of this portal (a dependency). FastAPI hands one that is not ``async`` to another thread and waits
    for it, which costs more than the rest of its work on the dependencies of a request."""
    return services_of(request)


def services_of(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


def locale_of(request: Request) -> str:
    """``?lang=``, else the cookie, else what the browser asks for first, else the city's own language."""
    known = locales()
    for wanted in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if wanted in known:
            return wanted
    first = request.headers.get("accept-language", "").split(",")[0].strip()[:2].lower()
    fits = [name for name in known if first and name.startswith(first)]
    return fits[0] if fits else services_of(request).settings.locale


def page(request: Request, name: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Render ``templates/page/<name>.html``."""
    locale = locale_of(request)
    common = {"speed": moment.speed(), "now": moment.now(), "path": request.url.path, "locales": locales()}
    html = environment(locale).get_template(f"page/{name}.html").render(common | values)
    answer = HTMLResponse(html, status_code=status)
    if request.query_params.get("lang") in locales():
        answer.set_cookie(LANGUAGE_COOKIE, locale, max_age=31_536_000, samesite="lax", httponly=True)
    return answer
