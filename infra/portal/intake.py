"""有意见随时提、有想法尽管讲、有不满大胆说: every channel is open; what is wrong is said field by field."""

from __future__ import annotations

import re
import unicodedata
from difflib import get_close_matches
from email.errors import HeaderParseError
from email.headerregistry import Address
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from infra.ledger import Person
from infra.moment import now
from rules.case import TYPES, Complaint
from rules.rulebook import Rulebook

NEWLINES = "\n\r\t"
PLAIN_ADDRESS = re.compile(r"[\w+-]+(\.[\w+-]+)*@[a-z0-9-]+(\.[a-z0-9-]+)+", re.ASCII | re.IGNORECASE)
"""Nearly all addresses are so; the library's grammar, for the others, takes fifty times as long."""


class FieldFault(Exception):
    """A field has a value that the city does not know; ``field`` and the text say which and what would fit."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


def _storable(text: str) -> str:
    if not text.isprintable() and any(unicodedata.category(c) in ("Cs", "Cc") and c not in NEWLINES for c in text):
        raise ValueError("contains characters that cannot be stored")
    return text.strip()


def _told(text: str) -> str:
    if not (kept := _storable(text)):
        raise ValueError("must not be empty")
    return kept


def _mail_address(text: str) -> str:
    """An address that a mail server can be given; whether it exists, only a letter shows."""
    if PLAIN_ADDRESS.fullmatch(text):
        return text
    try:
        parsed = Address(addr_spec=_storable(text))
    except (HeaderParseError, ValueError, IndexError):
        raise ValueError("is not a mail address") from None
    if not parsed.domain or "." not in parsed.domain or not parsed.addr_spec.isascii():
        raise ValueError("is not a mail address")
    return parsed.addr_spec


Line = Annotated[str, Field(max_length=200), AfterValidator(_storable)]


class Submission(BaseModel):
    """What somebody tells the city, as JSON or from the form; unknown fields are refused so that nothing is lost."""

    model_config = ConfigDict(extra="forbid", strict=True)

    channel: str = Field(max_length=40, description="Where it came in, a code of /api/v1/catalogue")
    subject: Annotated[str, Field(max_length=200), AfterValidator(_told)]
    description: Annotated[str, Field(max_length=10_000), AfterValidator(_told)]
    type: str = Field("complaint", max_length=40, description=f"One of {', '.join(TYPES)}")
    category: Line | None = Field(None, description="Code or name of a category; left out, the city sorts it")
    district: Line | None = Field(None, description="Code or name of a district; left out, the address tells")
    address: Line | None = None
    lat: float | None = Field(None, ge=-90, le=90)
    long: float | None = Field(None, ge=-180, le=180)
    name: Line | None = None
    phone: Annotated[str, Field(max_length=40), AfterValidator(_storable)] | None = None
    email: Annotated[str, Field(max_length=200), AfterValidator(_mail_address)] | None = None
    anonymous: bool = False
    confidential: bool = False

    def complaint(self, book: Rulebook) -> Complaint:
        """The matter in the city's own codes. Raises :class:`FieldFault` for a code or name nobody knows."""
        if self.channel not in book.channels():
            raise _unknown("channel", self.channel, list(book.channels()))
        if self.type not in TYPES:
            raise _unknown("type", self.type, list(TYPES))
        category = book.find_category(self.category, now()) if self.category else None
        if self.category and category is None:
            if book.find_category(self.category):
                raise FieldFault(
                    "category", f"'{self.category}' takes no new complaints; leave it out, or choose another"
                )
            raise _unknown("category", self.category, [n for c in book.categories.values() for n in c.label.values()])
        district = book.find_district(self.district) if self.district else None
        if self.district and district is None:
            raise _unknown("district", self.district, [n for d in book.districts.values() for n in d.name.values()])
        return Complaint(
            channel=self.channel, subject=self.subject, description=self.description, type=self.type,
            category=category, district=district, address=self.address or "", lat=self.lat, long=self.long,
            anonymous=self.anonymous, confidential=self.confidential,
        )  # fmt: skip

    def person(self) -> Person:
        """The complainant; somebody anonymous leaves no name, but may leave an address for answers."""
        name = "" if self.anonymous else self.name or ""
        return Person(name=name, phone="" if self.anonymous else self.phone or "", email=self.email or "")


def _unknown(field: str, value: str, known: list[str]) -> FieldFault:
    near = get_close_matches(value, known, 3, cutoff=0.4)
    hint = f"; did you mean {' or '.join(near)}?" if near else "; /api/v1/catalogue lists what is known"
    return FieldFault(field, f"'{value}' is not known{hint}")
