"""A real SMTP server with the moods of real ones: it refuses, dawdles, hangs up, and wants to be signed in to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class MailServer:
    """What arrived, and how the server behaves. ``answers``: recipient -> reply to RCPT."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    connections: int = 0
    answers: dict[str, str] = field(default_factory=dict)
    on_data: str = ""
    on_sender: str = ""
    dawdles: float = 0.0
    hangs_up_after: int = 0
    _open: set[SMTP] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}"

    async def handle_MAIL(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.on_sender:
            return self.on_sender
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 -- aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if answer := self.answers.get(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 -- aiosmtpd's name
        await asyncio.sleep(self.dawdles)
        if self.on_data:
            return self.on_data
        self.recipients.extend(envelope.rcpt_tos)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        if self.hangs_up_after and len(self.mails) % self.hangs_up_after == 0:
            asyncio.get_running_loop().call_later(0.02, server.transport.close)
        return "250 taken"

    def hang_up(self) -> None:
        """Close every connection, as servers do with idle clients."""
        for conversation in self._open:
            if conversation.transport:
                conversation.transport.close()


@asynccontextmanager
async def mail_server(
    *, port: int = 0, tls: ssl.SSLContext | None = None, wrapped: bool = False, password: str = "", **mood: object
) -> AsyncIterator[MailServer]:
    """``tls`` offers STARTTLS, or with ``wrapped`` TLS from the first byte; ``password`` is wanted of user ``m``."""
    server = MailServer(**mood)  # type: ignore[arg-type]
    loop = asyncio.get_running_loop()

    def conversation() -> SMTP:
        server.connections += 1
        made = SMTP(
            server, hostname="test", loop=loop, enable_SMTPUTF8=True, tls_context=None if wrapped else tls,
            require_starttls=bool(tls) and not wrapped, auth_required=bool(password), auth_require_tls=False,
            authenticator=lambda *args: _sign_in(args[-1], password),
        )  # fmt: skip
        server._open.add(made)
        return made

    listening = await loop.create_server(conversation, "127.0.0.1", port, ssl=tls if wrapped else None)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        server.hang_up()


def _sign_in(given: object, password: str) -> AuthResult:
    return AuthResult(success=given == LoginPassword(b"m", password.encode()), handled=False)


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server with a self-made certificate, and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "mail.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))
