"""A run must not fail because a mail server is down, nor a mail be lost because a run failed: the outbox is carried out here."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from jinja2 import TemplateError

from infra.chance import jitter
from infra.ledger import Ledger, Letter
from infra.mail.letters import compose, message
from infra.mail.smtp import Mailer, MailFault, Refused, Unreachable
from infra.mail.values import recipient, values_for
from infra.moment import wall
from infra.settings import Settings

log = logging.getLogger("minsheng.mail")

HOLD = timedelta(seconds=60)
"""How long a claimed letter is ours; after a crash it is sent again with the same Message-ID."""
BREAK = timedelta(seconds=10)
"""After a failed connection nobody knocks again for this long."""
FIRST_RETRY, LONGEST_RETRY = 10.0, 300.0
GIVE_UP_AFTER = timedelta(days=5)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round did, in letters."""

    sent: int = 0
    put_off: int = 0
    given_up: int = 0

    def __add__(self, other: Delivered) -> Delivered:
        return Delivered(self.sent + other.sent, self.put_off + other.put_off, self.given_up + other.given_up)


class Courier:
    """Takes due letters out of the outbox and hands them to the mail server, each at least once."""

    def __init__(self, ledger: Ledger, mailer: Mailer, settings: Settings) -> None:
        self._ledger = ledger
        self._mailer = mailer
        self._settings = settings
        self._broken_until: datetime | None = None

    async def deliver(self, number: str | None = None, *, limit: int = 50) -> Delivered:
        """Send due letters (of one case); never raises because a mail server is away."""
        done = Delivered()
        if self._broken_until and wall() < self._broken_until:
            return done
        for letter in await self._ledger.outbox.claim(limit=limit, hold_for=HOLD, number=number):
            done += await self._carry(letter)
        return done

    async def _carry(self, letter: Letter) -> Delivered:
        outbox = self._ledger.outbox
        try:
            if self._broken_until and wall() < self._broken_until:
                raise Unreachable("the mail server did not answer a moment ago")
            await self._send(letter)
        except Refused as fault:
            await outbox.failed(letter.id, str(fault), retry_at=None)
            return Delivered(given_up=1)
        except TemplateError as fault:
            log.exception("letter %s of %s cannot be written", letter.letter, letter.number)
            await outbox.failed(letter.id, f"cannot be written: {fault}", retry_at=None)
            return Delivered(given_up=1)
        except MailFault as fault:
            if isinstance(fault, Unreachable):
                self._broken_until = wall() + BREAK
            await outbox.failed(letter.id, str(fault), retry_at=_retry_at(letter))
            return Delivered(put_off=1)
        self._broken_until = None
        await outbox.sent(letter.id)
        return Delivered(sent=1)

    async def _send(self, letter: Letter) -> None:
        ledger, number, locale = self._ledger, letter.number, self._settings.locale
        entries = await ledger.entries(number)
        case = await ledger.case(number)
        book = await ledger.shelf.version(case.rulebook)
        person = await ledger.person(number)
        to = recipient(letter, person, book)
        if not to:
            raise Refused("no mail address; the letter is shown on the tracking page")
        values = values_for(
            letter, case=case, complaint=await ledger.complaint(number), person=person, book=book, entries=entries, locale=locale
        )
        composed = compose(letter.letter, locale=locale, values=values)
        thread = f"{number}.{letter.to.replace(':', '.')}"
        await self._mailer.send(
            message(composed, sender=self._settings.mail_from, to=to, key=letter.key, thread=thread, number=number)
        )


def _retry_at(letter: Letter) -> datetime | None:
    """Back-off that doubles, with jitter; ``None`` when the letter has waited too long. Wall time."""
    seconds = min(FIRST_RETRY * 2 ** min(letter.attempts - 1, 10), LONGEST_RETRY)
    tries_in_all = GIVE_UP_AFTER.total_seconds() / LONGEST_RETRY
    return wall() + timedelta(seconds=jitter(seconds)) if letter.attempts < tries_in_all else None
