"""谁主管、谁负责: each part is one process with one job, one log and one question that tells whether it is well."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")
BACK_OFF = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before a part that died is started again: at once the first time, slower when it keeps dying."""
SETTLED = 60.0
"""Seconds after which a part that runs is trusted again, and its next death counts as the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is to run, and how to see that it is well.

    ``patience``: seconds until it must be, and for which it may not be later on. ``serves``: others use it, so it is
    stopped last. ``nice``: when the processors are busy it lets others go first, by so much (0 to 19).
    """

    name: str
    command: tuple[str, ...]
    healthy: Callable[[], bool]
    patience: float = 90.0
    serves: bool = False
    nice: int = 0


@dataclass(slots=True)
class Running:
    """One part as a process; started again after each death. ``seen``, ``well``: when it was last asked, and when its
    answer was good (seconds of the monotonic clock)."""

    part: Part
    log: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    deaths: int = 0
    again_at: float = 0.0
    recovering: bool = False
    seen: float = 0.0
    well: float = 0.0

    def start(self) -> None:
        """Start the process in a session of its own, so that Ctrl-C reaches the supervisor alone."""
        command = [sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), str(self.part.nice), *self.part.command]
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(  # noqa: S603 -- our own commands, as a list
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
            )
        self.started = time.monotonic()
        self.again_at = 0.0

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def notice_death(self) -> float:
        """Plan the next start; returns the seconds until then."""
        settled = time.monotonic() - self.started > SETTLED
        self.deaths = 1 if settled else self.deaths + 1
        pause = BACK_OFF[min(self.deaths, len(BACK_OFF)) - 1]
        self.again_at = time.monotonic() + pause
        self.recovering = True
        return pause

    def send(self, number: signal.Signals) -> None:
        """Signal the whole session, so that what the part itself started goes too."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            return  # it was faster

    def last_words(self, lines: int = 8) -> str:
        """The end of the log, for the message that says why it did not start."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 4096))
            return "\n".join(log.read().decode("utf-8", "replace").splitlines()[-lines:])
