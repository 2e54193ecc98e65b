"""Operators see every run: what happens in a run is told to Prefect from the worker's own event loop.

Prefect passes each event through two threads of its own. While the loop of a warm worker is busy, each of them waits
five milliseconds at a time for the interpreter: some fifty events get through in a second, and the rest waits, and is
lost when the worker leaves. See ADR 0017.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

from prefect.context import FlowRunContext, TaskRunContext
from prefect.events import Event, RelatedResource, utilities
from prefect.events.clients import PrefectEventsClient
from prefect.settings import get_current_settings

from infra.stray import is_asked_to_stop

log = logging.getLogger("minsheng.worker")

LABELS = ("prefect.resource.id", "prefect.resource.role", "prefect.resource.name")
SENDER = "EventsWorker"
"""The name by which Prefect's ``emit_event`` finds who sends its events."""
PATIENCE = 2.0
"""Seconds that events may take to leave when the worker leaves."""
PAUSE = 5.0
"""Seconds before Prefect's socket is looked for again, however it failed: the client raises a plain ``Exception`` for a
line that is cut while it signs in. The cases go on, and the events wait."""


class RunEvents:
    """Events that wait to be told, in their order; stands where Prefect looks for its own sender."""

    client_type = PrefectEventsClient

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._untold: asyncio.Queue[Event] = asyncio.Queue(get_current_settings().events.worker_max_queue_size)

    def instance(self) -> Self:
        return self

    def send(self, event: Event) -> None:
        """From any thread, in whose context the run is to be found."""
        event.related += _runs(but={one.id for one in event.involved_resources})
        self._loop.call_soon_threadsafe(self._add, event)

    def _add(self, event: Event) -> None:
        """Prefect is away for long when so many wait; the ledger knows what happened."""
        try:
            self._untold.put_nowait(event)
        except asyncio.QueueFull:
            log.warning("%s is not told: too many events wait for Prefect", event.event)

    async def keep(self) -> None:
        """Until cancelled: tell what waits. A lost connection is Prefect's client's to mend; it tells again what nobody
        confirmed."""
        while True:
            try:
                async with PrefectEventsClient() as client:
                    while True:
                        await self._tell(client, await self._untold.get())
            except (Exception, asyncio.CancelledError) as fault:  # however it failed, the cases go on
                if is_asked_to_stop():
                    raise
                log.warning("Prefect takes no events: %r", fault)
                await asyncio.sleep(PAUSE)

    async def _tell(self, client: PrefectEventsClient, event: Event) -> None:
        try:
            await client.emit(event)
        except Exception as fault:  # noqa: BLE001 -- the client tells it with the next one, when the line is there again
            log.warning("%s could not be told: %s", event.event, fault)
            await asyncio.sleep(PAUSE)
        finally:
            self._untold.task_done()

    async def told(self) -> None:
        """When nothing waits any more."""
        await self._untold.join()


def _runs(*, but: set[str]) -> list[RelatedResource]:
    """The run and the task run that an event belongs to. Prefect adds their flow, deployment, queue, pool and tags,
    each a row in its database for each event; the events that its server writes of the same run name them too.

    Written as ``prefect.events.related.object_as_related_resource`` does, which first asks of each what none of them
    has, and pydantic takes long to say no.
    """
    run, task = FlowRunContext.get(), TaskRunContext.get()
    found = {"flow-run": run.flow_run if run else None, "task-run": task.task_run if task else None}
    named = [(f"prefect.{kind}.{one.id}", kind, one.name) for kind, one in found.items() if one is not None]
    return [RelatedResource(dict(zip(LABELS, one, strict=True))) for one in named if one[0] not in but]


@asynccontextmanager
async def events_told() -> AsyncIterator[None]:
    """All events of this process are told by this loop; when the block ends, what still waits is told first."""
    sender = RunEvents()
    before = vars(utilities)[SENDER]
    vars(utilities)[SENDER] = sender
    keeper = asyncio.create_task(sender.keep())
    try:
        yield
    finally:
        vars(utilities)[SENDER] = before
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(sender.told(), PATIENCE)
        keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeper
