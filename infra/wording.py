"""向群众解释: the codes of the rules in words that people use; English here, Chinese through the catalogues."""

from __future__ import annotations

from datetime import datetime

from infra.locale import label, moment_text, say
from rules.case import CITIZEN, Entry
from rules.refusals import FIELD_SENTENCES, Refusal
from rules.rulebook import Rulebook

TERMS = {
    "closed": "Closed", "silent": "No answer",
    "urgent": "Urgent", "normal": "Normal", "complex": "Complex",
    "lead": "Lead", "partner": "Partner", "desk": "City desk", "citizen": "Citizen",
    "fixed": "Fixed", "planned": "Planned and explained", "refused": "Refused and explained",
    "answered": "Answered at once", "withdrawn": "Withdrawn",
    "answer": "Answer at once", "dispatch": "Dispatch", "rule": "Binding ruling", "claim": "Claim",
    "contact": "Citizen contacted", "fix": "Fixed: reply", "return": "Return", "request_partners": "Ask for partners",
    "contribute": "Contribute", "close_coordination": "Joint reply", "cannot_fix_now": "Cannot be fixed now",
    "refuse": "Unreasonable demand", "extend": "Ask for more time", "explain": "Send the explanation",
    "contest": "Contest the explanation", "rate": "Rate the result", "withdraw": "Withdraw the complaint",
    "add_information": "Add information",
    "whole_case": "Whole case", "ruling": "Ruling", "coordination": "Coordination", "contribution": "Contribution",
    "explanation": "Explanation", "rating": "Citizen's answer",
    "yellow_card": "Yellow card", "red_card": "Red card", "supervision": "Supervision",
    "leading_group": "Leading group", "accountability": "Accountability file",
    "yes": "Yes", "partly": "Partly", "no": "No",
    "queued": "Waiting", "sent": "Sent", "given_up": "Given up",
    "complaint": "Complaint", "consultation": "Question", "help": "Request for help", "report": "Report",
    "suggestion": "Suggestion", "praise": "Praise",
    "stage_ended": "The stage ended", "moved": "Handed over to the successor", "case_closed": "The case was closed",
}  # fmt: skip
"""Code -> English label."""

CLOCKS = {
    "whole_case": "Whole case", "dispatch": "Dispatch", "ruling": "Binding ruling", "claim": "Claim",
    "contact": "Contact with the citizen", "fix": "Handling", "coordination": "Joint handling",
    "contribution": "Partner's contribution", "explanation": "Explanation", "rating": "Citizen's answer",
}  # fmt: skip
"""Clock -> English label; several are named like the action that stops them."""

LETTERS = {
    "receipt": "Receipt", "desk_task": "Task for the desk", "lead_task": "Task for the lead",
    "partner_task": "Task for a partner", "explanation_task": "Task to explain", "reply": "Reply and callback",
    "explanation": "Explanation and callback", "task_ended": "End of a task", "extension_notice": "Notice of more time",
    "information_added": "New information", "partners_ready": "Partners are ready", "yellow_card": "Yellow card",
    "red_card": "Red card", "supervision": "Supervision", "leading_group": "Leading group",
    "rules_changed": "New dates under new rules",
    "accountability": "Accountability file", "closed": "End of the case", "withdrawn": "Withdrawal",
}  # fmt: skip
"""Letter -> English label."""

FIELDS = {
    "reply": "Reply to the citizen", "department": "Department", "category": "Category", "urgency": "Urgency",
    "partners": "Partner departments", "reason": "Reason", "note": "Note", "plan": "What is planned",
    "promised_on": "Promised date", "days": "Working days", "contribution": "Your contribution",
    "text": "Text", "contact": "Whom the citizen may ask", "solved": "Is it solved?",
    "satisfied": "How satisfied are you? (1–5)", "comment": "Comment",
}  # fmt: skip
"""Field -> English label."""

SENTENCES = {
    "complaint_received": "The complaint was received.",
    "stage_entered": "Stage: %(stage)s.",
    "complaint_dispatched": "Dispatched to %(lead)s.",
    "owner_ruled": "A binding ruling: %(lead)s is in charge.",
    "complaint_answered": "Answered at once by %(who)s.",
    "department_claimed": "%(who)s has claimed the case.",
    "citizen_contacted": "%(who)s has contacted the citizen.",
    "department_fixed": "%(who)s reports the matter fixed.",
    "department_returned": "%(who)s says it is not theirs.",
    "partners_requested": "%(who)s asked for partners.",
    "partner_contributed": "%(who)s has contributed.",
    "coordination_closed": "%(who)s has given the joint reply.",
    "fix_postponed": "%(who)s: cannot be fixed now; it enters the work plan.",
    "demand_refused": "%(who)s: the demand cannot be met; it will be explained.",
    "extension_granted": "%(who)s was given more time, until %(due)s.",
    "explanation_given": "%(who)s has explained the decision.",
    "citizen_contested": "The citizen contests the explanation; somebody else looks at it again.",
    "citizen_rated": "The citizen answered the callback: solved %(solved)s, satisfied %(satisfied)s of 5.",
    "citizen_silent": "The citizen did not answer; silence is recorded as silence.",
    "citizen_withdrew": "The citizen withdrew the complaint.",
    "information_added": "The citizen added information.",
    "rung_reached": "%(rung)s: %(clock)s of %(holder)s, due %(due)s.",
    "case_migrated": "The case goes on under new rules (version %(rulebook)s).",
    "case_closed": "The case is closed: %(result)s.",
}
"""Entry kind -> English sentence."""


def term(locale: str, code: str | None) -> str:
    """A code in words; an unknown one as it is."""
    return say(locale, TERMS.get(code or "", code or ""))


def clock_name(locale: str, name: str) -> str:
    """A clock, or the id of one (``fix-2``), in words."""
    plain = name.rpartition("-")[0] or name
    return say(locale, CLOCKS.get(plain, plain))


def letter_name(locale: str, letter: str) -> str:
    return say(locale, LETTERS.get(letter, letter))


def stage_name(book: Rulebook, process: str, stage: str, locale: str) -> str:
    found = book.process(process).stages.get(stage)
    return label(found.label, locale) if found else term(locale, stage or "complaint")


def party_name(book: Rulebook, code: str | None, locale: str) -> str:
    """The name of a department or of the citizen; people are named by their office only."""
    if code in (None, "", CITIZEN, "system"):
        return term(locale, code or "")
    found = book.departments.get((code or "").removesuffix(":head"))
    return label(found.name, locale) if found else str(code)


def category_name(book: Rulebook, code: str | None, locale: str) -> str:
    """The whole path of a category, root first."""
    node = book.categories.get(code or "")
    return " › ".join(label(book.categories[step].label, locale) for step in node.path) if node else ""


def district_name(book: Rulebook, code: str | None, locale: str) -> str:
    found = book.districts.get(code or "")
    return label(found.name, locale) if found else ""


def sentence(book: Rulebook, process: str, entry: Entry, locale: str) -> str:
    """One entry of the ledger as a sentence for everybody."""
    d = entry.data
    stage = stage_name(book, process, d.get("stage", ""), locale)
    holder, lead = (party_name(book, d.get(name), locale) for name in ("holder", "lead"))
    places = {
        "who": party_name(book, entry.actor, locale), "stage": stage, "lead": lead, "holder": holder,
        "due": moment_text(d["due"], locale) if "due" in d else "", "result": term(locale, d.get("result")),
        "solved": term(locale, d.get("solved")), "satisfied": d.get("satisfied", ""),
        "rung": term(locale, d.get("rung")), "clock": clock_name(locale, str(d.get("clock", ""))),
        "rulebook": d.get("rulebook", ""),
    }  # fmt: skip
    return say(locale, SENTENCES.get(entry.kind, entry.kind), **places)


def refusal_text(refusal: Refusal, book: Rulebook, locale: str) -> str:
    """Why something is not possible, in words."""
    places = dict(refusal.params)
    if "until" in places:
        places["until"] = moment_text(datetime.fromisoformat(str(places["until"])), locale)
    if "partners" in places:
        codes = str(places["partners"]).split(", ")
        places["partners"] = "、".join(party_name(book, code, locale) for code in codes)
    return say(locale, refusal.sentence, **places)


def field_faults(refusal: Refusal, locale: str) -> dict[str, str]:
    """Field -> what is wrong with it, for a ``fields_wrong`` refusal."""
    return {name: say(locale, FIELD_SENTENCES[code], **params) for name, code, params in refusal.fields}
