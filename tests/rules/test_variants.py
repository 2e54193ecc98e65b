"""Ways that cases took are judged against the process and against the usual way."""

from __future__ import annotations

from rules.rulebook import Rulebook
from rules.variants import never_taken, variants

USUAL = ("first_contact", "departmental_fix", "feedback", "closed")


def test_loops_shortcuts_and_steps_nobody_designed_are_named(book: Rulebook):
    ways = [
        (USUAL, 60),
        (("first_contact", "departmental_fix", "first_contact", "departmental_fix", "feedback", "closed"), 20),
        (("first_contact", "feedback", "closed"), 10),
        (("departmental_fix", "closed"), 6),
        (("first_contact", "explanation"), 4),
    ]
    usual, loop, shortcut, strange, under_way = variants(book.process("standard"), ways, 100)
    assert (usual.share, usual.again, usual.skipped, usual.strange) == (0.6, (), (), ())
    assert loop.again == (("first_contact", 2), ("departmental_fix", 2))
    assert shortcut.skipped == ("departmental_fix",)
    assert strange.strange == (("", "departmental_fix"),)
    assert strange.skipped == ("first_contact", "feedback")
    assert under_way.strange == (("first_contact", "explanation"),)
    assert under_way.is_open
    assert under_way.skipped == ()


def test_no_case_makes_no_variant(book):
    assert variants(book.process("standard"), [], 0) == []


def test_ways_that_no_case_took_are_listed(book):
    process = book.process("standard")
    every = never_taken(process, [])
    assert len(every) == sum(len(stage.outcomes) for stage in process.stages.values())
    assert never_taken(process, every) == []
