"""The command line: instant help, and one clear sentence with code 2 for whatever the user can mend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import ROOT

COMMANDS = ("up", "portal", "mail-catcher", "deploy", "login", "submit", "show", "verify", "bench", "db", "rules")


def minsheng(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a user would, without the settings of whoever runs the tests."""
    clean = {n: v for n, v in os.environ.items() if not n.startswith(("MINSHENG_", "PREFECT_"))}
    return subprocess.run(
        [sys.executable, "-m", "infra.cli", *arguments],
        capture_output=True, text=True, check=False, cwd=cwd, timeout=60,
        env={**clean, "PYTHONPATH": str(Path(__file__).parents[2]), **environment},
    )  # fmt: skip


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What was said on stderr, after checking that it is a sentence for people and the code is 2."""
    assert done.returncode == 2, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("minsheng: ")
    return done.stderr


def test_help_names_every_command(tmp_path):
    done = minsheng("--help", cwd=tmp_path)
    assert done.returncode == 0
    assert all(f"\n  {command} " in done.stdout for command in COMMANDS)


def test_an_explanation_names_dates_persons_and_rows(tmp_path):
    matter = {
        "channel": "web",
        "subject": "楼下烧烤油烟",
        "description": "每晚油烟进屋",
        "address": "市南区",
        "name": "张三",
    }
    (tmp_path / "complaint.json").write_text(json.dumps(matter), "utf-8")
    asked = ("rules", "explain", "complaint.json", "--at", "2026-11-23")
    done = minsheng(*asked, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "市南区生态环境分局  [catalogue.csv:3 fumes · 一家牵头、多方联治]" in done.stdout
    assert "2026年11月27日 周五 17:30 (5 wd)" in done.stdout
    assert "张三" not in done.stdout
    told = json.loads(minsheng(*asked, "--json", cwd=tmp_path).stdout)
    assert told["lead"]["source"] == {"table": "catalogue", "row": "fumes", "line": 3, "clause": "一家牵头、多方联治"}
    assert "Lead: Shinan District" in minsheng(*asked, cwd=tmp_path, MINSHENG_LOCALE="en").stdout


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ('{"subject": "x"}', "2026-11-23", "description is missing"),
        ("[]", "2026-11-23", "exactly one complaint"),
        ("{", "2026-11-23", "is not valid JSON"),
        ('{"subject": "x", "description": "y"}', "soon", "write 2027-01-31"),
    ],
)
def test_what_cannot_be_explained_is_one_sentence(tmp_path, text: str, at: str, told: str):
    (tmp_path / "complaint.json").write_text(text, "utf-8")
    assert told in one_sentence(minsheng("rules", "explain", "complaint.json", "--at", at, cwd=tmp_path))


def test_help_imports_nothing_heavy(tmp_path):
    code = (
        "import sys, infra.cli\n"
        "try: infra.cli.app(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('prefect', 'sqlalchemy', 'fastapi', 'pydantic', 'requests', 'rich') if m in sys.modules])"
    )
    run = [sys.executable, "-c", code]
    clean = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(run, capture_output=True, text=True, check=True, cwd=tmp_path, env=clean)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_waits_for_no_heavy_library():
    heavy = ("prefect", "sqlalchemy", "fastapi", "pydantic", "zen")
    look = f"import sys, infra.cli; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", look], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("up", "--exit"), "--demo N"),
        (("up", "--speed", "0"), "--speed"),
        (("up", "--demo", "-1"), "--demo"),
        (("up", "--port", "70000"), "--port"),
        (("up", "--port", "4200"), "wanted twice"),
        (("submit", "missing.csv"), "missing.csv"),
        (("submit", "letter.doc"), "only .json"),
        (("show", "QD000000-NOTHING"), "there is no ledger"),
        (("verify",), "there is no ledger"),
        (("bench", "--minutes", "0"), "--minutes"),
        (("bench", "--embedded", "--stored", "5"), "--embedded"),
        (("login",), "MINSHENG_SECRET_KEY"),
        (("deploy",), "there is no ledger"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_sentence_and_code_2(arguments, words, tmp_path):
    assert words in one_sentence(minsheng(*arguments, cwd=tmp_path))


def test_a_wrong_setting_is_named(tmp_path):
    assert "MINSHENG_SECRET_KEY" in one_sentence(minsheng("verify", cwd=tmp_path, MINSHENG_SECRET_KEY="short"))


def test_an_unreachable_database_is_said_without_its_password(tmp_path):
    url = "postgresql+asyncpg://somebody:geheim@127.0.0.1:1/none"
    said = one_sentence(minsheng("db", "upgrade", cwd=tmp_path, MINSHENG_DATABASE_URL=url))
    assert "127.0.0.1:1/none" in said
    assert "geheim" not in said


def test_the_rulebook_that_ships_is_sound(tmp_path):
    done = minsheng("rules", "check", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "is sound" in done.stdout


def test_a_broken_rulebook_names_every_fault_with_its_place(tmp_path):
    (tmp_path / "process").mkdir()
    (tmp_path / "process" / "standard.yaml").write_text("name: [\n", "utf-8")
    done = minsheng("rules", "check", cwd=tmp_path, MINSHENG_RULEBOOK=str(tmp_path))
    assert done.returncode == 1, done.stderr
    assert "process/standard.yaml:2 is not valid YAML" in done.stdout
    assert "departments.yaml is missing from the rulebook" in done.stdout
    listed = json.loads(minsheng("rules", "check", str(tmp_path), "--json", cwd=tmp_path).stdout)
    assert not listed["sound"]
    assert ("process/standard.yaml", 2, "") in [(f["file"], f["line"], f["cell"]) for f in listed["faults"]]
    assert "rulebook cannot be used" not in one_sentence(minsheng("rules", "check", "nowhere", cwd=tmp_path))


def test_verify_and_show_read_an_upgraded_ledger(tmp_path):
    assert minsheng("db", "upgrade", cwd=tmp_path, MINSHENG_DATA_DIR=str(tmp_path)).returncode == 0
    done = minsheng("verify", "--data", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no case" in one_sentence(minsheng("show", "qd1", "--json", "--data", str(tmp_path), cwd=tmp_path))


def test_login_prints_a_link_for_the_portal_that_runs(tmp_path):
    (tmp_path / "secret.key").write_text("s" * 40, "utf-8")
    (tmp_path / "up.json").write_text(json.dumps({"portal": "http://127.0.0.1:12345"}), "utf-8")
    done = minsheng("login", "--data", str(tmp_path), cwd=tmp_path)
    assert done.stdout.startswith("http://127.0.0.1:12345/login/")
