"""待发: no run fails because a mail server is down, and no letter is lost because a run failed."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import Message

from jinja2 import TemplateError

from infra.chance import jitter
from infra.ledger import Ledger, Letter, UnknownCase
from infra.mail.letters import compose
from infra.mail.message import Envelope, message, thread_root
from infra.mail.smtp import LETTER_SECONDS, Mailer, Refused, TooLate, TryLater, Unreachable
from infra.mail.values import recipient, recipient_name, rulebook_of, values_for
from infra.moment import wall
from infra.settings import Settings
from infra.tracing import span

log = logging.getLogger("minsheng.mail")

HOLD = timedelta(seconds=60)
"""How long a claimed letter is ours (wall time); after a crash it is sent again with the same Message-ID."""
ROUND = 45.0
"""Seconds for which letters are taken from the outbox; the next pulse goes on."""
BREAK = timedelta(seconds=15)
"""After a failed connection nobody knocks again for this long (wall time)."""
FIRST_RETRY, LONGEST_RETRY = 15.0, 900.0
"""Seconds; the pause doubles from the first to the longest."""
BRISK_RETRY, BRISK_ATTEMPTS = 60.0, 60
"""While nobody answers at all, the first hour's pauses are shorter: a letter follows within a minute of the return."""
GIVE_UP_AFTER = timedelta(days=5)
ATTEMPTS = int(GIVE_UP_AFTER.total_seconds() / LONGEST_RETRY)
"""So many attempts fill :data:`GIVE_UP_AFTER`."""
NO_ADDRESS = "no mail address was left; the letter can be read on the tracking page"
_UNWRITABLE = (TemplateError, LookupError, ValueError, TypeError, AttributeError, UnknownCase)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one round did, in letters."""

    sent: int = 0
    retried: int = 0
    given_up: int = 0

    def __add__(self, other: Delivered) -> Delivered:
        return Delivered(self.sent + other.sent, self.retried + other.retried, self.given_up + other.given_up)


class Unwritable(Exception):
    """The letter cannot be written; a person has to look at it."""


class Courier:
    """Takes due letters out of the outbox and hands them to the mail server, each at least once.

    Several couriers may work on one ledger. Belongs to the event loop of its ledger and mailer.
    """

    def __init__(self, ledger: Ledger, mailer: Mailer, settings: Settings) -> None:
        self._ledger = ledger
        self._mailer = mailer
        self._settings = settings
        self._broken_until: datetime | None = None

    @property
    def is_broken(self) -> bool:
        """Whether the mail server was away a moment ago, so that nobody knocks."""
        return self._broken_until is not None and timedelta(0) < self._broken_until - wall() <= BREAK

    async def deliver(self, number: str | None = None) -> Delivered:
        """Send due letters (of one case), as many as :data:`ROUND` has room for; never raises because a mail server is
        away or a letter is broken."""
        done, loop = Delivered(), asyncio.get_running_loop()
        until = loop.time() + ROUND
        while loop.time() < until and not self.is_broken:
            # few at a time: a letter is not held longer than it takes, and little is put off when the server goes away
            claimed = await self._ledger.claim_letters(limit=self._mailer.size, hold_for=HOLD, number=number)
            for one in await asyncio.gather(*(self.carry(letters) for letters in _by_case(claimed))):
                done += one
            if len(claimed) < self._mailer.size:
                break
        return done

    async def carry(self, letters: Sequence[Letter]) -> Delivered:
        """Send letters of one case that the caller holds, one after the other: nobody is warned of a task before it was
        given. What cannot be begun early enough to end while it is held is left in the outbox. Never raises because a
        mail server is away or a letter is broken."""
        done = Delivered()
        begin_by = asyncio.get_running_loop().time() + HOLD.total_seconds() - LETTER_SECONDS
        try:
            for letter in letters:
                with span(f"letter {letter.letter}", letter.number):
                    done += await self._carry(letter, begin_by)
        except TooLate as late:
            log.info("letters of %s stay in the outbox for now: %s", letters[0].number, late)
        return done

    async def close(self) -> None:
        await self._mailer.close()

    async def _carry(self, letter: Letter, begin_by: float) -> Delivered:
        """Raises :class:`TooLate`."""
        if self.is_broken:
            return await self._put_off(letter, Unreachable("the mail server was away a moment ago"))
        try:
            await self._mailer.send(await self._write(letter), begin_by=begin_by)
        except (Refused, Unwritable) as fault:
            log.warning("letter %s of %s is given up: %s", letter.letter, letter.number, fault)
            await self._ledger.letter_failed(letter, str(fault), retry_at=None)
            return Delivered(given_up=1)
        except TryLater as fault:
            if isinstance(fault, Unreachable):
                self._broken_until = wall() + BREAK
            return await self._put_off(letter, fault)
        self._broken_until = None
        await self._ledger.letter_sent(letter)
        return Delivered(sent=1)

    async def _put_off(self, letter: Letter, fault: TryLater) -> Delivered:
        retry_at = next_attempt(letter.attempts, away=isinstance(fault, Unreachable))
        log.info("letter %s of %s waits until %s: %s", letter.letter, letter.number, retry_at, fault)
        await self._ledger.letter_failed(letter, str(fault), retry_at=retry_at)
        return Delivered(retried=1) if retry_at else Delivered(given_up=1)

    async def _write(self, letter: Letter) -> Message:
        """The mail of ``letter``. Raises :class:`Unwritable` with the reason; the ledger's own failures pass."""
        ledger, number = self._ledger, letter.number
        try:
            entries = (await ledger.as_left(number, seq=letter.seq)).entries
            complaint, person = await ledger.told(number)
            book = await ledger.rulebook(rulebook_of(letter, entries))
            if not (to := recipient(letter, person, book)):
                raise Unwritable(NO_ADDRESS)
            locale, sender = self._settings.locale, self._settings.mail_from
            values = values_for(letter, complaint=complaint, person=person, book=book, entries=entries, locale=locale)
            composed = compose(letter.letter, locale=locale, values=values)
            name, desk = recipient_name(letter, book, locale), book.office("desk").mail
            envelope = Envelope(sender=sender, to=to, to_name=name, reply_to=desk)
            return message(composed, letter, envelope, root=thread_root(letter, entries, sender))
        except _UNWRITABLE as fault:
            raise Unwritable(f"cannot be written: {type(fault).__name__}: {fault}") from fault


def _by_case(letters: list[Letter]) -> Iterable[list[Letter]]:
    cases: dict[str, list[Letter]] = defaultdict(list)
    for letter in letters:
        cases[letter.number].append(letter)
    return cases.values()


def next_attempt(attempts: int, *, away: bool = False) -> datetime | None:
    """When a letter goes again after so many attempts, in wall time; ``None`` when it has been tried long enough.

    ``away``: the server did not answer at all.
    """
    if attempts >= ATTEMPTS:
        return None
    longest = BRISK_RETRY if away and attempts < BRISK_ATTEMPTS else LONGEST_RETRY
    seconds = min(FIRST_RETRY * 2 ** min(attempts - 1, 10), longest)
    return wall() + timedelta(seconds=jitter(seconds))
