"""One command on a fresh machine: make ``.venv`` and install exactly what a lock says. Standard library only.

``python3 install.py LOCK`` tries uv (fast), then pip; both check every hash. pip's own configuration (index, mirrors,
certificates) is the user's wish and holds for uv too, which does not read it by itself. A second run with nothing
changed installs nothing and needs no network.
"""

# ruff: noqa: S603, T201 -- runs our own commands, and talks to whoever typed make

from __future__ import annotations

import ast
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlparse

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "installed"
EVERYTHING = ROOT / "requirements.lock"
PRODUCT = ROOT / "requirements-run.lock"
UV_LOCK = Path(__file__).with_name("uv.txt")
NEEDED = (3, 11)


def main(lock: Path) -> int:
    if sys.version_info < NEEDED:
        return _say("Minsheng needs Python 3.11 or newer; say which one with: make PYTHON=python3.11")
    if _has(lock):
        return 0
    try:
        _make_venv()
        _install(lock)
        _run([str(PYTHON), "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--editable", str(ROOT)])
    except (subprocess.CalledProcessError, OSError) as fault:
        return _say(f"the installation did not succeed: {fault}")
    STAMP.write_text("\n".join(_digest(one) for one in {lock, PRODUCT}), "utf-8")  # the full lock holds the product's
    return 0


def _has(lock: Path) -> bool:
    return STAMP.exists() and PYTHON.exists() and _digest(lock) in STAMP.read_text("utf-8").splitlines()


def _digest(lock: Path) -> str:
    """What an installation was made from; it changes with the lock, the project file, the Python and the folder."""
    made_from = [lock.read_bytes(), (ROOT / "pyproject.toml").read_bytes(), sys.version.encode(), str(ROOT).encode()]
    return hashlib.sha256(b"\0".join(made_from)).hexdigest()


def _make_venv() -> None:
    stale = STAMP.exists() and not PYTHON.exists()
    if stale or not (VENV / "bin" / "pip").exists():
        _run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    STAMP.unlink(missing_ok=True)


def _install(lock: Path) -> None:
    _say(f"installing {len(re.findall(r'^[a-z].*==', lock.read_text('utf-8'), re.M))} packages into .venv …")
    whole = ["--no-deps", "--require-hashes", "-r"]  # the lock is complete; pip would look past it for extras
    pip = [str(PYTHON), "-m", "pip", "install", "-q", "--disable-pip-version-check", *whole]
    try:
        _run([*pip, str(UV_LOCK)], quiet=True)
        uv = [str(VENV / "bin" / "uv"), "pip", "sync", "-q", "--python", str(PYTHON), "--require-hashes"]
        _run([*uv, "--compile-bytecode", str(lock)], quiet=True, extra=uv_settings(pip_settings()))
    except (subprocess.CalledProcessError, OSError) as fault:
        said = (getattr(fault, "stdout", "") or str(fault)).strip().splitlines()
        _say(f"uv could not install ({said[-1] if said else 'no reason given'}); using pip, which takes longer …")
        _run([*pip, str(lock)])


def pip_settings() -> dict[str, str]:
    """pip's configuration as it would use it: environment over files, ``install`` over ``global``."""
    listed = subprocess.run([str(PYTHON), "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    found: dict[str, str] = {}
    order = {"global": 0, "install": 1, ":env:": 2}
    read = []
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.partition(".")
        if section in order and value[:1] in "'\"":
            read.append((order[section], key, str(ast.literal_eval(value))))
    for _, key, value in sorted(read):
        found[key] = value
    return found


def uv_settings(pip: dict[str, str]) -> dict[str, str]:
    """The same wishes in uv's words; what the user told uv itself stays."""
    said = {
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": " ".join(filter(_exists, pip.get("extra-index-url", "").split())),
        "UV_FIND_LINKS": ",".join(filter(_exists, pip.get("find-links", "").split())),
        "UV_INSECURE_HOST": " ".join(pip.get("trusted-host", "").split()),
        "UV_NO_INDEX": "1" if pip.get("no-index", "").lower() in ("1", "true", "yes", "on") else "",
        "UV_INDEX_STRATEGY": "unsafe-best-match" if pip.get("extra-index-url") else "",  # as pip does; the hashes guard
        "UV_HTTP_TIMEOUT": pip.get("timeout", pip.get("default-timeout", "")),
        "SSL_CERT_FILE": pip.get("cert", ""),
        "ALL_PROXY": pip.get("proxy", ""),
    }
    return {name: value for name, value in said.items() if value and name not in os.environ}


def _exists(place: str) -> bool:
    """pip only warns of a folder that is not there; uv would stop."""
    parts = urlparse(place)
    return parts.scheme not in ("", "file") or Path(unquote(parts.path)).exists()


def _run(command: list[str], *, quiet: bool = False, extra: dict[str, str] | None = None) -> None:
    kept = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} if quiet else {}
    subprocess.run(command, check=True, env={**os.environ, **(extra or {})}, **kept)  # type: ignore[call-overload]


def _say(text: str) -> int:
    print(text, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(ROOT / sys.argv[1]))
