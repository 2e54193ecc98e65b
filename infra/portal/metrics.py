"""深化党政公开: what Prometheus reads at ``/metrics``; labels come from the rulebook and the code, never from people.

Counters are of this process and start at zero with it. The ledger's figures are the same from every portal (a dashboard
takes their maximum) and are read at most every :data:`KEPT` seconds.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.process_collector import ProcessCollector

from infra.ledger import Figures, Ledger
from infra.moment import now
from rules.case import Entry
from rules.refusals import Refusal

KEPT = 10.0
RECEIVED = "complaint_received"

REGISTRY = CollectorRegistry()
ProcessCollector(namespace="minsheng", registry=REGISTRY)
INTAKE = Counter("minsheng_intake", "Complaints taken in by this portal", ["channel"], registry=REGISTRY)
ENTRIES = Counter("minsheng_entries", "Entries made at this portal", ["kind"], registry=REGISTRY)
REFUSED = Counter("minsheng_refused_actions", "Actions that the process did not allow", ["code"], registry=REGISTRY)
ANSWERED = Histogram(
    "minsheng_request_seconds", "Time to answer a request", ["route"], registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)  # fmt: skip
_CELL = ["process", "stage"]
OPEN = Gauge("minsheng_cases_open", "Open cases", _CELL, registry=REGISTRY)
LATE = Gauge("minsheng_cases_late", "Open cases with a missed deadline", _CELL, registry=REGISTRY)
MOVING = Gauge("minsheng_cases_moving", "Cases whose run has a step to do", registry=REGISTRY)
WAKING = Gauge("minsheng_longest_moving_seconds", "How long the oldest of them has waited", registry=REGISTRY)
RUNGS = Gauge("minsheng_clocks_on_rung", "Running clocks by the rung they reached", ["rung"], registry=REGISTRY)
WAITING = Gauge("minsheng_letters_waiting", "Letters in the outbox", registry=REGISTRY)
GIVEN_UP = Gauge("minsheng_letters_given_up", "Letters that nobody could deliver", registry=REGISTRY)
OLDEST = Gauge("minsheng_oldest_letter_seconds", "Age of the oldest letter in the outbox", registry=REGISTRY)
PULSE = Gauge("minsheng_pulse_age_seconds", "Time since the pulse last beat; +Inf: never", registry=REGISTRY)


def count_entries(entries: Sequence[Entry]) -> None:
    """What somebody did at this portal; a repetition adds no entries."""
    for entry in entries:
        ENTRIES.labels(entry.kind).inc()
        if entry.kind == RECEIVED:
            INTAKE.labels(str(entry.data["channel"])).inc()


def count_refusal(refusal: Refusal) -> None:
    REFUSED.labels(refusal.code).inc()


class Exposition:
    """The text of ``/metrics``; the ledger is not asked more often than every :data:`KEPT` seconds."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._read_at = float("-inf")

    async def text(self) -> bytes:
        if time.monotonic() - self._read_at > KEPT:
            self._read_at = time.monotonic()
            _set(await self._ledger.figures(now()))
        return generate_latest(REGISTRY)


def _set(figures: Figures) -> None:
    for gauge, cells in ((OPEN, figures.open), (LATE, figures.late)):
        gauge.clear()
        for (process, stage), cases in cells.items():
            gauge.labels(process, stage or "received").set(cases)
    RUNGS.clear()
    for rung, clocks in figures.rungs.items():
        RUNGS.labels(rung or "none").set(clocks)
    MOVING.set(figures.moving)
    WAKING.set(figures.longest_moving)
    WAITING.set(figures.letters_waiting)
    GIVEN_UP.set(figures.letters_given_up)
    OLDEST.set(figures.oldest_letter)
    PULSE.set(float("inf") if figures.pulse_age is None else figures.pulse_age)  # else no alert compares with it
