"""Prefect shows it to operators: starts and wakes the runs of cases by REST, without importing Prefect.

A wake is only a hint; what a case is, the ledger says. Every call here may be repeated.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from infra.bell import ring_for
from infra.deployments import deploy_process
from infra.ledger import Ledger, Run
from infra.moment import now, wall
from infra.prefect_api import PrefectApi, PrefectAway
from infra.together import Together
from rules.case import Case

log = logging.getLogger("minsheng.orchestrator")

FLOW = "complaint"
CLOSED_BY_US = "Closed"
"""The name of the proper end; a run that somebody completed by hand is called ``Completed``."""
ENDS = ("Completed", "Failed", "Crashed", "Cancelled", "Cancelling", "TimedOut")
AWAKE = ("RUNNING", "PENDING")
ASLEEP = ("PAUSED", "SCHEDULED")
"""How the run of an open case is found at rest."""
PATIENCE = timedelta(seconds=30)
"""How long a run may be pending or running without a lease before it counts as dead (wall time)."""
AT_ONCE = 8
"""Calls under way at the same time; one by one where everything is embedded: SQLite has a single write lock (P8)."""
BATCH = 200


class Orchestrator:
    """Wakes and repairs runs; bound to one event loop."""

    def __init__(self, ledger: Ledger, api_url: str, *, auth: str = "") -> None:
        self._ledger = ledger
        self._prefect = PrefectApi(api_url, auth=auth, at_once=1 if ledger.db.is_sqlite else AT_ONCE)
        self._deployments: dict[str, str] = {}
        self._bell = Together(partial(ring_for, ledger.db), most=BATCH)
        self._asked = Together(self._find_deployments, most=BATCH)

    async def ring(self, numbers: Sequence[str]) -> list[str]:
        """Ring for many cases; those for which nobody hears it."""
        heard = await asyncio.gather(*map(self._bell.ask, numbers))
        return [number for number, is_heard in zip(numbers, heard, strict=True) if not is_heard]

    async def wake(self, number: str) -> str:
        """Make sure that the run of ``number`` will look at its case soon; says what was done.

        Raises :class:`PrefectAway` and ``UnknownCase``.
        """
        if await self._bell.ask(number):
            return "rung"  # whoever hears it looks for itself whether there is something to do
        run = await self._ledger.run_of(number)
        if not run.is_open:
            return "closed"
        state = await self._state(run.run_id)
        if state is None:
            return await self._start(run)
        if (force := _repair(state, run)) is None:
            return "left"
        await self._schedule(str(run.run_id), force=force)
        return "woken"

    async def running(self, run: Run, case: Case, *, anew: bool = False) -> str | dict[str, Any]:
        """The run of a case that its worker has taken; a case without one (or ``anew``) gets one that runs already,
        and the answer is all that Prefect says of it.

        A new run bears the tags of what its first step will find out, which spares Prefect to change them. Raises
        :class:`PrefectAway`.
        """
        if run.run_id and not anew:
            return run.run_id
        soon = await self._ledger.foresee(case, at=now()) if case.is_moving else case
        return await self._create(run, {"type": "RUNNING"}, tags=tags_of(soon))

    async def put_right(self) -> int:
        """Undo what was done to runs from outside, and end those whose worker died when their case was closed; the
        number of runs put right.

        Proper ends are named :data:`CLOSED_BY_US`, so the list of the others empties itself and needs no window.
        """
        ended = await self._runs_in({"name": {"any_": list(ENDS)}})
        begun = [run for run in await self._runs_in({"type": {"any_": list(AWAKE)}}) if not _is_fresh(run["state"])]
        known = await self._ledger.leases.runs([run["id"] for run in [*ended, *begun]])
        left = [run for run in begun if (case := known.get(run["id"])) is None or not case.is_open]  # see check
        return await _all_of(self._put_one_right(run["id"], known.get(run["id"])) for run in [*ended, *left])

    async def _runs_in(self, state: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Some runs of cases in such a state."""
        wanted = {"flows": {"name": {"any_": [FLOW]}}, "flow_runs": {"state": state}, "limit": BATCH}
        found: list[dict[str, Any]] = await self._prefect.ask("POST", "/flow_runs/filter", wanted)
        return found

    async def check(self, runs: list[Run]) -> int:
        """Start again the runs that Prefect does not have (any more), requeue the dead; the number mended."""
        ids = [run.run_id for run in runs if run.run_id]
        there: dict[str, Any] = {}
        for first in range(0, len(ids), BATCH):
            wanted = {"flow_runs": {"id": {"any_": ids[first : first + BATCH]}}, "limit": BATCH}
            there |= {run["id"]: run["state"] for run in await self._prefect.ask("POST", "/flow_runs/filter", wanted)}
        return await _all_of(self._mend(run, there.get(run.run_id or "")) for run in runs)

    async def _put_one_right(self, run_id: str, case: Run | None) -> bool:
        """The run of an open case goes on; of a closed case, or of none, it ends properly."""
        if case is not None and case.is_open:
            await self._schedule(run_id, force=True)
        else:
            await self._set_state(run_id, {"type": "COMPLETED", "name": CLOSED_BY_US}, force=True)
        return True

    async def _mend(self, run: Run, state: Mapping[str, Any] | None) -> bool:
        """A missing run is made again; one that is dead, or ended though its case is open, is scheduled again.

        A case that waits for its turn has missed a ring at most, so it is rung for: the worker that hears makes the
        run that a new case does not have yet. In a rush thousands wait, and each run made here would be one more that
        Prefect has to make, schedule and hand out before the worker claims it all the same.
        """
        has_rested = state["type"] in ASLEEP if state is not None else run.run_id is None
        if has_rested and _waits_its_turn(run):
            return await self.wake(run.number) in ("started", "woken")
        if state is None:
            await self._start(run)
        elif state["type"] in ASLEEP or _repair(state, run) is None:
            return False
        else:
            await self._schedule(str(run.run_id), force=True)
        return True

    async def close(self) -> None:
        await self._prefect.close()

    async def _start(self, run: Run) -> str:
        await self._create(run, {"type": "SCHEDULED", "state_details": {"scheduled_time": wall().isoformat()}})
        return "started"

    async def _create(self, run: Run, state: Mapping[str, Any], *, tags: Sequence[str] = ()) -> dict[str, Any]:
        """A run for the case. The idempotency key is the number, so two starters get the same run (P51)."""
        deployment = await self._deployment(run.process)
        body = {
            "name": run.number,
            "parameters": {"number": run.number},
            "idempotency_key": run.number,
            "tags": list(tags) or [f"process:{run.process}"],
            "state": state,
        }
        made: dict[str, Any] | None = await self._prefect.ask(
            "POST", f"/deployments/{deployment}/create_flow_run", body
        )
        if made is None:
            self._deployments.pop(run.process, None)
            raise PrefectAway(f"the deployment {FLOW}/{run.process} is gone; run `minsheng deploy`")
        await self._ledger.bind_run(run.number, made["id"])
        return made

    async def _deployment(self, process: str) -> str:
        if process in self._deployments:
            return self._deployments[process]
        found = await self._asked.ask(process)
        if isinstance(found, PrefectAway):
            raise found
        return found

    async def _find_deployments(self, processes: Sequence[str]) -> list[str | PrefectAway]:
        """A thousand cases that ask at once ask Prefect once; a process that has none fails alone."""
        found: dict[str, str | PrefectAway] = {}
        for process in set(processes):
            try:
                if process not in self._deployments:
                    self._deployments[process] = await self._find_deployment(process)
                found[process] = self._deployments[process]
            except PrefectAway as away:
                found[process] = away
        return [found[process] for process in processes]

    async def _find_deployment(self, process: str) -> str:
        found = await self._prefect.ask("GET", f"/deployments/name/{FLOW}/{process}")
        return str(found["id"]) if found else await self._deploy(process)

    async def _deploy(self, process: str) -> str:
        """A process that was activated on the pages has no deployment before its first complaint."""
        book = await self._ledger.active(now())
        if process not in book.processes:
            raise PrefectAway(f"there is no deployment {FLOW}/{process}; run `minsheng deploy`")
        return await deploy_process(self._prefect, book.process(process))

    async def _state(self, run_id: str | None) -> Mapping[str, Any] | None:
        run = await self._prefect.ask("GET", f"/flow_runs/{run_id}") if run_id else None
        return run["state"] if run else None

    async def _schedule(self, run_id: str, *, force: bool) -> None:
        details = {"scheduled_time": wall().isoformat()}
        await self._set_state(run_id, {"type": "SCHEDULED", "name": "Resuming", "state_details": details}, force=force)

    async def _set_state(self, run_id: str, state: Mapping[str, Any], *, force: bool) -> None:
        """ABORT and REJECT mean that somebody else was quicker: the next pulse looks again (P6)."""
        answer = await self._prefect.ask("POST", f"/flow_runs/{run_id}/set_state", {"state": state, "force": force})
        if answer and answer["status"] != "ACCEPT":
            log.info("run %s: %s was answered %s", run_id, state["name"], answer["status"])


def tags_of(case: Case) -> list[str]:
    """By what operators find the runs of cases; codes only, nothing of people."""
    facts = {"process": case.process, "district": case.district, "category": case.category}
    facts |= {"lead": case.lead, "urgency": case.urgency}
    return sorted(f"{name}:{value}" for name, value in facts.items() if value)


async def _all_of(repairs: Iterable[Awaitable[bool]]) -> int:
    """How many of the repairs did something; one that fails does not stop the others."""
    done = await asyncio.gather(*repairs, return_exceptions=True)
    for fault in done:
        if isinstance(fault, PrefectAway):
            log.warning("a run could not be put right: %s", fault)
        elif isinstance(fault, BaseException):
            raise fault
    return sum(bool(one) for one in done if not isinstance(one, BaseException))


def _waits_its_turn(run: Run) -> bool:
    """Whether the case has somewhere to go and nobody is at it."""
    return run.wants_a_wake(now()) and not run.is_leased


def _repair(state: Mapping[str, Any], run: Run) -> bool | None:
    """``None``: the run looks at the case anyway; else it has to be scheduled, by force or not."""
    at, kind = wall(), state["type"]
    if kind == "SCHEDULED":
        due = state["state_details"].get("scheduled_time")
        return None if due is None or datetime.fromisoformat(due).astimezone(UTC) <= at else False
    if kind in (*AWAKE, "CANCELLING"):
        return None if run.is_leased or _is_fresh(state) else True
    return bool(kind != "PAUSED")


def _is_fresh(state: Mapping[str, Any]) -> bool:
    """Whether somebody may still be at it."""
    return wall() - datetime.fromisoformat(state["timestamp"]).astimezone(UTC) < PATIENCE
