"""A folder that is deployed says what its author wants; what the city has approved since is not overwritten by it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from infra.ledger import Ledger
from infra.ledger import history as past
from infra.ledger.history import ACTIVE, DEPLOY
from infra.workbench.refusals import VersionRefusal
from infra.workbench.versions import submit_deployed
from rules.rulebook import version_of


async def take_folder(ledger: Ledger, files: Mapping[str, str], *, at: datetime, required: bool) -> str:
    """Put the texts of a folder in force, or submit them when an approval is ``required``; what there is to say.

    The first version of a ledger is in force at once. Later a folder counts when it differs from the one deployed last:
    a restart does not undo what was activated in between. Raises ``RulebookFaults``; then nothing changed.
    """
    async with ledger.db.read() as connection:
        history = await past.read(connection)
    version, forced = version_of(files), history.in_force(at)
    deployed = [step.version for step in history.steps if step.by == DEPLOY]
    if forced is not None and deployed[-1:] == [version]:
        standing = history.standing(version, at)
        return (
            "" if standing == ACTIVE else f"the folder's rules {version} are {standing}; {forced.version} is in force"
        )
    if forced is None or not required:
        await ledger.activate(files, at=at)
        return ""
    return await _submit(ledger, files, at)


async def _submit(ledger: Ledger, files: Mapping[str, str], at: datetime) -> str:
    try:
        version = (await submit_deployed(ledger, files, at=at)).id
    except VersionRefusal as refusal:
        return str(refusal)
    return f"the folder's rules {version} wait for an approval: minsheng rules approve {version} --by NAME"
