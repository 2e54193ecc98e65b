"""Prefect's server as it always runs here, that also counts: every call a life costs is work of this one process.

``python -m infra.bench.prefect_server server start …``; ``GET /bench/calls`` answers how often each path was called.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prefect.server.api import server

from infra.prefect_server import main

CALLS = "/bench/calls"
MAKER = "create_app"
"""The name by which Prefect's command makes its application."""
_ID = re.compile(r"/[0-9a-f]{8}-[0-9a-f-]{27}")

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


class Counting:
    """An application around Prefect's."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._calls: Counter[str] = Counter()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope.get("path") == CALLS:
            await self._tell(send)
            return
        if scope["type"] == "http":
            self._calls[f"{scope['method']} {_ID.sub('/{id}', scope['path'])}"] += 1
        await self._app(scope, receive, send)

    async def _tell(self, send: Send) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(self._calls).encode()})


def counted() -> None:
    """Let Prefect's command make applications that count."""
    make = vars(server)[MAKER]
    vars(server)[MAKER] = lambda *args, **options: Counting(make(*args, **options))


if __name__ == "__main__":
    counted()
    main()
