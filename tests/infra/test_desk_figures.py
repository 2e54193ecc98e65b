"""The figures above the list of the desk: nobody waits for them but who would see old ones."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from infra.portal import desk


class Slow:
    """A ledger that counts when it is let."""

    def __init__(self) -> None:
        self.asked = 0
        self.may = asyncio.Event()

    async def counts(self, _now: object) -> dict[str, float]:
        self.asked += 1
        nth = self.asked
        await self.may.wait()
        return {"cases_open": nth}


async def test_a_page_waits_for_figures_only_when_there_are_none_or_old_ones(monkeypatch: pytest.MonkeyPatch):
    at = 1000.0
    monkeypatch.setattr(desk, "time", SimpleNamespace(monotonic=lambda: at))
    ledger, request = Slow(), SimpleNamespace(app=SimpleNamespace(state=SimpleNamespace()))

    def look() -> Any:
        return desk._counts(request, ledger)  # type: ignore[arg-type]  # as far as it is asked

    first = [asyncio.create_task(look()) for _ in range(3)]
    await asyncio.sleep(0)
    ledger.may.set()
    assert await asyncio.gather(*first) == [{"cases_open": 1}] * 3

    ledger.may.clear()
    at += desk.COUNTS_KEPT + 1
    assert await look() == await look() == {"cases_open": 1}, "the page does not wait"
    ledger.may.set()
    await request.app.state.counting
    assert await look() == {"cases_open": 2}

    at += desk.COUNTS_OLD + 1
    assert await look() == {"cases_open": 3}, "figures this old are not shown"
