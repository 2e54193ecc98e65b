"""及时回应: how long an answer waits until a worker acts on it, for Prometheus at each worker's own ``/metrics``.

Nowhere unless ``MINSHENG_METRICS_PORT`` names a port: only a worker sees it, and a worker has no pages otherwise. What
all workers have in common, the portals tell (``infra/portal/metrics.py``).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Histogram, start_http_server
from prometheus_client.process_collector import ProcessCollector

from infra.moment import now
from infra.settings import settings
from rules.case import Case

log = logging.getLogger("minsheng.worker")

REGISTRY = CollectorRegistry()
ProcessCollector(namespace="minsheng", registry=REGISTRY)
WAITED = Histogram(
    "minsheng_wake_seconds", "From what was stored last to the run that acts on it", registry=REGISTRY,
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 15, 60, 300),
)  # fmt: skip


def note_wake(case: Case) -> None:
    """A case was taken up now; one that has nowhere to go was woken in vain, and counts for nothing."""
    if case.is_moving:
        WAITED.observe(max(0.0, (now() - (case.updated_at or case.opened_at)).total_seconds()))


@contextmanager
def wakes_shown() -> Iterator[None]:
    """Answer Prometheus from a thread of its own until the block ends; a port that is taken stops no worker."""
    host, port = settings().metrics_host, settings().metrics_port
    if not port:
        yield
        return
    try:
        server, thread = start_http_server(port, host, REGISTRY)
    except OSError as fault:
        log.warning("Prometheus cannot ask this worker at %s:%s: %s", host, port, fault)
        yield
        return
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
