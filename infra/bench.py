"""限时反馈: how many complaints a running Minsheng carries from receipt to closed, measured through its front door.

The lives are the simplest there are: received, dispatched by the catalogue, claimed, fixed, rated, closed. Links are
signed here instead of read from mails, so that the mail server is no part of the measure.
"""

from __future__ import annotations

import json
import statistics
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from typer import echo

from infra.access import TaskLink, task_token
from infra.chance import token
from infra.demo.visitor import Declined, Spent, Visitor
from infra.mistakes import Mistake
from infra.up.addresses import running

CLOSED = "closed"
PATIENCE = 120.0
"""Seconds after which a life counts as not closed."""
LOOK = 0.1
COMPLAINT = {
    "channel": "web",
    "subject": "垃圾没有清运",
    "description": "测速用的示例诉求,没有真实的人。",
    "category": "urban/sanitation/garbage",
    "district": "shinan",
    "name": "示例",
    "email": "bench@mail.example",
}


def measure(*, lives: int, at_once: int) -> int:
    """Print one JSON object; the exit code is 0 when every life closed."""
    if lives < 1 or at_once < 1:
        raise Mistake("--lives and --at-once must be at least 1")
    portal = running().get("portal")
    if not portal:
        raise Mistake("no `minsheng up` runs on the data folder; start it first, or say which folder with --data")
    began = time.monotonic()
    with ThreadPoolExecutor(at_once) as hands:
        spans = list(hands.map(lambda _: _live(portal), range(lives)))
    echo(json.dumps(_summary(spans, seconds=time.monotonic() - began, at_once=at_once)))
    return 0 if all(span is not None for span in spans) else 1


def _summary(spans: list[float | None], *, seconds: float, at_once: int) -> dict[str, Any]:
    closed = sorted(span for span in spans if span is not None)
    return {
        "lives": len(spans),
        "closed": len(closed),
        "at_once": at_once,
        "seconds": round(seconds, 2),
        "lives_per_second": round(len(closed) / seconds, 3),
        "life_median_seconds": round(statistics.median(closed), 2) if closed else None,
        "life_longest_seconds": round(closed[-1], 2) if closed else None,
    }


def _live(portal: str) -> float | None:
    """One life; its seconds, or ``None`` when it did not close in time."""
    visitor, began = Visitor(portal), time.monotonic()
    try:
        receipt = visitor.submit(COMPLAINT, f"bench-{token()}")
        number, key = receipt["number"], receipt["tracking_key"]
        case = _until(visitor, number, key, "departmental_fix")
        lead = task_token(TaskLink(number, "lead-1", _code(case["lead"])))
        visitor.act(lead, "claim", {})
        visitor.act(lead, "fix", {"reply": "已经清运。"})
        _until(visitor, number, key, "feedback")
        visitor.act(task_token(TaskLink(number, "citizen-1", "citizen")), "rate", {"solved": "yes", "satisfied": 5})
        _until(visitor, number, key, CLOSED)
    except (TimeoutError, Declined, Spent, requests.RequestException) as fault:
        echo(f"a life did not close: {fault!r}", err=True)
        return None
    return time.monotonic() - began


def _until(visitor: Visitor, number: str, key: str, stage: str) -> dict[str, Any]:
    """The case once it has reached ``stage``."""
    waiting, end = threading.Event(), time.monotonic() + PATIENCE
    while time.monotonic() < end:
        case = visitor.case(number, key)
        if case["stage"] == stage:
            return case
        waiting.wait(LOOK)
    raise TimeoutError(f"{number} did not reach {stage}")


def _code(party: Any) -> str:
    return party["code"] if isinstance(party, dict) else str(party)
