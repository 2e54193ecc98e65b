"""及时回应: what carries the calls to Prefect is quicker than httpx's own, and fails under the same names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from infra.quick_http import transport
from tests.prefect_server import free_port

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        writer.write(ANSWER)


async def hangs_up(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read(4096)


async def says_nothing(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def babbles(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(4096)
    writer.write(b"220 mail.example ready\r\n\r\n")


@asynccontextmanager
async def server(talk: Talk) -> AsyncIterator[str]:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        finally:
            writer.close()

    listening = await asyncio.start_server(conversation, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()


async def test_nobody_is_asked_to_compress():
    asked: list[bytes] = []

    async def notes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.read(4096))
        writer.write(ANSWER)

    async with server(notes) as url, httpx.AsyncClient(transport=transport()) as http:
        assert (await http.get(url)).json() == {}
    assert b"accept-encoding: identity" in asked[0].lower()
    assert asked[0].lower().count(b"accept-encoding") == 1


@pytest.mark.parametrize(
    ("talk", "fault"),
    [
        (hangs_up, httpx.RemoteProtocolError),
        (says_nothing, httpx.ReadTimeout),
        (babbles, httpx.RemoteProtocolError),
    ],
)
async def test_a_call_fails_under_the_name_that_httpx_gives_it(talk: Talk, fault: type[httpx.HTTPError]):
    async with server(talk) as address, httpx.AsyncClient(transport=transport(), timeout=0.5) as http:
        with pytest.raises(fault):
            await http.post(address, json={})


async def test_nobody_there_is_a_connection_that_failed_not_one_that_took_too_long():
    async with httpx.AsyncClient(transport=transport()) as http:
        with pytest.raises(httpx.ConnectError):
            await http.post(f"http://127.0.0.1:{free_port()}", json={})


async def test_calls_share_a_connection():
    heard: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(writer)
        await answers(reader, writer)

    async with server(talk) as address, httpx.AsyncClient(transport=transport()) as http:
        assert [(await http.post(address, json={})).json() for _ in range(3)] == [{}, {}, {}]
    assert len(heard) == 1


def test_a_client_that_nobody_closes_ends_with_its_loop_and_without_a_complaint():
    complaints: list[str] = []
    carrier = transport()

    async def call() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, told: complaints.append(told["message"]))
        async with server(answers) as address:
            await httpx.AsyncClient(transport=carrier).post(address, json={})
            assert not carrier.client.closed

    asyncio.run(call())

    assert carrier.client.closed
    assert not [told for told in complaints if "Unclosed" in told]
