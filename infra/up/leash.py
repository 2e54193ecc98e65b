"""首接首办: nobody is left alone with a case, and no part outlives the supervisor that started it.

Run as a script: ``python leash.py PARENT NICE COMMAND…``. It asks Linux to kill this process when its parent dies,
even by ``kill -9``, lets others go first when the processors are busy, and becomes COMMAND. A script of its own,
because code between fork and exec is not safe beside threads.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
STAND_BACK = 10
"""What carries cases, or tries a rulebook out, lets those go first who take complaints in: in a rush everybody gets a
number at once, and the work follows."""


def hold(parent: int) -> None:
    """Die with ``parent``; where the system cannot promise that, run without the promise."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


def stand_back(nice: int) -> None:
    """Let others go first, by so much (0 to 19). Linux weighs sessions before it weighs their processes."""
    if not nice:
        return
    os.nice(nice)
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w") as group:  # noqa: PTH123 -- starts in 10 ms
        group.write(str(nice))


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    stand_back(int(sys.argv[2]))
    os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606 -- the supervisor's own command, without a shell
