"""及时回应: Prefect's own server, on SQLite with one connection for which everybody waits in order.

``python -m infra.prefect_server server start …`` is ``prefect server start …`` with our settings. With Prefect's pool
of fifteen connections, writers wait inside SQLite for its one lock; when the garbage collector then frees a cursor of a
waiting connection in the event loop's thread, the whole server stands still until SQLite gives up after 60 s (ADR
0010). Prefect gives a database in memory a pool of one too, so its sessions do not need each other. What else is
changed, and what it saves: ADR 0015.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from prefect._internal.schemas import validators
from prefect.server.database import configurations, orm_models, provide_database_interface
from prefect.server.database.query_components import AsyncPostgresQueryComponents
from prefect.server.events.schemas.events import ReceivedEvent
from prefect.server.models import deployments, flow_runs
from prefect.server.orchestration.global_policy import EnsureFlowRunStateTimestampIsUnique as Unique
from prefect.server.orchestration.rules import OrchestrationContext
from prefect.server.schemas.core import TaskRun
from prefect.server.services import task_run_recorder
from prefect.server.services.task_run_recorder import record_bulk_task_run_events
from prefect.server.utilities.database import JSON, Timestamp
from prefect.types._datetime import get_timezones, now
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import joinedload, relationship
from sqlalchemy.sql.visitors import InternalTraversal as Kind

from infra.deployments import SERVER, SERVER_COMMAND
from infra.garbage import seldom_collected
from infra.ledger.database import hand_out_living

log = logging.getLogger("minsheng.prefect")

PATIENCE = 60
"""Seconds that a session waits for its turn."""

REPLACED = "create_async_engine"
"""The name by which Prefect's module makes its engines."""
RECORDED = "record_bulk_task_run_events"
"""The name by which Prefect's recorder of task runs writes a batch; by itself it drops all of it for one of them."""
BOUND = "process_bind_param"
"""The name by which the types of Prefect's columns make what the driver is given."""
JOINED = "work_pool"
"""The name by which Prefect's queues know their pool."""
RUN_READ, DEPLOYMENT_READ = "read_flow_run", "read_deployment"
"""The names by which Prefect reads what it needs to set the state of a run."""
STATE = "_state"
"""The name by which Prefect's runs know their state."""
ASKED = "before_transition"
"""The name by which Prefect's rule of unique moments looks whether a moment is taken."""
STATES_PUT_IN = "_insert_task_run_states"
"""The name by which the recorder of task runs writes their states."""
INSERTED = "insert"
"""The name by which Prefect's queries begin to put something in."""
ZONES = "get_timezones"
"""The name by which the schedules of Prefect learn which zones there are."""

_bound, _bound_json = Timestamp.process_bind_param, JSON.process_bind_param
_see_that_it_is_unique = Unique.before_transition


def create_engine(url: Any, **options: Any) -> AsyncEngine:
    """What Prefect asks for; on SQLite with a single connection, on PostgreSQL without a question to the database each
    time somebody takes a connection, and with JSON that is written once."""
    if str(url).startswith("sqlite"):
        return create_async_engine(url, **{**options, "pool_size": 1, "max_overflow": 0, "pool_timeout": PATIENCE})
    engine = create_async_engine(url, **{**options, "pool_pre_ping": False, "json_serializer": spelled})
    hand_out_living(engine)
    return engine


def bound(column: Timestamp, moment: datetime | None, dialect: Dialect) -> datetime | None:
    """What Prefect gives the driver, as Python's own kind of moment. The driver subtracts, dozens of times in a step of
    a run, and the kind that Prefect reckons with needs twenty times as long for it."""
    given = _bound(column, moment, dialect)
    return given and datetime.combine(datetime.date(given), datetime.timetz(given))


def bound_json(column: JSON, value: Any, dialect: Dialect) -> Any:
    """What Prefect gives the driver to write as JSON. It writes and reads it once before, so that numbers that
    PostgreSQL does not know become ``null``; ours become it when they are written (``spelled``)."""
    return value if dialect.name == "postgresql" else _bound_json(column, value, dialect)


def spelled(value: Any) -> str:
    """JSON as PostgreSQL knows it: without NaN and infinity."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a number of more than 64 bits, half of a surrogate pair
        return json.dumps(json.loads(json.dumps(value), parse_constant=lambda _: None))


def read_queues_with_their_pools() -> None:
    """With each run Prefect reads the queue that it came by, and would read the pool of that queue by one more
    statement."""
    queue = orm_models.WorkQueue
    together = relationship(orm_models.WorkPool, lazy="joined", innerjoin=True, foreign_keys=[queue.work_pool_id])
    setattr(queue, JOINED, together)


async def read_run(session: AsyncSession, flow_run_id: UUID, for_update: bool = False) -> orm_models.FlowRun | None:
    """A run with its state, its queue and the queue's pool, by one statement instead of four.

    PostgreSQL gives whoever waited for the lock the run as it is now, beside the state as it was before, which does not
    fit it any more: then the state is missing, and is read once it holds still.
    """
    run = orm_models.FlowRun
    found = sa.select(run).where(run.id == flow_run_id).options(joinedload(run._state), joinedload(run.work_queue))
    answer = await session.execute(found.with_for_update(of=run) if for_update else found)
    one = answer.scalar()
    if one is not None and one.state_id is not None and one.state is None:
        await session.refresh(one, [STATE])
    return one


async def read_deployment(session: AsyncSession, deployment_id: UUID) -> orm_models.Deployment | None:
    """A deployment with its schedules, its queue and the queue's pool, by one statement instead of three."""
    one = orm_models.Deployment
    return await session.get(one, deployment_id, options=[joinedload(one.schedules), joinedload(one.work_queue)])


async def see_that_it_is_unique(rule: Unique, context: OrchestrationContext[Any, Any]) -> None:
    """No two states of a run share a moment: the database is only asked when this one is not later than the last. If a
    clock was set back, its unique index still has the last word."""
    last, new = context.initial_state, context.proposed_state
    if last is None or new is None or new.timestamp <= last.timestamp:
        await _see_that_it_is_unique(rule, context)


async def record_all_that_can_be(events: list[ReceivedEvent]) -> None:
    """What task runs did, in one transaction; if that fails because of one of them, such as a task of a run that
    somebody deleted, each by itself, so that no other is lost with it."""
    try:
        await record_bulk_task_run_events(events)
    except IntegrityError:
        if len(events) == 1:
            log.warning("%s is left out: its run is not there any more", events[0].event)
            return
        for event in events:
            await record_all_that_can_be([event])


_TOLD_APART_BY = [
    ("constraint_target", Kind.dp_string),
    ("inferred_target_elements", Kind.dp_multi_list),
    ("inferred_target_whereclause", Kind.dp_clauseelement),
]


class _DoNothing(postgresql.dml.OnConflictDoNothing):
    """One that SQLAlchemy 2.0 can tell from another, as 2.1 can by itself."""

    _traverse_internals = _TOLD_APART_BY


class _DoUpdate(postgresql.dml.OnConflictDoUpdate):
    """One that SQLAlchemy 2.0 cannot tell from another: what it sets becomes part of the text."""

    inherit_cache = False


class Insert(postgresql.Insert):
    """An ``INSERT`` of PostgreSQL whose text is kept, as that of a ``SELECT`` is, unless it updates what is there or
    has many rows in its text. SQLAlchemy 2.0 writes it anew each time, 2 ms for a run; 2.1, which Prefect cannot use
    yet (ADR 0003), keeps it."""

    inherit_cache = True

    def on_conflict_do_nothing(self, *target: Any, **more: Any) -> Insert:
        made = super().on_conflict_do_nothing(*target, **more)
        made._post_values_clause = _DoNothing(*target, **more)
        return made

    def on_conflict_do_update(self, *target: Any, **more: Any) -> Insert:
        made = super().on_conflict_do_update(*target, **more)
        made._post_values_clause = _DoUpdate(*target, **more)
        return made


def insert(queries: AsyncPostgresQueryComponents, table: Any) -> Insert:
    """What Prefect begins each ``INSERT`` with."""
    return Insert(table)


async def put_in_states(session: AsyncSession, task_runs: Sequence[TaskRun]) -> None:
    """The states of task runs, by one statement of one row that is written once and prepared once; a statement of as
    many rows as there are is another one each time."""
    db, moment = provide_database_interface(), now("UTC")
    rows = [{"created": moment, "task_run_id": one.id, **one.state.model_dump()} for one in task_runs if one.state]
    put_in = db.queries.insert(db.TaskRunState).on_conflict_do_nothing(index_elements=["id"])
    await session.execute(put_in.execution_options(dml_strategy="raw"), rows)


known_zones = cache(get_timezones)
"""The zones of the world, looked for once and not whenever a schedule is read: they are hundreds of files."""


def main() -> None:
    """Prefect's command line, with its pool, its recorder, its readers and what the driver is given changed, and with
    our settings where nobody has set others."""
    if missing := {name: value for name, value in SERVER.items() if name not in os.environ}:
        # Prefect has read its settings already, when it was imported
        os.execve(sys.executable, [*SERVER_COMMAND[:3], *sys.argv[1:]], os.environ | missing)  # noqa: S606 -- ourselves
    vars(configurations)[REPLACED] = create_engine
    setattr(Timestamp, BOUND, bound)
    setattr(JSON, BOUND, bound_json)
    read_queues_with_their_pools()
    vars(flow_runs)[RUN_READ] = read_run
    vars(deployments)[DEPLOYMENT_READ] = read_deployment
    setattr(Unique, ASKED, see_that_it_is_unique)
    vars(task_run_recorder)[RECORDED] = record_all_that_can_be
    vars(task_run_recorder)[STATES_PUT_IN] = put_in_states
    vars(validators)[ZONES] = known_zones
    setattr(AsyncPostgresQueryComponents, INSERTED, insert)
    from prefect.cli import app  # noqa: PLC0415 -- reads the settings when it is imported

    seldom_collected()
    app()


if __name__ == "__main__":
    main()
