"""认真解决: a month of the city is tried out before it happens; watched and stopped like any run."""

from __future__ import annotations

from datetime import date
from typing import Any

from prefect import flow
from prefect.states import Cancelled

from tasks.trials import carry_out

JOB = "infra.workbench.simulation_job"


@flow(name="simulation", retries=0, persist_result=False)
async def simulation(
    *,
    rulebook: str = "active",
    beside: str = "",
    start: date | None = None,
    days: int = 30,
    rate: float | None = None,
    seeds: int = 3,
    people: str = "",
    fit: bool = False,
    against_ledger: bool = False,
) -> Any:
    """A month of the city under a virtual clock: open cases, queues of the departments, cards, breaches and times.

    Args:
        rulebook: The version in force (active), another one, or a draft (draft:N).
        beside: Another one, simulated with the same people and hands.
        start: First day; blank is tomorrow.
        days: Days that count.
        rate: Complaints a day; blank is what the people say (15000).
        seeds: Runs; several give intervals.
        people: What is known better of the people, as YAML in one line: {servers: {city-desk: 60}, load: 0.7}
        fit: Learn the people from the ledger's last 30 days.
        against_ledger: Simulate the last days that the ledger knows, beside its own figures.
    """
    asked = {"rulebook": rulebook, "beside": beside, "start": start.isoformat() if start else "", "days": days}
    asked |= {"rate": rate or 0.0, "seeds": seeds, "people": people, "fit": fit, "against_ledger": against_ledger}
    return None if await carry_out(JOB, asked) else Cancelled(message="stopped by hand")
