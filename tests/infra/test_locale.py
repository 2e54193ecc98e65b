"""听得进批评: everybody is answered in a language and with dates they can read."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from babel.messages import pofile
from jinja2 import UndefinedError

from infra import locale
from infra.mistakes import Mistake

AT = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
PLACE = re.compile(r"%\((\w+)\)s")


def test_every_sentence_a_person_may_read_is_translated():
    assert {name: locale.missing(name) for name in locale.locales()} == {"en": [], "zh_CN": []}


@pytest.mark.parametrize("path", sorted(locale.CATALOGUES.rglob("*.po")), ids=lambda p: p.name)
def test_a_catalogue_is_clean(path):
    with path.open("rb") as text:
        catalogue = pofile.read_po(text, abort_invalid=True)
    messages = [m for m in catalogue if m.id]
    assert [m.id for m in messages if m.fuzzy or not m.string] == []
    plain = [(m.id, m.string) for m in messages if isinstance(m.id, str)]
    assert [id for id, said in plain if not set(PLACE.findall(said)) <= set(PLACE.findall(id))] == []


def test_no_sentence_of_the_letters_is_kept_that_nobody_says_any_more():
    with (locale.CATALOGUES / "zh_CN/LC_MESSAGES/mail.po").open("rb") as text:
        kept = {m.id for m in pofile.read_po(text) if m.id}
    assert kept - set(locale.message_ids()) == set()


def test_two_catalogues_do_not_contradict_each_other():
    said: dict[str, set[str]] = {}
    for path in locale.CATALOGUES.glob("zh_CN/LC_MESSAGES/*.po"):
        with path.open("rb") as text:
            for message in pofile.read_po(text):
                if message.id:
                    said.setdefault(str(message.id), set()).add(str(message.string))
    assert {id: words for id, words in said.items() if len(words) > 1} == {}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("zh_CN", ["2026年11月25日 周三 17:00", "11月25日 周三 17:00", "2026年11月25日 周三", "17:00"]),
        ("en", ["Wed 25 Nov 2026, 17:00", "Wed 25 Nov, 17:00", "Wed 25 Nov 2026", "17:00"]),
    ],
)
def test_moments_are_written_in_the_citys_time(name: str, expected: list[str]):
    written = [locale.moment_text(AT, name, style) for style in ("moment", "short", "day", "time")]
    assert written == expected
    assert locale.moment_text(AT.isoformat(), name) == expected[0]
    assert locale.day_text(date(2026, 11, 25), name) == locale.day_text("2026-11-25", name) == expected[2]


def test_a_moment_just_before_midnight_utc_is_the_next_day_in_qingdao():
    assert locale.day_text(datetime(2026, 12, 31, 23, 0, tzinfo=UTC), "zh_CN") == "2027年1月1日 周五"


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        locale.moment_text("2026-11-25T09:00:00", "en")


def test_spans_numbers_and_lists_follow_the_language():
    said = {name: locale.environment(name) for name in locale.locales()}
    source = "{{ at|relative(to=to) }} {{ span|span }} {{ 12345|number }} {{ 0.125|percent }} {{ list|listed }}"
    values = {"at": AT, "to": AT + timedelta(days=3), "span": timedelta(hours=2), "list": ["A", "B", "C"]}
    assert said["zh_CN"].from_string(source).render(values) == "3天前 2小时 12,345 12.5% A、B和C"
    assert said["en"].from_string(source).render(values) == "3 days ago 2 hours 12,345 12.5% A, B, and C"


def test_html_is_escaped_and_text_is_left_alone():
    page = locale.environment("en").from_string('{{ x|lines }} {{ _("Task %(x)s", x=x) }}')
    assert page.render(x="<b>\nc") == "&lt;b&gt;<br>c Task &lt;b&gt;\nc"


def test_an_undefined_name_is_an_error():
    with pytest.raises(UndefinedError):
        locale.environment("en").from_string("{{ nobody_set_this }}").render()


def test_an_unknown_locale_is_said_in_one_sentence():
    with pytest.raises(Mistake, match="one of: en, zh_CN"):
        locale.translator("fr")


def test_chinese_has_one_plural_form():
    assert [locale.translator("zh_CN").plural(n) for n in (0, 1, 2)] == [0, 0, 0]
