"""人性化: words of the process owner's pages that are not part of a template."""

from __future__ import annotations

ROLES = {"desk": "City desk", "process_owner": "Process owner", "approver": "Approver"}
"""Role of whoever signs in -> English label."""

SENTENCES = {
    "foreign": "This form was sent from another page, so nothing was done. Open our page and try again.",
}
"""Code -> English sentence."""
