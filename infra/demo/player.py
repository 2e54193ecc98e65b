"""首接首办: one sample complaint from receipt to its end; each look at it does at most one thing, as people do."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import requests

from infra.chance import token as chance_token
from infra.demo.post import Post, task_tokens
from infra.demo.script import Move, Story
from infra.demo.visitor import Declined, Spent, Visitor
from infra.moment import now
from infra.up.screen import Row

CLOSED = "closed"
PATIENCE = 6.0
"""Seconds on the wall after which an optional move that the process does not offer is passed over."""
LOOK_AGAIN = 3.0
"""Seconds after which the task links are opened again although nothing was heard of the case."""


@dataclass(frozen=True, slots=True)
class Turn:
    """One open link, whose it is, and the fields of each action it offers."""

    role: str
    link: str
    offered: Mapping[str, Sequence[Mapping[str, Any]]]

    @property
    def whose(self) -> str:
        """Partners each play their part from its beginning; the other parts are one part, whoever holds it."""
        return self.link if self.role == "partner" else self.role


class Player:
    """Plays one story; ``step`` is called again and again until ``ended``."""

    def __init__(self, story: Story, visitor: Visitor, post: Post) -> None:
        self.story = story
        self.visitor = visitor
        self.post = post
        self.number = self.key = self.track_url = ""
        self.stage, self.outcome, self.note = "waiting", "", ""
        self._once = chance_token()
        self._tokens: dict[str, str] = {}
        self._spent: set[str] = set()
        self._done: dict[str, int] = {}
        self._heard: tuple[Any, ...] = ()
        self._looked_at = self._changed_at = 0.0

    @property
    def ended(self) -> bool:
        return self.stage == CLOSED

    def row(self) -> Row:
        return Row(self.number, self.story.title, self.stage, self.outcome or self.note, self.ended)

    def step(self) -> None:
        """Look at the case; act when a party of the story can. A portal that is away is asked again later."""
        try:
            if not self.number:
                self._submit()
            elif self._news():
                self.note = ""
                self._act()
        except Declined as reason:
            self.note = f"declined: {reason}"
        except requests.RequestException as fault:
            self.note = f"waiting for the portal ({type(fault).__name__})"

    def _submit(self) -> None:
        receipt = self.visitor.submit(self.story.complaint, self._once)
        self.number, self.key = receipt["number"], receipt["tracking_key"]
        self.track_url = receipt["tracking_url"]
        self.stage = "received"

    def _news(self) -> bool:
        """Whether anything happened since the last look, or it is time to look again anyway."""
        case = self.visitor.case(self.number, self.key)
        self.stage = case["stage"] or "received"
        self.outcome = str(case.get("outcome") or case.get("result") or "")
        mails = self.post.about(self.number)
        heard = (self.stage, self.outcome, len(case.get("timeline") or ()), len(mails))
        if heard != self._heard:
            self._changed_at = time.monotonic()
        elif time.monotonic() - self._looked_at < LOOK_AGAIN:
            return False
        self._heard, self._looked_at = heard, time.monotonic()
        for mail in mails:
            for link in task_tokens(mail):
                self._tokens.setdefault(link, "")
        return not self.ended

    def _act(self) -> None:
        """Open the live task links in turn, until one party has done something."""
        for link in [t for t in reversed(self._tokens) if t not in self._spent]:
            try:
                task = self.visitor.task(link)
                turn = Turn(task["role"], link, {a["name"]: a["fields"] for a in task["actions"]})
                if self._take(turn):
                    return
            except Spent:
                self._spent.add(link)
        if self.story.complaint.get("anonymous"):  # who left no address has only the tracking page
            forms = self.visitor.actions_on(self.track_url)
            self._take(Turn("citizen", self.track_url, dict.fromkeys(forms, ())))

    def _take(self, turn: Turn) -> bool:
        """Make the party's next move, when the process offers it; whether something was done."""
        chosen = self._next(turn)
        if chosen is None:
            return False
        try:
            self._send(turn, chosen)
        except Declined:
            if not chosen.optional or not self._waited():
                raise
        self._done[turn.whose] = self._done.get(turn.whose, 0) + 1
        self._looked_at = 0.0
        self.note = ""
        return True

    def _next(self, turn: Turn) -> Move | None:
        """What comes next in the story; an optional move that the process no longer offers is passed over."""
        place = self._done.get(turn.whose, 0)
        left = self.story.moves(turn.role)[place:]
        if not left or not self._heard_of(left[0]):
            return None
        if left[0].action in turn.offered:
            return left[0]
        if left[0].optional and self._waited() and any(move.action in turn.offered for move in left[1:]):
            self._done[turn.whose] = place + 1
        return None

    def _heard_of(self, move: Move) -> bool:
        """Whether the mail that the move waits for was delivered."""
        return not move.after_mail_to or any(move.after_mail_to in mail["to"] for mail in self.post.about(self.number))

    def _waited(self) -> bool:
        return time.monotonic() - self._changed_at > PATIENCE

    def _send(self, turn: Turn, chosen: Move) -> None:
        specs = {field["name"]: field for field in turn.offered[chosen.action]}
        fields = chosen.filled(specs, today=now().date())
        if turn.link == self.track_url:
            self.visitor.act_on(turn.link, chosen.action, fields)
        elif chosen.by_form:
            self.visitor.act_on(f"{self.visitor.portal}/task/{turn.link}", chosen.action, fields)
        else:
            self.visitor.act(turn.link, chosen.action, fields)
