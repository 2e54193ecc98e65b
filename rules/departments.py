"""谁主管、谁负责;属地管理: who can own a case, where, and the tree of what people complain about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from rules.faults import Fault, line_of
from rules.records import read_record, whole

SEPARATOR = "/"
"""Between the levels of a category code: ``environment/noise/construction``."""

Text = Annotated[str, Field(min_length=1)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Mail = Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$")]
Domain = Annotated[str, Field(pattern=r"^[^\s@]+$")]

LANGUAGES = ("zh", "en")


def _in_both(words: Mapping[str, str]) -> Mapping[str, str]:
    if sorted(words) != sorted(LANGUAGES):
        raise ValueError("has to be given in zh and en, and in nothing else")
    return words


Words = Annotated[Mapping[str, Text], AfterValidator(_in_both)]
"""A label in the languages of the city: ``name["zh"]``."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(_Record):
    """A named person; ``mail`` is empty when the office's mailbox is used."""

    name: Text
    mail: str = ""


class Department(_Record):
    """An office that can own a case. ``office`` marks the ones the process itself needs (desk, supervision …)."""

    code: Code
    name: Words
    mail: Mail
    phone: Text
    handler: Person
    head: Person
    district: str | None = None
    office: str | None = None


class District(_Record):
    """属地: one of the city's districts. ``names`` are used for it besides its own, ``not_in`` are texts in which its
    short form means something else."""

    code: Code
    name: Words
    short: Text
    names: Sequence[Text] = ()
    not_in: Sequence[Text] = ()


class Category(_Record):
    """事项分类: a node of the N-level tree; ``code`` is its path."""

    code: str
    label: Words
    leaf: bool
    valid_from: date
    valid_to: date | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """Codes from the root down to this node."""
        steps = self.code.split(SEPARATOR)
        return tuple(SEPARATOR.join(steps[: n + 1]) for n in range(len(steps)))

    @property
    def parent(self) -> str | None:
        return self.code.rpartition(SEPARATOR)[0] or None


class _CityDepartment(_Record):
    """A department of the city as the file writes it: addresses follow from the code, unless one is given."""

    code: Code
    name: Words
    phone: Text
    handler: Text
    head: Text
    mail: Mail | None = None
    office: str | None = None


def _fills(text: str) -> str:
    try:
        text.format(district="", nth=0)
    except (KeyError, IndexError, ValueError, AttributeError):
        raise ValueError(f"'{text}' cannot be filled in; only {{district}} and {{nth}} may be in brackets") from None
    return text


Pattern = Annotated[Text, AfterValidator(_fills)]


class _Unit(_Record):
    """A kind of department that every district has; ``{district}`` and ``{nth}`` stand for the district."""

    unit: Code
    name: Annotated[Mapping[str, Pattern], AfterValidator(_in_both)]
    phone: Pattern
    handlers: Annotated[Sequence[Text], Field(min_length=1)]
    heads: Annotated[Sequence[Text], Field(min_length=1)]


class _Departments(_Record):
    mail_domain: Domain
    city: Annotated[Sequence[_CityDepartment], Field(min_length=1)]
    district_units: Sequence[_Unit]
    streets: Mapping[str, Sequence[_CityDepartment]] = {}


class _Node(_Record):
    zh: Text
    en: Text
    below: Mapping[Code, _Node] = {}
    valid_from: date | None = None
    valid_to: date | None = None


class _Tree(_Record):
    valid_from: date
    categories: Annotated[Mapping[Code, _Node], Field(min_length=1)]


class _Districts(_Record):
    districts: Annotated[Sequence[District], Field(min_length=1)]


def read_districts(text: str, file: str) -> dict[str, District]:
    """Code -> district. Raises :class:`RulebookFaults`."""
    written, faults = read_record(_Districts, text, file)
    return whole(_by_code(written.districts), [*faults, *_twice(written.districts, text, file)])


def read_departments(text: str, file: str, districts: Mapping[str, District]) -> dict[str, Department]:
    """Code -> department; what every district has is written once and named ``<district>-<unit>``."""
    written, faults = read_record(_Departments, text, file)
    city = [_department(d, d.code, written.mail_domain) for d in written.city]
    units = [_of_district(u, d, n, written) for n, d in enumerate(districts.values()) for u in written.district_units]
    streets = [
        _department(street, f"{district}-{street.code}", written.mail_domain, district=district)
        for district, several in written.streets.items()
        for street in several
    ]
    everybody = [*city, *units, *streets]
    return whole(_by_code(everybody), [*faults, *_twice(everybody, text, file)])


def _department(written: _CityDepartment, code: str, domain: str, district: str | None = None) -> Department:
    return Department(
        code=code,
        name=written.name,
        mail=written.mail or f"{code}@{domain}",
        phone=written.phone,
        handler=Person(name=written.handler),
        head=Person(name=written.head, mail=f"head.{code}@{domain}"),
        district=district,
        office=written.office,
    )


def _of_district(unit: _Unit, district: District, nth: int, written: _Departments) -> Department:
    """The unit in the ``nth`` district; its people are taken from the unit's names in turn."""
    filled = _CityDepartment(
        code=unit.unit,
        name={lang: unit.name[lang].format(district=district.name[lang], nth=nth + 1) for lang in LANGUAGES},
        phone=unit.phone.format(district=district.short, nth=nth + 1),
        handler=unit.handlers[nth % len(unit.handlers)],
        head=unit.heads[nth % len(unit.heads)],
    )
    return _department(filled, f"{district.code}-{unit.unit}", written.mail_domain, district.code)


def read_categories(text: str, file: str) -> dict[str, Category]:
    """Code -> node of the tree, parents before children. Raises :class:`RulebookFaults`."""
    tree, faults = read_record(_Tree, text, file)
    found = {c.code: c for c in _nodes(tree.categories, "", tree.valid_from)}
    for node in found.values():
        if node.valid_to and node.valid_to < node.valid_from:
            path = f"categories.{node.code.replace(SEPARATOR, '.below.')}.valid_to"
            message = f"the category ends on {node.valid_to}, before it begins on {node.valid_from}"
            faults.append(Fault(file, line_of(text, tuple(path.split("."))), path, message))
    return whole(found, faults)


def _nodes(below: Mapping[str, _Node], above: str, since: date) -> Iterator[Category]:
    for step, node in below.items():
        code = f"{above}{SEPARATOR}{step}" if above else step
        begins = node.valid_from or since
        yield Category(
            code=code,
            label={"zh": node.zh, "en": node.en},
            leaf=not node.below,
            valid_from=begins,
            valid_to=node.valid_to,
        )
        yield from _nodes(node.below, code, begins)


def _by_code(records: Sequence[Any]) -> dict[str, Any]:
    return {record.code: record for record in records}


def _twice(records: Sequence[Any], text: str, file: str) -> Iterator[Fault]:
    """Codes that two records have; one fault for a unit, however many districts there are."""
    codes = [record.code for record in records]
    told: set[str] = set()
    for record in records:
        code = record.code.removeprefix(f"{getattr(record, 'district', None)}-")
        if codes.count(record.code) > 1 and code not in told:
            told.add(code)
            lines = [n for n, line in enumerate(text.splitlines(), 1) if re.search(rf"(code|unit): *{code}\b", line)]
            yield Fault(file, lines[-1] if lines else 0, "code", f"'{code}' is the code of two; give each its own")
