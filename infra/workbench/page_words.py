"""人性化: words of the process owner's pages that are not part of a template."""

from __future__ import annotations

ROLES = {"desk": "City desk", "process_owner": "Process owner", "approver": "Approver"}
"""Role of whoever signs in -> English label."""

STATES = {
    "SCHEDULED": "Waits for its turn", "PENDING": "Begins", "RUNNING": "Running", "COMPLETED": "Done",
    "FAILED": "Failed", "CRASHED": "Broken off", "CANCELLING": "Stops", "CANCELLED": "Stopped", "PAUSED": "Paused",
}  # fmt: skip
"""Prefect's type of a state -> English label."""

MIGRATION = {
    "offer": "migration", "became": "What became of them", "version": "version", "by": "by", "process": "process",
    "since": "since", "stages": "stages", "departments": "departments", "note": "note", "later": "later",
}  # fmt: skip
"""The run that moves cases, and its parameters, as its page calls them."""

SENTENCES = {
    "no_file": "Choose a file of at most four megabytes.",
    "no_sheet": "The workbook has no sheet with the name %(name)s.",
    "no_prefect": "The portal is not connected to Prefect, so no trial can be started here.",
    "prefect_away": "Prefect does not answer just now; look again in a moment.",
    "foreign": "This form was sent from another page, so nothing was done. Open our page and try again.",
}
"""Code -> English sentence."""
