"""Each process becomes one Prefect deployment; deployments are only upserted, never deleted or renamed (P37).

``prefect.yaml`` is the one description of them; a process that has no entry there, because a city wrote one more file,
gets one like ``standard`` with its own name and label: from `minsheng deploy`, or with its first complaint when it was
activated on the pages.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from infra.flow_form import code_version, forms_of
from infra.mistakes import Mistake
from infra.prefect_api import PrefectApi, PrefectAway
from infra.rulebook_files import read_folder
from infra.settings import ROOT, prefect_auth, settings
from infra.workbench.trials import TAG
from rules.process import Process, read_process
from rules.rulebook import STANDARD

POOL = "complaints"
POOL_TYPE = "warm"
STORY = "flows.complaint.complaint"
"""The entrypoint of every process."""
FIRST = "first"
"""The queue of what looks at everything: handed out before the runs of cases, however many of them wait."""
AT_ONCE = 16
"""Cases that a warm worker carries at the same time, at every size."""
DESCRIPTION = ROOT / "prefect.yaml"
BASE_JOB_TEMPLATE = {"job_configuration": {"env": "{{ env }}"}, "variables": {"properties": {"env": {}}}}
"""Understood by the warm worker and by Prefect's own process worker. It has one variable and describes it no closer:
the server checks each description anew whenever a run is made (four took it 5 to 11 ms)."""
BEATING = ("pulse", "clocks")
"""Deployments that look at everything, and may do so more often; the others keep their hours."""

SERVER = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_SERVICES_PAUSE_EXPIRATIONS_ENABLED": "false",  # loads every paused run every 5 s (P11)
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",  # no automation may touch a case (P21)
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "100",  # the default is a transaction for every event
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "200",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_READ_BATCH_SIZE": "100",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_FLUSH_INTERVAL": "2",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "2592000",  # 30 days; the ledger keeps all
    "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "P7D",
    "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT5M",  # else sixty pulses wait after an hour's outage
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_POOL_SIZE": "20",  # on PostgreSQL; on SQLite there is one connection (ADR 0010)
    "PREFECT_SERVER_DATABASE_SQLALCHEMY_MAX_OVERFLOW": "20",
    "PREFECT_SERVER_DATABASE_TIMEOUT": "30",
}
"""Environment of a Prefect server for Minsheng (decisions/README.md: P10, P11, P21, P41, P54–P58)."""

WORKER = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",  # personal data must not stay in Prefect's logs (P53)
    "PREFECT_FLOWS_DEFAULT_RETRIES": "0",
    "PREFECT_CLOUD_ENABLE_ORCHESTRATION_TELEMETRY": "false",  # our spans are enough; its own cost a call each run
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "3600",
    "PREFECT_WORKER_QUERY_SECONDS": "1",
    "PREFECT_WORKER_PREFETCH_SECONDS": "0",
    "PREFECT_EVENTS_WORKER_MAX_QUEUE_SIZE": "5000",  # while Prefect is away; without a bound each event keeps its run
    "PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1",
}
"""Environment of a worker for Minsheng."""


SERVER_COMMAND = (sys.executable, "-m", "infra.prefect_server", "server", "start")
"""``prefect server start``, with the pool that SQLite needs."""
WORKER_COMMAND = (sys.executable, "-m", "infra.prefect_worker", "worker", "start")
"""``prefect worker start``, on a quicker event loop."""


def server_environment(home: Path, port: int) -> dict[str, str]:
    """What a Prefect server on loopback needs; it keeps its database in ``home``."""
    own = f"http://127.0.0.1:{port}"
    address = {"PREFECT_SERVER_API_HOST": "127.0.0.1", "PREFECT_SERVER_API_PORT": str(port)}
    pages = {"PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"{own},http://localhost:{port}"}  # no other web page (P55)
    return {**SERVER, **address, **pages, "PREFECT_HOME": str(home), "PREFECT_API_URL": f"{own}/api"}


def worker_environment(home: Path, api_url: str) -> dict[str, str]:
    """What a worker needs; ``home`` keeps its profile apart from the user's own."""
    return {**WORKER, "PREFECT_HOME": str(home), "PREFECT_API_URL": api_url}


async def make_pool(api_url: str) -> None:
    """The pool of all deployments with its two queues, for which a worker may start before they are there.

    Raises :class:`Mistake` when Prefect does not answer.
    """
    async with _prefect_at(api_url) as prefect:
        await prefect.ask(
            "POST", "/work_pools/", {"name": POOL, "type": POOL_TYPE, "base_job_template": BASE_JOB_TEMPLATE}
        )
        await prefect.ask("POST", f"/work_pools/{POOL}/queues", {"name": FIRST, "priority": 1})


async def deploy(api_url: str, *, pulse_seconds: int | None = None) -> list[str]:
    """Create or update pool and deployments; their names. ``pulse_seconds``: another span between two beats than the
    minute of the file.

    Raises :class:`Mistake` when Prefect does not answer.
    """
    await make_pool(api_url)
    async with _prefect_at(api_url) as prefect:
        wanted = described()
        forms = asyncio.create_task(_forms(prefect, [one for one in wanted if _has_form(one)]))
        for one in sorted(wanted, key=_has_form):  # the forms take seconds; meanwhile the others are put in place
            form = (await forms)[one["entrypoint"]] if _has_form(one) else None
            await _upsert(prefect, one, pulse_seconds=pulse_seconds, form=form)
        return [f"{_flow(one)}/{one['name']}" for one in wanted]


async def _forms(prefect: PrefectApi, asked: Sequence[Mapping[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    """Entrypoint -> form: as this very code gave them to Prefect before, else made anew, which takes seconds."""
    known = [await prefect.ask("GET", f"/deployments/name/{_flow(one)}/{one['name']}") for one in asked]
    if all(made and made["version"] == code_version() for made in known):
        return {one["entrypoint"]: made["parameter_openapi_schema"] for one, made in zip(asked, known, strict=True)}
    return await forms_of(one["entrypoint"] for one in asked)


@asynccontextmanager
async def _prefect_at(api_url: str) -> AsyncIterator[PrefectApi]:
    prefect = PrefectApi(api_url, auth=prefect_auth())
    try:
        yield prefect
    except (PrefectAway, httpx.HTTPError) as fault:
        raise Mistake(f"Prefect at {api_url} does not take the deployments: {fault}") from fault
    finally:
        await prefect.close()


def described() -> list[dict[str, Any]]:
    """The deployments of ``prefect.yaml``, and one more for each process of the rulebook that has none there.

    Raises :class:`RulebookFaults`.
    """
    listed = _listed()
    names = {one["name"] for one in listed}
    texts = read_folder(settings().rulebook_dir)
    own = [read_process(text, file) for file, text in texts.items() if file.startswith("process/")]
    return listed + [_description(listed, process) for process in own if process.name not in names]


async def deploy_process(prefect: PrefectApi, process: Process) -> str:
    """The deployment of one process, made or put right; its id. Raises :class:`PrefectAway`, also without a pool."""
    made = await _upsert(prefect, _description(_listed(), process))
    return str(made["id"])


def _listed() -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = yaml.safe_load(DESCRIPTION.read_text("utf-8"))["deployments"]
    return listed


def _description(listed: list[dict[str, Any]], process: Process) -> dict[str, Any]:
    """What ``prefect.yaml`` says of a process, else the like of ``standard``."""
    known = {one["name"]: one for one in listed}
    told = f"{process.label['zh']} — {process.label['en']}."
    return known.get(process.name) or {**known[STANDARD], "name": process.name, "description": told}


def _has_form(one: Mapping[str, Any]) -> bool:
    """Whether people of the workbench start it, and are asked for its parameters."""
    return TAG in one.get("tags", [])


async def _upsert(
    prefect: PrefectApi,
    one: Mapping[str, Any],
    *,
    pulse_seconds: int | None = None,
    form: Mapping[str, Any] | None = None,
) -> Mapping[str, Any]:
    made = await prefect.ask("POST", "/flows/", {"name": _flow(one)})
    beat = pulse_seconds if one["name"] in BEATING else None
    body = {
        "flow_id": made["id"],
        "name": one["name"],
        "description": one.get("description", ""),
        "entrypoint": one["entrypoint"],
        "tags": one.get("tags", []),
        "work_pool_name": one["work_pool"]["name"],
        "work_queue_name": one["work_pool"].get("work_queue_name", "default"),
        "schedules": [_schedule(s, beat) for s in one.get("schedules", [])],
        "enforce_parameter_schema": False,
    }
    if form is not None:
        body |= {"parameter_openapi_schema": form, "version": code_version()}
    upserted: Mapping[str, Any] | None = await prefect.ask("POST", "/deployments/", body)
    if upserted is None:
        raise PrefectAway(f"there is no work pool {POOL}; run `minsheng deploy`")
    return upserted


def _flow(one: Mapping[str, Any]) -> str:
    name: str = one["entrypoint"].rpartition(".")[2]
    return name


def _schedule(written: Mapping[str, Any], seconds: int | None) -> dict[str, Any]:
    if seconds and seconds != 60:
        return {"active": True, "schedule": {"interval": seconds}}
    schedule = {name: written[name] for name in ("cron", "interval", "timezone") if name in written}
    return {"active": written.get("active", True), "schedule": schedule}
