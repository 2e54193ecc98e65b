"""One engine, two kinds of transaction; the only place that commits."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

BUSY_MS = 30_000
"""Milliseconds a SQLite writer waits for the one write lock."""
SILENCE = 20.0
"""Seconds for which PostgreSQL's machine may leave unacknowledged what it was sent."""
RESTED = 20.0
"""Seconds after which a connection is asked whether it is alive; firewalls forget idle ones without a word."""

compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
"""JSON without spaces and with Chinese as it is: a third of the bytes."""


class Database:
    """SQLite (WAL, fully synchronous) or PostgreSQL behind one interface; bound to the event loop that uses it."""

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.engine: AsyncEngine = create_async_engine(
            url, json_serializer=compact, pool_size=pool_size, max_overflow=pool_size
        )
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        # A look needs no BEGIN and no ROLLBACK: on PostgreSQL every statement of it sees its own moment anyway.
        self._reader = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._writer = self.engine.execution_options(minsheng_writes=True)
        self._turn = asyncio.Lock()
        self._upserts: dict[sa.Table, sa.TextClause] = {}
        if self.is_sqlite:
            sa.event.listen(self.engine.sync_engine, "connect", _prepare_sqlite)
            sa.event.listen(self.engine.sync_engine, "begin", _begin_sqlite)
        else:
            hand_out_living(self.engine)

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction that commits when the block ends and rolls back when it raises.

        On SQLite it takes the write lock at once: a reader that turns writer later would fail with "locked" (P8).
        Writers of one process queue up here, in order and without polling; SQLite itself holds off other processes.
        """
        async with AsyncExitStack() as stack:
            if self.is_sqlite:
                await stack.enter_async_context(self._turn)
            yield await stack.enter_async_context(self._writer.begin())

    @asynccontextmanager
    async def write_once(self) -> AsyncIterator[AsyncConnection]:
        """For one statement that writes: PostgreSQL makes a transaction of each statement by itself, without a word
        more. Whoever writes with two uses :meth:`write`."""
        async with self.write() if self.is_sqlite else self._reader.connect() as connection:
            yield connection

    @asynccontextmanager
    async def read(self, *, snapshot: bool = False) -> AsyncIterator[AsyncConnection]:
        """A look that holds up no writer; with ``snapshot`` all statements see the same moment (on SQLite always)."""
        engine = self._reader
        if snapshot and not self.is_sqlite:
            engine = self.engine.execution_options(isolation_level="REPEATABLE READ")
        async with engine.connect() as connection:
            yield connection

    def insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        """An insert that can say what happens on conflict."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def upsert(self, table: sa.Table) -> sa.TextClause:
        """Insert rows, replacing those whose primary key is there already."""
        if table not in self._upserts:
            statement = self.insert(table)
            keys = [c.name for c in table.primary_key]
            others = {c.name: statement.excluded[c.name] for c in table.c if c.name not in keys}
            upsert = statement.on_conflict_do_update(index_elements=keys, set_=others)
            self._upserts[table] = self.written_out(upsert, table)
        return self._upserts[table]

    def written_out(self, insert: sa.sql.dml.UpdateBase, table: sa.Table) -> sa.TextClause:
        """An insert with ON CONFLICT as text: SQLAlchemy keeps no such statement and would compile it each time. Takes
        a row of all columns."""
        dialect = (sqlite if self.is_sqlite else postgresql).dialect(paramstyle="named")
        words = str(insert.compile(dialect=dialect)).replace("::", r"\:\:")  # a cast is no parameter
        values = (sa.bindparam(column.name, type_=column.type) for column in table.c)
        return sa.text(words).bindparams(*values)

    async def tidy(self) -> None:
        """Put SQLite's log back into the file and renew what its planner knows; PostgreSQL does so by itself."""
        if self.is_sqlite:
            async with self._turn, self.engine.connect() as connection:
                line: Any = (await connection.get_raw_connection()).driver_connection  # outside any transaction
                for order in ("PRAGMA optimize", "PRAGMA wal_checkpoint(TRUNCATE)"):
                    await (await line.execute(order)).close()

    async def close(self) -> None:
        await self.engine.dispose()


def sqlite_file(url: str) -> Path | None:
    """The file behind a SQLite address."""
    parsed = sa.make_url(url)
    return Path(parsed.database) if parsed.drivername.startswith("sqlite") and parsed.database else None


def hand_out_living(engine: AsyncEngine) -> None:
    """Whoever is handed a connection gets one that is alive, without a question each time: the driver notices when the
    server closes a line, the system when a machine is gone without a word; only one that rested for long is asked."""
    sa.event.listen(engine.sync_engine, "connect", _notice_silence)
    sa.event.listen(engine.sync_engine, "checkin", _note_rest)
    sa.event.listen(engine.sync_engine, "checkout", _replace_lost)


def _notice_silence(connection: Any, _record: Any) -> None:
    """What is sent or asked and not acknowledged for :data:`SILENCE` ends the line; by itself Linux waits for a quarter
    of an hour, and everybody behind it."""
    line = connection.driver_connection._transport.get_extra_info("socket")
    if line is not None and line.family in (socket.AF_INET, socket.AF_INET6):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, int(SILENCE))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, int(SILENCE / 4))
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE * 1000))


def _note_rest(_connection: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _replace_lost(connection: Any, record: Any, _proxy: Any) -> None:
    since = record.info.get("rests_since")
    if since is None:
        return
    if connection.driver_connection.is_closed():
        raise sa.exc.DisconnectionError("the server closed this connection")
    if time.monotonic() - since > RESTED:
        try:
            connection.ping()
        except (sa.exc.DBAPIError, connection.dbapi.Error) as lost:
            raise sa.exc.DisconnectionError(str(lost)) from lost


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
    cursor = connection.cursor()
    # The waiting time comes first: already the switch to WAL may have to wait for another process.
    for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    writes = connection.get_execution_options().get("minsheng_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
