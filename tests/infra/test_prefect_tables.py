"""一家牵头、多方联治: before several Prefect servers start at once, one makes the tables they share."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.prefect_server import PrefectServer, prefect_server

__all__ = ["prefect_server"]

pytestmark = pytest.mark.slow
LATER = "f" * 12


@pytest.fixture
def tables(prefect_server: PrefectServer, tmp_path: Path) -> Path:
    """Prefect's tables of the release that is installed."""
    copy = tmp_path / "prefect.db"
    there, here = sqlite3.connect(prefect_server.home / "prefect.db"), sqlite3.connect(copy)
    with closing(there), closing(here):
        there.backup(here)
    return copy


def make(tables: Path) -> subprocess.CompletedProcess[str]:
    surroundings = os.environ | {
        "PREFECT_HOME": str(tables.parent),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{tables}",
    }
    command = [sys.executable, "-m", "infra.prefect_tables"]
    return subprocess.run(command, env=surroundings, capture_output=True, text=True, check=False, timeout=120)


def revision(tables: Path) -> str:
    with closing(sqlite3.connect(tables)) as db:
        return str(db.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_tables_that_are_there_are_left_as_they_are(tables: Path):
    before = revision(tables)
    made = make(tables)
    assert (made.returncode, revision(tables)) == (0, before), made.stderr


def test_whoever_goes_back_a_release_finds_the_later_tables_left_alone(tables: Path):
    with closing(sqlite3.connect(tables)) as db, db:
        db.execute("UPDATE alembic_version SET version_num = ?", [LATER])
    made = make(tables)
    assert (made.returncode, revision(tables)) == (0, LATER), made.stderr
    assert f"of a later release and stay as they are: Can't locate revision identified by '{LATER}'" in made.stderr
