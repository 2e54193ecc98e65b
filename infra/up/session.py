"""随时提、马上办: one command brings every part up, looks after it, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from queue import SimpleQueue
from typing import Any

from infra.access import APPROVER, PROCESS_OWNER
from infra.demo.play import Demo
from infra.deployments import deploy
from infra.mistakes import Mistake
from infra.moment import run_at
from infra.settings import settings
from infra.up.addresses import sign_in_url
from infra.up.groundwork import prepare
from infra.up.parts import FAST_PULSE, PULSE, mail_catcher, portal, prefect_server, worker
from infra.up.plan import Plan, Wishes, make_plan
from infra.up.screen import Row, Screen, open_screen
from infra.up.tree import PartFault, Stopped, Tree

INTERRUPTED = 130
LOOK = 0.3
DEPLOY_TRIES = 15


def run(wishes: Wishes) -> int:
    """Bring everything up and stay until somebody stops it; the exit code. ``Mistake`` comes before anything starts."""
    plan = make_plan(wishes)
    _tell(plan)
    screen = open_screen()
    tree = Tree(plan.folder / "logs", screen)
    try:
        with asked_to_stop(tree):
            return _serve(plan, tree, screen)
    except Stopped:
        return INTERRUPTED if wishes.exit else 0
    except PartFault as fault:
        screen.say(str(fault))
        return 1
    finally:
        plan.up_file.unlink(missing_ok=True)
        if tree.running:
            screen.say("stopping")
            tree.stop()
            screen.say("stopped")
        screen.close()
        plan.lock.close()


def _tell(plan: Plan) -> None:
    """Give this process, and with it every part, the environment of the plan."""
    for name, value in plan.defaults().items():
        os.environ.setdefault(name, value)
    os.environ.update(plan.environment())
    settings.cache_clear()


def _serve(plan: Plan, tree: Tree, screen: Screen) -> int:
    fast = plan.wishes.speed > 1
    _start(plan, tree, pulse=FAST_PULSE if fast else PULSE)
    _announce(plan, screen)
    if not plan.wishes.demo:
        _stay(tree)
    closed = _play(plan, tree, screen)
    if plan.wishes.exit:
        return 0 if closed else 1
    if fast:
        run_at(plan.moment_file, speed=1)
        _deploy(plan, tree, pulse=PULSE)
        screen.say("the samples are over; case time goes on from where it is, at normal speed. Ctrl-C stops.")
    _stay(tree)
    return 0


def _start(plan: Plan, tree: Tree, *, pulse: int) -> None:
    """The ledger, then the servers side by side; the worker waits for Prefect, which needs the longest, by itself."""
    prepare(plan)
    prefect = [prefect_server(plan)] if plan.prefect_port else []
    small = [mail_catcher(plan), portal(plan)] if plan.mailbox_port else [portal(plan)]
    for one in (*prefect, *small):
        tree.spawn(one)
    tree.wait(*(one.name for one in small))
    tree.spawn(worker(plan))
    tree.wait(*(one.name for one in prefect))
    _deploy(plan, tree, pulse=pulse)
    tree.wait("worker")


def _deploy(plan: Plan, tree: Tree, *, pulse: int) -> None:
    _tell_prefect(partial(deploy, plan.api, pulse_seconds=pulse), tree)


def _tell_prefect(tell: Callable[[], Coroutine[Any, Any, Any]], tree: Tree) -> None:
    """On SQLite Prefect may be too busy for a moment, right after its start above all."""
    for nth in range(1, DEPLOY_TRIES + 1):
        try:
            asyncio.run(_unless_stopped(tell(), tree))
        except Mistake as fault:
            if nth == DEPLOY_TRIES:
                raise PartFault(str(fault)) from fault
            tree.look_after()
            tree.pause(1)
        else:
            return


async def _unless_stopped(job: Coroutine[Any, Any, Any], tree: Tree) -> None:
    """Carry out ``job``; give it up when somebody asks to stop."""
    task = asyncio.ensure_future(job)
    while not task.done():
        await asyncio.wait([task], timeout=LOOK)
        tree.check_stop()
    await task


def _announce(plan: Plan, screen: Screen) -> None:
    """Tell people, and programs (``up.json``), where everything is."""
    addresses = {"portal": plan.portal, "prefect": plan.prefect, "mailbox": plan.mailbox, "smtp": plan.smtp}
    draft = plan.up_file.with_suffix(".new")
    draft.write_text(json.dumps({**addresses, "pid": os.getpid()}, indent=1), "utf-8")
    draft.replace(plan.up_file)
    rows = [
        ("Portal: complain, follow a case", plan.portal),
        ("Desk: signs you in, once (later: minsheng login)", sign_in_url(plan.portal)),
        ("Process owner: changes the rules", sign_in_url(plan.portal, "process owner", PROCESS_OWNER)),
        ("Approver: the second person", sign_in_url(plan.portal, "approver", APPROVER)),
        ("Mailbox: delivered mails and task links", plan.mailbox or "(your own mail server)"),
        ("Prefect: one flow run per complaint", plan.prefect),
        ("Logs", str(plan.folder / "logs")),
    ]
    screen.table("Minsheng 民声 is up. Ctrl-C stops everything.", rows)


def _play(plan: Plan, tree: Tree, screen: Screen) -> bool:
    """Play the sample complaints; whether every one closed."""
    demo = Demo(portal=plan.portal, mailbox=plan.mailbox, count=plan.wishes.demo)
    demo.start()
    try:
        while not demo.over:
            tree.look_after()
            screen.samples(demo.rows())
            tree.pause(LOOK)
    finally:
        demo.stop()
    rows = demo.rows()
    screen.samples(rows)
    _report(screen, rows)
    return all(row.ended for row in rows)


def _report(screen: Screen, rows: list[Row]) -> None:
    left = [row for row in rows if not row.ended]
    if left:
        told = [(r.number or "—", f"{r.story}: {r.stage} {r.outcome}") for r in left]
        screen.table("These sample complaints did not close", told)
    else:
        screen.say(f"all {len(rows)} sample complaints closed")


def _stay(tree: Tree) -> None:
    while True:
        tree.look_after()
        tree.pause(LOOK)


@contextlib.contextmanager
def asked_to_stop(tree: Tree) -> Iterator[None]:
    """Ctrl-C, SIGTERM or a closed terminal stop the tree; asking twice stops it without grace.

    A signal comes in the middle of whatever the main thread does, also while that holds the lock of the event that it
    waits for: another thread sets it.
    """
    asked: SimpleQueue[int] = SimpleQueue()  # the one queue that a signal may put something into at any moment

    def listen() -> None:
        while asked.get():
            if tree.stopping.is_set():
                tree.hurry.set()
                if not tree.running:
                    os._exit(INTERRUPTED)  # nothing was started; a database that does not answer is not waited for
            tree.stopping.set()

    threading.Thread(target=listen, daemon=True).start()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _frame: asked.put(number))
    yield
