"""一家牵头、多方联治: a city on one machine: PostgreSQL, Prefect, portal, mail catcher and warm workers."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from shutil import copytree
from tempfile import TemporaryDirectory, mkdtemp

from rich.console import Console

from infra.chance import token
from infra.deployments import POOL, WORKER_COMMAND, deploy
from infra.postgres import Postgres, find_programs
from infra.postgres import running as running_postgres
from infra.settings import settings
from infra.up.groundwork import prepare
from infra.up.health import worker_online
from infra.up.leash import STAND_BACK
from infra.up.part import Part
from infra.up.parts import PULSE, mail_catcher, portal, prefect_server
from infra.up.plan import Plan, Wishes
from infra.up.ports import LOCAL, Ports
from infra.up.screen import Screen
from infra.up.tree import Tree

DURABLE = ("max_connections=200", "shared_buffers=512MB", "max_wal_size=4GB", "jit=off")
"""What a city would set; every commit reaches the disk, as PostgreSQL does by itself."""
LEFT_OUT = ("MINSHENG_", "PREFECT_")
"""Settings of whoever measures must not decide what is measured."""
SERVER_COMMAND = (sys.executable, "-m", "infra.bench.prefect_server", "server", "start")
STOCK_WORKER_COMMAND = (sys.executable, "-m", "prefect", "worker", "start")


@dataclass
class Town:
    """What runs, and where."""

    plan: Plan
    tree: Tree
    screen: Screen
    postgres: Postgres | None
    limit: int
    opened: int = 0
    """The last mail that somebody has opened; no phase reads again what the phases before it have read."""

    @property
    def ledger_url(self) -> str:
        return settings().ledger_url

    @property
    def prefect_url(self) -> str:
        """The database of Prefect."""
        home = self.plan.folder / "prefect"
        return self.postgres.url("prefect") if self.postgres else f"sqlite+aiosqlite:///{home / 'prefect.db'}"

    def roots(self) -> dict[str, int]:
        """Part -> process id; everything a part does is done by this process and its children."""
        found = {name: one.process.pid for name, one in self.tree.running.items() if one.process}
        return found | ({"PostgreSQL": self.postgres.process.pid} if self.postgres else {}) | {"client": os.getpid()}

    def start_worker(self, name: str, *, kind: str = "warm") -> None:
        """A worker of the deployments; returns when Prefect has heard of it."""
        limit = ("--limit", str(self.limit)) if kind == "warm" else ()
        options = ("--pool", POOL, "--type", kind, "--name", name, *limit)
        start = WORKER_COMMAND if kind == "warm" else STOCK_WORKER_COMMAND
        self.tree.spawn(
            Part(
                name=name,
                command=(*start, *options),
                healthy=lambda: worker_online(self.plan.api, name),
                nice=STAND_BACK,
            )
        )
        self.tree.wait(name)

    def stop_worker(self, name: str) -> None:
        self.tree.stop_one(name)

    def keep_logs(self) -> Path:
        """A copy of the logs of all parts, which stays when the town is gone."""
        return copytree(self.tree.logs, Path(mkdtemp(prefix="minsheng-logs-")), dirs_exist_ok=True)


@contextmanager
def open_town(*, embedded: bool, workers: int, limit: int) -> Iterator[Town]:
    """Everything up, with ``workers`` warm workers of ``limit`` cases at a time each; gone when the block ends.

    ``embedded``: SQLite for both, as ``minsheng up`` does. Raises ``Mistake`` without a PostgreSQL, ``PartFault`` when
    a part does not become well.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="minsheng-bench-", ignore_cleanup_errors=True)))
        postgres = None if embedded else stack.enter_context(running_postgres(find_programs(), DURABLE))
        plan = _plan(folder, stack)
        _tell(plan, postgres)
        screen = Screen(Console(stderr=True))
        tree = Tree(folder / "logs", screen)
        stack.callback(tree.stop)
        town = Town(plan, tree, screen, postgres, limit)
        _start(town, workers)
        yield town


def _plan(folder: Path, stack: ExitStack) -> Plan:
    """Free ports for everything, whatever the settings of this machine say."""
    for name in ("logs", "prefect", "mailbox"):
        (folder / name).mkdir()
    ports = Ports(LOCAL)
    door, api, pages, smtp = (ports.take(0, "", "") for _ in range(4))
    return Plan(
        wishes=Wishes(data=folder), folder=folder, lock=stack.enter_context((folder / "up.lock").open("w")),
        portal=f"http://{LOCAL}:{door}", portal_host=LOCAL, portal_port=door,
        api=f"http://{LOCAL}:{api}/api", prefect_port=api,
        mailbox=f"http://{LOCAL}:{pages}", mailbox_port=pages, smtp=f"smtp://{LOCAL}:{smtp}", smtp_port=smtp,
    )  # fmt: skip


def _tell(plan: Plan, postgres: Postgres | None) -> None:
    """The environment of this process, and with it of every part."""
    for name in [name for name in os.environ if name.startswith(LEFT_OUT)]:
        del os.environ[name]
    os.environ |= {"MINSHENG_SECRET_KEY": token() + token()}
    os.chdir(plan.folder)  # no ``.env`` of the folder where somebody measures
    settings.cache_clear()
    os.environ |= {"MINSHENG_PREFECT_UI_URL": plan.prefect}
    if postgres is not None:
        for name in ("ledger", "prefect"):
            asyncio.run(postgres.create(name))
        os.environ |= {
            "MINSHENG_DATABASE_URL": postgres.url("ledger"),
            "PREFECT_SERVER_DATABASE_CONNECTION_URL": postgres.url("prefect"),
        }
    os.environ |= {**plan.defaults(), **plan.environment()}
    settings.cache_clear()


def _start(town: Town, workers: int) -> None:
    plan, tree = town.plan, town.tree
    with redirect_stdout(sys.stderr):
        prepare(plan)
    server = prefect_server(plan)
    tree.spawn(replace(server, command=(*SERVER_COMMAND, *server.command[-4:])))
    tree.spawn(mail_catcher(plan))
    tree.spawn(portal(plan))
    tree.wait(*tree.running)
    asyncio.run(deploy(plan.api, pulse_seconds=PULSE))
    for nth in range(workers):
        town.start_worker(f"warm-{nth + 1}")
