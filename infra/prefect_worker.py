"""及时回应: Prefect's own worker, on the event loop that portal and server have.

``python -m infra.prefect_worker worker start …`` is ``prefect worker start …``, which is as good and some hundredths
slower: Prefect's command makes its loop before it knows our worker type.
"""

from __future__ import annotations

import asyncio

import uvloop


def main() -> None:
    """Prefect's command line."""
    from prefect.cli import app  # noqa: PLC0415 -- reads the settings when it is imported

    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    app()


if __name__ == "__main__":
    main()
