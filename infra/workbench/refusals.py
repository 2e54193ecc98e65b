"""听得进批评: what a process owner may not do is refused with the reason, and with what to do instead."""

from __future__ import annotations

from typing import Any

SENTENCES = {
    "no_version": "There is no version '%(version)s' in the ledger; `minsheng rules list` names them all.",
    "several_versions": "'%(version)s' is the beginning of several versions; write more of it.",
    "no_draft": "There is no draft %(draft)s.",
    "no_name": "Say who does this: a name of at most 60 characters, other than 'deploy'.",
    "draft_submitted": "Draft %(draft)s was submitted as version %(version)s; open a new draft to go on.",
    "draft_changed": "%(by)s has changed %(path)s meanwhile; look at that text first, then save yours again.",
    "nothing_changed": "Nothing differs from version %(version)s, so there is nothing to submit.",
    "broken": "The rulebook has %(count)s faults; a broken one cannot be submitted.",
    "bad_path": "'%(path)s' is no file of a rulebook: write a name ending in .csv or .yaml, or process/NAME.yaml.",
    "known": "Version %(version)s is in the ledger already: %(standing)s.",
    "own_work": "%(by)s has worked on version %(version)s; somebody else has to approve it.",
    "not_checked": "Version %(version)s does not wait for an approval: it is %(standing)s.",
    "not_approved": "Version %(version)s is not approved: it is %(standing)s. A second person has to approve it first.",
    "in_force": "Version %(version)s is in force already.",
    "planned": "Version %(version)s will be in force from %(from)s already; call that off to change it.",
    "not_planned": "Version %(version)s is not waiting to take force, so there is nothing to call off.",
    "in_the_past": "A version cannot take force in the past: cases were already decided under the rules of that time.",
    "nothing_before": "No version was in force before this one, so there is nothing to return to.",
}
"""Code -> English sentence (a message id of the catalogues) with ``%(name)s`` places."""


class VersionRefusal(Exception):
    """This cannot be done with a version or a draft. ``code`` is a key of :data:`SENTENCES`.

    ``faults``: those of the rulebook, for ``broken``; moments among ``params`` are ISO texts.
    """

    def __init__(self, code: str, *, faults: Any = (), **params: Any) -> None:
        self.code = code
        self.params = params
        self.faults = list(faults)
        listed = "".join(f"\n  {fault}" for fault in self.faults)
        super().__init__(self.sentence % params + listed)

    @property
    def sentence(self) -> str:
        """The English message id, places not filled."""
        return SENTENCES[self.code]
