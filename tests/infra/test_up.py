"""The supervisor: everything is looked at before anything starts, what dies comes back, and nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from rich.console import Console

from infra import moment
from infra.ledger import Ledger, Person
from infra.mistakes import Mistake
from infra.rulebook_files import read_folder
from infra.settings import RULEBOOKS, settings
from infra.up.groundwork import prepare
from infra.up.part import Part
from infra.up.plan import Plan, Wishes, make_plan
from infra.up.screen import Row, Screen
from infra.up.tree import PartFault, Stopped, Tree
from rules.case import Complaint
from tests.infra.test_cli import minsheng, one_sentence

ROOT = Path(__file__).parents[2]
SLEEPS = "import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); {SLEEPS}"


def until(true: Callable[[], bool], *, seconds: float = 15) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return not (status.exists() and "State:\tZ" in status.read_text())


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in [n for n in os.environ if n.startswith(("MINSHENG_", "PREFECT_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def tree(tmp_path: Path) -> Iterator[Tree]:
    with (tmp_path / "said.txt").open("w") as said:
        made = Tree(tmp_path, Screen(Console(file=said)))
        yield made
        made.hurry.set()
        made.stop()


def part(code: str, *, healthy: Callable[[], bool] = lambda: True, patience: float = 10, serves: bool = False) -> Part:
    return Part(name="part", command=(sys.executable, "-c", code), healthy=healthy, patience=patience, serves=serves)


def wishes(tmp_path: Path, **more: object) -> Wishes:
    return Wishes(**{"port": 0, "prefect_port": 0, "data": tmp_path / "data", **more})  # type: ignore[arg-type]


def pid_of(tree: Tree) -> int:
    process = tree.running["part"].process
    assert process is not None
    return process.pid


# Before anything starts


def test_a_port_in_use_is_one_sentence_and_nothing_starts(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = one_sentence(minsheng("up", "--port", port, "--data", "data", cwd=tmp_path))
    assert f"port {port} is in use" in said
    assert "--port" in said
    assert not list((tmp_path / "data" / "logs").iterdir())


def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path):
    (tmp_path / "data").write_text("a file", "utf-8")
    said = one_sentence(minsheng("up", "--port", "0", "--prefect-port", "0", "--data", "data", cwd=tmp_path))
    assert "cannot use the folder" in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_one_sentence(tmp_path):
    (tmp_path / "data").mkdir(mode=0o500)
    with pytest.raises(Mistake, match="cannot use the folder"):
        make_plan(wishes(tmp_path))


def test_a_broken_rulebook_is_named_before_anything_starts(tmp_path):
    book = tmp_path / "book"
    book.mkdir()
    said = one_sentence(minsheng("up", "--data", "data", cwd=tmp_path, MINSHENG_RULEBOOK=str(book)))
    assert str(book) in said
    assert not (tmp_path / "data").exists()


def test_a_second_supervisor_on_the_same_folder_is_refused(tmp_path):
    first = make_plan(wishes(tmp_path))
    said = one_sentence(minsheng("up", "--port", "0", "--prefect-port", "0", "--data", "data", cwd=tmp_path))
    first.lock.close()
    assert "already runs" in said


def test_the_secret_key_is_made_once_and_for_its_owner_only(tmp_path):
    make_plan(wishes(tmp_path)).lock.close()
    kept = tmp_path / "data" / "secret.key"
    before = kept.read_text("utf-8")
    make_plan(wishes(tmp_path)).lock.close()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text("utf-8") == before
    assert len(before.strip()) >= 32


def test_every_port_is_given_once(tmp_path):
    plan = make_plan(wishes(tmp_path))
    plan.lock.close()
    assert len({plan.portal_port, plan.prefect_port, plan.mailbox_port, plan.smtp_port}) == 4


@pytest.fixture
def health_page() -> Iterator[str]:
    """Something that answers like a Prefect server that is well."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_prefect_that_does_not_answer_is_one_sentence(tmp_path):
    said = one_sentence(minsheng("up", "--port", "0", cwd=tmp_path, PREFECT_API_URL="http://127.0.0.1:1/api"))
    assert "no Prefect server answers at http://127.0.0.1:1/api" in said


def test_samples_without_a_mailbox_are_refused(tmp_path):
    given = {"MINSHENG_SMTP_URL": "smtp://mail.example:25"}
    said = one_sentence(minsheng("up", "--port", "0", "--prefect-port", "0", "--demo", "1", cwd=tmp_path, **given))
    assert "MINSHENG_MAILBOX_URL" in said


def test_what_runs_elsewhere_is_not_started(tmp_path, monkeypatch, health_page):
    monkeypatch.setenv("MINSHENG_SMTP_URL", "smtp://mail.example:25")
    monkeypatch.setenv("PREFECT_API_URL", f"{health_page}/api")
    monkeypatch.setenv("MINSHENG_DATABASE_URL", "postgresql+asyncpg://city@db.example/ledger")
    plan = make_plan(wishes(tmp_path))
    plan.lock.close()
    assert (plan.prefect_port, plan.mailbox_port, plan.smtp_port) == (0, 0, 0)
    assert plan.environment()["PREFECT_API_URL"] == f"{health_page}/api"
    assert plan.environment()["MINSHENG_SMTP_URL"] == "smtp://mail.example:25"


# Time


async def _a_case_in_the_ledger(at: object) -> None:
    ledger = Ledger(settings().ledger_url)
    await ledger.upgrade()
    await ledger.shelf.activate(read_folder(RULEBOOKS / "qingdao"), at=at)  # type: ignore[arg-type]
    await ledger.submit(Complaint(channel="web", subject="s", description="d"), Person(), at=at, key=None)  # type: ignore[arg-type]
    await ledger.close()


def planned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **more: object) -> Plan:
    plan = make_plan(wishes(tmp_path, **more))
    plan.lock.close()
    for name, value in plan.environment().items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return plan


@pytest.mark.parametrize("speed", [1.0, 3600.0])
def test_case_time_goes_on_from_the_newest_entry(tmp_path, monkeypatch, speed):
    plan = planned(tmp_path, monkeypatch, speed=speed)
    newest = moment.wall() + timedelta(days=40)
    asyncio.run(_a_case_in_the_ledger(newest))
    moment.run_at(plan.moment_file, speed=100_000)  # as a demo that was killed leaves it
    prepare(plan)
    assert newest <= moment.now() < newest + timedelta(days=3)
    assert moment.speed() == speed


def test_without_need_case_time_is_wall_time(tmp_path, monkeypatch):
    plan = planned(tmp_path, monkeypatch)
    prepare(plan)
    assert not plan.moment_file.exists()


# The tree


def test_a_part_that_dies_is_started_again_and_its_return_is_told(tree, tmp_path):
    tree.spawn(part(SLEEPS))
    tree.wait("part")
    first = pid_of(tree)
    os.kill(first, signal.SIGKILL)

    def back() -> bool:
        tree.look_after()
        return pid_of(tree) != first

    until(back, seconds=5)
    tree.look_after()
    tree.screen.console.file.flush()
    said = (tmp_path / "said.txt").read_text("utf-8")
    assert "part ended (code -9)" in said
    assert "part is well again" in said


def test_whoever_measures_starts_again_what_died_and_is_told_its_last_words(tree):
    tree.spawn(part(f"import os; os.write(1, b'my last words'); {SLEEPS}"))
    tree.wait("part")
    assert tree.start_again() == []
    first = pid_of(tree)
    until(lambda: "words" in tree.running["part"].log.read_text("utf-8"))
    os.kill(first, signal.SIGKILL)
    until(lambda: not tree.running["part"].alive)
    (told,) = tree.start_again()
    assert "part ended (code -9)" in told
    assert "my last words" in told
    assert tree.running["part"].alive
    assert pid_of(tree) != first


def test_a_part_that_hangs_is_ended_and_started_again(tree, tmp_path, monkeypatch):
    log = tmp_path / "part.log"
    monkeypatch.setattr("infra.up.tree.SEEN_EVERY", 0.1)
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")
    well = [True]
    tree.spawn(part(f"import os; os.write(1, b'up'); {SLEEPS}", healthy=lambda: well[0], patience=0.3))
    until(lambda: "up" in log.read_text("utf-8"))
    tree.wait("part")
    tree.look_after()
    first, well[0] = pid_of(tree), False

    def again() -> bool:
        tree.look_after()
        return pid_of(tree) != first

    until(again, seconds=5)
    well[0] = True
    tree.look_after()
    tree.screen.console.file.flush()
    said = (tmp_path / "said.txt").read_text("utf-8")
    assert "part has not answered for 0 s and is ended" in said
    assert "part is well again" in said
    assert "Fatal Python error: Aborted" in log.read_text("utf-8"), "and where it hung is in its log"


def test_a_part_that_hangs_and_does_not_listen_is_killed(tree, tmp_path, monkeypatch):
    monkeypatch.setattr("infra.up.tree.SEEN_EVERY", 0.1)
    deaf = f"import os, signal; signal.signal(signal.SIGABRT, signal.SIG_IGN); os.write(1, b'up'); {SLEEPS}"
    tree.spawn(part(deaf, healthy=lambda: False, patience=0.1))
    until(lambda: "up" in (tmp_path / "part.log").read_text("utf-8"))
    first = pid_of(tree)

    def again() -> bool:
        tree.look_after()
        return pid_of(tree) != first

    until(again, seconds=5)


def test_a_part_that_was_unwell_for_a_moment_is_left_alone(tree, monkeypatch):
    monkeypatch.setattr("infra.up.tree.SEEN_EVERY", 0.0)
    answers = iter([True, True, False, False, True, False, True])
    tree.spawn(part(SLEEPS, healthy=lambda: next(answers)))
    tree.wait("part")
    first = pid_of(tree)
    for _ in range(6):
        tree.look_after()
    assert pid_of(tree) == first


def test_a_part_that_keeps_dying_is_started_less_often(tree):
    tree.spawn(part("raise SystemExit(3)"))
    one = tree.running["part"]
    pauses = []
    for _ in range(4):
        until(lambda: not one.alive)
        pauses.append(one.notice_death())
        one.start()
    assert pauses == sorted(set(pauses))


def test_a_part_that_dies_while_starting_quotes_its_log(tree):
    tree.spawn(part("raise SystemExit('the disk is full')", healthy=lambda: False))
    with pytest.raises(PartFault, match="the disk is full"):
        tree.wait("part")


def test_a_part_that_never_gets_well_is_not_waited_for_endlessly(tree):
    tree.spawn(part(SLEEPS, healthy=lambda: False, patience=0.3))
    with pytest.raises(PartFault, match="not healthy after"):
        tree.wait("part")


def test_asked_to_stop_it_does_not_go_on_starting(tree):
    tree.stopping.set()
    with pytest.raises(Stopped):
        tree.spawn(part(SLEEPS))


@pytest.mark.parametrize("serves", [True, False])
def test_a_part_that_does_not_listen_is_killed_in_time(tree, serves):
    tree.spawn(part(STUBBORN, serves=serves))
    one = tree.running["part"]
    until(lambda: b"up" in one.log.read_bytes())
    began, pid = time.monotonic(), pid_of(tree)
    tree.stop()
    assert time.monotonic() - began < 8
    assert not alive(pid)


def test_what_a_part_started_itself_is_stopped_too(tree, tmp_path):
    child = tmp_path / "child"
    code = f"""
import subprocess, sys
grandchild = subprocess.Popen([sys.executable, "-c", {SLEEPS!r}])
open({str(child)!r}, "w").write(str(grandchild.pid))
grandchild.wait()
"""
    tree.spawn(part(code))
    until(lambda: child.exists() and bool(child.read_text()))
    tree.stop()
    until(lambda: not alive(int(child.read_text())))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills the children of a killed parent")
def test_killing_the_supervisor_leaves_no_orphan(tmp_path):
    code = f"""
import sys, time
from pathlib import Path
from infra.up.part import Part, Running
one = Running(Part(name="part", command=(sys.executable, "-c", {SLEEPS!r}), healthy=lambda: True), Path("part.log"))
one.start()
print(one.process.pid, flush=True)
time.sleep(600)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", code]
    with subprocess.Popen(run, stdout=subprocess.PIPE, cwd=tmp_path, env=environment) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        until(lambda: Path(f"/proc/{pid}/cmdline").read_bytes().count(b"sleep") > 0)
        assert alive(pid)
        parent.kill()
    until(lambda: not alive(pid), seconds=5)


def test_a_signal_in_the_middle_of_waiting_stops_the_supervisor_instead_of_hanging_it(tmp_path):
    code = """
import os, signal, sys
from pathlib import Path
from rich.console import Console
from infra.up.screen import Screen
from infra.up.session import asked_to_stop
from infra.up.tree import Stopped, Tree
tree = Tree(Path(), Screen(Console(stderr=True)))
with asked_to_stop(tree):
    with vars(tree.stopping)["_cond"]:  # as a wait holds it when it begins and when it ends
        os.kill(os.getpid(), signal.SIGTERM)
    try:
        tree.pause(15)
    except Stopped:
        sys.exit(7)
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = [sys.executable, "-c", code]
    assert subprocess.run(run, cwd=tmp_path, env=environment, timeout=20, check=False).returncode == 7


# What is shown


def test_plain_output_has_one_line_per_sample_that_moved(tmp_path):
    with (tmp_path / "said.txt").open("w+") as said:
        screen = Screen(Console(file=said))
        row = Row("QD1", "一次办好", "feedback")
        screen.samples([row])
        screen.samples([row])
        screen.samples([Row("QD1", "一次办好", "closed", "fixed", True)])
        screen.table("Addresses", [("portal", "http://127.0.0.1:1/" + "x" * 200)])
        said.seek(0)
        lines = said.read().splitlines()
    assert sum("QD1" in line for line in lines) == 2
    assert any(line.endswith("x" * 200) for line in lines)  # an address is never broken
