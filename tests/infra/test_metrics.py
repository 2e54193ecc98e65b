"""What operators see: figures that are true, cheap and bounded, and a dashboard that asks for nothing else."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import Iterator
from datetime import datetime, timedelta

import httpx
import pytest
import yaml
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from infra import waking
from infra.access import TaskLink, task_token
from infra.ledger import Ledger
from infra.moment import now as case_time
from infra.portal import metrics
from infra.portal.app import create_app
from infra.portal.services import Services
from infra.settings import ROOT, settings
from tests import lives
from tests.infra.test_ledger_cost import statements
from tests.infra.test_portal import NOISE
from tests.prefect_server import free_port

DEPLOY = ROOT / "infra" / "deploy"


@pytest.fixture
async def portal(sqlite_ledger: Ledger):
    app = create_app(Services(ledger=sqlite_ledger, settings=settings()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://portal") as browser:
        yield browser


async def samples(portal: httpx.AsyncClient) -> dict[tuple[str, tuple[str, ...]], float]:
    """(name, label values) -> value, read as Prometheus reads it."""
    told = (await portal.get("/metrics")).text
    families = text_string_to_metric_families(told)
    return {(s.name, tuple(s.labels.values())): s.value for family in families for s in family.samples}


async def test_figures_tell_what_is_open_late_and_waiting(ledger: Ledger, now: datetime):
    await lives.closed(ledger, now)
    case = await lives.waiting(ledger, now)
    await lives.received(ledger, now)
    await ledger.runs_to_check(limit=5)
    found = await ledger.figures(now + timedelta(days=30))
    stage = (case.process, case.stage)
    assert found.open[stage] == found.late[stage] == 1
    assert (sum(found.open.values()), sum(found.late.values()), found.moving) == (2, 1, 1)
    assert found.longest_moving == timedelta(days=30).total_seconds()
    assert found.letters_waiting > 0 and found.oldest_letter < 60
    assert found.pulse_age is not None and found.pulse_age < 60
    assert set(found.rungs) == {""}


async def test_an_empty_ledger_has_figures_too(ledger: Ledger, now: datetime):
    found = await ledger.figures(now)
    assert (found.open, found.moving, found.longest_moving, found.pulse_age) == ({}, 0, 0.0, None)


async def test_figures_cost_six_questions_and_are_kept_for_some_seconds(portal, sqlite_ledger: Ledger):
    with statements(sqlite_ledger) as first:
        await portal.get("/metrics")
    with statements(sqlite_ledger) as again:
        await portal.get("/metrics")
    assert (len(first), len(again)) == (6, 0)


async def test_what_people_do_is_counted_once(portal, sqlite_ledger: Ledger):
    before = await samples(portal)
    for _ in range(2):  # the same again is no second complaint
        receipt = (await portal.post("/api/v1/complaints", json=NOISE, headers={"Idempotency-Key": "k"})).json()
    case = await lives.settled(sqlite_ledger, receipt["number"], case_time())
    own = case.open_assignments("lead")[0]
    address = f"/api/v1/task/{task_token(TaskLink(case.number, own.id, own.party))}"
    assert (await portal.post(address, json={"action": "claim"})).status_code == 200
    assert (await portal.post(address, json={"action": "claim"})).status_code == 409
    assert (await portal.post(address, json={"action": "invented-by-somebody"})).status_code == 409
    after = await samples(portal)

    def grew(name: str, *labels: str) -> float:
        return after[name, labels] - before.get((name, labels), 0)

    assert grew("minsheng_intake_total", "web") == 1
    assert grew("minsheng_entries_total", "department_claimed") == 1
    assert grew("minsheng_refused_actions_total", "already_claimed") == 1
    assert grew("minsheng_request_seconds_count", "/api/v1/complaints") == 2


async def test_no_label_can_be_invented_by_a_visitor(portal):
    await portal.get("/nowhere/at/all?x=1")
    await portal.get("/track/QD261123-AAAAAAAA?key=1")
    labels = {value for name, values in await samples(portal) for value in values}
    assert not any("nowhere" in label or "QD2611" in label for label in labels)


async def test_health_does_not_count_anything(portal, sqlite_ledger: Ledger):
    with statements(sqlite_ledger) as asked:
        assert (await portal.get("/healthz")).json() == {"status": "ok"}
    assert len(asked) == 1


async def test_a_portal_that_lives_says_so_without_the_ledger(portal, sqlite_ledger: Ledger):
    with statements(sqlite_ledger) as asked:
        assert (await portal.get("/livez")).json() == {"status": "ok"}
    assert asked == []


def questions() -> Iterator[str]:
    """Every expression of the dashboard and of the alerts."""
    for panel in json.loads((DEPLOY / "dashboard.json").read_text("utf-8"))["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for group in yaml.safe_load((DEPLOY / "alerts.yaml").read_text("utf-8"))["groups"]:
        yield from (rule["expr"] for rule in group["rules"])


def offered() -> set[str]:
    """Every name that /metrics can give, whether it has a value now or not."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
    return {f.name + end for f in families() for end in suffixes[f.type]}


def families() -> list[Metric]:
    """Of portals and workers."""
    return [*metrics.REGISTRY.collect(), *waking.REGISTRY.collect()]


def test_every_metric_of_the_dashboard_and_of_the_alerts_exists():
    asked = {name for expr in questions() for name in re.findall(r"\b[a-z]+_[a-z_]+_[a-z]+", expr)}
    assert asked and asked <= offered()


def test_every_metric_of_ours_is_on_the_dashboard():
    dashboard = " ".join(questions())
    ours = {f.name for f in families() if not f.name.startswith("minsheng_process_")}
    assert {name for name in ours if name not in dashboard} == set()


async def test_a_pulse_that_never_beat_is_one_that_stopped(portal):
    assert (await samples(portal))["minsheng_pulse_age_seconds", ()] > 300  # as the alert asks


async def test_a_worker_tells_how_long_answers_waited_for_their_step(
    sqlite_ledger: Ledger, now: datetime, monkeypatch: pytest.MonkeyPatch
):
    case, asleep = await lives.received(sqlite_ledger, now), await lives.waiting(sqlite_ledger, now)
    port = free_port()
    monkeypatch.setattr(waking, "settings", lambda: settings().model_copy(update={"metrics_port": port}))
    monkeypatch.setattr(waking, "now", lambda: case.opened_at + timedelta(seconds=1.5))
    with waking.wakes_shown():
        for one in (case, asleep):
            waking.note_wake(one)
        told = (await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{port}/metrics")).text
    found = {s.name: s for family in text_string_to_metric_families(told) for s in family.samples}
    assert found["minsheng_wake_seconds_count"].value == 1, "who has nowhere to go was woken in vain"
    assert found["minsheng_wake_seconds_sum"].value == pytest.approx(1.5)


def test_a_port_that_is_taken_stops_no_worker(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setattr(waking, "settings", lambda: settings().model_copy(update={"metrics_port": port}))
        with waking.wakes_shown():
            assert f"Prometheus cannot ask this worker at 127.0.0.1:{port}" in caplog.text
