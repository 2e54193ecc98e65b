"""Micro benchmarks are printed beside their stored ratios; a slow machine fails nothing."""

from __future__ import annotations

from collections.abc import Callable

from tests.bench import micro
from tests.conftest import TOLD_AT_THE_END


def test_what_single_thoughts_cost_is_printed_and_fails_nothing(record_property: Callable[[str, object], None]):
    found = micro.measured()
    record_property(TOLD_AT_THE_END, micro.table(found, micro.stored()))
    assert set(found) == set(micro.stored()), "store the new ratios: python -m tests.bench.micro --store"
    assert all(loops > 0 for loops in found.values())
