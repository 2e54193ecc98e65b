"""`make run` on a fresh machine: the installer keeps the user's wishes and does nothing twice."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([a-z0-9][a-z0-9.-]*)==(\S+)", re.M)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_FIND_LINKS", "SSL_CERT_FILE", "UV_NO_INDEX", "UV_HTTP_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    spec = importlib.util.spec_from_file_location("install", ROOT / ".ci" / "install.py")
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_uv_is_told_what_pip_was_told(install, tmp_path):
    pip = {
        "index-url": "https://mirror.example/simple",
        "extra-index-url": f"https://more.example/simple file://{tmp_path}/none",
        "find-links": str(tmp_path),
        "cert": "/etc/city.pem",
        "timeout": "90",
    }
    assert install.uv_settings(pip) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_INDEX": "https://more.example/simple",
        "UV_FIND_LINKS": str(tmp_path),
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/etc/city.pem",
        "UV_HTTP_TIMEOUT": "90",
    }


def test_what_the_user_told_uv_itself_stays(install, monkeypatch):
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.example/simple")
    assert install.uv_settings({"index-url": "https://mirror.example/simple"}) == {}


def test_an_installation_is_known_by_what_it_was_made_from(install, monkeypatch, tmp_path):
    for name in ("VENV", "STAMP", "PYTHON", "ROOT"):
        monkeypatch.setattr(install, name, tmp_path / name)
    (tmp_path / "ROOT").mkdir()
    (tmp_path / "ROOT" / "pyproject.toml").write_text("[project]", "utf-8")
    lock = tmp_path / "a.lock"
    lock.write_text("a==1", "utf-8")
    install.PYTHON.touch()
    assert not install._has(lock)
    install.STAMP.write_text(install._digest(lock), "utf-8")
    assert install._has(lock)
    lock.write_text("a==2", "utf-8")
    assert not install._has(lock)


def test_the_lock_of_the_product_is_part_of_the_whole_lock():
    whole = dict(PIN.findall((ROOT / "requirements.lock").read_text("utf-8")))
    product = dict(PIN.findall((ROOT / "requirements-run.lock").read_text("utf-8")))
    assert product.items() <= whole.items()
    assert "pytest" not in product


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-run.lock", ".ci/uv.txt"])
def test_a_lock_has_a_hash_for_everything_and_no_address(lock):
    text = (ROOT / lock).read_text("utf-8")
    assert "://" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_the_outside_check_calls_make_test_and_nothing_else():
    script = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    assert script[-1] == "exec make test"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111
