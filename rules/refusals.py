"""Never do nothing silently: what the process does not allow is refused with a named reason, and changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

SENTENCES = {
    "unknown_action": "There is no action called '%(action)s' here. Possible: %(possible)s.",
    "not_your_action": "This action belongs to another party or another stage of the case.",
    "assignment_ended": "This task has ended; the link is spent.",
    "case_closed": "The case is closed.",
    "case_moving": "The case is just moving to its next stage; please look again in a moment.",
    "fields_wrong": "Some fields are missing or wrong.",
    "already_claimed": "The task has been claimed already.",
    "already_contacted": "The contact with the citizen has been noted already.",
    "already_contributed": "The contribution has been given already.",
    "return_after_ruling": "A binding ruling assigned this case; it cannot be returned.",
    "return_too_late": "A return was possible until %(until)s only; the case is yours now.",
    "ruling_needed": "The case was returned too often; a binding ruling is needed, a plain dispatch is not enough.",
    "answers_used": "The desk has answered %(count)s times and it did not help; dispatch the case to a department.",
    "no_dispute": "There is no dispute about the owner, so nothing to rule on.",
    "own_partner": "The lead cannot be its own partner.",
    "partners_known": "These departments take part already: %(partners)s.",
    "partners_outstanding": "These partners still have time to contribute: %(partners)s.",
    "no_extension": "This kind of case cannot be extended.",
    "extensions_used": "The case was extended %(count)s times; more is not possible.",
    "extension_too_long": "At most %(days)s working days at a time.",
    "extension_too_many_days": "At most %(days)s days at a time.",
    "nothing_to_extend": "No clock is running that could be extended.",
    "nothing_to_contest": "There is no explanation that could be contested.",
    "process_gone": "The new rules have no process '%(process)s'.",
    "stage_gone": "The new rules have no stage '%(stage)s'; say which one stands for it. Possible: %(possible)s.",
    "stage_of_another_kind": "Stage '%(to)s' is of another kind than '%(stage)s', so it cannot stand for it.",
    "outcome_gone": "The case is just leaving stage '%(stage)s' with '%(outcome)s', which the new rules do not know.",
    "department_gone": "The new rules have no department '%(department)s'; say which one takes over from it.",
    "task_paused": "The clocks of '%(department)s' stand still; the case can be moved when the pause is over.",
    "contest_used": "The explanation was contested before; that is possible once.",
    "appeals_used": "Every review there is has been asked for.",
    "no_verdicts": "This review ends with 'uphold' or 'overturn'.",
    "already_paused": "The clocks of this case stand still already.",
    "not_paused": "None of your clocks stands still.",
    "nothing_to_pause": "None of your clocks that may stand still is running.",
    "pause_used": "For this reason the clocks stood still %(count)s times; more is not possible.",
    "pauses_used": "The clocks of this case stood still %(count)s times; more is not possible.",
    "guarded": "The rules do not allow this now: %(why)s (row %(row)s of %(table)s)",
}
"""Code -> English sentence (a message id of the catalogues) with ``%(name)s`` places."""

FIELD_SENTENCES = {
    "missing": "is required",
    "too_long": "is too long: at most %(limit)s characters",
    "unreadable": "contains characters that cannot be stored",
    "not_a_choice": "'%(value)s' is not one of the choices",
    "not_a_list": "has to be a list of choices",
    "not_a_date": "has to be a date such as 2026-12-31",
    "date_in_past": "has to be a date in the future",
    "not_a_number": "has to be a whole number",
    "out_of_range": "has to be between %(minimum)s and %(maximum)s",
    "unknown_field": "is not a field of this action",
}
"""Code -> what is wrong with one field, as the end of a sentence."""


class Refusal(Exception):
    """The process does not allow this now. ``code`` is a key of :data:`SENTENCES`; ``fields`` names bad fields."""

    def __init__(self, code: str, *, fields: Sequence[tuple[str, str, dict[str, Any]]] = (), **params: Any) -> None:
        self.code = code
        self.params = params
        self.fields = tuple(fields)
        super().__init__(f"{self.sentence % params} {self._field_text()}".strip())

    @property
    def sentence(self) -> str:
        """The English message id, places not filled."""
        return SENTENCES[self.code]

    def _field_text(self) -> str:
        return "; ".join(f"{name} {FIELD_SENTENCES[code] % params}" for name, code, params in self.fields)
