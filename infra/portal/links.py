"""A link in a letter is enough to act: opening it shows, only a press of a button acts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra import access
from infra.ledger import Ledger, Recorded, UnknownCase
from infra.moment import now
from infra.portal.metrics import count_refusal
from rules.case import Assignment, Case, Entry, Signal
from rules.refusals import Refusal
from rules.rulebook import Rulebook


class NoSuchLink(Exception):
    """The link is not ours, or belongs to nothing."""


class SpentLink(Exception):
    """The duty behind the link has ended, or the link is too old. ``opened`` tells of which case, if known."""

    def __init__(self, opened: Opened | None) -> None:
        super().__init__("spent")
        self.opened = opened


@dataclass(frozen=True, slots=True)
class Opened:
    """What stands behind a link."""

    token: str
    case: Case
    entries: Sequence[Entry]
    assignment: Assignment
    book: Rulebook

    def must_be_open(self) -> None:
        """Raises :class:`SpentLink` when the duty has ended."""
        if not self.assignment.is_open or self.case.is_closed:
            raise SpentLink(self)


async def open_link(ledger: Ledger, token: str) -> Opened:
    """Read a token. Raises :class:`NoSuchLink` and, for one that is too old, :class:`SpentLink`."""
    try:
        link = access.read_task_token(token)
        dossier = await ledger.dossier(link.number)
    except access.LinkExpired as fault:
        raise SpentLink(None) from fault
    except (access.LinkFault, UnknownCase, ValueError) as fault:
        raise NoSuchLink from fault
    case, assignment = dossier.case, dossier.case.assignment(link.assignment)
    if assignment is None or assignment.party != link.party:
        raise NoSuchLink
    return Opened(token, case, dossier.entries, assignment, await ledger.rulebook(case.rulebook))


async def carry_out(
    ledger: Ledger, opened: Opened, action: str, fields: Mapping[str, Any], *, key: str | None
) -> Recorded:
    """Store the signal and decide it. Raises ``Refusal``; the same ``key`` again changes nothing and succeeds."""
    own = opened.assignment
    signal = Signal(action, own.party, own.id, dict(fields))
    try:
        return await ledger.record(opened.case.number, signal, at=now(), key=f"{own.id}:{key}" if key else None)
    except Refusal as refusal:
        count_refusal(refusal)
        raise
