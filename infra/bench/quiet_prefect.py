"""One case, ten thousand wakes: a server that says yes to all a warm worker asks and keeps nothing.

With it the worker's own memory can be watched over more wakes than a real server carries in an hour.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from infra.deployments import POOL, POOL_TYPE
from infra.ledger import Ledger
from infra.moment import wall
from infra.orchestrator import FLOW
from infra.up.ports import LOCAL

DEPLOYMENT, FLOW_ID, POOL_ID, QUEUE_ID = (
    str(uuid5(NAMESPACE_URL, name)) for name in ("deployment", FLOW, POOL, "queue")
)
ENTRYPOINT = f"flows.{FLOW}.{FLOW}"
METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


class QuietPrefect:
    """What it was asked (``calls``), and how many runs went to sleep or ended (``rests``)."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.calls: Counter[str] = Counter()
        self.rests = 0

    def app(self) -> Starlette:
        routes = [
            Route("/api/flow_runs/{id}/set_state", self._set_state, methods=["POST"]),
            Route("/api/flow_runs/{id:uuid}", self._flow_run, methods=METHODS),
            Route("/api/{path:path}", self._anything, methods=METHODS),
            WebSocketRoute("/api/{path:path}", self._listen),
        ]
        return Starlette(routes=routes)

    async def _set_state(self, request: Request) -> Response:
        wanted = (await request.json())["state"]
        self.calls[f"set_state {wanted['type']}"] += 1
        self.rests += wanted["type"] in ("PAUSED", "COMPLETED")
        state = {**wanted, "id": str(uuid4()), "timestamp": wall().isoformat(), "data": None}
        return JSONResponse({"state": state, "status": "ACCEPT", "details": {"type": "accept_details"}}, 201)

    async def _flow_run(self, request: Request) -> Response:
        id = str(request.path_params["id"])
        self.calls[f"{request.method} flow_run"] += 1
        if request.method != "GET":
            return Response(status_code=204)
        run = (await self._ledger.leases.runs([id])).get(id)
        return JSONResponse(_run(id, run.number)) if run else Response(status_code=404)

    async def _anything(self, request: Request) -> Response:
        path = request.path_params["path"].strip("/")
        self.calls[f"{request.method} {path}"] += 1
        known: dict[str, Any] = {
            f"deployments/{DEPLOYMENT}": _made(
                DEPLOYMENT, name="standard", flow_id=FLOW_ID, entrypoint=f"flows.{FLOW}.{FLOW}"
            ),
            f"work_pools/{POOL}": _made(
                POOL_ID, name=POOL, type=POOL_TYPE, default_queue_id=QUEUE_ID, base_job_template={}
            ),
            f"flows/{FLOW_ID}": _made(FLOW_ID, name=FLOW),
            "artifacts": _made(str(uuid4()), key="k"),
            "health": True,
            "admin/version": version("prefect"),
            f"work_pools/{POOL}/workers/filter": [{"name": "warm", "status": "ONLINE"}],
        }
        if path == "csrf-token":
            return JSONResponse({"detail": "CSRF protection is disabled."}, 422)
        if path in known:
            return JSONResponse(known[path], 201 if path == "artifacts" and request.method == "POST" else 200)
        return Response(status_code=204) if request.method == "PATCH" else JSONResponse([])

    async def _listen(self, socket: WebSocket) -> None:
        """Events: heard, and forgotten."""
        await socket.accept(subprotocol=next(iter(socket.scope["subprotocols"]), None))
        try:
            while True:
                said = json.loads(await socket.receive_text())
                self.calls["events"] += "event" in said
                if said.get("type") == "auth":
                    await socket.send_json({"type": "auth_success"})
        except WebSocketDisconnect:
            self.calls["websocket left"] += 1


def _made(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "created": wall().isoformat(), "updated": wall().isoformat(), **more}


def _run(id: str, number: str) -> dict[str, Any]:
    state = {"type": "PAUSED", "name": "Suspended", "id": str(uuid4()), "timestamp": wall().isoformat()}
    return _made(
        id, name=number, flow_id=FLOW_ID, deployment_id=DEPLOYMENT, parameters={"number": number}, state=state,
        state_type="PAUSED", state_name="Suspended", tags=[], run_count=1,
    )  # fmt: skip


@asynccontextmanager
async def quiet_prefect(ledger: Ledger, port: int) -> AsyncIterator[QuietPrefect]:
    """It listens on ``port`` until the block ends."""
    prefect = QuietPrefect(ledger)
    server = uvicorn.Server(uvicorn.Config(prefect.app(), host=LOCAL, port=port, log_level="warning", lifespan="off"))
    serving = asyncio.create_task(server.serve())
    try:
        yield prefect
    finally:
        server.should_exit = True
        await serving
