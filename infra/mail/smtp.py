"""Handing letters to a mail server: one kept connection, and errors told apart into "again later" and "never"."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

import aiosmtplib

CONNECT_SECONDS = 5
COMMAND_SECONDS = 15


class MailFault(Exception):
    """The letter was not taken."""


class TryLater(MailFault):
    """The server is away or said 4xx: the same letter may go later."""


class Unreachable(TryLater):
    """There is no conversation with the server at all."""


class Refused(MailFault):
    """The server said 5xx to this letter or this recipient: it will never go."""


class Mailer:
    """A pooled SMTP connection; used by one event loop, one letter at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "smtps"
        self._client = aiosmtplib.SMTP(
            hostname=parts.hostname or "127.0.0.1",
            port=parts.port or (465 if secure else 25),
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            use_tls=secure,
            start_tls=parts.scheme == "smtp+starttls",
            timeout=COMMAND_SECONDS,
        )
        self._turn = asyncio.Lock()

    async def send(self, mail: EmailMessage) -> None:
        """Raises :class:`TryLater` or :class:`Refused`; returns when the server has taken the letter."""
        async with self._turn:
            await self._connect()
            try:
                await self._client.send_message(mail)
            except aiosmtplib.SMTPRecipientsRefused as fault:
                # the library raises this for 451 as for 550: only the codes tell them apart
                raise _of_codes([r.code for r in fault.recipients], str(fault.recipients[0].message)) from fault
            except aiosmtplib.SMTPResponseException as fault:
                raise _of_codes([fault.code], fault.message) from fault
            except (aiosmtplib.SMTPException, OSError) as fault:
                self._client.close()
                raise Unreachable(f"{type(fault).__name__}: {fault}") from fault

    async def close(self) -> None:
        if self._client.is_connected:
            try:
                await self._client.quit()
            except (aiosmtplib.SMTPException, OSError):
                self._client.close()

    async def _connect(self) -> None:
        """A connection that is alive; a kept one is asked first, servers hang up on idle clients."""
        try:
            if self._client.is_connected:
                try:
                    await self._client.noop(timeout=CONNECT_SECONDS)
                except (aiosmtplib.SMTPException, OSError):
                    self._client.close()
            if not self._client.is_connected:
                await self._client.connect(timeout=CONNECT_SECONDS)
        except aiosmtplib.SMTPAuthenticationError as fault:
            raise Unreachable(f"the mail server refused our sign-in: {fault.message}") from fault
        except (aiosmtplib.SMTPException, OSError) as fault:
            self._client.close()
            raise Unreachable(f"{type(fault).__name__}: {fault}") from fault


def _of_codes(codes: list[int], text: str) -> MailFault:
    final = all(500 <= code < 600 for code in codes)
    return (Refused if final else TryLater)(f"{codes[0]} {text}")
