"""建立台账: before anything starts, everything that could stop it is looked at, and said in one sentence."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.request import getproxies_environment

from infra.chance import token
from infra.deployments import server_environment, worker_environment
from infra.mistakes import Mistake
from infra.moment import ANCHOR_FILE
from infra.rulebook_check import sound_rulebook
from infra.settings import Settings, SettingsFault, prefect_api_url, settings
from infra.up.health import answers
from infra.up.ports import LOCAL, Ports


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was asked for on the command line. ``port`` 0 means any free one."""

    demo: int = 0
    exit: bool = False
    speed: float = 1.0
    port: int = 8080
    prefect_port: int = 4200
    data: Path = Path(".minsheng")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Where everything will be. An empty ``*_port`` (0) means: already runs elsewhere, not ours to start."""

    wishes: Wishes
    folder: Path
    lock: IO[str]
    portal: str
    portal_host: str
    portal_port: int
    api: str
    prefect_port: int
    mailbox: str
    mailbox_port: int
    smtp: str
    smtp_port: int

    @property
    def prefect(self) -> str:
        return self.api.removesuffix("/api")

    @property
    def up_file(self) -> Path:
        return self.folder / "up.json"

    @property
    def moment_file(self) -> Path:
        return self.folder / "moment.json"

    def environment(self) -> Mapping[str, str]:
        """What each part of the tree must know."""
        return {
            "MINSHENG_DATA_DIR": str(self.folder),
            "MINSHENG_PORTAL_URL": self.portal,
            "MINSHENG_PORTAL_HOST": self.portal_host,
            "MINSHENG_PORTAL_PORT": str(self.portal_port),
            "MINSHENG_SMTP_URL": self.smtp,
            "MINSHENG_MAILBOX_URL": self.mailbox,
            "MINSHENG_PREFECT_UI_URL": settings().prefect_ui_url or self.prefect,
            "PREFECT_API_URL": self.api,
            "PREFECT_HOME": str(self.folder / "prefect"),
            "PYTHONFAULTHANDLER": "1",
            "NO_PROXY": ",".join(filter(None, [getproxies_environment().get("no"), LOCAL, "localhost"])),
            ANCHOR_FILE: str(self.moment_file),
        }

    def defaults(self) -> Mapping[str, str]:
        """What holds for the parts unless the user's own environment says otherwise."""
        home = self.folder / "prefect"
        return {**server_environment(home, self.prefect_port), **worker_environment(home, self.api)}


def make_plan(wishes: Wishes) -> Plan:
    """Look at wishes, settings, folder, rulebook and ports. Raises :class:`Mistake`; nothing is started yet."""
    _check_wishes(wishes)
    known = settings()
    check_rulebook(known)
    folder, lock = _take_folder(wishes.data)
    _check_key(known, folder)
    ports = Ports(known.portal_host)
    portal_port = ports.take(wishes.port, "--port", "the portal")
    prefect_port, api = _prefect(ports, wishes)
    mailbox_port, mailbox, smtp_port, smtp = _mail(ports, known, near=portal_port, demo=wishes.demo)
    told = "portal_url" in known.model_fields_set
    return Plan(
        wishes=wishes, folder=folder, lock=lock, portal_port=portal_port, portal_host=known.portal_host,
        portal=known.portal_url if told else f"http://{LOCAL}:{portal_port}", prefect_port=prefect_port, api=api,
        mailbox=mailbox, mailbox_port=mailbox_port, smtp=smtp, smtp_port=smtp_port,
    )  # fmt: skip


def check_rulebook(known: Settings) -> str:
    """Build the rulebook once; its version. All its faults come at once, each with file and line."""
    return sound_rulebook(known.rulebook_dir).version


def _check_wishes(wishes: Wishes) -> None:
    if not 0 < wishes.speed <= 100_000:
        raise Mistake("--speed must be above 0 and at most 100000")
    if wishes.demo < 0:
        raise Mistake("--demo cannot be negative")
    if wishes.exit and not wishes.demo:
        raise Mistake("--exit ends after the demo: say how many sample complaints with --demo N")


def _take_folder(data: Path) -> tuple[Path, IO[str]]:
    """The data folder, made when missing, and the lock that keeps a second supervisor out."""
    folder = data.resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "logs").mkdir(exist_ok=True)
        lock = (folder / "up.lock").open("a+")
        _writable(folder)
    except OSError as wrong:
        raise Mistake(f"cannot use the folder {folder}: {wrong.strerror}; choose another with --data") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Mistake(f"minsheng already runs on {folder}; stop it first, or choose another with --data") from None
    return folder, lock


def _writable(folder: Path) -> None:
    """Fail now rather than later, when a part cannot write its files."""
    for name in ("", "logs", "prefect", "mailbox"):
        if (folder / name).exists() and not os.access(folder / name, os.R_OK | os.W_OK | os.X_OK):
            raise PermissionError(13, "no permission to write there")
    for path in folder.glob("*.db*"):
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(13, f"no permission to write {path.name}")


def _check_key(known: Settings, folder: Path) -> None:
    """Make the secret key of the embedded default once, readable by its owner only."""
    kept = folder / "secret.key"
    if known.secret_key.get_secret_value() or kept.exists():
        return
    kept.touch(mode=0o600)  # nobody else may ever read it, so the mode comes before the content
    kept.write_text(token() + token() + "\n", "utf-8")


def _prefect(ports: Ports, wishes: Wishes) -> tuple[int, str]:
    try:
        api = prefect_api_url()
    except SettingsFault:
        port = ports.take(wishes.prefect_port, "--prefect-port", "Prefect")
        return port, f"http://{LOCAL}:{port}/api"
    if not answers(f"{api}/health"):
        raise Mistake(f"no Prefect server answers at {api}; start it, or unset PREFECT_API_URL to have one started")
    return 0, api


def _mail(ports: Ports, known: Settings, *, near: int, demo: int) -> tuple[int, str, int, str]:
    if "smtp_url" in known.model_fields_set:
        if demo and not known.mailbox_url:
            raise Mistake("the samples read delivered mails: set MINSHENG_MAILBOX_URL, or unset MINSHENG_SMTP_URL")
        return 0, known.mailbox_url, 0, known.smtp_url
    mailbox, smtp = ports.near(near + 1), ports.near(near + 2)
    return mailbox, f"http://{LOCAL}:{mailbox}", smtp, f"smtp://{LOCAL}:{smtp}"
