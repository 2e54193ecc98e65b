"""What tests need beyond Python packages and do not bring themselves: a browser, from Debian, when root may install it.

An ordinary user on a machine without one is not stopped: the browser tests say that they are left out.
"""

# ruff: noqa: S603, S607, T201 -- runs Debian's own commands, and talks to whoever typed make

from __future__ import annotations

import os
import shutil
import subprocess
import sys


def main() -> int:
    wanted = []
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
