"""只闻声不见面: a signed link is enough to act; it is bound to one case, one party and one duty, and it expires."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta

from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer

from infra.settings import settings

TASK_LINK_LIFE = timedelta(days=90)
"""Wall time; a link is spent when its assignment ends, expiry only bounds what a lost mail can do."""
SIGN_IN_LIFE = timedelta(minutes=10)
SESSION_LIFE = timedelta(hours=12)
DESK, PROCESS_OWNER, APPROVER = ROLES = ("desk", "process_owner", "approver")


class LinkFault(Exception):
    """The link is not ours or was changed."""


class LinkExpired(LinkFault):
    """The link is ours, but its time is over."""


@dataclass(frozen=True, slots=True)
class Session:
    """Who is signed in, and as what. ``process_owner`` changes the rules, ``approver`` is the second person."""

    who: str
    role: str = DESK


@dataclass(frozen=True, slots=True)
class TaskLink:
    """What a task token says: which duty of which case, and whose."""

    number: str
    assignment: str
    party: str


def task_token(link: TaskLink) -> str:
    """Signed token for ``{portal}/task/{token}``."""
    return _signer("task").dumps([link.number, link.assignment, link.party])


def read_task_token(token: str) -> TaskLink:
    """Raises :class:`LinkFault` for a forged token and :class:`LinkExpired` for an old one."""
    number, assignment, party = _read("task", token, TASK_LINK_LIFE)
    return TaskLink(number, assignment, party)


def task_url(link: TaskLink) -> str:
    return f"{settings().portal_url}/task/{task_token(link)}"


def tracking_key(number: str) -> str:
    """The key that opens the citizen's page of ``number``: 100 bits, derived, so nothing needs to be stored."""
    digest = hmac.new(_key("tracking"), number.encode(), hashlib.sha256).hexdigest()
    return digest[:25]


def tracking_key_fits(number: str, key: str) -> bool:
    return hmac.compare_digest(tracking_key(number), key)


def tracking_url(number: str) -> str:
    return f"{settings().portal_url}/track/{number}?key={tracking_key(number)}"


def sign_in_token(who: str, nonce: str, role: str = DESK) -> str:
    """One-time sign-in link payload; ``nonce`` is spent in the ledger when it is used."""
    return _signer("sign-in").dumps([who, nonce, role])


def read_sign_in_token(token: str) -> tuple[Session, str]:
    """Who would be signed in, and the nonce to spend."""
    who, nonce, *role = _read("sign-in", token, SIGN_IN_LIFE)
    return Session(who, *role), nonce


def session_token(session: Session) -> str:
    return _signer("session").dumps([session.who, session.role])


def read_session_token(token: str) -> Session:
    return Session(*_read("session", token, SESSION_LIFE))


def _read(purpose: str, token: str, life: timedelta) -> list[str]:
    try:
        said: list[str] = _signer(purpose).loads(token, max_age=int(life.total_seconds()))
    except SignatureExpired as fault:
        raise LinkExpired(purpose) from fault
    except BadSignature as fault:
        raise LinkFault(purpose) from fault
    return said


def _signer(purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        settings().secret, salt=f"minsheng.{purpose}", signer_kwargs={"digest_method": hashlib.sha256}
    )


def _key(purpose: str) -> bytes:
    return hashlib.sha256(f"minsheng.{purpose}.{settings().secret}".encode()).digest()
