"""向群众解释 begins with the city's own people: versions and refusals of the workbench in Chinese and English."""

from __future__ import annotations

from infra.locale import moment_text, say
from infra.workbench.refusals import VersionRefusal

STANDINGS = {
    "draft": "Draft", "checked": "Waits for approval", "approved": "Approved", "rejected": "Rejected",
    "planned": "Approved, waits for its date", "active": "In force", "superseded": "Superseded",
    "called_off": "Date called off",
}  # fmt: skip
"""Where a version stands, or what was done to it -> English label."""


def standing_name(locale: str, standing: str) -> str:
    return say(locale, STANDINGS.get(standing, standing))


def refusal_text(refusal: VersionRefusal, locale: str) -> str:
    """Why something cannot be done with a version, in words; the faults of a rulebook are listed apart."""
    places = dict(refusal.params)
    if "standing" in places:
        places["standing"] = standing_name(locale, places["standing"])
    if "from" in places:
        places["from"] = moment_text(places["from"], locale)
    return say(locale, refusal.sentence, **places)
