"""The bench measures what it says: figures that add up, and copies of lives that are valid cases."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import asyncpg
import pytest
from rich.console import Console

from infra.bench import command, figures, fill
from infra.bench.measure import Findings, Wishes, summary
from infra.bench.single import measure_one
from infra.bench.town import Town
from infra.ledger import Ledger
from infra.mistakes import Mistake
from infra.settings import settings
from infra.up.screen import Screen
from infra.up.tree import Tree
from tests import lives
from tests.conftest import opened

if TYPE_CHECKING:
    from infra.up.plan import Plan

CONTRACT = {
    "lives_per_s", "lives_per_s_at_1m", "ratio_to_bare_prefect", "ratio_to_stock_worker", "wake_p50_s", "wake_p99_s",
    "calls_per_life", "state_changes_per_life",
}  # fmt: skip
"""What programs read from the line of ``minsheng bench --json``."""


def test_what_was_not_measured_is_null_and_never_invented():
    told = summary(Wishes(stored=1000), Findings(lives=[2.0, 4.0], filled=3.0))
    assert set(told) >= CONTRACT
    assert told["lives_per_s"] == 3.0
    assert {told[name] for name in CONTRACT - {"lives_per_s"}} == {None}


def test_ratios_and_costs_follow_from_what_was_counted():
    cost = figures.Reading(Counter(state_changes=60, events=300), Counter({"POST /api/x": 200}), Counter(portal=900))
    found = Findings(lives=[3.0], bare=[4.0], stock=0.1, waits=[0.1] * 99 + [2.0], cost=cost, cost_of=10)
    told = summary(Wishes(), found)
    assert (told["ratio_to_bare_prefect"], told["ratio_to_stock_worker"]) == (0.75, 30.0)
    assert (told["state_changes_per_life"], told["calls_per_life"], told["events_per_life"]) == (6, 20, 30)
    assert (told["wake_p50_s"], told["wake_p99_s"]) == (0.1, 2.0)
    assert told["processor_ms_per_life"] == {"portal": 90.0}


def test_whoever_measures_lives_that_did_not_close_is_left_the_logs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "warm-1.log").write_text("it broke", "utf-8")
    tree = Tree(tmp_path / "logs", Screen(Console(stderr=True)))
    kept = Town(cast("Plan", None), tree, tree.screen, postgres=None, limit=1).keep_logs()
    (tmp_path / "logs" / "warm-1.log").unlink()
    assert (kept / "warm-1.log").read_text("utf-8") == "it broke"

    monkeypatch.setattr(command, "measure", lambda _: Findings(lives=[1.0], failed=["waited 120 s"], logs=kept))
    assert command.bench(as_json=True, quick=True, minutes=None) == 1
    told = capsys.readouterr().err
    assert "a life did not close: waited 120 s" in told
    assert str(kept) in told


def test_a_part_that_ended_is_a_fault_of_the_whole_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(command, "measure", lambda _: Findings(lives=[1.0], ended=["warm-1 ended (code 0)"]))
    assert command.bench(as_json=True, quick=True, minutes=None) == 1
    assert json.loads(capsys.readouterr().out)["parts_ended"] == 1


def test_memory_growth_is_told_per_thousand_wakes():
    told = summary(Wishes(), Findings(lives=[1.0], memory=[(1000, 200.0), (3000, 201.0)]))
    assert (told["worker_mb"], told["worker_growth_mb_per_1000_wakes"]) == (201.0, 0.5)


async def test_a_wake_is_timed_from_the_signal_to_the_next_step(ledger: Ledger):
    at = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
    case = await lives.received(ledger, at)
    case = await lives.settled(ledger, case.number, at + timedelta(seconds=2))
    case = (await lives.act(ledger, case, "claim", "lead-1", at=at + timedelta(seconds=3))).case
    case = (await lives.act(ledger, case, "fix", "lead-1", at=at + timedelta(seconds=10), reply="好")).case
    await lives.settled(ledger, case.number, at + timedelta(seconds=15))
    assert await figures.wake_seconds(ledger, at) == [2.0, 5.0]


async def test_copied_lives_are_valid_cases(postgres_url: str, book_files: dict[str, str]):
    async with opened(postgres_url, book_files) as ledger:
        patterns = [await fill.life(ledger, lives.NOW, nth) for nth in range(2)]
        async with fill.copier(ledger, patterns) as copier:
            await copier.copy(0, 10)
            assert await ledger.verify() == []
            await copier.copy(10, 18, whole=2)
        assert len({problem.number for problem in await ledger.verify()}) == 4
        connection = await asyncpg.connect(postgres_url.replace("+asyncpg", ""))
        assert await connection.fetchval("SELECT count(*) FROM cases WHERE result = 'fixed'") == 20
        assert await connection.fetchval("SELECT count(*) FROM letters WHERE status <> 'sent'") == 0
        await connection.close()


@pytest.mark.slow
def test_the_clocks_of_one_minute_are_all_decided_and_found_by_an_index(capsys: pytest.CaptureFixture[str]):
    with kept_environment():
        assert measure_one(clocks=150, due=60, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["cases_decided"], told["clocks_open"]) == (60, 150)
    assert told["rungs_reached"] >= 60


@pytest.mark.slow
@pytest.mark.parametrize("embedded", [False, True], ids=["postgres", "sqlite"])
def test_every_row_of_a_file_is_stored_and_its_cost_is_told(embedded: bool, capsys: pytest.CaptureFixture[str]):
    with kept_environment():
        assert measure_one(rows=1000, embedded=embedded, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["rows"], told["stored"]) == (1000, 1000)
    assert told["rows_per_s"] > 0 and told["importer_us_per_row"] > 0
    assert (told["postgresql_us_per_row"] > 0) is not embedded


IMPOSSIBLE = [
    {"clocks": 150, "pages": 300}, {"clocks": 60, "due": 50}, {"pages": 1}, {"wakes": 5}, {"rows": 5},
    {"rows": 1000, "wakes": 1000},
]  # fmt: skip


@pytest.mark.parametrize("wished", IMPOSSIBLE, ids=str)
def test_what_cannot_be_measured_is_said_in_a_sentence(wished: dict[str, int]):
    with pytest.raises(Mistake):
        measure_one(**wished, as_json=True)


@contextmanager
def kept_environment() -> Iterator[None]:
    """The bench gives its own secret to the environment."""
    before = dict(os.environ)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        settings.cache_clear()
