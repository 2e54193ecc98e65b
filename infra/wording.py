"""向群众解释: the codes of the rules in words that people use; English here, Chinese through the catalogues."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from infra.locale import label, language, listed, moment_text, say
from rules.case import CITIZEN, Entry
from rules.process import Process
from rules.refusals import FIELD_SENTENCES, Refusal
from rules.rulebook import Rulebook

_NUMBER = re.compile(r"-\d+$")
"""What an id has behind the name."""

TERMS = {
    "closed": "Closed", "silent": "No answer",
    "urgent": "Urgent", "normal": "Normal", "complex": "Complex",
    "lead": "Lead", "partner": "Partner", "desk": "City desk", "citizen": "Citizen",
    "reviewer": "Reviewer", "upheld": "Upheld", "overturned": "Overturned",
    "fixed": "Fixed", "planned": "Planned and explained", "refused": "Refused and explained",
    "answered": "Answered at once", "withdrawn": "Withdrawn",
    "answer": "Answer at once", "dispatch": "Dispatch", "rule": "Binding ruling", "claim": "Claim",
    "contact": "Citizen contacted", "fix": "Fixed: reply", "return": "Return", "request_partners": "Ask for partners",
    "contribute": "Contribute", "close_coordination": "Joint reply", "cannot_fix_now": "Cannot be fixed now",
    "refuse": "Unreasonable demand", "extend": "Ask for more time", "explain": "Send the explanation",
    "contest": "Contest the explanation", "rate": "Rate the result", "withdraw": "Withdraw the complaint",
    "add_information": "Add information", "appeal": "Ask for a review", "uphold": "It stands",
    "overturn": "It does not stand", "conclude": "Conclude the review", "pause": "Let the clocks stand still",
    "resume": "Let the clocks run again",
    "whole_case": "Whole case", "ruling": "Ruling", "coordination": "Coordination", "contribution": "Contribution",
    "explanation": "Explanation", "rating": "Citizen's answer",
    "yellow_card": "Yellow card", "red_card": "Red card", "supervision": "Supervision",
    "leading_group": "Leading group", "accountability": "Accountability file",
    "yes": "Yes", "partly": "Partly", "no": "No",
    "queued": "Waiting", "sent": "Sent", "given_up": "Given up",
    "complaint": "Complaint", "consultation": "Question", "help": "Request for help", "report": "Report",
    "suggestion": "Suggestion", "praise": "Praise", "petition": "Petition",
    "stage_ended": "The stage ended", "moved": "Handed over to the successor", "case_closed": "The case was closed",
}  # fmt: skip
"""Code -> English label."""

CLOCKS = {
    "whole_case": "Whole case", "dispatch": "Dispatch", "ruling": "Binding ruling", "claim": "Claim",
    "contact": "Contact with the citizen", "fix": "Handling", "coordination": "Joint handling",
    "contribution": "Partner's contribution", "explanation": "Explanation", "rating": "Citizen's answer",
    "review": "Review", "pause": "End of the standstill",
}  # fmt: skip
"""Clock -> English label, where the process file gives none; several are named like the action that stops them."""

LETTERS = {
    "receipt": "Receipt", "desk_task": "Task for the desk", "lead_task": "Task for the lead",
    "partner_task": "Task for a partner", "explanation_task": "Task to explain", "reply": "Reply and callback",
    "explanation": "Explanation and callback", "task_ended": "End of a task", "extension_notice": "Notice of more time",
    "information_added": "New information", "partners_ready": "Partners are ready", "yellow_card": "Yellow card",
    "red_card": "Red card", "supervision": "Supervision", "leading_group": "Leading group",
    "rules_changed": "New dates under new rules",
    "accountability": "Accountability file", "closed": "End of the case", "withdrawn": "Withdrawal",
    "acceptance_notice": "Notice of acceptance", "review_task": "Task to review", "review_notice": "Notice of a review",
    "review_result": "Result of the review", "pause_notice": "Notice of a standstill",
    "pause_ended": "End of a standstill",
}  # fmt: skip
"""Letter -> English label."""

TABLES = {
    "catalogue": "Dispatch catalogue", "deadlines": "Deadlines", "ladder": "Ladder", "urgency": "Urgency",
    "keywords": "Keywords", "callback": "Callback", "channels": "Channels", "processes": "Choice of the process",
    "permits": "Permits",
}  # fmt: skip
"""Table of the rulebook -> English label."""

FILES = {
    "departments": "Departments", "districts": "Districts", "categories": "Categories",
    "calendar": "Working days", "clauses": "Sentences of the policy", "process": "Process",
}  # fmt: skip
"""Description of the rulebook -> English label."""

FIELDS = {
    "reply": "Reply to the citizen", "department": "Department", "category": "Category", "urgency": "Urgency",
    "partners": "Partner departments", "reason": "Reason", "note": "Note", "plan": "What is planned",
    "promised_on": "Promised date", "days": "How many days", "contribution": "Your contribution",
    "text": "Text", "contact": "Whom the citizen may ask", "solved": "Is it solved?",
    "satisfied": "How satisfied are you? (1–5)", "comment": "Comment",
    "cause": "Why the clocks stand still", "verdict": "Result of the review",
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
    "review_entered": "Stage: %(stage)s. %(reviewer)s, who did not decide, looks at it again.",
    "citizen_appealed": "The citizen asks for a review by somebody who did not decide.",
    "decision_upheld": "%(who)s has looked at it again: the decision stands.",
    "decision_overturned": "%(who)s has looked at it again: the decision does not stand.",
    "check_entered": "Stage: %(stage)s. It is with %(reviewer)s now.",
    "review_concluded": "%(who)s has come to a conclusion: %(verdict)s.",
    "clocks_paused": "%(cause)s: %(who)s lets the clocks stand still, until %(until)s at the latest.",
    "clocks_resumed": "The clocks run again (%(cause)s).",
    "time_ran_out": "The time for %(clock)s is over; the case goes on.",
    "case_closed": "The case is closed: %(result)s.",
}
"""Entry kind -> English sentence."""


def term(locale: str, code: str | None) -> str:
    """A code in words; an unknown one as it is."""
    return say(locale, TERMS.get(code or "", code or ""))


def clock_name(locale: str, name: str, process: Process | None = None, stage: str = "") -> str:
    """A clock, or the id of one (``fix-2``), in words: the label that the process gives it, else its usual one, else
    that of its stage."""
    plain = _NUMBER.sub("", name)
    spec = process.clock(stage, plain) if process else None
    labels = [spec.label] if spec else [each.label for n, each in process.specs() if n == plain] if process else []
    given = next((one for one in labels if one), None) or (
        None if plain in CLOCKS else _stage_of(plain, process, stage)
    )
    return label(given, locale) if given else say(locale, CLOCKS.get(plain, plain))


def _stage_of(clock: str, process: Process | None, stage: str) -> Mapping[str, str] | None:
    """The label of the stage that has a clock which a process owner has named in code only."""
    stages = process.stages if process else {}
    several = [stages[stage]] if stage in stages else stages.values()
    return next((one.label for one in several if clock in one.clocks), None)


def table_name(locale: str, table: str) -> str:
    """A table in words; one that a city has added is called by its file."""
    return say(locale, TABLES.get(table, table))


def file_name(locale: str, path: str) -> str:
    """A file of a rulebook in words; empty for one that only its name tells."""
    name, _, ending = path.rpartition(".")
    if ending == "csv":
        return say(locale, TABLES.get(name, ""))
    return say(locale, FILES["process"] if name.startswith("process/") else FILES.get(name, ""))


def letter_name(locale: str, letter: str) -> str:
    return say(locale, LETTERS.get(letter, letter))


def stage_name(book: Rulebook, process: str, stage: str, locale: str) -> str:
    found = book.process(process).stages.get(stage)
    return label(found.label, locale) if found else term(locale, stage or "complaint")


def pause_name(book: Rulebook, process: str, cause: str, locale: str) -> str:
    """Why clocks stand still."""
    found = book.process(process).pauses.get(cause)
    return label(found.label, locale) if found else cause


def verdict_name(book: Rulebook, process: str, verdict: str, locale: str) -> str:
    """What a review came to: in the words of the process where it has some of its own."""
    stages = book.process(process).stages.values()
    own = next((stage.verdicts[verdict] for stage in stages if verdict in stage.verdicts), None)
    return label(own, locale) if own else term(locale, verdict)


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
    parties = {name: party_name(book, d.get(name), locale) for name in ("holder", "lead", "reviewer")}
    moments = {name: moment_text(d[name], locale) if name in d else "" for name in ("due", "until")}
    terms = {name: term(locale, d.get(name)) for name in ("result", "solved", "rung")}
    places = {
        **parties, **moments, **terms, "who": party_name(book, entry.actor, locale),
        "stage": stage_name(book, process, d.get("stage", ""), locale), "satisfied": d.get("satisfied", ""),
        "clock": clock_name(locale, str(d.get("clock", "")), book.process(process)),
        "cause": pause_name(book, process, d.get("cause", ""), locale),
        "verdict": verdict_name(book, process, d.get("verdict", ""), locale),
        "rulebook": d.get("rulebook", ""),
    }  # fmt: skip
    kind = _kind(book.process(process), entry)
    return say(locale, SENTENCES.get(kind, kind), **places)


def _kind(process: Process, entry: Entry) -> str:
    """Whoever reviews a decision had no hand in it; whoever gives a verdict of the process's own is asked before."""
    if entry.kind != "stage_entered" or "reviewer" not in entry.data:
        return entry.kind
    return "check_entered" if has_verdicts(process, entry.data.get("stage", "")) else "review_entered"


def has_verdicts(process: Process, stage: str) -> bool:
    """Whether a stage ends with verdicts that only its process knows."""
    return stage in process.stages and bool(process.stages[stage].verdicts)


def refusal_text(refusal: Refusal, book: Rulebook, locale: str) -> str:
    """Why something is not possible, in words."""
    places = dict(refusal.params)
    if "until" in places:
        places["until"] = moment_text(datetime.fromisoformat(str(places["until"])), locale)
    if "partners" in places:
        codes = str(places["partners"]).split(", ")
        places["partners"] = listed([party_name(book, code, locale) for code in codes], locale)
    if "why_zh" in places and language(locale) == "zh":
        places["why"] = places["why_zh"]
    return say(locale, refusal.sentence, **places)


def field_faults(refusal: Refusal, locale: str) -> dict[str, str]:
    """Field -> what is wrong with it, for a ``fields_wrong`` refusal."""
    return {name: say(locale, FIELD_SENTENCES[code], **params) for name, code, params in refusal.fields}
