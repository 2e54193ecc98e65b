"""深化党政公开: a picture shows the whole process, and no word on it covers another, however the process is changed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import timedelta
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.workbench.picture_words import PictureWords
from rules.case import CLOSED
from rules.drawing import svg
from rules.mermaid import mermaid
from rules.picture import Live, Picture, StageFigures
from rules.picture_layout import Sheet, layout
from rules.picture_shapes import Text, text_width, wrapped
from rules.picturing import picture
from rules.process import Process, read_process
from rules.rulebook import Rulebook

LOCALES = ("zh_CN", "en")
FIGURES = StageFigures(
    open=12345, late=678, finished=90, median=timedelta(hours=30), ninetieth=timedelta(days=123, hours=4)
)


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314 -- our own text


def taken(process: Process) -> Live:
    """Every way was taken often, and one that the process does not know."""
    moves = {(s.name, o, t): 98765 for s in process.stages.values() for o, t in s.outcomes.items()}
    return Live(dict.fromkeys(process.stages, FIGURES), moves | {(process.start, "vanished", CLOSED): 3})


def pictures(book: Rulebook, process: Process) -> Iterator[Picture]:
    for locale in LOCALES:
        for live in (None, Live(), taken(process)):
            yield picture(book, process, PictureWords(process, locale), live=live)


def rectangle(text: Text) -> tuple[float, float, float, float]:
    width = text_width(text.text, text.size, bold=text.bold)
    left = text.x - {"start": 0, "middle": width / 2, "end": width}[text.anchor]
    return left, text.y - 0.75 * text.size, left + width, text.y + 0.15 * text.size


def covered(sheet: Sheet) -> list[tuple[str, str]]:
    """Pairs of texts of which one covers a part of the other."""
    texts = [shape for shape in sheet.shapes if isinstance(shape, Text) and shape.text]
    found = [(text.text, rectangle(text)) for text in texts]
    return [
        (one, other)
        for (one, a), (other, b) in itertools.combinations(found, 2)
        if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
    ]


def outside(sheet: Sheet) -> list[str]:
    texts = [shape for shape in sheet.shapes if isinstance(shape, Text)]
    places = [(text.text, rectangle(text)) for text in texts]
    return [t for t, (x, y, right, low) in places if x < 0 or y < 0 or right > sheet.width or low > sheet.height]


def test_no_word_covers_another_and_none_leaves_the_sheet(book):
    for process in book.processes.values():
        for drawn in pictures(book, process):
            assert covered(layout(drawn)) == []
            assert outside(layout(drawn)) == []


NAME = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=9).filter(lambda n: n.strip("_"))
WORDS = st.text("办理联合解释说明abcdefg hijWM", min_size=1, max_size=40).filter(lambda t: t.strip())


@st.composite
def processes(draw: st.DrawFn) -> Process:
    """Any process: up to seven stages, each of which may lead anywhere, with names of any length."""
    names = draw(st.lists(NAME, min_size=1, max_size=7, unique=True))
    targets = st.sampled_from([*names, CLOSED])
    stages = {
        name: {
            "label": {"zh": draw(WORDS), "en": draw(WORDS)}, "clause": draw(WORDS), "kind": "departmental_fix",
            "owner": "lead", "actions": {"lead": ["claim"]}, "clocks": {"fix": {"holder": "partner"}},
            "outcomes": draw(st.dictionaries(NAME, targets, max_size=8)),
        }
        for name in names
    }  # fmt: skip
    whole = {"name": "any", "label": {"zh": "某", "en": "Any"}, "start": draw(st.sampled_from(names)), "stages": stages}
    return read_process(yaml.safe_dump(whole), "process/any.yaml")


def test_that_holds_for_any_process(book):
    @settings(max_examples=25, deadline=None)
    @given(processes())
    def holds(process: Process) -> None:
        for drawn in pictures(book, process):
            assert covered(layout(drawn)) == []
            assert outside(layout(drawn)) == []
            parsed(svg(drawn))

    holds()


@pytest.mark.parametrize("locale", LOCALES)
def test_stages_outcomes_clocks_spans_and_rungs_are_all_on_it(book, locale):
    process = book.process("standard")
    words = PictureWords(process, locale)
    drawn = picture(book, process, words)
    shown = parsed(svg(drawn))
    text = " ".join(t for e in shown.iter() if e.tag.endswith("text") and (t := e.text))
    chart = mermaid(drawn)
    for stage in process.stages.values():
        for said in (words.label(stage.label), *(words.outcome(stage, outcome) for outcome in stage.outcomes)):
            assert said in text
            assert said in chart
        for clock in stage.clocks:
            assert words.clock(stage.name, clock) in text
    for rung in ("yellow_card", "red_card", "supervision", "leading_group", "accountability"):
        assert words.term(rung) in chart
    assert {"zh_CN": "15个工作日", "en": "15 working days"}[locale] in text


def test_each_outcome_is_an_arrow_that_says_where_it_leads(book):
    process = book.process("standard")
    drawn = svg(picture(book, process, PictureWords(process, "en")))
    hints = [e.text for e in parsed(drawn).iter() if e.tag.endswith("title")][1:]
    assert len(hints) == sum(len(stage.outcomes) for stage in process.stages.values())
    assert "Departmental fix: Returned: not theirs → First contact" in hints


def test_a_way_that_nobody_took_is_dashed_and_one_outside_the_design_is_red(book):
    process = book.process("standard")
    live = Live(moves={("first_contact", "dispatched", "departmental_fix"): 9, ("coordination", "fixed", CLOSED): 1})
    shown = parsed(svg(picture(book, process, PictureWords(process, "en"), live=live)))
    lines = {e[0].text: e.attrib for e in shown.iter() if e.tag.endswith("path") and len(e)}
    assert "stroke-dasharray" not in lines["First contact: Dispatched → Departmental fix (9)"]
    assert "stroke-dasharray" in lines["First contact: Answered at once → Feedback (0)"]
    assert "bad-line" in lines["Coordination: Fixed → Closed (1)"]["class"]


def test_the_picture_needs_nothing_from_elsewhere_and_no_style(book):
    process = book.process("standard")
    drawn = svg(picture(book, process, PictureWords(process, "zh_CN")))
    assert "href" not in drawn
    assert "<style" not in drawn
    assert "style=" not in drawn


def test_what_a_process_owner_writes_cannot_break_out(book, book_files):
    text = book_files["process/standard.yaml"].replace("en: First contact", "en: '<b>\"First\"</b> & [contact]'")
    process = read_process(text, "process/standard.yaml")
    drawn = picture(book, process, PictureWords(process, "en"))
    shown = parsed(svg(drawn))
    assert '<b>"First"</b> & [contact]' in [e.text for e in shown.iter()]
    assert "<b>" not in mermaid(drawn)
    assert "&lt;b&gt;#quot;First#quot;" in mermaid(drawn)


def test_texts_are_broken_between_words_and_between_chinese_characters():
    assert wrapped("one two three", 10, 50) == ["one two", "three"]
    assert wrapped("敷衍塞责、推诿扯皮", 10, 50) == ["敷衍塞责、", "推诿扯皮"]
    assert wrapped("", 10, 50) == []
