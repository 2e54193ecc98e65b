"""限时反馈 and 向群众解释: every letter can be written, says what it must, and to whom it may."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from infra.access import read_task_token
from infra.ledger import Letter, Person
from infra.locale import locales
from infra.mail import fields
from infra.mail.letters import FOLDER, PARTS, Composed, compose, names
from infra.mail.values import recipient, recipient_name, values_for
from tests.infra.fake_outbox import CITIZEN_MAIL, FUMES, GARBAGE, NUMBER, FakeOutbox, every_letter

CHINESE = re.compile(r"[一-鿿]")
TASK = re.compile(r"/task/([\w.~-]+)")
NAME, PHONE = "王女士", "0532-55570001"
TASKS = {
    "desk_task", "lead_task", "partner_task", "explanation_task", "information_added", "review_task", "pause_ended",
}  # fmt: skip
OWES_A_TASK_LINK = TASKS | {"reply", "explanation", "review_notice", "review_result", "pause_notice"}
TO_CITIZEN = {
    "receipt", "reply", "explanation", "extension_notice", "closed", "withdrawn",
    "acceptance_notice", "review_notice", "review_result", "pause_notice",
}  # fmt: skip


@pytest.fixture(scope="module")
def outbox() -> FakeOutbox:
    return every_letter()


def written(outbox: FakeOutbox, letter: Letter, locale: str = "zh_CN") -> Composed:
    return compose(letter.letter, locale=locale, values=values_of(outbox, letter, locale))


def values_of(outbox: FakeOutbox, letter: Letter, locale: str = "zh_CN") -> dict:
    return values_for(
        letter, complaint=outbox._complaints[letter.number], person=outbox._people[letter.number], book=outbox.book,
        entries=outbox._entries[letter.number], locale=locale,
    )  # fmt: skip


def all_written(outbox: FakeOutbox, locale: str = "zh_CN") -> Iterator[tuple[Letter, Composed]]:
    return ((letter, written(outbox, letter, locale)) for letter in outbox.rows.values())


def only(outbox: FakeOutbox, name: str) -> Composed:
    return written(outbox, outbox.letters_named(name)[0])


def test_a_letter_is_a_folder_of_three_files():
    assert {name: sorted(p.name for p in (FOLDER / name).iterdir()) for name in names()} == {
        name: sorted(PARTS) for name in names()
    }


def test_every_letter_of_the_rulebook_has_its_folder_and_the_lives_bring_about_each(outbox: FakeOutbox):
    asked = {row.letter for row in outbox.rows.values()}
    ladder = {row.cells["letter"] for row in outbox.book.tables["ladder"].rows} - {""}
    assert asked == set(names())
    assert ladder <= asked


@pytest.mark.parametrize("locale", locales())
def test_every_letter_can_be_written_in_every_language(outbox: FakeOutbox, locale: str):
    for letter, composed in all_written(outbox, locale):
        assert letter.number in composed.subject
        assert "\n" not in composed.subject
        assert 10 < len(composed.subject) < 120
        assert letter.number in composed.html
        assert composed.text.strip()


def test_english_letters_contain_no_chinese_of_ours(outbox: FakeOutbox):
    for _, composed in all_written(outbox, "en"):
        assert not CHINESE.search(composed.subject)


def test_chinese_letters_leave_no_english_sentence(outbox: FakeOutbox):
    for letter, composed in all_written(outbox):
        rest = re.sub(r"https?://\S+|QD[\w-]+|第 [\w-]+ 行", "", composed.text)
        assert not re.search(r"[A-Za-z]{3,}", rest), (letter.letter, rest)


def test_text_of_citizens_is_never_in_a_subject():
    outbox = FakeOutbox()
    outbox.open(replace(FUMES, subject="免费贷款 click here\r\nBcc: all@example.org"))
    for letter, composed in all_written(outbox):
        assert "贷款" not in composed.subject
        assert "Bcc" not in composed.subject, letter


def test_html_is_well_formed_escaped_and_asks_no_outside_host(outbox: FakeOutbox):
    outbox = FakeOutbox()
    nasty = "<script>alert(1)</script>\n{{ 7*7 }} ${jndi:x} %(number)s"
    outbox.open(replace(FUMES, description=nasty, subject="<b>&amp;"))
    for _, composed in all_written(outbox):
        assert "<script" not in composed.html
        assert "&lt;script&gt;" in composed.html
        assert "{{ 7*7 }}" in composed.text
        assert "%(number)s" in composed.text
        assert set(re.findall(r'(?:src|href)="(\w+://[^/"]+)', composed.html)) <= {"http://127.0.0.1:8080"}
        Balanced().check(composed.html)


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order."""

    EMPTY = frozenset({"meta", "br", "img", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def check(self, text: str) -> None:
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_a_letter_has_at_most_one_task_and_it_is_the_readers_own(outbox: FakeOutbox):
    for letter, composed in all_written(outbox):
        tokens = set(TASK.findall(composed.text))
        assert tokens == set(TASK.findall(composed.html))
        assert len(tokens) == 1 if letter.letter in OWES_A_TASK_LINK else len(tokens) <= 1
        for token in tokens:
            link = read_task_token(token)
            assert (link.number, link.party) == (letter.number, letter.to.removesuffix(":head"))
            duty = outbox.case(letter.number).assignment(link.assignment)
            assert duty is not None
            assert duty.party == link.party


def test_citizens_can_always_follow_and_departments_never_see_the_tracking_key(outbox: FakeOutbox):
    for letter, composed in all_written(outbox):
        assert ("/track/" in composed.text) == ("/track/" in composed.html) == (letter.letter in TO_CITIZEN)


def test_whoever_must_speak_with_the_citizen_knows_the_number_and_nobody_else(outbox: FakeOutbox):
    for letter, composed in all_written(outbox):
        if letter.number != NUMBER or letter.to == "citizen":
            continue
        duty = outbox.case().assignment(letter.assignment)
        may_know = duty is not None and duty.role in ("lead", "desk") and duty.party == letter.to
        assert (PHONE in composed.text) == (PHONE in composed.html) <= may_know
    assert PHONE in only(outbox, "lead_task").text


@pytest.mark.parametrize("shield", ["anonymous", "confidential"])
def test_no_department_learns_who_an_anonymous_or_confidential_citizen_is(shield: str):
    outbox = FakeOutbox()
    outbox.open(replace(FUMES, **{shield: True}))
    outbox.act("add_information", "citizen-1", text="补充")
    seen = [(letter, written(outbox, letter)) for letter in outbox.rows.values() if letter.to != "citizen"]
    assert len(seen) == 6
    for letter, composed in seen:
        shown = composed.subject + composed.text + composed.html + repr(values_of(outbox, letter))
        assert not any(secret in shown for secret in (NAME, PHONE, CITIZEN_MAIL))


def test_a_lead_task_says_what_when_where_and_why(outbox: FakeOutbox):
    text = only(outbox, "lead_task").text
    row = outbox.book.route(FUMES.category, "shinan").row
    clause = next(r for r in outbox.book.tables["catalogue"].rows if r.id == row)
    for part in (
        FUMES.subject, FUMES.description, "餐饮油烟", "市南区 香港中路 12 号", "普通", "市南区生态环境分局",
        "11月24日 周二 09:30", "12月14日 周一 09:30", clause.id, clause.cells["clause"], "协办单位",
    ):  # fmt: skip
        assert part in text


def test_subjects_tell_the_kind_of_task(outbox: FakeOutbox):
    assert only(outbox, "lead_task").subject == f"【民声】{NUMBER} 牵头任务：请签收并牵头办理"
    assert only(outbox, "partner_task").subject == f"【民声】{NUMBER} 协办任务：请提出办理意见"
    plain = next(row for row in outbox.letters_named("lead_task") if row.number != NUMBER)
    assert written(outbox, plain).subject == f"【民声】{plain.number} 主办任务：请签收并办理"
    assert {s.split(" ", 1)[1] for s in (written(outbox, r).subject for r in outbox.letters_named("desk_task"))} == {
        "值班任务：请答复或派单", "值班任务：请重新派单", "值班任务：请裁定主办单位",
    }  # fmt: skip


def test_the_reply_asks_two_questions_and_says_that_silence_is_silence(outbox: FakeOutbox):
    text = only(outbox, "reply").text
    for part in ("净化器已装", "问题解决了吗？", "1 至 5 分", "未表态"):
        assert part in text


def test_the_explanation_has_all_its_parts(outbox: FakeOutbox):
    planned = next(c for letter, c in all_written(outbox) if letter.letter == "explanation" and "中转站" in c.text).text
    found, plan = ("用地已经批准", "现有中转站已满负荷"), ("新建一座垃圾中转站", "综合行政执法局", "2027年6月30日")
    for part in (*found, *plan, "赵科长", "一次异议"):
        assert part in planned


def test_a_final_answer_cannot_be_contested_and_goes_to_the_head(outbox: FakeOutbox):
    final = next(c for letter, c in all_written(outbox) if letter.letter == "explanation" and "最终答复" in c.subject)
    assert "异议" not in final.text
    heads = [letter for letter in outbox.letters_named("explanation_task") if letter.to.endswith(":head")]
    assert [values_of(outbox, letter)["final"] for letter in heads] == [True]
    assert recipient(heads[0], Person(), outbox.book).startswith("head.")


def test_a_redo_shows_what_the_citizen_said(outbox: FakeOutbox):
    again = next(c for letter, c in all_written(outbox) if letter.letter == "lead_task" and "第 2 轮" in c.subject)
    for part in ("还是一样,没有人来。", "已经清运。", "1 分"):
        assert part in again.text


def test_cards_name_the_clock_the_date_and_the_responsible(outbox: FakeOutbox):
    for name in ("yellow_card", "red_card", "supervision", "leading_group", "accountability"):
        letter = outbox.letters_named(name)[0]
        composed = written(outbox, letter)
        assert "联合办理" in composed.text + composed.subject
        assert "2026年12月3日 周四 09:30" in composed.text
        assert "市南区" in composed.text
    assert "由您判断决定" in only(outbox, "accountability").text


def test_a_letter_that_leaves_late_tells_the_case_as_it_was(outbox: FakeOutbox):
    early = FakeOutbox()
    early.open()
    before = [written(early, letter) for letter in early.rows.values()]
    early.act("withdraw", "citizen-1")
    after = [written(early, letter) for letter in list(early.rows.values())[: len(before)]]
    assert [re.sub(TASK, "", c.text) for c in before] == [re.sub(TASK, "", c.text) for c in after]


def test_recipients(outbox: FakeOutbox):
    person = Person(email=CITIZEN_MAIL)
    task, receipt = outbox.letters_named("lead_task")[0], outbox.letters_named("receipt")[0]
    head = next(row for row in outbox.rows.values() if row.letter == "red_card" and row.to.endswith(":head"))
    assert recipient(receipt, person, outbox.book) == CITIZEN_MAIL
    assert recipient(receipt, Person(), outbox.book) == ""
    assert recipient(task, person, outbox.book) == "shinan-ecology@qingdao-gov.example"
    assert recipient(head, person, outbox.book) == "head.shinan-ecology@qingdao-gov.example"
    assert recipient_name(task, outbox.book, "zh_CN") == "市南区生态环境分局"
    assert recipient_name(receipt, outbox.book, "zh_CN") == ""


def test_an_address_that_names_its_district_is_not_told_twice():
    outbox = FakeOutbox()
    outbox.open(replace(GARBAGE, address="市南区香港中路"))
    assert values_of(outbox, outbox.letters_named("receipt")[0])["place"] == "市南区香港中路"


def test_a_letter_that_asks_for_what_nobody_gives_is_told(tmp_path, monkeypatch):
    letters = shutil.copytree(FOLDER, tmp_path / "templates" / "mail")
    (letters / "receipt" / "body.txt").write_text("{{ numbr }}\n{{ lead.nmae }}\n", "utf-8")
    (letters / "closed" / "subject.txt").write_text("{% if number %}", "utf-8")
    (letters / "reply" / "subject.txt").write_text("{{ number | shout }}", "utf-8")
    (letters / "reply" / "body.html").unlink()
    monkeypatch.setattr(fields, "FOLDER", letters)
    monkeypatch.setattr(fields, "TEMPLATES", tmp_path / "templates")
    asked = iter([("ladder.csv", 3, "letter", "yelow_card")])
    told = [str(fault) for fault in fields.letter_faults(asked)]
    assert [one.split(" ")[0] for one in told] == [
        "ladder.csv:3",
        "templates/mail/closed/subject.txt:1",
        "templates/mail/receipt/body.txt:1",
        "templates/mail/receipt/body.txt:2",
        "templates/mail/reply/body.html",
        "templates/mail/reply/subject.txt:1",
    ]
    wanted = (
        "did you mean yellow_card",
        "cannot be read",
        "'numbr'; did you mean number",
        "'lead.nmae'; did you mean name",
        "is missing",
        "No filter named 'shout'",
    )
    assert [words in one for words, one in zip(wanted, told, strict=True)] == [True] * 6


def test_the_check_knows_every_field_that_letters_are_given(outbox: FakeOutbox):
    given = {name for letter in outbox.rows.values() for name in values_of(outbox, letter)}
    assert given <= set(fields.FIELDS)
    assert list(fields.letter_faults(iter(()))) == []
