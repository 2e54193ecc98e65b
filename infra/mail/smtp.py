"""及时反馈: letters go to a mail server over a few kept connections; "again later" and "never" are told apart."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from email.message import Message
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from infra.mistakes import Mistake

CONNECT_SECONDS = 5
COMMAND_SECONDS = 15
LETTER_SECONDS = 45
"""A whole letter, all its commands together; shorter than a courier holds a letter."""
IDLE_SECONDS = 5
"""A connection that rested longer is asked (NOOP) before it is used; servers hang up on idle clients."""
SIZE = 3
"""Connections of one process; a mail server is not made faster by more."""

_SCHEMES = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
HANGING_UP = 421
"""The one 4xx that is about the connection, not about the letter."""


class MailFault(Exception):
    """The letter was not taken."""


class TryLater(MailFault):
    """The server said 4xx to this letter: the same letter may go later."""


class Unreachable(TryLater):
    """There is no conversation with the server at all; no letter would go now."""


class HungUp(Unreachable):
    """The server closed the connection; over a new one the letter may go at once."""


class Refused(MailFault):
    """The server said 5xx to this recipient or this letter: it will never go."""


class TooLate(MailFault):
    """The letter did not get its turn in time, and nothing was tried."""


class Mailer:
    """Hands letters to one mail server; belongs to the event loop that first uses it.

    ``url``: ``smtp://``, ``smtp+starttls://`` or ``smtps://``, with ``user:password@`` when the server wants a
    sign-in. ``tls``: whom to trust instead of the system's authorities. Raises :class:`Mistake` for any other address.
    """

    def __init__(self, url: str, *, size: int = SIZE, tls: ssl.SSLContext | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise Mistake(f"MINSHENG_SMTP_URL has to begin with {'://, '.join(_SCHEMES)}:// and name a host")
        self.size = size
        self._parts = parts
        self._tls = tls
        self._free: list[tuple[aiosmtplib.SMTP, float]] = []
        """Resting connections, and since when (seconds of the loop's clock)."""
        self._turns = asyncio.Semaphore(size)

    async def send(self, mail: Message, *, begin_by: float = float("inf")) -> None:
        """Returns when the server has taken the letter. ``begin_by``: a time of the event loop.

        Raises :class:`TryLater`, :class:`Refused` and :class:`TooLate`.
        """
        async with self._turns:
            if asyncio.get_running_loop().time() > begin_by:
                raise TooLate("other letters took too long")
            try:
                async with asyncio.timeout(LETTER_SECONDS):
                    await self._send(mail)
            except TimeoutError:
                raise Unreachable(f"the mail server needed more than {LETTER_SECONDS} s for one letter") from None

    async def close(self) -> None:
        """Say goodbye on every kept connection."""
        while self._free:
            client, _ = self._free.pop()
            try:
                await client.quit(timeout=CONNECT_SECONDS)
            except (aiosmtplib.SMTPException, OSError):
                client.close()

    async def _send(self, mail: Message) -> None:
        if kept := await self._kept():
            with contextlib.suppress(HungUp):
                await self._hand_over(kept, mail)
                return
        await self._hand_over(await self._connected(), mail)

    async def _hand_over(self, client: aiosmtplib.SMTP, mail: Message) -> None:
        """The connection is kept when it is alive; after a silence nobody knows what the server will say next."""
        alive = False
        try:
            head = dict(mail.raw_items())
            await client.send_message(mail, sender=_bare(head["From"]), recipients=[_bare(head["To"])])
            alive = True
        except (aiosmtplib.SMTPException, OSError, ValueError) as fault:
            told = _told(fault)
            alive = not isinstance(told, Unreachable)
            raise told from fault
        finally:
            if alive and client.is_connected:
                self._free.append((client, asyncio.get_running_loop().time()))
            else:
                client.close()

    async def _kept(self) -> aiosmtplib.SMTP | None:
        """A resting connection that is alive, or ``None``."""
        while self._free:
            client, since = self._free.pop()
            if asyncio.get_running_loop().time() - since < IDLE_SECONDS and client.is_connected:
                return client
            try:
                await client.noop(timeout=CONNECT_SECONDS)
            except (aiosmtplib.SMTPException, OSError):
                client.close()
            else:
                return client
        return None

    async def _connected(self) -> aiosmtplib.SMTP:
        """A new connection. Raises :class:`Unreachable`, also for a refused sign-in: that is the operator's to mend."""
        client = self._client()
        try:
            await client.connect(timeout=CONNECT_SECONDS)
        except (aiosmtplib.SMTPException, OSError) as fault:
            raise Unreachable(f"no connection to {self._parts.hostname}: {_words(fault)}") from fault
        return client

    def _client(self) -> aiosmtplib.SMTP:
        parts = self._parts
        return aiosmtplib.SMTP(
            hostname=parts.hostname,
            port=parts.port or _SCHEMES[parts.scheme],
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            use_tls=parts.scheme == "smtps",
            start_tls=parts.scheme == "smtp+starttls",
            tls_context=self._tls,
            local_hostname=socket.gethostname(),  # the library would ask the name service, which may not answer
            timeout=COMMAND_SECONDS,
        )


def _bare(header: object) -> str:
    """The address in it; what is not ASCII stands there as the bytes that go over the wire."""
    return parseaddr(str(header))[1].encode("ascii", "surrogateescape").decode()


def _told(fault: Exception) -> MailFault:
    """What a failed conversation means for the letter."""
    if isinstance(fault, aiosmtplib.SMTPRecipientsRefused):
        # the library raises this for 451 as for 550; only the recipient's own code tells them apart
        refused = fault.recipients[0]
        return _of_code(refused.code, refused.message)
    if isinstance(fault, aiosmtplib.SMTPSenderRefused) and fault.code != HANGING_UP:
        return TryLater(f"the mail server refused our own address: {_words(fault)}")
    if isinstance(fault, aiosmtplib.SMTPResponseException):
        return _of_code(fault.code, fault.message)
    if isinstance(fault, aiosmtplib.SMTPNotSupported | ValueError):
        return Refused(_words(fault))
    if isinstance(fault, TimeoutError):
        return Unreachable(_words(fault))
    return HungUp(_words(fault))


def _of_code(code: int, text: str) -> MailFault:
    if code == HANGING_UP:
        return HungUp(f"{code} {text}")
    return (Refused if 500 <= code < 600 else TryLater)(f"{code} {text}")


def _words(fault: Exception) -> str:
    if isinstance(fault, aiosmtplib.SMTPResponseException):
        return f"{fault.code} {fault.message}"
    return str(fault) or type(fault).__name__
