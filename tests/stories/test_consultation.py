"""咨询: a question is answered on the spot, or by a department within one to three working days."""

from datetime import timedelta

import pytest


@pytest.fixture
def question(life):
    return life(type="consultation", subject="公园几点开门", description="中山公园", address="市南区")


def test_the_desk_answers_on_the_spot(question):
    assert question.case.process == "consultation"
    question.act("answer", "desk", reply="全天开放")
    assert (question.case.stage, question.case.answer) == ("feedback", "answered")


@pytest.mark.parametrize(("urgency", "days"), [("urgent", 1), ("normal", 2), ("complex", 3)])
def test_what_the_desk_cannot_answer_a_department_answers_in_days(question, urgency, days):
    question.act("dispatch", "desk", department="garden", urgency=urgency)
    due = question.case.running("fix").due_at
    assert due == question.now + timedelta(days=days), "Monday to Thursday, no holiday between"


def test_an_answer_that_does_not_help_is_tried_once_more_and_then_explained(question):
    question.act("dispatch", "desk", department="garden")
    for stage in ("departmental_fix", "explanation"):
        question.act("fix", "lead", reply="见公告")
        question.act("rate", "citizen", solved="no", satisfied=1)
        assert question.case.stage == stage
