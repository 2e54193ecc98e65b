"""一家牵头、多方联治: the parts of the desk size, each a command that also stands alone in production."""

from __future__ import annotations

import sys
from functools import partial

from infra.chance import letters
from infra.deployments import AT_ONCE, POOL, SERVER_COMMAND, WORKER_COMMAND
from infra.up.health import answers, listens, worker_online
from infra.up.leash import STAND_BACK
from infra.up.part import Part
from infra.up.plan import Plan
from infra.up.ports import LOCAL

PULSE = 60
FAST_PULSE = 5
"""Seconds. With ``--speed`` a minute on the wall is days of case time; due clocks must be seen sooner."""
PATIENCE = 180
"""Seconds until Prefect must be well, which makes its database at the first start; the worker waits for it."""


def minsheng(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "infra.cli", *arguments)


def prefect_server(plan: Plan) -> Part:
    command = (*SERVER_COMMAND, "--host", LOCAL, "--port", str(plan.prefect_port))
    healthy = partial(answers, f"{plan.api}/health")
    return Part(name="Prefect", command=command, healthy=healthy, patience=PATIENCE, serves=True, nice=STAND_BACK)


def mail_catcher(plan: Plan) -> Part:
    places = ("--smtp-port", str(plan.smtp_port), "--port", str(plan.mailbox_port))
    command = minsheng("mail-catcher", *places, "--folder", str(plan.folder / "mailbox"))
    return Part(
        name="mail catcher",
        command=command,
        healthy=lambda: answers(f"{plan.mailbox}/mailbox.json?since={2**31}") and listens(LOCAL, plan.smtp_port),
        serves=True,
    )


def portal(plan: Plan) -> Part:
    host = plan.portal_host if plan.portal_host not in ("0.0.0.0", "::") else LOCAL  # noqa: S104 -- compared with, not bound to
    return Part(
        name="portal",
        command=minsheng("portal"),
        healthy=lambda: answers(f"http://{host}:{plan.portal_port}/healthz"),
    )


def worker(plan: Plan) -> Part:
    name = f"up-{letters(4)}"  # a name of its own: the heartbeat of an earlier worker proves nothing
    options = ("--pool", POOL, "--type", "warm", "--limit", str(AT_ONCE), "--name", name)
    command = (*WORKER_COMMAND, *options)
    healthy = partial(worker_online, plan.api, name)
    return Part(name="worker", command=command, healthy=healthy, patience=2 * PATIENCE, nice=STAND_BACK)
