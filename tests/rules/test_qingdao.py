"""The rulebook of Qingdao: its departments, its catalogue and its deadlines say what domain.md and the notice say."""

from __future__ import annotations

import re
from datetime import date

import pytest

from rules.case import Complaint
from rules.rulebook import Rulebook

CLOCKS = ("dispatch", "ruling", "claim", "contact", "fix", "coordination", "contribution", "explanation", "whole_case")
OFFICES = {"desk", "supervision", "leading_group", "accountability"}
FIRST_LEVEL = """
城市管理 住房城建 市场管理 交通运输 生态环境 劳动社保 教育 医疗卫生
民政 农业农村 公共安全 科体文旅 水务 园林绿化 通信管理 退役军人
"""


def test_the_ten_districts(book: Rulebook):
    codes = "shinan shibei licang laoshan huangdao chengyang jimo jiaozhou pingdu laixi"
    assert " ".join(book.districts) == codes
    assert " ".join(d.short for d in book.districts.values()) == "市南 市北 李沧 崂山 黄岛 城阳 即墨 胶州 平度 莱西"


def test_at_least_forty_kinds_of_department(book: Rulebook):
    city = [d for d in book.departments.values() if d.district is None]
    kinds = {code.removeprefix(f"{d.district}-") for code, d in book.departments.items() if d.district}
    assert len(city) >= 40
    assert len(kinds) >= 14
    assert {d.office for d in city if d.office} == OFFICES


def test_every_district_has_the_same_units_and_some_streets(book: Rulebook):
    for district in book.districts:
        units = {c.removeprefix(f"{district}-") for c, d in book.departments.items() if d.district == district}
        assert {"government", "urban", "housing", "market", "education", "health", "ecology", "transport"} <= units
        assert {"human-resources", "civil-affairs", "agriculture", "police", "street"} <= units
        streets = [d for d in book.departments.values() if d.district == district and d.phone.startswith("0532-0200")]
        assert len(streets) >= 2


def test_all_people_and_addresses_are_invented_and_nobody_shares_one(book: Rulebook):
    departments = book.departments.values()
    mails = [mail for d in departments for mail in (d.mail, d.head.mail)]
    assert all(re.fullmatch(r"[a-z0-9.-]+@[a-z-]+\.example", mail) for mail in mails)
    assert len(set(mails)) == len(mails)
    assert all(d.phone.startswith("0532-0") for d in departments), "no Chinese number begins with a nought"
    assert len({d.phone for d in departments}) == len(departments)
    assert all(d.handler.name and d.head.name and d.handler.name != d.head.name for d in departments)
    for language in ("zh", "en"):
        assert len({d.name[language] for d in departments}) == len(departments)


def test_the_tree_covers_the_classes_of_a_hotline(book: Rulebook):
    nodes = book.categories.values()
    first = {node.label["zh"] for node in nodes if node.parent is None}
    assert set(FIRST_LEVEL.split()) <= first
    assert sum(node.leaf for node in nodes) >= 100
    assert {len(node.path) for node in nodes} == {1, 2, 3, 4}
    for node in nodes:
        assert node.path[-1] == node.code
        assert node.parent is None or (node.parent in book.categories and not book.categories[node.parent].leaf)
        assert node.valid_from is None or node.valid_from >= date(2020, 3, 5)
    for language in ("zh", "en"):
        assert len({node.label[language] for node in nodes}) == len(book.categories)


def test_nothing_is_ownerless_and_every_row_is_used(book: Rulebook):
    routes = {(c, d): book.route(c, d) for c in (None, *book.categories) for d in (None, *book.districts)}
    assert all(route.lead in book.departments for route in routes.values())
    assert all(route.lead not in route.partners for route in routes.values())
    assert {route.row for route in routes.values()} == {row.id for row in book.tables["catalogue"].rows}
    for (category, district), route in routes.items():
        place = book.department(route.lead).district
        assert place in (None, district), f"{category} in {district} went to {place}"


def test_most_matters_have_one_owner_and_some_need_several(book: Rulebook):
    leaves = [code for code, node in book.categories.items() if node.leaf]
    joint = [code for code in leaves if book.route(code, "shinan").partners]
    assert 10 <= len(joint) < len(leaves) / 4
    fumes = book.route("environment/air/fumes", "shinan")
    assert (fumes.lead, fumes.partners) == ("shinan-ecology", ("shinan-urban", "shinan-market"))


def test_the_backstop_is_the_district_and_else_the_desk(book: Rulebook):
    assert book.route(None, "pingdu").lead == "pingdu-government"
    assert book.route(None, None).lead == book.office("desk").code


DEADLINES = """
dispatch      30 min  0.5 wd  0.5 wd
ruling        2 h     1 wd    1 wd
claim         30 min  1 wd    1 wd
contact       2 h     1 wd    1 wd
return        2 h     1 wd    2 wd
fix           1 wd    5 wd    15 wd
contribution  1 wd    3 wd    5 wd
extension     None    10 wd   10 wd
explanation   1 wd    2 wd    2 wd
rating        7 d     7 d     7 d
whole_case    3 wd    15 wd   60 d
"""
"""domain.md, default deadlines: urgent, normal, complex."""


@pytest.mark.parametrize("line", DEADLINES.strip().splitlines(), ids=lambda line: line.split()[0])
def test_the_deadlines_of_the_domain(book: Rulebook, line: str):
    clock, *spans = re.split(r"\s{2,}", line.strip())
    assert [str(book.deadline("standard", clock, u).value) for u in ("urgent", "normal", "complex")] == spans


def test_how_often_a_case_may_be_extended(book: Rulebook):
    assert [book.extensions("standard", urgency) for urgency in ("urgent", "normal", "complex")] == [0, 1, 3]


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("urgency", ["urgent", "normal", "complex"])
def test_every_clock_climbs_the_whole_ladder_in_order_of_time(book: Rulebook, clock: str, urgency: str):
    rungs = book.ladder(clock, urgency)
    assert [r.name for r in rungs] == ["yellow_card", "red_card", "supervision", "leading_group", "accountability"]
    assert [r.to for r in rungs] == [
        ("handler",),
        ("handler", "head"),
        ("supervision",),
        ("leading_group",),
        ("accountability",),
    ]
    assert rungs[0].offset.amount < 0 == rungs[1].offset.amount


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("urgency", ["urgent", "normal", "complex"])
def test_the_warning_comes_after_the_clock_started(book: Rulebook, clock: str, urgency: str):
    span = book.deadline("standard", clock, urgency).value
    warning = book.ladder(clock, urgency)[0].offset
    minutes = {"min": 1, "h": 60, "wd": 7 * 60, "d": 24 * 60}
    assert span is not None
    assert span.amount * minutes[span.unit] > -warning.amount * minutes[warning.unit]


def test_the_ladder_of_a_missed_deadline(book: Rulebook):
    assert [str(r.offset) for r in book.ladder("fix", "normal")] == ["-1 wd", "0 h", "1 wd", "3 wd", "5 wd"]


def test_nobody_is_late_in_answering_the_callback(book: Rulebook):
    assert [book.ladder("rating", urgency) for urgency in ("urgent", "normal", "complex")] == [(), (), ()]


@pytest.mark.parametrize("answer", ["answered", "fixed", "planned", "refused"])
@pytest.mark.parametrize("solved", ["yes", "partly", "no"])
@pytest.mark.parametrize("satisfied", range(1, 6))
def test_a_bad_callback_asks_for_another_round(book: Rulebook, answer: str, solved: str, satisfied: int):
    bad = solved == "no" or (solved == "partly" and satisfied <= 2)
    expected = "redo" if bad and answer in ("answered", "fixed") else "accepted"
    decided = book.verdict(answer, solved, satisfied)
    assert decided.value == expected
    assert decided.row


@pytest.mark.parametrize(
    ("subject", "category", "urgency"),
    [
        ("半夜施工噪声", "environment/noise/construction", "normal"),
        ("楼下烧烤油烟", "environment/air/fumes", "normal"),
        ("小区暖气不热", "utilities/heating/cold", "normal"),
        ("整个小区暖气不热", "utilities/heating/cold", "urgent"),
        ("家里闻到煤气味", "utilities/gas/leak", "urgent"),
        ("小区突然停水", "utilities/water/cut", "urgent"),
        ("门口井盖丢失", "urban/facilities/manhole", "urgent"),
        ("路灯不亮", "urban/facilities/lights", "normal"),
        ("公司拖欠工资三个月", "labour/wages", "normal"),
        ("健身房跑路", "market/consumer/prepaid/fitness", "normal"),
        ("人行道违停", "urban/parking/illegal", "normal"),
        ("物业费涨价", "housing/property/fees", "normal"),
        ("逾期交房两年", "housing/sales/delivery", "complex"),
        ("医保报销太慢", "health/insurance/reimbursement", "normal"),
        ("公交车司机态度恶劣", "transport/bus/driver", "normal"),
        ("The street lights are broken", "urban/facilities/lights", "normal"),
        ("Unpaid wages since June", "labour/wages", "normal"),
        ("An industrial estate", None, "normal"),
        ("asdf qwer 123 啊啊啊", None, "normal"),
    ],
)
def test_common_matters_are_understood_and_gibberish_is_left_to_a_person(
    book: Rulebook, subject: str, category: str | None, urgency: str
):
    matter = Complaint(channel="web", subject=subject, description="")
    found = book.classify(matter)
    assert (found.value, book.urgency(matter, found.value).value) == (category, urgency)
    assert bool(found.row) == (category is not None)


def test_every_category_can_be_named_by_its_labels(book: Rulebook):
    for code, node in book.categories.items():
        for language in ("zh", "en"):
            assert book.find_category(" / ".join(book.categories[step].label[language] for step in node.path)) == code


def test_every_keyword_reaches_its_own_row(book: Rulebook):
    """A word that stands behind a broader one would be dead."""
    keywords = book.tables["keywords"]
    for row in keywords.rows[:-1]:
        for word in row.cells["text~"].split("、"):
            found = keywords.first(text=word.replace("+", " "))
            assert found is row, f"{word} of {row.id} goes to {found and found.id}"


def test_every_row_names_its_clause(book: Rulebook):
    silent = [(name, row.id) for name, table in book.tables.items() for row in table.rows if not row.cells["clause"]]
    assert silent == []


def test_the_year_without_a_notice_is_shown(book: Rulebook):
    assert not book.calendar.provisional(2026)
    assert book.calendar.provisional(2027)
