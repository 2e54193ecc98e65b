"""首接首办: nobody is left alone with a case, and no part outlives the supervisor that started it.

Run as a script: ``python leash.py PARENT COMMAND…``. It asks Linux to kill this process when its parent dies, even
by ``kill -9``, and becomes COMMAND. A script of its own, because code between fork and exec is not safe beside threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def hold(parent: int) -> None:
    """Die with ``parent``; where the system cannot promise that, run without the promise."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


if __name__ == "__main__":
    hold(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])  # noqa: S606 -- the supervisor's own command, without a shell
