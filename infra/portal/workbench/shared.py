"""What the process owner's pages share: forms of any size, and refusals as pages that say why."""

from __future__ import annotations

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse

from infra.portal.pages import locale_of, page, services
from infra.portal.roles import signed_in
from infra.rulebook_check import in_words
from infra.workbench.refusals import VersionRefusal
from infra.workbench.words import refusal_text

Provided = Depends(services)
MOST_FIELDS = 20_000
"""A page of a table with its cells; the usual limit of a form is a thousand."""
LONGEST_FIELD = 4 * 1024 * 1024


async def typed(request: Request) -> dict[str, str]:
    """The fields of a form."""
    form = await request.form(max_fields=MOST_FIELDS, max_part_size=LONGEST_FIELD)
    return {name: value for name, value in form.items() if isinstance(value, str)}


def refused(request: Request, refusal: VersionRefusal) -> HTMLResponse:
    """Why something cannot be done with a draft or a version, with every fault; nothing was changed."""
    status = 404 if refusal.code in ("no_version", "no_draft", "several_versions") else 409
    sentence = refusal_text(refusal, locale_of(request))
    return page(
        request,
        "workbench_refused",
        status=status,
        session=signed_in(request),
        sentence=sentence,
        faults=in_words(refusal.faults, locale_of(request)),
    )
