"""Micro benchmarks are printed beside their stored ratios; a slow machine fails nothing."""

from __future__ import annotations

import pytest

from tests.bench import micro


def test_what_single_thoughts_cost_is_printed_and_fails_nothing(capsys: pytest.CaptureFixture[str]):
    found = micro.measured()
    with capsys.disabled():
        print(f"\n{micro.table(found, micro.stored())}")  # noqa: T201 -- they are what the test is for
    assert set(found) == set(micro.stored()), "store the new ratios: python -m tests.bench.micro --store"
    assert all(loops > 0 for loops in found.values())
