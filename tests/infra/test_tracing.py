"""One case is one trace, whoever works on it; and who wants no traces pays nothing for them."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infra import tracing
from infra.deployments import deploy
from infra.ledger import Ledger
from infra.moment import ANCHOR_FILE
from infra.orchestrator import Orchestrator
from infra.portal.app import create_app
from infra.portal.services import Services
from infra.settings import settings
from infra.spans import first_span_id, trace_id
from tests.infra.test_portal import NOISE, link, submitted
from tests.prefect_server import PrefectServer, prefect_server, surroundings, until

__all__ = ["prefect_server"]

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@dataclass
class Collector:
    """What a collector was sent, as (service, span)."""

    url: str
    spans: list[tuple[str, Any]] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            (service,) = [a.value.string_value for a in group.resource.attributes if a.key == "service.name"]
            self.spans += [(service, span) for scope in group.scope_spans for span in scope.spans]

    def of(self, number: str) -> dict[str, list[tuple[str, Any]]]:
        """The spans of a case's trace by their names."""
        found: dict[str, list[tuple[str, Any]]] = {}
        for service, span in list(self.spans):
            if int.from_bytes(span.trace_id, "big") == trace_id(number):
                found.setdefault(span.name, []).append((service, span))
        return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    """An OTLP collector over HTTP that keeps what it is sent."""

    class Desk(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    kept = Collector(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield kept
    server.shutdown()


@pytest.fixture
def traced(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """This process, as a portal that exports; called, it hands over what it has."""
    monkeypatch.setenv(ENDPOINT, collector.url)
    monkeypatch.setattr(tracing, "_spans", None)
    tracing.start("minsheng-portal")
    assert tracing._spans is not None
    yield tracing._spans.provider.force_flush
    tracing._spans.provider.shutdown()


def portal(ledger: Ledger, orchestrator: Orchestrator | None = None) -> httpx.AsyncClient:
    app = create_app(Services(ledger=ledger, settings=settings(), orchestrator=orchestrator))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://portal")


async def test_a_submission_begins_the_trace_of_its_case(sqlite_ledger: Ledger, collector: Collector, traced: Any):
    async with portal(sqlite_ledger) as browser:
        receipt = (await browser.post("/api/v1/complaints", json=NOISE, headers={"Idempotency-Key": "a"})).json()
        again = (await browser.post("/api/v1/complaints", json=NOISE, headers={"Idempotency-Key": "a"})).json()
    traced()
    assert again["number"] == receipt["number"]
    ((service, first),) = collector.of(receipt["number"])["complaint"]
    assert service == "minsheng-portal"
    assert int.from_bytes(first.span_id, "big") == first_span_id(receipt["number"])
    assert not first.parent_span_id


async def test_what_is_done_at_the_portal_hangs_on_the_request(
    sqlite_ledger: Ledger, collector: Collector, traced: Any
):
    async with portal(sqlite_ledger) as browser:
        number = (await submitted(browser, sqlite_ledger))["number"]
        token = await link(sqlite_ledger, number, "lead")
        done = await browser.post(f"/api/v1/task/{token}", json={"action": "claim"})
    assert done.status_code == 200
    traced()
    spans = collector.of(number)
    ((_, signal),), ((_, asked),) = spans["signal claim"], spans["POST /api/v1/task/{token}"]
    assert signal.parent_span_id == asked.span_id
    assert int.from_bytes(asked.parent_span_id, "big") == first_span_id(number)
    assert asked.start_time_unix_nano <= signal.start_time_unix_nano <= signal.end_time_unix_nano


async def test_a_fault_in_a_span_tells_its_kind_and_not_its_text(collector: Collector, traced: Any):
    with pytest.raises(ValueError, match="张三"), tracing.span("letter", "QD-1"):
        raise ValueError("张三 13905320001")
    traced()
    ((_, span),) = collector.of("QD-1")["letter"]
    assert span.status.message == "ValueError"
    assert "张三" not in str(span) and not span.events


@pytest.mark.slow
async def test_the_worker_joins_the_trace_that_the_portal_began(
    prefect_server: PrefectServer, sqlite_ledger: Ledger, tmp_path: Path, collector: Collector, traced: Any
):
    await prefect_server.forget_runs()
    await deploy(prefect_server.api, pulse_seconds=3600)
    more = {ENDPOINT: collector.url, "OTEL_BSP_SCHEDULE_DELAY": "200"}
    worker = prefect_server.worker(home=tmp_path, **surroundings(tmp_path, sqlite_ledger.url), **more)
    del worker.environment[ANCHOR_FILE]  # its clock is the wall's, as ours
    worker.start()
    try:
        orchestrator = Orchestrator(sqlite_ledger, prefect_server.api)
        async with portal(sqlite_ledger, orchestrator) as browser:
            number = (await browser.post("/api/v1/complaints", json=NOISE)).json()["number"]
        await orchestrator.close()
        traced()
        await until("the spans", partial(_spans, collector, number), {"complaint", "flow", "letter lead_task"}.issubset)
    finally:
        worker.kill()
    spans = collector.of(number)
    by_id = {span.span_id: span.name for made in spans.values() for _, span in made}
    worked = [(name, span) for name, made in spans.items() for service, span in made if service == "minsheng-worker"]
    assert {"flow", "step first_contact", "step departmental_fix", "signal proceed"} <= {name for name, _ in worked}
    parents = {name: by_id[span.parent_span_id] for name, span in worked}
    assert parents["flow"] == "complaint" and parents["step first_contact"] == "flow"
    assert parents["signal proceed"].startswith("step ")
    told = str([span for _, span in collector.spans])
    assert not [value for value in NOISE.values() if value in told]


async def _spans(collector: Collector, number: str) -> set[str]:
    return set(collector.of(number))


def test_who_wants_no_traces_imports_nothing_for_them():
    order = (
        "import sys, infra.worker, infra.serving, tasks.first_contact; from infra import tracing\n"
        "tracing.start('x'); print([m for m in sys.modules if m.startswith(('opentelemetry.sdk', 'infra.spans'))])"
    )
    done = subprocess.run([sys.executable, "-c", order], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_extra_work_goes_on_and_a_warning_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:1")
    monkeypatch.setattr(tracing, "_spans", None)
    monkeypatch.setitem(sys.modules, "infra.spans", None)  # what an import finds when the extra is not installed
    tracing.start("minsheng-portal")
    assert "minsheng[otel]" in caplog.text
    with tracing.span("flow", "QD-1"), tracing.request() as tell:
        tell("GET /")
