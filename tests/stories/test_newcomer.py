"""随时提、马上办: somebody who types one command sees complaints travel to their end, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from infra.bench.lives import COMPLAINT
from infra.demo.visitor import Visitor
from tests.infra.test_cli import minsheng, one_sentence

ROOT = Path(__file__).parents[2]
PARTS = ("Prefect", "mail catcher", "portal", "worker")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("up")]


@dataclass
class City:
    """A running `minsheng up` and what it said."""

    process: subprocess.Popen[str]
    folder: Path
    said: Path

    @property
    def addresses(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "up.json").read_text("utf-8"))
        return found

    def heard(self, words: str) -> bool:
        assert self.process.poll() is None, self.said.read_text("utf-8")
        return words in self.said.read_text("utf-8")

    def children(self) -> dict[int, str]:
        """The parts by process id."""
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1] if entry.name.isdigit() else ""
                if parent == str(self.process.pid):
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found

    def worker(self) -> int | None:
        return next((pid for pid, command in self.children().items() if "worker start" in command), None)


def until(true: Callable[[], Any], *, seconds: float = 90) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.1)


def up(folder: Path, *options: str) -> City:
    """Start it as a newcomer would, on free ports."""
    said = folder / "said.txt"
    clean = {n: v for n, v in os.environ.items() if not n.startswith(("MINSHENG_", "PREFECT_"))}
    ports = ("--port", "0", "--prefect-port", "0", "--data", str(folder / "data"))
    with said.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.cli", "up", *ports, *options],
            stdout=out, stderr=subprocess.STDOUT, text=True, cwd=folder, env={**clean, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    return City(process, folder / "data", said)


def leaves_nothing(city: City, parts: dict[int, str]) -> None:
    assert not (city.folder / "up.json").exists()
    assert [command for pid, command in parts.items() if Path(f"/proc/{pid}").exists()] == []


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    """A city after its samples; stopped by Ctrl-C at the end, which is itself a promise."""
    running = up(tmp_path_factory.mktemp("city"), "--demo", "2", "--speed", "3600")
    try:
        until(lambda: running.heard("all 2 sample complaints closed"), seconds=150)
        until(lambda: running.heard("normal speed"))
        yield running
        parts, began = running.children(), time.monotonic()
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(15) == 0
        assert time.monotonic() - began < 10
        leaves_nothing(running, parts)
    finally:
        running.process.kill()


def test_it_says_what_is_ready_and_where_everything_is(city: City):
    said = city.said.read_text("utf-8")
    assert all(f"{part} ready" in said for part in PARTS)
    assert all(city.addresses[name] in said for name in ("portal", "prefect", "mailbox"))
    assert f"{city.addresses['portal']}/login/" in said
    assert "Traceback" not in said


def test_programs_find_the_addresses_and_everything_answers(city: City):
    assert set(city.addresses) == {"portal", "prefect", "mailbox", "smtp", "pid"}
    assert city.addresses["pid"] == city.process.pid
    for address in (f"{city.addresses['portal']}/healthz", city.addresses["prefect"], f"{city.addresses['mailbox']}/"):
        assert requests.get(address, timeout=10).status_code == 200


def test_every_complaint_is_one_flow_run_that_ended(city: City):
    asked = {"flows": {"name": {"any_": ["complaint"]}}}
    runs = requests.post(f"{city.addresses['prefect']}/api/flow_runs/filter", json=asked, timeout=10).json()
    samples = [run for run in runs if run["state"]["name"] == "Closed"]
    assert len(samples) >= 2
    assert all(run["name"].startswith("QD") for run in samples)


def test_letters_were_really_delivered(city: City):
    mails = requests.get(f"{city.addresses['mailbox']}/mailbox.json", timeout=10).json()
    assert any("/task/" in mail["text"] for mail in mails)
    assert any(mail["to"] == "citizen-01@mail.example" for mail in mails)


def test_the_clock_runs_at_normal_speed_after_the_samples(city: City):
    assert json.loads((city.folder / "moment.json").read_text("utf-8"))["speed"] == 1


def test_a_second_one_on_the_same_folder_is_refused(city: City, tmp_path: Path):
    ports = ("--port", "0", "--prefect-port", "0", "--data", str(city.folder))
    assert "already runs" in one_sentence(minsheng("up", *ports, cwd=tmp_path))


def test_a_worker_that_is_killed_comes_back_and_works(city: City):
    killed = city.worker()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    until(lambda: city.worker() not in (None, killed), seconds=5)
    visitor = Visitor(city.addresses["portal"])
    receipt = visitor.submit(COMPLAINT, "after the death of a worker")
    until(lambda: visitor.case(receipt["number"], receipt["tracking_key"])["stage"] == "departmental_fix")


def test_files_go_through_the_portal_that_runs(city: City, tmp_path: Path):
    told = [{"channel": "web", "subject": "来自文件", "description": "一行一件"}]
    (tmp_path / "a.json").write_text(json.dumps([*told, {"subject": "没有内容"}]), "utf-8")
    first = minsheng("submit", "a.json", "--data", str(city.folder), cwd=tmp_path)
    again = minsheng("submit", "a.json", "--data", str(city.folder), cwd=tmp_path)
    assert (first.returncode, again.returncode) == (1, 1)
    assert first.stdout.strip() == f"{city.addresses['portal']}: 1 new, 0 there already, 1 bad"
    assert again.stdout.strip() == f"{city.addresses['portal']}: 0 new, 1 there already, 1 bad"
    assert "row 2, description: is missing" in first.stderr
    assert _count(city, "来自文件") == 1


def _count(city: City, subject: str) -> int:
    with sqlite3.connect(city.folder / "ledger.db") as db:
        told = [json.loads(row[0]) for row in db.execute("SELECT matter FROM complaints")]
    return sum(matter["subject"] == subject for matter in told)


def test_the_ledger_is_sound_and_a_case_can_be_shown(city: City, tmp_path: Path):
    done = minsheng("verify", "--data", str(city.folder), cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    number = next(word for word in city.said.read_text("utf-8").split() if word.startswith("QD"))
    shown = minsheng("show", number, "--json", "--data", str(city.folder), cwd=tmp_path)
    assert json.loads(shown.stdout)["stage"] == "closed"


def test_with_exit_it_ends_by_itself_and_a_second_start_is_quick(tmp_path: Path):
    first = up(tmp_path, "--demo", "1", "--exit", "--speed", "3600")
    try:
        assert first.process.wait(150) == 0, first.said.read_text("utf-8")
    finally:
        first.process.kill()
    assert "Traceback" not in first.said.read_text("utf-8")
    began = time.monotonic()
    second = up(tmp_path)
    try:
        until((second.folder / "up.json").exists, seconds=60)
        assert time.monotonic() - began < 30
        parts = second.children()
        second.process.kill()  # even kill -9 leaves nothing
        second.process.wait(10)
        until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in parts), seconds=10)
    finally:
        second.process.kill()
