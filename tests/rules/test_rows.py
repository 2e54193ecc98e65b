"""Every decision can be explained: each date and each rung in the record names the row that decided it."""

from __future__ import annotations


def test_every_clock_and_every_rung_of_a_case_names_its_row(life):
    one = life()
    one.act("claim", "lead")
    one.act("extend", "lead", days=2, reason="设备到货晚")
    one.wait(days=30)
    tables = one.book.tables
    started = [clock for entry in one.entries for clock in entry.data.get("start", ())]
    rungs = [entry for entry in one.entries if entry.kind == "rung_reached"]
    assert started and rungs
    for clock in started:
        row = tables["deadlines"].row(clock["row"])
        assert row is not None and clock["name"] in row.cells["clock"]
    for entry in rungs:
        row = tables["ladder"].row(entry.data["rows"]["ladder"])
        assert row is not None and row.cells["rung"] == entry.data["rung"]
    (extended,) = [entry for entry in one.entries if entry.kind == "extension_granted"]
    assert extended.data["rows"] == {"deadlines": "extension-normal"}
