"""What the pages need of the world, and what they do after an answer has left."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from infra.ledger import Ledger, NoRulebook, Recorded, UnknownCase
from infra.mail.courier import Courier
from infra.orchestrator import Orchestrator
from infra.portal.metrics import count_entries
from infra.prefect_api import PrefectAway
from infra.settings import Settings
from infra.workbench.trials import Trials

log = logging.getLogger("minsheng.portal")


@dataclass(frozen=True, slots=True)
class Services:
    """One of each for the life of the portal; without an orchestrator or courier the pulse does their work."""

    ledger: Ledger
    settings: Settings
    orchestrator: Orchestrator | None = None
    courier: Courier | None = None
    trials: Trials | None = None

    async def get_ready(self) -> None:
        """Read the rulebook in force, half a second of work, before anybody waits for it. Where there is none yet, or
        no database, whoever comes first waits as long."""
        try:
            await self.ledger.active()
        except (NoRulebook, SQLAlchemyError, OSError) as fault:
            log.info("the rulebook is read with the first request: %s", fault)

    async def follow_up(self, recorded: Recorded) -> None:
        """After a signal was stored: wake the run if the case moves, and send the letters that were decided.

        Both are hints; the pulse makes good whatever fails here, so a failure is logged and never shown.
        """
        case = recorded.case
        count_entries(recorded.entries)
        if case.is_moving and self.orchestrator is not None:
            try:
                await self.orchestrator.wake(case.number)
            except (PrefectAway, UnknownCase) as fault:
                log.warning("%s was not woken: %s", case.number, fault)
        if self.courier is not None and any("letters" in entry.data for entry in recorded.entries):
            await self.courier.deliver(case.number)

    async def close(self) -> None:
        for client in (self.orchestrator, self.trials):
            if client is not None:
                await client.close()
        await self.ledger.close()
