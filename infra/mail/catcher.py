"""只闻声不见面: ``minsheng mail-catcher`` takes every mail and shows it; nothing leaves the machine."""

from __future__ import annotations

import asyncio
import signal
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from aiosmtpd.smtp import SMTP, Envelope, Session
from fastapi import FastAPI
from fastapi.responses import HTMLResponse, JSONResponse, Response

from infra.locale import environment
from infra.mail.mailbox import Caught, Mailbox
from infra.mistakes import Mistake
from infra.moment import wall
from infra.settings import settings

LARGEST = 10 * 1024 * 1024
"""Bytes of one mail."""
SHOWN = 200
"""Mails on one page."""
GRACE = timedelta(seconds=3)
"""Open requests get this long when we are stopped."""

_LETTER_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
"""A caught letter may show itself and nothing else: no script, no outside host."""
_PAGE_POLICY = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src data:"


class Handler:
    """What the SMTP server does with a mail: keep it."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's name
        content = envelope.content if isinstance(envelope.content, bytes) else str(envelope.content).encode()
        id = await asyncio.to_thread(self._mailbox.keep, envelope.mail_from or "", envelope.rcpt_tos, content)
        return f"250 kept as {id}"


def create_pages(mailbox: Mailbox, *, locale: str) -> FastAPI:
    """The pages and ``mailbox.json`` of ``mailbox``."""
    app = FastAPI(title="Minsheng mail catcher", docs_url=None, redoc_url=None, openapi_url=None)

    @app.get("/")
    def mails(q: str = "") -> Response:
        found = mailbox.newest(q, SHOWN)
        values = {"mails": found, "q": q, "count": len(mailbox), "now": wall(), "shown": SHOWN}
        return _page("mails", locale, values)

    @app.get("/mail/{id}")
    def mail(id: int) -> Response:
        found = mailbox.mail(id)
        return _page("mail", locale, {"mail": found, "now": wall()}) if found else _gone(locale)

    @app.get("/mail/{id}/body.html")
    def body(id: int) -> Response:
        found = mailbox.mail(id)
        return _letter(found) if found else _gone(locale)

    @app.get("/mailbox.json")
    def mailbox_json(since: int = 0) -> Response:
        return JSONResponse([mail.plain() for mail in mailbox.mails(since)])

    return app


def _page(name: str, locale: str, values: dict[str, Any], status: int = 200) -> Response:
    text = environment(locale).get_template(f"catcher/{name}.html").render(values)
    return HTMLResponse(text, status, {"Content-Security-Policy": _PAGE_POLICY, "Referrer-Policy": "no-referrer"})


def _gone(locale: str) -> Response:
    return _page("gone", locale, {}, 404)


def _letter(mail: Caught) -> Response:
    """The letter as it is, except that its links open a window of their own: the page around it stays."""
    text = mail.html.replace("<head>", '<head><base target="_blank">', 1)
    return HTMLResponse(text, headers={"Content-Security-Policy": _LETTER_POLICY, "Referrer-Policy": "no-referrer"})


def serve(host: str, smtp_port: int, port: int, folder: Path) -> None:
    """Catch mails until SIGTERM or SIGINT. Raises :class:`Mistake` when a port or the folder cannot be used."""
    uvloop.run(catch(host, smtp_port=smtp_port, port=port, folder=folder))


async def catch(host: str, *, smtp_port: int, port: int, folder: Path) -> None:
    """SMTP and pages in the running loop; returns when a signal ends it."""
    try:
        mailbox = Mailbox(folder)
    except OSError as fault:
        raise Mistake(f"the mailbox folder {folder} cannot be used: {fault.strerror}") from None
    pages = uvicorn.Server(_config(create_pages(mailbox, locale=settings().locale)))
    page_socket, smtp_socket = _listen(host, port), _listen(host, smtp_port)
    loop = asyncio.get_running_loop()
    for end in (signal.SIGTERM, signal.SIGINT):
        # uvicorn stops at a signal and then raises it once more; by then it has done its work
        loop.add_signal_handler(end, lambda: None)
    smtp = await loop.create_server(lambda: _conversation(mailbox, loop), sock=smtp_socket)
    async with smtp:
        await pages.serve(sockets=[page_socket])


def _config(app: FastAPI) -> uvicorn.Config:
    grace = int(GRACE.total_seconds())
    return uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=grace)


def _conversation(mailbox: Mailbox, loop: asyncio.AbstractEventLoop) -> SMTP:
    """The server's side of one SMTP connection."""
    return SMTP(
        Handler(mailbox),
        enable_SMTPUTF8=True,
        data_size_limit=LARGEST,
        hostname="mail-catcher",
        ident="Minsheng mail catcher",
        loop=loop,
    )


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as fault:
        raise Mistake(f"cannot listen on {host} port {port}: {fault.strerror}; choose another port") from None
