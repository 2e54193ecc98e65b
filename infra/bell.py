"""及时回应: whoever stores a signal rings, and the warm worker that hears it takes the case up at once.

A ring is a hint that may be lost; the pulse makes good what nobody heard. On PostgreSQL it is a notification that all
workers hear, addressed to one of them; beside a SQLite ledger a line in a named pipe, which holds some thousand. No
state of Prefect changes by it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import sqlalchemy as sa

from infra.ledger.database import Database, sqlite_file
from infra.stray import is_asked_to_stop

log = logging.getLogger("minsheng.bell")

CHANNEL = "minsheng_bell"
LISTENER = "minsheng bell"
"""How a listening connection is called, so that whoever rings sees whether anybody hears."""
SQLALCHEMYS_OWN = ("prepared_statement_", "async_")
"""How the parts of an address begin that the driver does not know."""
AGAIN = 2.0
"""Seconds before a lost connection is made again."""
STILL_THERE, SILENCE = 20.0, 5.0
"""Seconds after which a connection that rests is asked whether it is there, and that it may take to answer."""
_SOON_MISSED = {"tcp_keepalives_idle": "20", "tcp_keepalives_interval": "5", "tcp_user_timeout": "20000"}
"""So that PostgreSQL soon forgets a listener whose machine is gone (seconds, seconds, milliseconds)."""
AT_ONCE = 1 << 16
"""Bytes of rings that are heard at once, as many as a pipe usually holds."""

Heard = Callable[[str], None]

_RING = sa.text(f"""
WITH listeners AS MATERIALIZED (
    SELECT pid FROM pg_stat_activity WHERE application_name = '{LISTENER}' AND datname = current_database()
), addressed AS (
    SELECT number, (SELECT pid FROM listeners ORDER BY hashtext(number || ' ' || pid), pid LIMIT 1)
    FROM unnest(CAST(:numbers AS text[])) AS number
)
SELECT count(pg_notify('{CHANNEL}', concat_ws(' ', number, pid))), set_config('synchronous_commit', 'off', true),
    count(pid) > 0 AS is_heard FROM addressed
""")  # noqa: S608 -- constants
"""Each number is for the listener that comes first when all are put in an order of its own (rendezvous hashing, Thaler
and Ravishankar 1998): a listener that comes or goes changes the addressee of its own share only."""


async def ring_for(db: Database, numbers: Sequence[str]) -> list[bool]:
    """For each whether a warm worker hears that it has somewhere to go. On PostgreSQL one statement for all, which
    waits for no disk: those who ring commit one after the other, and a ring may be lost."""
    if db.is_sqlite:
        return _ring_beside(db, numbers)
    async with db.read() as connection:
        is_heard = bool((await connection.execute(_RING, {"numbers": list(numbers)})).one().is_heard)
    return [is_heard] * len(numbers)


async def ring(db: Database, number: str) -> bool:
    """Whether a warm worker hears that ``number`` has somewhere to go."""
    return (await ring_for(db, [number]))[0]


def _ring_beside(db: Database, numbers: Sequence[str]) -> list[bool]:
    place = _pipe_of(db)
    try:
        line = os.open(place or "", os.O_WRONLY | os.O_NONBLOCK)
    except OSError:  # nobody is there
        return [False] * len(numbers)
    try:
        return [_is_written(line, number) for number in numbers]
    finally:
        os.close(line)


def _is_written(line: int, number: str) -> bool:
    try:
        os.write(line, f"{number}\n".encode())  # so few bytes go in as a whole (POSIX, PIPE_BUF)
    except BlockingIOError:
        return True  # thousands of rings wait for somebody who is there; the next pulse rings again
    except OSError:  # somebody was there
        return False
    return True


@asynccontextmanager
async def listening(db: Database, heard: Heard, overheard: Heard | None = None) -> AsyncIterator[Callable[[], object]]:
    """Call ``heard`` with every number that is rung from now on, until the block ends; with those that are addressed to
    another listener ``overheard``, if given. The block gets what stops that before its end, where others may hear."""
    if db.is_sqlite:
        with _listening_beside(_pipe_of(db), heard):
            yield bool
        return
    keeper = asyncio.create_task(_keep_listening(db, heard, overheard or heard))
    try:
        yield keeper.cancel
    finally:
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper


def _pipe_of(db: Database) -> Path | None:
    file = sqlite_file(db.engine.url.render_as_string(hide_password=False))
    return file.resolve().with_name(f"{file.name}.bell") if file else None


@contextlib.contextmanager
def _listening_beside(place: Path | None, heard: Heard):  # type: ignore[no-untyped-def]  # a generator of nothing
    """The worker that came last hears; the others poll."""
    if place is None:
        yield
        return
    place.unlink(missing_ok=True)
    os.mkfifo(place, 0o600)
    loop, line = asyncio.get_running_loop(), os.open(place, os.O_RDONLY | os.O_NONBLOCK)
    own = os.open(place, os.O_WRONLY)  # else whoever rings and goes would be the end of the line
    ours, rest = place.stat().st_ino, ""

    def hear() -> None:
        nonlocal rest
        *numbers, rest = (rest + os.read(line, AT_ONCE).decode()).split("\n")
        for number in numbers:
            heard(number)

    loop.add_reader(line, hear)
    try:
        yield
    finally:
        loop.remove_reader(line)
        os.close(line)
        os.close(own)
        if place.exists() and place.stat().st_ino == ours:
            place.unlink()


async def _keep_listening(db: Database, heard: Heard, overheard: Heard) -> None:
    """Hold one connection that listens; when it is lost, or does not answer any more, make another."""
    # read as SQLAlchemy reads it: `ssl=` is no part of an address to asyncpg itself
    _, said = db.engine.dialect.create_connect_args(db.engine.url)
    address = {name: one for name, one in said.items() if not name.startswith(SQLALCHEMYS_OWN)}
    while True:
        try:
            await _listen(address, heard, overheard)
        except (Exception, asyncio.CancelledError) as fault:
            if is_asked_to_stop():
                raise
            log.warning("the bell cannot be heard now: %r", fault)
            await asyncio.sleep(AGAIN)  # back-off, not a wait for an event


async def _listen(address: Mapping[str, Any], heard: Heard, overheard: Heard) -> None:
    """Listen until the connection is lost. Raises :class:`OSError` (a timeout too) and asyncpg's own errors."""
    line, lost = await asyncpg.connect(**address, timeout=SILENCE, server_settings=_SOON_MISSED), asyncio.Event()
    own = str(line.get_server_pid())

    def hear(_line: object, _pid: int, _channel: str, told: object) -> None:
        number, _, pid = str(told).partition(" ")
        (heard if pid in ("", own) else overheard)(number)

    try:
        line.add_termination_listener(lambda _line: lost.set())
        await line.add_listener(CHANNEL, hear)
        await line.execute(f"SET application_name = '{LISTENER}'")  # from now on, and not before, it hears
        while not lost.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STILL_THERE):
                    await lost.wait()
            # a line that a router forgot is not lost to anybody; nothing but a question shows that it is dead
            await line.execute("SELECT 1", timeout=SILENCE)
    finally:
        await line.close(timeout=AGAIN)
