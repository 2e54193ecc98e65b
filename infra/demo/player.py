"""首接首办: one sample complaint from receipt to its end; each look at it does at most one thing, as people do."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import requests

from infra.chance import token as chance_token
from infra.demo.post import Post, task_tokens
from infra.demo.script import Move, Story
from infra.demo.visitor import Declined, Spent, Visitor
from infra.up.screen import Row

CLOSED = "closed"
PATIENCE = 6.0
"""Seconds on the wall after which an optional move that the process does not offer is passed over."""
LOOK_AGAIN = 3.0
"""Seconds after which the task links are opened again although nothing was heard of the case."""


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

    def mails(self, word: str) -> int:
        """How many delivered mails about the case have ``word`` in their address or subject."""
        return sum(word in f"{mail['to']} {mail['subject']}" for mail in self.post.about(self.number))

    def step(self) -> None:
        """Look at the case; act when a party of the story can. A portal that is away is asked again later."""
        try:
            if not self.number:
                self._submit()
            elif self._news():
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
            except Spent:
                self._spent.add(link)
                continue
            offered = {a["name"]: a for a in task["actions"]}
            if (chosen := self._next(task["role"], link, offered)) and self._do(chosen, link, offered):
                return
        if self.story.complaint.get("anonymous"):
            self._act_on_tracking_page()

    def _act_on_tracking_page(self) -> None:
        """Who left no address has only the tracking page."""
        forms = dict.fromkeys(self.visitor.actions_on(self.track_url), {"fields": ()})
        if chosen := self._next("citizen", "citizen", forms):
            self._do(chosen, self.track_url, {})

    def _next(self, role: str, link: str, offered: Mapping[str, Any]) -> Move | None:
        """The party's next move, when the process offers it; optional moves that it no longer offers are passed over."""
        moves = self.story.moves(role)
        whose = link if role == "partner" else role
        place = self._done.get(whose, 0)
        if place >= len(moves) or not moves[place].when(self):
            return None
        if moves[place].action in offered:
            return moves[place]
        passed = time.monotonic() - self._changed_at > PATIENCE and any(m.action in offered for m in moves[place + 1 :])
        if passed and moves[place].optional:
            self._done[whose] = place + 1
        return None

    def _do(self, chosen: Move, link: str, offered: Mapping[str, Any]) -> bool:
        """Make the move; ``False`` when the link was spent meanwhile."""
        specs = {f["name"]: f for f in offered.get(chosen.action, {}).get("fields", ())}
        blank = {"type": "text"}
        fields = {n: v(specs.get(n, blank)) if callable(v) else v for n, v in chosen.fields.items()}
        whose = self._whose(chosen, link)
        try:
            if link == self.track_url:
                self.visitor.act_on(link, chosen.action, fields)
            elif chosen.by_form:
                self.visitor.act_on(f"{self.visitor.portal}/task/{link}", chosen.action, fields)
            else:
                self.visitor.act(link, chosen.action, fields)
        except Spent:
            self._spent.add(link)
            return False
        self._done[whose] = self._done.get(whose, 0) + 1
        self._looked_at = 0.0
        return True
