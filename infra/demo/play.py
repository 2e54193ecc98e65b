"""有想法尽管讲: the sample complaints, all at once, each moving as fast as its people and the city do."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import replace

from infra.demo.player import Player
from infra.demo.post import Post
from infra.demo.script import Story, stories
from infra.demo.visitor import Visitor
from infra.up.screen import Row

HANDS = 3
"""Threads. More would only stand in each other's way: the desk size decides one thing at a time."""
BEAT = 1.0
"""Seconds between two looks at the same complaint."""
SLOWEST = 600.0
EACH = 15.0
"""Seconds on the wall, for all and for each sample, after which a demo that does not end is called off."""


class Demo:
    """So many sample complaints, played by a few threads."""

    def __init__(self, *, portal: str, mailbox: str, count: int) -> None:
        post = Post(mailbox)
        self.players = [Player(story, Visitor(portal), post) for story in sample(count)]
        self._stopped = threading.Event()
        self._until = time.monotonic() + SLOWEST + EACH * count
        ordered = sorted(self.players, key=lambda p: not p.story.slow)  # the one that takes longest goes first
        shares = [ordered[n::HANDS] for n in range(HANDS)]
        self._threads = [threading.Thread(target=self._play, args=(share,), daemon=True) for share in shares]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    @property
    def over(self) -> bool:
        """All closed, or no longer worth waiting for."""
        return not any(thread.is_alive() for thread in self._threads)

    def rows(self) -> list[Row]:
        return [player.row() for player in self.players]

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join(timeout=2)

    def _play(self, players: list[Player]) -> None:
        while not self._stopped.is_set() and time.monotonic() < self._until:
            began = time.monotonic()
            going = [player for player in players if not player.ended]
            if not going:
                return
            for player in going:
                if self._stopped.is_set():
                    return
                player.step()
            self._stopped.wait(max(0.05, BEAT - (time.monotonic() - began)))


def sample(count: int) -> Iterable[Story]:
    """The first ``count`` stories; past the last they come again, told apart by their place."""
    known = stories()
    for nth in range(count):
        story, again = known[nth % len(known)], nth // len(known)
        if again:
            complaint = {**story.complaint, "subject": f"{story.complaint['subject']}({again + 1})"}
            story = replace(story, title=f"{story.title} · {again + 1}", complaint=complaint)
        yield story
