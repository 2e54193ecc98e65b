"""谁主管、谁负责;属地管理: by duty first, then by place, and somebody always owns it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rules.departments import Department, District, Person
from rules.routing import Places, owner, route, split
from rules.table_text import read_table

CATALOGUE = """id,category/,district,->lead,->partners,clause
行号,事项分类,区市,主办单位,协办单位,依据
fumes,air/fumes,,ecology@district,"urban@district、market@district,ecology@district",一家牵头、多方联治
south,air,south,special,,
air,air,,ecology@district,,属地管理
air-city,air,,ecology,,谁主管、谁负责
backstop-district,,,government@district,,
backstop-city,,,desk,,
"""
UNITS = ("ecology", "urban", "market", "government")


def department(code: str) -> Department:
    words = {"zh": code, "en": code}
    one = Person(name="某人")
    return Department(code=code, name=words, mail=f"{code}@city.example", phone="0", handler=one, head=one)


CODES = [*(f"{place}-{unit}" for place in ("north", "south") for unit in UNITS), "ecology", "special", "desk"]
DEPARTMENTS = {code: department(code) for code in CODES}
TABLE = read_table(CATALOGUE, "catalogue.csv", collect=True)


@pytest.mark.parametrize(
    ("category", "district", "lead", "row"),
    [
        ("air/fumes", "north", "north-ecology", "fumes"),
        ("air/dust", "north", "north-ecology", "air"),
        ("air/dust", "south", "special", "south"),
        ("air/dust", None, "ecology", "air-city"),
        ("air/fumes", None, "ecology", "air-city"),
        ("air", "atlantis", "ecology", "air-city"),
        ("water", "north", "north-government", "backstop-district"),
        ("water", None, "desk", "backstop-city"),
        (None, "south", "south-government", "backstop-district"),
        (None, None, "desk", "backstop-city"),
    ],
)
def test_duty_comes_before_place_and_the_backstop_last(category: str, district: str, lead: str, row: str):
    found = route(TABLE, DEPARTMENTS, category, district)
    assert (found.lead, found.row) == (lead, row)


def test_partners_are_named_once_and_never_include_the_lead():
    assert route(TABLE, DEPARTMENTS, "air/fumes", "north").partners == ("north-urban", "north-market")


@given(some.text(max_size=20), some.text(max_size=20))
def test_nothing_is_ownerless(category: str, district: str):
    assert route(TABLE, DEPARTMENTS, category, district).lead in DEPARTMENTS


def test_a_unit_of_a_place_needs_the_place():
    assert owner("ecology@district", DEPARTMENTS, "north") == "north-ecology"
    assert owner("ecology@district", DEPARTMENTS, None) is None
    assert owner("nobody", DEPARTMENTS, "north") is None


def test_codes_may_be_separated_as_the_keyboard_gives_it():
    assert split(" a, b、c，d ,") == ["a", "b", "c", "d"]
    assert split("") == []


def district(code: str, zh: str, short: str, *not_in: str, names: tuple[str, ...] = ()) -> District:
    english = code.title()
    return District(code=code, name={"zh": zh, "en": f"{english} District"}, short=short, names=names, not_in=not_in)


PLACES = Places(
    [
        district("shinan", "市南区", "市南", "青岛市南", "城市南", names=("Shinan",)),
        district("shibei", "市北区", "市北", names=("Shibei",)),
        district("jiaozhou", "胶州市", "胶州", "胶州湾", names=("Jiaozhou",)),
        district("huangdao", "黄岛区", "黄岛", names=("西海岸新区", "西海岸")),
    ]
)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("青岛市市南区香港中路1号", "shinan"),
        ("青岛市南区香港中路1号", "shinan"),
        ("市南香港中路", "shinan"),
        ("青岛市南京路100号", None),
        ("城市南部", None),
        ("市北区胶州路12号", "shibei"),
        ("胶州路12号", None),
        ("家在胶州", "jiaozhou"),
        ("胶州市市北街", "jiaozhou"),
        ("胶州湾大桥", None),
        ("青岛西海岸新区长江路", "huangdao"),
        ("黄岛街道", "huangdao"),
        ("Jiaozhou Road 3, Shibei", "shibei"),
        ("JIAOZHOU, Nanguan", "jiaozhou"),
        ("在Shinan住", "shinan"),
        ("Shinanese food", None),
        ("从市北区到市南区", "shibei"),
        ("", None),
    ],
)
def test_the_district_is_read_from_an_address(address: str, code: str | None):
    assert PLACES.find(address) == code


@pytest.mark.parametrize("text", ["shinan", "市南区", "市南", " Shinan ", "SHINAN DISTRICT"])
def test_a_district_is_known_by_each_of_its_names(text: str):
    assert PLACES.named(text) == "shinan"


def test_no_districts_are_no_harm():
    assert Places([]).find("市南区") is None
    assert Places([]).named("市南区") is None
