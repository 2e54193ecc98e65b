"""`minsheng size`: what a city needs follows from what was measured, and every assumption is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from infra.cli import app
from infra.deployments import SERVER
from infra.mistakes import Mistake
from infra.sizing import CITY, CONNECTIONS, DESK, MEASURED, PROVINCE, Wishes, plan, print_size, read_measured

BEIJING = Wishes(per_day=70_000)
SHIPPED = read_measured(None)


def told(*words: str) -> str:
    done = CliRunner().invoke(app, ["size", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_what_was_measured_says_when_and_how():
    assert SHIPPED["measured_on"] and all(SHIPPED["commands"])
    assert json.loads(MEASURED.read_text("utf-8")) == SHIPPED


def test_each_size_has_its_city():
    sizes = [plan(Wishes(per_day=number), SHIPPED).size for number in (300, 20_000, 2_000_000)]
    assert sizes == [DESK, CITY, PROVINCE]


def test_more_complaints_never_need_less():
    plans = [
        plan(Wishes(per_day=number), SHIPPED) for number in (20_000, 40_000, 80_000, 160_000, 1_000_000, 5_000_000)
    ]
    for what in ("processes", "memory_mb", "disk_gb"):
        assert [p.total(what) for p in plans] == sorted(p.total(what) for p in plans)
    assert [p.cores for p in plans] == sorted(p.cores for p in plans)


def test_no_core_is_asked_for_more_than_its_share():
    needed = plan(replace(BEIJING, per_day=700_000), SHIPPED)
    assert all(part.cores <= part.processes for part in needed.parts if part.name != "PostgreSQL")
    assert needed.connections > 0


def test_pools_are_those_of_the_deployment():
    size, overflow = (
        int(SERVER[f"PREFECT_SERVER_DATABASE_SQLALCHEMY_{name}"]) for name in ("POOL_SIZE", "MAX_OVERFLOW")
    )
    assert {CONNECTIONS[name] for name in CONNECTIONS if name.startswith("Prefect")} == {size + overflow}


def test_the_command_prints_a_table_and_an_object():
    table, found = told("--per-day", "70000"), json.loads(told("--per-day", "70000", "--json"))
    assert found["cores"] == plan(BEIJING, SHIPPED).cores
    assert all(part["name"] in table for part in found["parts"])
    assert "together" in table and found["measured_on"] in table
    assert found["assumed"]["busiest_hour"] == BEIJING.busiest_hour


def test_a_quicker_machine_needs_fewer_cores(tmp_path: Path):
    cost = {name.replace("warm worker", "warm-1"): ms / 4 for name, ms in SHIPPED["processor_ms_per_life"].items()}
    bench = {"database": "PostgreSQL", "processor_ms_per_life": cost, "worker_mb": 200.0, "lives_per_s": 20}
    (tmp_path / "bench.json").write_text(json.dumps(bench), "utf-8")
    quick = read_measured(tmp_path / "bench.json")
    large = replace(BEIJING, per_day=700_000)
    assert plan(large, quick).total("cores") == pytest.approx(plan(large, SHIPPED).total("cores") / 4, rel=0.4)
    assert plan(large, quick).cores < plan(large, SHIPPED).cores


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"database": "PostgreSQL"}', '{"database": 1, "processor_ms_per_life": 2}']
)
def test_a_file_that_no_bench_printed_is_named(text: str, tmp_path: Path):
    (tmp_path / "bench.json").write_text(text, "utf-8")
    with pytest.raises(Mistake, match="minsheng bench --json"):
        read_measured(tmp_path / "bench.json")


@pytest.mark.parametrize(
    "wrong", [{"per_day": 0}, {"effort": 0}, {"busiest_hour": 0.01}, {"busiest_hour": 2}, {"years": -1}]
)
def test_impossible_wishes_are_refused_in_a_sentence(wrong: dict):
    with pytest.raises(Mistake):
        print_size(replace(BEIJING, **wrong), bench=None, as_json=False)
