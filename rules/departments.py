"""谁主管、谁负责;属地管理: who answers for what and where, and the tree of what people complain about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from rules.faults import Fault, RulebookFaults, line_of, read_yaml

R = TypeVar("R", bound="_Record")

SEPARATOR = "/"
"""Between the levels of a category code: ``environment/noise/construction``."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(_Record):
    """A named person; ``mail`` is empty when the office's mailbox is used."""

    name: str
    mail: str = ""


class Department(_Record):
    """An office that can own a case. ``office`` marks the ones the process itself needs (desk, supervision …)."""

    code: str
    name: Mapping[str, str]
    mail: str
    phone: str
    handler: Person
    head: Person
    district: str | None = None
    office: str | None = None


class District(_Record):
    """属地: one of the city's districts, with the words people use for it."""

    code: str
    name: Mapping[str, str]
    words: Sequence[str]


class Category(_Record):
    """A node of the N-level tree; ``code`` is its path."""

    code: str
    label: Mapping[str, str]
    leaf: bool
    valid_from: date
    valid_to: date | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """Codes from the root down to this node."""
        steps = self.code.split(SEPARATOR)
        return tuple(SEPARATOR.join(steps[: n + 1]) for n in range(len(steps)))


class _Unit(_Record):
    """A kind of department that every district has."""

    unit: str
    name: Mapping[str, str]
    phone: str
    handlers: Sequence[str]
    heads: Sequence[str]


class _Files(_Record):
    mail_domain: str
    city: Sequence[Mapping[str, Any]]
    district_units: Sequence[_Unit]


def read_districts(text: str, file: str) -> dict[str, District]:
    """Code -> district. Raises :class:`RulebookFaults`."""
    return {d.code: d for d in _records(District, read_yaml(text, file), text, file)}


def read_departments(text: str, file: str, districts: Mapping[str, District]) -> dict[str, Department]:
    """Code -> department; the kinds that every district has are written once and named ``<district>-<unit>``."""
    data = read_yaml(text, file)
    try:
        files = _Files.model_validate(data)
    except ValidationError as wrong:
        raise RulebookFaults(list(_faults(wrong, text, file))) from None
    city = [_with_mail(d, files.mail_domain) for d in files.city]
    units = [_expand(u, d, n, files.mail_domain) for n, d in enumerate(districts.values()) for u in files.district_units]
    return {d.code: d for d in _records(Department, city, text, file, under=("city",))} | {d.code: d for d in units}


def _with_mail(department: Mapping[str, Any], domain: str) -> dict[str, Any]:
    """Addresses follow from the code, unless the file gives one."""
    code = department.get("code", "")
    handler, head = ({"name": department.get(who, "")} for who in ("handler", "head"))
    head["mail"] = f"head.{code}@{domain}"
    return {"mail": f"{code}@{domain}", **department, "handler": handler, "head": head}


def _expand(unit: _Unit, district: District, nth: int, domain: str) -> Department:
    code = f"{district.code}-{unit.unit}"
    name = {lang: text.format(district=district.name[lang]) for lang, text in unit.name.items()}
    handler, head = (names[nth % len(names)] for names in (unit.handlers, unit.heads))
    return Department(
        code=code,
        name=name,
        mail=f"{code}@{domain}",
        phone=unit.phone.format(nth=nth + 1),
        handler=Person(name=handler),
        head=Person(name=head, mail=f"head.{code}@{domain}"),
        district=district.code,
    )


def read_categories(text: str, file: str) -> dict[str, Category]:
    """Code -> node of the tree, parents before children. Raises :class:`RulebookFaults`."""
    tree = read_yaml(text, file)
    try:
        return {c.code: c for c in _nodes(tree["categories"], "", date.fromisoformat(str(tree["valid_from"])))}
    except (KeyError, TypeError, ValueError) as wrong:
        message = f"needs 'valid_from' and a tree 'categories' of {{code: {{zh, en, below?}}}}: {wrong}"
        raise RulebookFaults([Fault(file, 1, "", message)]) from None


def _nodes(tree: Mapping[str, Any], above: str, since: date) -> Iterator[Category]:
    for step, node in tree.items():
        code = f"{above}{SEPARATOR}{step}" if above else step
        below = node.get("below", {})
        begins = node.get("valid_from", since)
        yield Category(
            code=code,
            label={"zh": node["zh"], "en": node["en"]},
            leaf=not below,
            valid_from=begins,
            valid_to=node.get("valid_to"),
        )
        yield from _nodes(below, code, begins)


def _records(kind: type[R], data: Any, text: str, file: str, under: tuple[str, ...] = ()) -> list[R]:
    """Every record of a list; all faults of the list at once."""
    faults: list[Fault] = []
    records: list[R] = []
    for n, item in enumerate(data if isinstance(data, list) else []):
        try:
            records.append(kind.model_validate(item))
        except ValidationError as wrong:
            faults.extend(_faults(wrong, text, file, (*under, n)))
    if not isinstance(data, list):
        faults.append(Fault(file, 1, "", "has to be a list"))
    if faults:
        raise RulebookFaults(faults)
    return records


def _faults(wrong: ValidationError, text: str, file: str, under: tuple[str | int, ...] = ()) -> Iterator[Fault]:
    for error in wrong.errors():
        path = (*under, *error["loc"])
        yield Fault(file, line_of(text, path), ".".join(map(str, path)), error["msg"])
