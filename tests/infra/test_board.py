"""Operators see every run: a case is drawn at once, in the rush hour when it rests, and before the worker leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from infra import board
from infra.board import board_kept, post


@pytest.fixture
def drawn() -> list[str]:
    return []


@pytest.fixture
def draw(drawn: list[str]) -> Callable[[str], Callable[[], Awaitable[None]]]:
    def make(picture: str) -> Callable[[], Awaitable[None]]:
        async def put() -> None:
            await asyncio.sleep(0)
            drawn.append(picture)

        return put

    return make


async def reaches(drawn: list[str], wanted: list[str]) -> None:
    async with asyncio.timeout(20):
        while drawn != wanted:  # noqa: ASYNC110 -- the board tells nobody
            await asyncio.sleep(0.01)


async def test_without_a_board_it_is_drawn_at_once(draw, drawn):
    await post("A", draw("A1"))
    assert drawn == ["A1"]


def rush_hour() -> bool:
    return True


async def test_when_nobody_else_waits_it_is_drawn_at_once(draw, drawn):
    async with board_kept(lambda: False):
        for picture in ("A1", "A2"):
            await post("A", draw(picture))
        assert drawn == ["A1", "A2"]


async def test_when_the_rush_is_over_nobody_waits_for_the_drawings_of_others(draw, drawn, monkeypatch):
    monkeypatch.setattr(board, "REST", 3600.0)
    monkeypatch.setattr(board, "LOOK", 3600.0)
    others = ["B"]
    async with board_kept(lambda: bool(others)):
        await post("A", draw("A1"))
        await post("B", draw("B1"))
        assert drawn == []
        others.clear()
        await post("A", draw("A2"))
        assert drawn == ["A2"]
    assert drawn == ["A2", "B1"]


async def test_when_the_rush_is_over_all_that_waits_is_drawn(draw, drawn, monkeypatch):
    monkeypatch.setattr(board, "REST", 3600.0)
    monkeypatch.setattr(board, "LOOK", 0.01)
    others = ["C"]
    async with board_kept(lambda: bool(others)):
        for name in ("A", "B"):
            await post(name, draw(name))
        await asyncio.sleep(0.1)
        assert drawn == []
        others.clear()
        await reaches(drawn, ["A", "B"])


async def test_of_a_case_that_moves_only_the_last_is_drawn_when_it_rests(draw, drawn, monkeypatch):
    monkeypatch.setattr(board, "REST", 0.2)
    async with board_kept(rush_hour):
        for picture in ("A1", "A2", "A3"):
            await post("A", draw(picture))
        assert drawn == []
        await reaches(drawn, ["A3"])
        await post("A", draw("A4"))
        await reaches(drawn, ["A3", "A4"])


async def test_a_case_that_never_rests_is_drawn_all_the_same(draw, drawn, monkeypatch):
    monkeypatch.setattr(board, "REST", 3600.0)
    monkeypatch.setattr(board, "LONGEST", 0.1)
    async with board_kept(rush_hour):
        await post("A", draw("A1"))
        await post("A", draw("A2"))
        await reaches(drawn, ["A2"])


async def test_what_waits_is_drawn_before_the_worker_leaves(draw, drawn, monkeypatch):
    monkeypatch.setattr(board, "REST", 3600.0)
    async with board_kept(rush_hour):
        for name in "BCADEF":
            await post(name, draw(name))
    assert sorted(drawn) == list("ABCDEF")


async def test_in_a_rush_that_never_ends_no_more_than_so_many_wait(draw, drawn, monkeypatch):
    monkeypatch.setattr(board, "REST", 3600.0)
    monkeypatch.setattr(board, "MOST", 3)
    async with board_kept(rush_hour):
        for name in "ABC":
            await post(name, draw(name))
        assert drawn == []
        await asyncio.gather(*(post(name, draw(name)) for name in "DEFGH"))
        assert sorted(drawn) == list("ABCDEFGH")[: len(drawn)]
        assert 8 - len(drawn) <= 3


async def test_while_a_drawing_takes_long_the_keeper_rests(monkeypatch):
    monkeypatch.setattr(board, "MOST", 0)
    looks, done = [], asyncio.Event()
    async with board_kept(lambda: not looks.append(1)):
        drawing = asyncio.create_task(post("A", done.wait))
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(looks) < 10
        done.set()
        await drawing


async def test_a_drawing_that_fails_takes_no_other_with_it(draw, drawn, monkeypatch):
    async def broken() -> None:
        raise OSError("no pen")

    monkeypatch.setattr(board, "REST", 0.0)
    async with board_kept(rush_hour):
        await post("A", broken)
        await post("B", draw("B"))
        await reaches(drawn, ["B"])
        await post("A", draw("A"))
        await reaches(drawn, ["B", "A"])
