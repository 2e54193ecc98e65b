"""只闻声不见面: the portal as a process of its own."""

from __future__ import annotations

import socket

import uvicorn

from infra import tracing
from infra.garbage import OFTENER, seldom_collected
from infra.ledger import Ledger
from infra.mail.courier import Courier
from infra.mail.smtp import Mailer
from infra.mistakes import Mistake
from infra.orchestrator import Orchestrator
from infra.portal.app import create_app
from infra.portal.services import Services
from infra.settings import SettingsFault, prefect_api_url, prefect_auth, settings
from infra.up.ports import can_bind
from infra.watchdog import watched
from infra.workbench.trials import Trials

GRACE = 3
"""Seconds for answers that are on their way when the portal is asked to stop."""
KEEP_ALIVE = 75
"""Seconds an idle connection is kept; longer than proxies keep theirs, so that none sends into one that is closing."""


class _Server(uvicorn.Server):
    """Ends when it stands still."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        async with watched():
            await super().serve(sockets)


def serve_portal() -> None:
    """Listen until SIGTERM or Ctrl-C. Raises :class:`Mistake` when the settings do not fit together."""
    known = settings()
    tracing.start("minsheng-portal")
    if not known.secret:
        raise Mistake("MINSHENG_SECRET_KEY is empty; make one with: openssl rand -hex 32")
    if not can_bind(known.portal_host, known.portal_port):
        raise Mistake(f"port {known.portal_port} is in use or not allowed; choose another with MINSHENG_PORTAL_PORT")
    config = uvicorn.Config(
        create_app(_services()),
        host=known.portal_host,
        port=known.portal_port,
        log_level="warning",
        access_log=False,  # tracking keys and task links stand in addresses; they do not belong into logs
        timeout_graceful_shutdown=GRACE,
        timeout_keep_alive=KEEP_ALIVE,
        server_header=False,
        proxy_headers=True,
    )
    seldom_collected(OFTENER)
    _Server(config).run()


def _services() -> Services:
    """Without Prefect the portal serves all the same, and the pulse wakes the cases later."""
    known = settings()
    ledger = Ledger(known.ledger_url)
    courier = Courier(ledger, Mailer(known.smtp_url), known)
    try:
        api, auth = prefect_api_url(), prefect_auth()
    except SettingsFault:
        return Services(ledger=ledger, settings=known, courier=courier)
    orchestrator, trials = Orchestrator(ledger, api, auth=auth), Trials(api, auth=auth)
    return Services(ledger=ledger, settings=known, orchestrator=orchestrator, courier=courier, trials=trials)
