"""及时回应: who stores a signal rings; whoever listens hears it at once, and a bell that nobody hears says so."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy.engine import make_url

from infra import bell
from infra.bell import _ring_beside, listening, ring
from infra.ledger import Ledger
from infra.ledger.database import Database
from tests.lives import NOW

SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])
"""PostgreSQL's protocol, 55.7: the first eight bytes of whoever wants TLS."""
MONTHS = timedelta(days=90)


class Ears:
    """Hears numbers, and lets a test wait for so many."""

    def __init__(self) -> None:
        self.numbers: list[str] = []
        self._more = asyncio.Event()

    def hear(self, number: str) -> None:
        self.numbers.append(number)
        self._more.set()

    async def until(self, count: int) -> list[str]:
        async with asyncio.timeout(20):
            while len(self.numbers) < count:
                self._more.clear()
                await self._more.wait()
        return self.numbers


async def somebody_hears(db: Database) -> None:
    """A connection that listens is made in the background."""
    async with asyncio.timeout(20):
        while not await ring(db, "QD000000-TEST"):  # noqa: ASYNC110 -- the far side has no event to wait for
            await asyncio.sleep(0.05)


async def test_a_bell_that_nobody_hears_says_so(ledger: Ledger):
    assert not await ring(ledger.db, "QD000000-A")


async def test_numbers_are_heard_in_the_order_in_which_they_were_rung(ledger: Ledger):
    ears = Ears()
    async with listening(ledger.db, ears.hear):
        await somebody_hears(ledger.db)
        for number in ("QD000000-A", "QD000000-B", "QD000000-A"):
            assert await ring(ledger.db, number)
        await ears.until(4)
    assert [n for n in ears.numbers if n != "QD000000-TEST"][-3:] == ["QD000000-A", "QD000000-B", "QD000000-A"]


async def test_whoever_stopped_listening_is_not_rung_for(ledger: Ledger):
    async with listening(ledger.db, Ears().hear):
        await somebody_hears(ledger.db)
    assert not await ring(ledger.db, "QD000000-A")


async def test_a_worker_that_is_busy_is_rung_for_however_many_rings_wait(sqlite_ledger: Ledger):
    ears, numbers = Ears(), [f"QD000000-{nth}" for nth in range(2000)]
    async with listening(sqlite_ledger.db, ears.hear):
        assert all(await bell.ring_for(sqlite_ledger.db, numbers)), "nothing is heard before the next turn of the loop"
        assert (await ears.until(1))[0] == numbers[0]
    assert not any(await bell.ring_for(sqlite_ledger.db, numbers[:3]))


class Relay:
    """A way to PostgreSQL that can fall silent without a word, as when a router in between forgets a connection."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._silent: set[int] = set()
        self._lines: list[asyncio.Task[None]] = []
        self.count = 0

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.count += 1
        there = await asyncio.open_unix_connection(self._place)
        for source, target in ((reader, there[1]), (there[0], writer)):
            self._lines.append(asyncio.create_task(self._carry(self.count, source, target)))

    async def _carry(self, nth: int, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while some := await source.read(65536):
            if nth not in self._silent:
                target.write(some)
        target.close()

    def fall_silent(self) -> None:
        self._silent.add(self.count)

    async def close(self) -> None:
        for line in self._lines:
            line.cancel()
        await asyncio.gather(*self._lines, return_exceptions=True)


async def test_however_a_line_breaks_it_is_made_again(monkeypatch: pytest.MonkeyPatch):
    faults = [RuntimeError("a library has an error"), asyncio.CancelledError(), ConnectionResetError()]
    listens = asyncio.Event()

    async def listen(address: dict[str, Any], heard: bell.Heard, overheard: bell.Heard) -> None:
        if faults:
            raise faults.pop()
        listens.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(bell, "AGAIN", 0.0)
    monkeypatch.setattr(bell, "_listen", listen)
    db = Database("postgresql+asyncpg://nobody@127.0.0.1:1/nothing")
    async with asyncio.timeout(20), listening(db, Ears().hear):
        await listens.wait()
    await db.close()


async def test_a_line_that_fell_silent_is_made_again(postgres_url: str, monkeypatch: pytest.MonkeyPatch):
    for name in ("STILL_THERE", "SILENCE", "AGAIN"):
        monkeypatch.setattr(bell, name, 0.2)
    url, ears = make_url(postgres_url), Ears()
    relay = Relay(f"{url.query['host']}/.s.PGSQL.{url.query['port']}")
    server = await asyncio.start_server(relay.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    ours = Database(postgres_url)
    theirs = Database(url.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False))
    try:
        async with listening(theirs, ears.hear):
            await somebody_hears(ours)
            heard = len(await ears.until(1))
            relay.fall_silent()
            async with asyncio.timeout(20):
                while relay.count < 2 or len(ears.numbers) == heard:
                    await ring(ours, "QD000000-B")
                    await asyncio.sleep(0.05)
        assert ears.numbers[-1] == "QD000000-B"
    finally:
        server.close()
        await relay.close()
        await theirs.close()
        await ours.close()


class Sealed(Relay):
    """A way to PostgreSQL that asks for TLS, as the server of another machine does."""

    def __init__(self, place: str, folder: Path) -> None:
        super().__init__(place)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(_certificate(folder))

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readexactly(8) != SSL_REQUEST:
            writer.close()
            return
        writer.write(b"S")
        await writer.start_tls(self._context)
        await super().take(reader, writer)


def _certificate(folder: Path) -> Path:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), NOW, NOW + MONTHS)
    made = made.sign(key, hashes.SHA256())
    form = serialization.Encoding.PEM
    secret = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (file := folder / "server.pem").write_bytes(secret + made.public_bytes(form))
    return file


async def test_rings_are_heard_over_tls_as_the_address_asks_for_it(postgres_url: str, tmp_path: Path):
    url, ears = make_url(postgres_url), Ears()
    relay = Sealed(f"{url.query['host']}/.s.PGSQL.{url.query['port']}", tmp_path)
    server = await asyncio.start_server(relay.take, "127.0.0.1", 0)
    sealed = {"ssl": "require", "prepared_statement_cache_size": "0"}
    there = url.set(host="127.0.0.1", port=server.sockets[0].getsockname()[1], query=sealed)
    db = Database(there.render_as_string(hide_password=False))
    try:
        async with listening(db, ears.hear):
            await somebody_hears(db)
            assert await ring(db, "QD000000-A")
            while "QD000000-A" not in ears.numbers:
                await ears.until(len(ears.numbers) + 1)
    finally:
        server.close()
        await db.close()
        await relay.close()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_a_machine_that_is_gone_without_a_word_is_noticed_on_every_line_of_the_pool(
    postgres_url: str, run: Callable[[Coroutine[Any, Any, list[int]]], list[int]]
):
    async def told_to_the_system() -> list[int]:
        url = make_url(postgres_url)
        relay = Relay(f"{url.query['host']}/.s.PGSQL.{url.query['port']}")
        server = await asyncio.start_server(relay.take, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        db = Database(url.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False))
        async with db.read() as connection:
            line = (await connection.get_raw_connection()).driver_connection
            own = line._transport.get_extra_info("socket")  # type: ignore[union-attr]
            asked = ((socket.SOL_SOCKET, socket.SO_KEEPALIVE), (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT))
            found = [own.getsockopt(*one) for one in asked]
        await db.close()
        server.close()
        await relay.close()
        return found

    assert run(told_to_the_system()) == [1, 20_000]


async def test_of_two_listeners_beside_one_file_the_later_hears_and_the_earlier_takes_nothing_away(
    sqlite_ledger: Ledger,
):
    first, second = Ears(), Ears()
    async with listening(sqlite_ledger.db, second.hear):
        pass
    async with listening(sqlite_ledger.db, first.hear), listening(sqlite_ledger.db, second.hear):
        assert await ring(sqlite_ledger.db, "QD000000-A")
        assert await second.until(1) == ["QD000000-A"]
    assert first.numbers == []


def pipe_beside(ledger: Ledger) -> Path:
    return Path(f"{ledger.db.engine.url.database}.bell")


async def test_a_listener_that_was_killed_leaves_a_pipe_that_nobody_hears(sqlite_ledger: Ledger):
    os.mkfifo(pipe_beside(sqlite_ledger))
    assert not await ring(sqlite_ledger.db, "QD000000-A")
    ears = Ears()
    async with listening(sqlite_ledger.db, ears.hear):
        assert await ring(sqlite_ledger.db, "QD000000-B")
        assert await ears.until(1) == ["QD000000-B"]
    assert not pipe_beside(sqlite_ledger).exists()


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_beside_a_file_a_worker_that_is_busy_misses_none_of_a_thousand_rings(
    sqlite_url: str, run: Callable[[Coroutine[Any, Any, None]], None]
):
    """A queue of datagrams holds eleven where no systemd has asked for more."""
    wanted = [f"QD000000-{n:08}" for n in range(1000)]

    async def rung() -> None:
        db, ears = Database(sqlite_url), Ears()
        async with listening(db, ears.hear):
            for first in range(0, len(wanted), 500):  # nobody hears while this goes on
                assert all(_ring_beside(db, wanted[first : first + 500]))
            assert ears.numbers == []
            assert await ears.until(len(wanted)) == wanted
        await db.close()

    run(rung())


async def test_what_is_heard_in_two_pieces_is_one_number(sqlite_ledger: Ledger, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bell, "AT_ONCE", 7)
    ears = Ears()
    async with listening(sqlite_ledger.db, ears.hear):
        for number in ("QD000000-A", "QD000000-B"):
            assert await ring(sqlite_ledger.db, number)
        assert await ears.until(2) == ["QD000000-A", "QD000000-B"]


async def test_rings_that_no_pipe_holds_are_left_to_the_pulse(sqlite_ledger: Ledger):
    ears, many = Ears(), [f"QD000000-{n:08}" for n in range(5000)]
    async with listening(sqlite_ledger.db, ears.hear):
        assert all(_ring_beside(sqlite_ledger.db, many)), "somebody is there"
        heard = len(await ears.until(3000))
    assert ears.numbers == many[:heard]
