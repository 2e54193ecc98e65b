"""The pins hold: newer FastAPI or SQLAlchemy break Prefect 3.8.8 without a word from the resolver (ADR 0003)."""

from __future__ import annotations

import subprocess
import sys

from packaging.version import Version
from sqlalchemy import __version__ as sqlalchemy_version


def test_the_prefect_server_imports():
    command = [sys.executable, "-c", "import prefect.server.api.server"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_sqlalchemy_is_one_with_which_prefect_can_schedule():
    assert Version(sqlalchemy_version) < Version("2.1")
