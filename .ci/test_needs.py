"""What tests need beyond Python packages: a PostgreSQL server and a browser, from Debian, when root may install them.

An ordinary user on a machine without them is not stopped: the tests use the PostgreSQL that comes as a Python package,
and say which browser tests they leave out.
"""

# ruff: noqa: S603, S607, T201 -- runs Debian's own commands, and talks to whoever typed make

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def main() -> int:
    wanted = []
    if not shutil.which("initdb") and not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        wanted.append("postgresql")
    if not shutil.which("chromium") and not shutil.which("google-chrome"):
        wanted += ["chromium", "fonts-wqy-microhei"]
    if wanted:
        _install(wanted)
    return 0


def _install(packages: list[str]) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        print(f"not here, and not installed without root: {', '.join(packages)}", file=sys.stderr)
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print(f"installing {', '.join(packages)} for the tests …", file=sys.stderr)
    for command in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", *command], env=quiet, capture_output=True, text=True, check=False)
        if done.returncode:
            print(f"apt-get {command[0]} failed; going on without: {done.stderr.strip()[-300:]}", file=sys.stderr)
            return


if __name__ == "__main__":
    sys.exit(main())
