"""Renew the locks from pyproject.toml: for everything, for the product, for its image; no address is written."""

# ruff: noqa: S603 -- runs our own commands, and talks to whoever typed make

from __future__ import annotations

import os
import subprocess
import sys

from install import EVERYTHING, PRODUCT, ROOT, VENV, pip_settings, uv_settings

IMAGE = ROOT / "infra" / "deploy" / "requirements.lock"
BUILD = "hatchling>=1.27\neditables>=0.5\n"
"""What the editable installation of the project itself needs; locked too, so that it needs no network of its own."""


def main() -> int:
    asked = sys.argv[1:]
    _compile(EVERYTHING, "pyproject.toml", "--extra", "test", "--extra", "check", *asked)
    same = ("--constraint", str(EVERYTHING))
    _compile(PRODUCT, "pyproject.toml", *same)
    _compile(IMAGE, "pyproject.toml", "--extra", "redis", "--extra", "otel", *same)
    return 0


def _compile(lock: object, *options: str) -> None:
    uv = [str(VENV / "bin" / "uv"), "pip", "compile", "-q", "--universal", "--python-version", "3.11"]
    plain = ["--generate-hashes", "--no-annotate", "--no-header", "--output-file", str(lock)]
    env = {**os.environ, **uv_settings(pip_settings())}
    subprocess.run([*uv, *plain, *options, "-"], input=BUILD, text=True, check=True, cwd=ROOT, env=env)


if __name__ == "__main__":
    sys.exit(main())
