"""A real PostgreSQL for tests; Debian's is installed when it is missing and we may."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra import postgres
from infra.mistakes import Mistake
from infra.postgres import Postgres

__all__ = ["Postgres", "running"]

QUICK = (
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=60", "shared_buffers=32MB"),
    "autovacuum=off",  # its own small files would count as bytes of cases
)
"""The tests kill clients, never the server; what a power cut would lose does not matter here."""


@contextmanager
def running() -> Iterator[Postgres]:
    """A server for as long as the block lasts. Raises :class:`RuntimeError` with the server's own words."""
    with postgres.running(find_programs(), QUICK) as server:
        yield server


def find_programs() -> Path:
    """The folder with ``initdb`` and ``postgres``."""
    if not any(postgres.DEBIAN.glob("*/bin/initdb")) and os.geteuid() == 0 and shutil.which("apt-get"):
        _install()
    try:
        return postgres.find_programs()
    except Mistake as fault:
        raise RuntimeError(str(fault)) from fault


def _install() -> None:
    """Install Debian's server; without a cluster of its own that would listen on the usual port."""
    settings = Path("/etc/postgresql-common/createcluster.conf")
    if not settings.exists():
        settings.parent.mkdir(parents=True, exist_ok=True)
        settings.write_text("create_main_cluster = false\n", "utf-8")
    quietly = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    keep = ("-o", "Dpkg::Options::=--force-confold")
    for order in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", *keep, "postgresql"]):
        if subprocess.run(["apt-get", *order], env=quietly, check=False).returncode != 0:
            return
