"""党务公开: where a running Minsheng is, for commands that are typed beside it."""

from __future__ import annotations

import json

from typer import echo

from infra.access import DESK, ROLES, sign_in_token
from infra.chance import token
from infra.mistakes import Mistake
from infra.settings import settings


def running() -> dict[str, str]:
    """What ``DIR/up.json`` says; empty when no supervisor runs on the data folder."""
    try:
        found: dict[str, str] = json.loads((settings().data_dir / "up.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def portal_url() -> str:
    """The portal to talk to: the one named in the settings, else the one that runs here, else the default."""
    known = settings()
    return known.portal_url if "portal_url" in known.model_fields_set else running().get("portal", known.portal_url)


def sign_in_url(portal: str, who: str = "desk", role: str = DESK) -> str:
    """A link that signs in once."""
    return f"{portal}/login/{sign_in_token(who, token(), role)}"


def print_sign_in(who: str, role: str) -> None:
    """``minsheng login``. Raises :class:`Mistake`."""
    if role not in ROLES:
        raise Mistake(f"there is no role '{role}'; write one of: {', '.join(ROLES)}")
    echo(sign_in_url(portal_url(), who, role))
