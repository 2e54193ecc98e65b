"""及时回应: Prefect's own server, on SQLite with one connection for which everybody waits in order.

``python -m infra.prefect_server server start …`` is ``prefect server start …``. With Prefect's pool of fifteen
connections, writers wait inside SQLite for its one lock; when the garbage collector then frees a cursor of a waiting
connection in the event loop's thread, the whole server stands still until SQLite gives up after 60 s (ADR 0010).
Prefect gives a database in memory a pool of one too, so its sessions do not need each other.
"""

from __future__ import annotations

from typing import Any

from prefect.server.database import configurations
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from infra.garbage import seldom_collected

PATIENCE = 60
"""Seconds that a session waits for its turn."""

REPLACED = "create_async_engine"
"""The name by which Prefect's module makes its engines."""


def create_engine(url: Any, **options: Any) -> AsyncEngine:
    """What Prefect asks for; on SQLite with a single connection."""
    one = {"pool_size": 1, "max_overflow": 0, "pool_timeout": PATIENCE} if str(url).startswith("sqlite") else {}
    return create_async_engine(url, **{**options, **one})


def main() -> None:
    """Prefect's command line, with the pool changed."""
    vars(configurations)[REPLACED] = create_engine
    from prefect.cli import app  # noqa: PLC0415 -- reads the settings when it is imported

    seldom_collected()
    app()


if __name__ == "__main__":
    main()
