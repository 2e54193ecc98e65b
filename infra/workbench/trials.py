"""认真解决: a draft is tried on the past and in a simulated month before it counts, as runs that Prefect shows.

Whatever flow is deployed with the tag ``workbench`` can be started here; its parameters, as the flow declares them,
become the form. A run tells how far it is by a progress artifact, and what it found by tables, texts and links.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from infra.prefect_api import PrefectApi, PrefectAway

TAG = "workbench"
RECENT = 20
ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
NOT_BEGUN = ("SCHEDULED", "PENDING", "PAUSED")


MIGRATION = "migration"
"""The flow that touches cases: it is started from the page that shows first what changes, by whoever is signed in."""


class NoTrial(Exception):
    """There is no such run or flow among those of the workbench."""


class WrongParameter(Exception):
    """A parameter cannot be what was typed; ``name`` says which."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{name}: {text}")
        self.name = name


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of a form; ``kind``: string, date, integer, number or boolean."""

    name: str
    title: str
    kind: str
    default: Any = None
    required: bool = False
    choices: Sequence[str] = ()
    note: str = ""

    def read(self, text: str) -> Any:
        """What was typed, as the flow wants it. Raises :class:`WrongParameter`."""
        reads: dict[str, Callable[[str], Any]] = {"integer": int, "number": float, "boolean": bool, "date": _day}
        try:
            return reads.get(self.kind, str)(text)
        except ValueError:
            raise WrongParameter(self.name, f"'{text}' is not a {self.kind}") from None


@dataclass(frozen=True, slots=True)
class Offer:
    """A flow that can be started."""

    id: str
    name: str
    description: str
    parameters: Sequence[Parameter]


@dataclass(frozen=True, slots=True)
class Found:
    """One artifact. ``kind``: table (``rows``), markdown or link (``text``)."""

    kind: str
    title: str
    text: str = ""
    rows: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A run. ``state`` is Prefect's type of it, ``progress`` a percentage as soon as the run tells one."""

    id: str
    name: str
    offer: str
    state: str
    message: str
    created: datetime
    parameters: Mapping[str, Any]
    progress: float | None = None
    found: Sequence[Found] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        return self.state in ENDED


class Trials:
    """Runs of the workbench; bound to one event loop. All of it raises ``PrefectAway`` when Prefect does not answer."""

    def __init__(self, api_url: str, *, auth: str = "") -> None:
        self._prefect = PrefectApi(api_url, auth=auth)

    async def offers(self) -> list[Offer]:
        wanted = {"deployments": {"tags": {"all_": [TAG]}}, "sort": "NAME_ASC"}
        return [_offer(one) for one in await self._prefect.ask("POST", "/deployments/filter", wanted) or []]

    async def recent(self) -> list[Trial]:
        """The newest runs first, without what they found."""
        wanted = {"deployments": {"tags": {"all_": [TAG]}}, "sort": "EXPECTED_START_TIME_DESC", "limit": RECENT}
        runs = await self._prefect.ask("POST", "/flow_runs/filter", wanted) or []
        names = {offer.id: offer.name for offer in await self.offers()}
        return [_trial(run, names) for run in runs if run["deployment_id"] in names]

    async def start(self, offer: str, typed: Mapping[str, str], *, by: str) -> str:
        """Start a flow; the id of the run. Raises :class:`NoTrial` and :class:`WrongParameter`."""
        known = next((one for one in await self.offers() if one.id == offer and one.name != MIGRATION), None)
        if known is None:
            raise NoTrial(offer)
        given = {p.name: p.read(typed[p.name].strip()) for p in known.parameters if typed.get(p.name, "").strip()}
        given |= {p.name: False for p in known.parameters if p.kind == "boolean" and p.name not in typed}
        if lacking := [p.name for p in known.parameters if p.required and p.name not in given]:
            raise WrongParameter(lacking[0], "has to be filled in")
        asked = {"parameters": given, "tags": [TAG, f"by {by}"], "state": {"type": "SCHEDULED"}}
        run = await self._prefect.ask("POST", f"/deployments/{offer}/create_flow_run", asked)
        if run is None:
            raise PrefectAway("the parameters do not fit the flow")
        return str(run["id"])

    async def move(self, order: Mapping[str, Any], *, by: str) -> str:
        """Start a migration; the id of the run. Raises :class:`NoTrial` when it is not deployed."""
        known = next((one for one in await self.offers() if one.name == MIGRATION), None)
        if known is None:
            raise NoTrial(MIGRATION)
        asked = {"parameters": {**order, "by": by}, "tags": [TAG, f"by {by}"], "state": {"type": "SCHEDULED"}}
        run = await self._prefect.ask("POST", f"/deployments/{known.id}/create_flow_run", asked)
        if run is None:
            raise PrefectAway("the parameters do not fit the flow")
        return str(run["id"])

    async def watch(self, id: str) -> Trial:
        """How far a run is and what it found. Raises :class:`NoTrial`."""
        run = await self._run(id)
        artifacts = await self._artifacts(id, "progress", "table", "markdown")
        steps = [float(one["data"]) for one in artifacts if one["type"] == "progress"]
        found = [_found(one) for one in reversed(artifacts) if one["type"] != "progress"]
        return _trial(run, {run["deployment_id"]: run["offer"]}, progress=steps[0] if steps else None, found=found)

    async def whole(self, id: str, kind: str) -> str:
        """All that a run found, as it left it for a page of its own. Raises :class:`NoTrial` when there is none."""
        for one in await self._artifacts(id, kind):
            return str(one["data"])
        raise NoTrial(id)

    async def _artifacts(self, id: str, *kinds: str) -> list[Mapping[str, Any]]:
        """Newest first."""
        only = {"flow_run_id": {"any_": [id]}, "type": {"any_": [*kinds]}}
        wanted = {"artifacts": only, "sort": "CREATED_DESC", "limit": 50}
        return await self._prefect.ask("POST", "/artifacts/filter", wanted) or []

    async def cancel(self, id: str) -> None:
        """Ask a run to stop; one that has not begun is over at once. Raises :class:`NoTrial`."""
        run = await self._run(id)
        if run["state_type"] in ENDED:
            return
        at_once = run["state_type"] in NOT_BEGUN
        state = {"type": "CANCELLED", "name": "Cancelled"} if at_once else {"type": "CANCELLING", "name": "Cancelling"}
        await self._prefect.ask("POST", f"/flow_runs/{id}/set_state", {"state": state})

    async def _run(self, id: str) -> dict[str, Any]:
        """A run of the workbench and of nothing else: cases are not touched from here."""
        names = {offer.id: offer.name for offer in await self.offers()}
        run: dict[str, Any] | None = await self._prefect.ask("GET", f"/flow_runs/{id}")
        if run is None or run.get("deployment_id") not in names:
            raise NoTrial(id)
        return {**run, "offer": names[run["deployment_id"]]}

    async def close(self) -> None:
        await self._prefect.close()


def _offer(deployment: Mapping[str, Any]) -> Offer:
    schema = deployment.get("parameter_openapi_schema") or {}
    needed, own = schema.get("required", []), deployment.get("parameters") or {}
    fields = [_parameter(n, p, n in needed and n not in own) for n, p in schema.get("properties", {}).items()]
    return Offer(deployment["id"], deployment["name"], deployment.get("description") or "", fields)


def _day(text: str) -> str:
    return date.fromisoformat(text).isoformat()


def _parameter(name: str, told: Mapping[str, Any], required: bool) -> Parameter:
    """``X | None`` is the optional X."""
    kinds = [told, *told.get("anyOf", [])]
    kind = next((one["type"] for one in kinds if one.get("type") not in (None, "null")), "string")
    kind = "date" if any(one.get("format") == "date" for one in kinds) else kind
    choices: Sequence[Any] = next((one["enum"] for one in kinds if "enum" in one), [])
    title = name.replace("_", " ")
    note = told.get("description", "")
    return Parameter(name, title, kind, told.get("default"), required, [str(c) for c in choices], note)


def _trial(run: Mapping[str, Any], names: Mapping[str, str], **more: Any) -> Trial:
    return Trial(
        id=run["id"],
        name=run["name"],
        offer=names[run["deployment_id"]],
        state=run["state_type"] or "SCHEDULED",
        message=(run.get("state") or {}).get("message") or "",
        created=datetime.fromisoformat(run["created"]),
        parameters=run.get("parameters") or {},
        **more,
    )


def _found(artifact: Mapping[str, Any]) -> Found:
    title = artifact.get("description") or artifact.get("key") or ""
    if artifact["type"] == "table":
        rows = artifact["data"] if isinstance(artifact["data"], list) else json.loads(artifact["data"])
        return Found("table", title, rows=_rows(rows))
    return Found("markdown", title, text=str(artifact["data"]))


def _rows(told: Any) -> list[Mapping[str, Any]]:
    """Prefect keeps tables as rows or as columns."""
    if isinstance(told, dict):
        return [dict(zip(told, values, strict=False)) for values in zip(*told.values(), strict=False)]
    return [row if isinstance(row, dict) else {str(n): cell for n, cell in enumerate(row)} for row in told]
