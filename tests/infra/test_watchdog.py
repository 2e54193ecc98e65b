"""A process that stands still ends itself, and its log says where it stood."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from infra import watchdog
from infra.settings import ROOT
from infra.watchdog import watched

STANDS_STILL = """
import asyncio, threading
from infra import watchdog

watchdog.HANGS = 0.2

async def stand_still():
    async with watchdog.watched():
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        threading.Event().wait({seconds})

asyncio.run(stand_still())
"""


def run(seconds: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", STANDS_STILL.format(seconds=seconds)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)


def test_a_process_whose_loop_stands_still_ends_and_says_where():
    ended = run("")
    assert ended.returncode == 1
    assert "Timeout" in ended.stderr
    assert "in stand_still" in ended.stderr


def test_one_that_goes_on_is_left_alone():
    assert run("0.0").returncode == 0


async def test_work_that_does_not_move_is_left_with_the_stacks_of_what_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(watchdog, "LOOK", 0.0)
    left, stuck = asyncio.Event(), [False, True]

    async def wait_for_ever() -> None:
        await asyncio.Event().wait()

    waits = asyncio.create_task(wait_for_ever())
    async with asyncio.timeout(20), watched(lambda: stuck.pop(0), left.set):
        await left.wait()
    waits.cancel()
    assert "the work does not move" in caplog.text
    assert "wait_for_ever" in capsys.readouterr().err
