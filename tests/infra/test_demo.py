"""The sample complaints: between them they see every stage and every end, and they act as people do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from infra.demo.forms import forms_of
from infra.demo.play import sample
from infra.demo.post import NUMBER, task_tokens
from infra.demo.script import Move, stories
from rules.case import Complaint, Role
from rules.process import Process
from rules.rulebook import Rulebook


def test_there_are_thirteen_different_stories():
    assert len(stories()) == 13
    assert len({story.title for story in stories()}) == 13


def test_every_action_of_every_process_is_played(book: Rulebook):
    parties = [p for process in book.processes.values() for p in (process.always, *_actions(process))]
    offered = {name for party in parties for names in party.values() for name in names}
    played = {move.action for story in stories() for moves in story.parts.values() for move in moves}
    assert played == offered


def _actions(process: Process) -> list[Mapping[Role, tuple[str, ...]]]:
    return [stage.actions for stage in process.stages.values()]


def test_every_honest_end_is_reached():
    assert {story.result for story in stories()} == {"fixed", "answered", "planned", "withdrawn"}


def test_some_act_by_form_and_some_by_api():
    by_form = {move.by_form for story in stories() for moves in story.parts.values() for move in moves}
    assert by_form == {True, False}


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.title)
def test_a_story_speaks_the_rulebook_s_language(book: Rulebook, story):
    told = {k: v for k, v in story.complaint.items() if k not in ("name", "phone", "email")}
    complaint = Complaint(**told)
    assert complaint.channel in book.channels()
    assert complaint.category is None or book.category(complaint.category).leaf
    assert complaint.district is None or book.district(complaint.district)
    for moves in story.parts.values():
        for move in moves:
            for name in ("department", "partners"):
                for code in move.fields.get(name, ()):
                    assert book.department(code)


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.title)
def test_nobody_in_a_story_is_real(story):
    assert story.complaint.get("email", "x@mail.example").endswith(".example")
    assert story.complaint.get("phone", "0532-5557").startswith("0532-5557")


def test_past_the_last_they_come_again_and_can_be_told_apart():
    played = list(sample(25))
    assert len(played) == 25
    assert len({story.title for story in played}) == 25
    assert played[13].complaint["subject"] != played[0].complaint["subject"]


def test_values_are_found_in_what_the_form_offers():
    move = Move(action="x", fields={"a": ["two", "one"], "b": ["two"], "c": "+3 days", "d": "yes", "e": ["none"]})
    specs = {
        "a": {"type": "choice", "choices": ["one", "two"]},
        "b": {"type": "choices", "choices": ["one", "two"]},
        "e": {"type": "choice", "choices": ["one"]},
    }
    filled = move.filled(specs, today=date(2026, 2, 27))
    assert filled == {"a": "two", "b": ["two"], "c": "2026-03-02", "d": "yes", "e": "one"}


def test_forms_are_read_with_what_the_page_filled_in():
    page = """<form method="post" data-action="rate" action="/x"><input type="hidden" name="csrf" value="1">
      <input type="radio" name="solved" value="yes" checked><input type="radio" name="solved" value="no">
      <select name="satisfied"><option value="1"><option value="5" selected></select><input name="comment">
      <button name="go" value="1">ok</button></form><form><input name="q"></form>"""
    found = forms_of(page)
    assert list(found) == ["rate"]
    assert found["rate"].target == "/x"
    assert found["rate"].values == {"csrf": "1", "solved": "yes", "satisfied": "5", "comment": ""}


def test_task_links_and_numbers_are_found_in_a_mail():
    mail = {
        "text": "诉求 QD261124-V4B3YFGW:http://127.0.0.1:8080/task/abc.DEF-1_2 再次 http://127.0.0.1:8080/task/abc.DEF-1_2"
    }
    assert task_tokens(mail) == ["abc.DEF-1_2"]
    assert NUMBER.findall(mail["text"]) == ["QD261124-V4B3YFGW"]
