"""及时回应: Prefect on SQLite answers everybody in order, however many write at once."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any, cast
from uuid import UUID, uuid4

import pendulum
import pytest
import sqlalchemy as sa
from prefect._internal.schemas import validators
from prefect.server.database import configurations, orm_models
from prefect.server.database.configurations import AioSqliteConfiguration
from prefect.server.database.query_components import AsyncPostgresQueryComponents
from prefect.server.models import deployments, flow_runs
from prefect.server.orchestration.global_policy import EnsureFlowRunStateTimestampIsUnique
from prefect.server.schemas import schedules
from prefect.server.schemas.core import TaskRun
from prefect.server.schemas.states import State, StateType
from prefect.server.services import task_run_recorder
from prefect.server.utilities.database import JSON, Timestamp
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

import infra.prefect_server
from infra.deployments import deploy
from infra.prefect_server import (
    ASKED,
    DEPLOYMENT_READ,
    INSERTED,
    RECORDED,
    REPLACED,
    RUN_READ,
    STATES_PUT_IN,
    ZONES,
    _bound_json,
    bound,
    bound_json,
    create_engine,
    insert,
    known_zones,
    put_in_states,
    read_deployment,
    read_queues_with_their_pools,
    read_run,
    record_all_that_can_be,
    see_that_it_is_unique,
    spelled,
)
from tests.postgres import Postgres
from tests.prefect_server import PrefectServer, prefect_server

__all__ = ["prefect_server"]


def test_postgresql_has_as_many_connections_as_prefect_wants():
    assert create_engine("postgresql+asyncpg://city@db.example/prefect", pool_size=7).pool.size() == 7


async def test_the_pinned_prefect_makes_its_sqlite_engine_where_we_change_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(configurations, REPLACED, create_engine)
    engine = await AioSqliteConfiguration("sqlite+aiosqlite:///prefect.db").engine()
    assert engine.pool.size() == 1
    await engine.dispose()


def test_queues_are_read_with_their_pools():
    read_queues_with_their_pools()
    assert "JOIN work_pool" in str(sa.select(orm_models.WorkQueue))


@pytest.mark.parametrize(("module", "name", "ours"), [
    (flow_runs, RUN_READ, read_run), (deployments, DEPLOYMENT_READ, read_deployment),
    (task_run_recorder, STATES_PUT_IN, put_in_states), (validators, ZONES, known_zones),
])  # fmt: skip
def test_the_pinned_prefect_works_under_the_names_that_we_change_and_is_asked_the_same(
    module: ModuleType, name: str, ours: Callable[..., Any]
):
    theirs = inspect.signature(inspect.unwrap(vars(module)[name])).parameters
    asked = {one: said.default for one, said in theirs.items() if one != "db"}
    assert asked == {one: said.default for one, said in inspect.signature(ours).parameters.items()}


@pytest.fixture
async def prefects_tables(postgres_server: Postgres) -> AsyncIterator[AsyncEngine]:
    read_queues_with_their_pools()
    engine = create_async_engine(postgres_server.url(await postgres_server.create()))
    async with engine.begin() as connection:
        await connection.run_sync(_create_tables)
    yield engine
    await engine.dispose()


def _create_tables(connection: sa.Connection) -> None:
    """Without indexes: some need an extension, some a name that another has."""
    tables = orm_models.Base.metadata
    left_out = [(table, index) for table in tables.sorted_tables for index in table.indexes]
    for table, index in left_out:
        table.indexes.discard(index)
    tables.create_all(connection)
    for table, index in left_out:
        table.indexes.add(index)


async def deployed_run(engine: AsyncEngine) -> tuple[UUID, UUID]:
    """A run that is Pending, and its deployment."""
    async with AsyncSession(engine, expire_on_commit=False) as session:
        session.add(pool := orm_models.WorkPool(name=f"pool-{uuid4()}", type="warm"))
        session.add(flow := orm_models.Flow(name=f"flow-{uuid4()}"))
        await session.flush()
        session.add(queue := orm_models.WorkQueue(name="default", work_pool_id=pool.id, priority=1))
        await session.flush()
        session.add(made := orm_models.Deployment(name="standard", flow_id=flow.id, work_queue_id=queue.id))
        await session.flush()
        schedule = schedules.IntervalSchedule(interval=timedelta(hours=1))
        session.add(orm_models.DeploymentSchedule(deployment_id=made.id, schedule=schedule, active=True))
        session.add(run := orm_models.FlowRun(flow_id=flow.id, deployment_id=made.id, work_queue_id=queue.id))
        await session.flush()
        run.set_state(orm_models.FlowRunState(type="PENDING", name="Pending"))
        await session.commit()
        return run.id, made.id


async def test_a_run_and_a_deployment_come_with_all_that_belongs_to_them(prefects_tables: AsyncEngine):
    run_id, deployment_id = await deployed_run(prefects_tables)
    async with AsyncSession(prefects_tables) as session:
        run, one = await read_run(session, run_id), await read_deployment(session, deployment_id)
        assert run is not None and run.state is not None and one is not None
        assert (run.state.name, run.work_queue.work_pool.type) == ("Pending", "warm")
        assert (len(one.schedules), one.work_queue.name) == (1, "default")
        assert await read_run(session, uuid4()) is None
        assert await read_deployment(session, uuid4()) is None


async def test_whoever_waited_for_a_run_finds_it_in_the_state_that_it_has_by_then(prefects_tables: AsyncEngine):
    run_id, _ = await deployed_run(prefects_tables)
    async with AsyncSession(prefects_tables) as first, AsyncSession(prefects_tables) as second:
        held = await read_run(first, run_id, for_update=True)
        assert held is not None
        held.set_state(orm_models.FlowRunState(type="RUNNING", name="Running"))
        await first.flush()
        waiting = asyncio.create_task(read_run(second, run_id, for_update=True))
        await until_somebody_waits(prefects_tables)
        await first.commit()
        found = await waiting
        assert found is not None and found.state is not None
        assert found.state.name == "Running"


async def until_somebody_waits(engine: AsyncEngine) -> None:
    async with asyncio.timeout(20), engine.connect() as connection:
        waits = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        while not await connection.scalar(waits):  # noqa: ASYNC110 -- only the server knows
            await asyncio.sleep(0.02)


async def test_a_run_whose_state_is_set_is_read_by_one_statement_that_locks_nothing_but_the_run():
    read_queues_with_their_pools()
    asked: list[sa.Select[Any]] = []

    async def execute(statement: sa.Select[Any]) -> SimpleNamespace:
        asked.append(statement)
        return SimpleNamespace(scalar=lambda: None)

    session = cast("AsyncSession", SimpleNamespace(execute=execute))
    assert await read_run(session, uuid4(), for_update=True) is None
    assert await read_run(session, uuid4()) is None
    locking, reading = (str(one.compile(dialect=postgresql.dialect())) for one in asked)
    for statement in (locking, reading):
        assert all(f"{name} AS {name}_1" in statement for name in ("flow_run_state", "work_queue", "work_pool"))
    assert locking.endswith("FOR UPDATE OF flow_run")
    assert "FOR UPDATE" not in reading


async def test_whether_a_moment_is_taken_is_only_asked_when_it_is_not_later_than_the_last(
    monkeypatch: pytest.MonkeyPatch,
):
    asked: list[Any] = []

    async def ask(_rule: Any, context: SimpleNamespace) -> None:
        asked.append(context)

    def changing(last: SimpleNamespace | None, new: SimpleNamespace | None) -> Any:
        return SimpleNamespace(initial_state=last, proposed_state=new)

    assert ASKED in vars(EnsureFlowRunStateTimestampIsUnique)
    monkeypatch.setattr(infra.prefect_server, "_see_that_it_is_unique", ask)
    early, late = (SimpleNamespace(timestamp=datetime(2026, 11, 1, hour, tzinfo=UTC)) for hour in (8, 9))
    doubtful = [changing(None, early), changing(late, early), changing(early, early), changing(early, None)]

    for context in (changing(early, late), *doubtful):
        await see_that_it_is_unique(cast("EnsureFlowRunStateTimestampIsUnique", None), context)

    assert asked == doubtful


@pytest.mark.parametrize("dialect", [postgresql.dialect(), sqlite.dialect()])
def test_the_driver_is_given_the_same_moment_as_pythons_own_kind(dialect: Dialect):
    column = Timestamp()
    for zone in ("UTC", "Asia/Shanghai"):
        moment = pendulum.datetime(2026, 11, 1, 23, 59, 58, 7, tz=zone)
        given = bound(column, moment, dialect)
        assert given is not None
        assert (type(given), given) == (datetime, moment)
    assert bound(column, None, dialect) is None
    with pytest.raises(ValueError, match="timezone"):
        bound(column, datetime(2026, 11, 1), dialect)  # noqa: DTZ001 -- that is the point


async def test_postgresql_gets_the_json_that_prefect_would_have_given_it(postgres_server: Postgres):
    engine = create_engine(postgres_server.url(await postgres_server.create()))
    column = JSON()
    told = {
        "text": "路灯 ½",
        "many": 2**70 + 1,
        "none": None,
        "list": [1.5, True],
        7: float("nan"),
        "half": [float("inf")],
    }
    for value in (told, {name: one for name, one in told.items() if name != "many"}, [], None, "text"):
        given = bound_json(column, value, postgresql.dialect())
        theirs = _bound_json(column, value, postgresql.dialect())
        async with engine.connect() as connection:
            found = await connection.scalar(sa.select(sa.cast(sa.literal(given, postgresql.JSONB), postgresql.JSONB)))
            assert found == json.loads(json.dumps(theirs))
    await engine.dispose()
    assert bound_json(column, [float("inf")], sqlite.dialect()) == [None]
    assert json.loads(spelled(["\ud800"])) == ["\ud800"]


async def test_what_one_task_run_did_is_not_lost_because_another_cannot_be_written(monkeypatch: pytest.MonkeyPatch):
    written: list[str] = []

    async def bulk(events: list[SimpleNamespace]) -> None:
        if any(event.id == "of a deleted run" for event in events):
            raise IntegrityError("INSERT", {}, ValueError("FOREIGN KEY constraint failed"))
        written.extend(event.id for event in events)

    assert RECORDED in vars(task_run_recorder)
    monkeypatch.setattr(task_run_recorder, RECORDED, record_all_that_can_be)
    monkeypatch.setattr(infra.prefect_server, "record_bulk_task_run_events", bulk)

    recorded = vars(task_run_recorder)[RECORDED]
    await recorded(
        [SimpleNamespace(id=name, event="prefect.task-run.Running") for name in ("A", "of a deleted run", "B")]
    )

    assert written == ["A", "B"]


@pytest.fixture
async def cache_hits(prefects_tables: AsyncEngine) -> list[str]:
    """Of each ``INSERT``: whether its text was there already."""
    hits: list[str] = []

    @sa.event.listens_for(prefects_tables.sync_engine, "before_cursor_execute")
    def note(_connection: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
        if statement.startswith("INSERT"):
            hits.append(context.cache_hit.name)

    return hits


async def test_the_text_of_an_insert_is_kept(prefects_tables: AsyncEngine, cache_hits: list[str]):
    assert INSERTED in vars(AsyncPostgresQueryComponents)
    put_in = partial(insert, AsyncPostgresQueryComponents())
    async with AsyncSession(prefects_tables) as session:
        for n in range(3):
            one = {"id": uuid4(), "type": "markdown", "data": f"text {n}", "key": None}
            await session.execute(put_in(orm_models.Artifact).values(**one))
            await session.execute(
                put_in(orm_models.Artifact).values(**one).on_conflict_do_nothing(index_elements=["id"])
            )
        texts = await session.scalars(sa.select(orm_models.Artifact.data))
        assert sorted(texts) == ["text 0", "text 1", "text 2"]
    assert cache_hits == ["CACHE_MISS", "CACHE_MISS"] + ["CACHE_HIT"] * 4
    one, other = (
        put_in(orm_models.Artifact).on_conflict_do_nothing(index_elements=[column]) for column in ("id", "key")
    )
    assert one._generate_cache_key() != other._generate_cache_key()


async def test_an_insert_that_updates_what_is_there_is_written_anew(
    prefects_tables: AsyncEngine, cache_hits: list[str]
):
    own = orm_models.Artifact
    id = uuid4()
    async with AsyncSession(prefects_tables) as session:
        for text in ("before", "after"):
            put_in = insert(AsyncPostgresQueryComponents(), own).values(id=id, data=text)
            await session.execute(put_in.on_conflict_do_update(index_elements=["id"], set_={"data": text}))
        assert await session.scalar(sa.select(own.data)) == "after"
    assert cache_hits == ["NO_CACHE_KEY"] * 2


async def test_states_of_task_runs_are_put_in_once_by_a_text_that_is_kept(
    prefects_tables: AsyncEngine, cache_hits: list[str], monkeypatch: pytest.MonkeyPatch
):
    queries = SimpleNamespace(insert=partial(insert, AsyncPostgresQueryComponents()))
    known = SimpleNamespace(queries=queries, TaskRunState=orm_models.TaskRunState)
    monkeypatch.setattr(infra.prefect_server, "provide_database_interface", lambda: known)
    run_id, _ = await deployed_run(prefects_tables)
    cache_hits.clear()
    async with AsyncSession(prefects_tables) as session:
        ran = orm_models.TaskRun(flow_run_id=run_id, task_key="first_contact", dynamic_key="0")
        session.add(ran)
        await session.flush()
        states = [State(type=type, name=type.value) for type in (StateType.RUNNING, StateType.COMPLETED)]
        told = [
            TaskRun(id=ran.id, flow_run_id=run_id, task_key="first_contact", dynamic_key="0", state=state)
            for state in states
        ]
        for some in (told, told[1:]) * 2:
            await put_in_states(session, some)
        found = await session.execute(
            sa.select(orm_models.TaskRunState.id, orm_models.TaskRunState.name, orm_models.TaskRunState.task_run_id)
        )
        assert {tuple(row) for row in found} == {(state.id, state.name, ran.id) for state in states}
    assert cache_hits[-2:] == ["CACHE_HIT", "CACHE_HIT"]


def test_the_zones_of_the_world_are_looked_for_once():
    assert "Asia/Shanghai" in known_zones()
    assert known_zones() is known_zones()


@pytest.mark.slow
async def test_forty_who_write_at_once_are_all_served(prefect_server: PrefectServer):
    await deploy(prefect_server.api, pulse_seconds=3600)
    made = await asyncio.gather(*(prefect_server.start_run("complaint/standard", number=f"N{n}") for n in range(40)))
    answers = await asyncio.gather(*(prefect_server.set_state(run_id, "COMPLETED") for run_id in made))
    assert set(answers) == {"ACCEPT"}
    assert "database is locked" not in prefect_server.process.text
