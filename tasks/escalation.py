"""敷衍塞责、推诿扯皮……严肃追究责任: a missed deadline climbs the ladder inside the complaint's own run."""

from __future__ import annotations

from prefect.events import emit_event

from rules.case import Entry, Signal
from rules.decide import TICK
from tasks._step import record, step


@step
async def escalation(number: str, attempt: int) -> None:
    """Everything the clocks of the case owe now: letters, entries, and an event per rung for operators."""
    for entry in await record(number, Signal(TICK), attempt=attempt):
        if entry.kind == "rung_reached":
            _announce(number, entry)


def _announce(number: str, entry: Entry) -> None:
    """For the Prefect event feed only; no decision reads events (P45)."""
    d = entry.data
    emit_event(
        event="minsheng.rung.reached",
        resource={"prefect.resource.id": f"minsheng.case.{number}", "prefect.resource.name": number},
        payload={name: d[name] for name in ("clock", "rung", "due", "holder") if name in d},
    )
