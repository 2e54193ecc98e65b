"""限时反馈: a ledger that a fast demonstration left ahead of the wall is not looked at from its past."""

from __future__ import annotations

from datetime import timedelta

import pytest

from infra import moment


@pytest.fixture(autouse=True)
def no_anchor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(moment.ANCHOR_FILE, raising=False)
    monkeypatch.setattr(moment, "_floor", None)


def test_case_time_goes_on_from_the_newest_entry():
    newest = moment.wall() + timedelta(days=3)
    moment.go_on_from(newest)
    assert newest <= moment.now() < newest + timedelta(hours=1)


def test_an_older_ledger_changes_nothing():
    moment.go_on_from(moment.wall() - timedelta(days=3))
    assert abs(moment.now() - moment.wall()) < timedelta(hours=1)
