"""谁主管、谁负责: who is signed in, as what, and which pages that opens; acts come from our own pages only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from fastapi import Depends, Request

from infra import access
from infra.access import APPROVER, DESK, PROCESS_OWNER, Session

COOKIE = "minsheng_session"
HOMES = {DESK: "/desk", PROCESS_OWNER: "/workbench", APPROVER: "/workbench"}
"""Where a role begins."""


class NotSignedIn(Exception):
    """The page is for people of the city; a one-time link from ``minsheng login`` opens it."""


class NotAllowed(Exception):
    """Somebody is signed in, but not as what the page needs. ``needed``: the roles that would do."""

    def __init__(self, session: Session, needed: tuple[str, ...]) -> None:
        super().__init__(session.role)
        self.session = session
        self.needed = needed


class Foreign(Exception):
    """The form was sent by a page that is not ours; nothing was done."""


def signed_in(request: Request) -> Session:
    """Who is signed in. Raises :class:`NotSignedIn`."""
    try:
        return access.read_session_token(request.cookies.get(COOKIE, ""))
    except access.LinkFault as fault:
        raise NotSignedIn from fault


def needs(*roles: str) -> Callable[[Request], Awaitable[Session]]:
    """A dependency: who is signed in, when the role is one of ``roles``. ``async``, as all of them: FastAPI would hand
    it to another thread. Raises :class:`NotSignedIn` and :class:`NotAllowed`."""

    async def check(request: Request) -> Session:
        session = signed_in(request)
        if session.role not in roles:
            raise NotAllowed(session, roles)
        return session

    return check


async def own_page(request: Request) -> None:
    """A dependency of everything that acts: the browser says that the form stands on a page of ours.

    The session cookie is not sent along from elsewhere either (``SameSite=Strict``); this also holds for browsers that
    do not know that. Programs send neither header.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", "null")
    elsewhere = origin != "null" and urlsplit(origin).netloc != request.headers.get("host")
    if site not in (None, "same-origin", "none") or elsewhere:
        raise Foreign


AtDesk = Depends(needs(DESK))
AnyRole = Depends(needs(*HOMES))
Owner = Depends(needs(PROCESS_OWNER))
Approver = Depends(needs(APPROVER))
Workbench = Depends(needs(PROCESS_OWNER, APPROVER))
OwnPage = Depends(own_page)
