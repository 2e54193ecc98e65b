"""谁主管、谁负责;属地管理: who can own a case, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from rules.faults import Fault
from rules.records import read_record, whole
from rules.said import said
from rules.tenure import Dated, Person, Term, Terms, Text, in_office
from rules.tenure import Record as _Record

BY_PLACE = "@district"
"""``unit@district`` means the unit of the district in question."""
SEPARATOR = "/"
"""Between the levels of a category code: ``environment/noise/construction``."""

Code = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Mail = Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$")]
Domain = Annotated[str, Field(pattern=r"^[^\s@]+$")]

LANGUAGES = ("zh", "en")


def _in_both(words: Mapping[str, str]) -> Mapping[str, str]:
    if sorted(words) != sorted(LANGUAGES):
        raise ValueError(said("has to be given in zh and en, and in nothing else"))
    return words


Words = Annotated[Mapping[str, Text], AfterValidator(_in_both)]
"""A label in the languages of the city: ``name["zh"]``."""


class Department(Dated):
    """An office that can own a case. ``office`` marks the ones the process itself needs (desk, supervision …).

    ``handlers`` and ``heads`` are those of several terms, when there are; ``handler`` and ``head`` the last ones.
    """

    code: Code
    name: Words
    mail: Mail
    phone: Text
    handler: Person
    head: Person
    handlers: Sequence[Person] = ()
    heads: Sequence[Person] = ()
    district: str | None = None
    office: str | None = None
    above: str | None = None
    """The department that looks again at what this one decided."""

    def on(self, day: date) -> Department:
        """The department with whoever is in office on a day."""
        terms = {"handler": self.handlers, "head": self.heads}
        people = {role: in_office(several, day) for role, several in terms.items() if several}
        return self.model_copy(update=people) if people else self


class District(_Record):
    """属地: one of the city's districts. ``names`` are used for it besides its own, ``not_in`` are texts in which its
    short form means something else."""

    code: Code
    name: Words
    short: Text
    names: Sequence[Text] = ()
    not_in: Sequence[Text] = ()


class _CityDepartment(Dated):
    """A department of the city as the file writes it: addresses follow from the code, unless one is given."""

    code: Code
    name: Words
    phone: Text
    handler: Terms
    head: Terms
    mail: Mail | None = None
    office: str | None = None
    above: str | None = None


def _fills(text: str) -> str:
    try:
        text.format(district="", nth=0)
    except (KeyError, IndexError, ValueError, AttributeError):
        wrong = said("'%(text)s' cannot be filled in; only {district} and {nth} may be in brackets", text=text)
        raise ValueError(wrong) from None
    return text


Pattern = Annotated[Text, AfterValidator(_fills)]


class _Unit(Dated):
    """A kind of department that every district has; ``{district}`` and ``{nth}`` stand for the district."""

    unit: Code
    name: Annotated[Mapping[str, Pattern], AfterValidator(_in_both)]
    phone: Pattern
    handlers: Annotated[Sequence[Text], Field(min_length=1)]
    heads: Annotated[Sequence[Text], Field(min_length=1)]
    above: str | None = None


class _Above(_Record):
    """Who is above a department that does not say so itself; ``unit@district`` is the unit of its own district."""

    city: str | None = None
    district: str | None = None


class _Departments(_Record):
    mail_domain: Domain
    above: _Above = _Above()
    city: Annotated[Sequence[_CityDepartment], Field(min_length=1)]
    district_units: Sequence[_Unit]
    streets: Mapping[str, Sequence[_CityDepartment]] = {}


class _Districts(_Record):
    districts: Annotated[Sequence[District], Field(min_length=1)]


def read_districts(text: str, file: str) -> dict[str, District]:
    """Code -> district. Raises :class:`RulebookFaults`."""
    written, faults = read_record(_Districts, text, file)
    return whole(_by_code(written.districts), [*faults, *_twice(written.districts, text, file)])


def read_departments(text: str, file: str, districts: Mapping[str, District]) -> dict[str, Department]:
    """Code -> department; what every district has is written once and named ``<district>-<unit>``."""
    written, faults = read_record(_Departments, text, file)
    city = [_department(d, d.code, written) for d in written.city]
    units = [_of_district(u, d, n, written) for n, d in enumerate(districts.values()) for u in written.district_units]
    streets = [
        _department(street, f"{district}-{street.code}", written, district=district)
        for district, several in written.streets.items()
        for street in several
    ]
    everybody = [*city, *units, *streets]
    return whole(_by_code(everybody), [*faults, *_twice(everybody, text, file)])


def _department(written: _CityDepartment, code: str, file: _Departments, district: str | None = None) -> Department:
    domain, usual = file.mail_domain, file.above.district if district else file.above.city
    above = _placed(written.above or usual, district)
    return Department(
        code=code,
        name=written.name,
        mail=written.mail or f"{code}@{domain}",
        phone=written.phone,
        **_people("handler", written.handler),
        **_people("head", written.head, mail=f"head.{code}@{domain}"),
        district=district,
        office=written.office,
        valid_from=written.valid_from,
        valid_until=written.valid_until,
        merged_into=_placed(written.merged_into, district),
        above=above if above != code else None,
    )


def _people(role: str, terms: Sequence[Term], mail: str = "") -> dict[str, Any]:
    people = [Person(**term.model_dump(), mail=mail) for term in terms]
    return {role: people[-1], f"{role}s": people if len(people) > 1 else ()}


def _placed(name: str | None, district: str | None) -> str | None:
    """A code; ``unit@district`` is the unit of the same district."""
    return f"{district}-{name.removesuffix(BY_PLACE)}" if name and name.endswith(BY_PLACE) else name


def _of_district(unit: _Unit, district: District, nth: int, written: _Departments) -> Department:
    """The unit in the ``nth`` district; its people are taken from the unit's names in turn."""
    filled = _CityDepartment(
        code=unit.unit,
        name={lang: unit.name[lang].format(district=district.name[lang], nth=nth + 1) for lang in LANGUAGES},
        phone=unit.phone.format(district=district.short, nth=nth + 1),
        handler=[Term(name=unit.handlers[nth % len(unit.handlers)])],
        head=[Term(name=unit.heads[nth % len(unit.heads)])],
        above=unit.above,
        **{name: getattr(unit, name) for name in Dated.model_fields},
    )
    return _department(filled, f"{district.code}-{unit.unit}", written, district.code)


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
            message = said("'%(code)s' is the code of two; give each its own", code=code)
            yield Fault(file, lines[-1] if lines else 0, "code", message)
