"""首接首办: the supervisor answers for every part until it has stopped; a part that dies is started again."""

from __future__ import annotations

import signal
import threading
import time
from pathlib import Path

from infra.up.part import Part, Running
from infra.up.screen import Screen

GRACE = 6.5
"""Seconds for a clean end: the worker may finish the step at work (``infra.worker.DRAIN_SECONDS``)."""
GRACE_OF_SERVERS = 2.5
"""Seconds for what others use, stopped after them; all are gone within ten."""
LOOK = 0.2
SEEN_EVERY = 10.0
"""Seconds between two questions to a part that runs whether it is well."""


class Stopped(Exception):
    """Somebody asked the whole tree to stop."""


class PartFault(Exception):
    """A part did not become healthy; the text says which, and quotes its log."""


class Tree:
    """The parts, in the order in which they were started."""

    def __init__(self, logs: Path, screen: Screen) -> None:
        self.logs = logs
        self.screen = screen
        self.running: dict[str, Running] = {}
        self.stopping = threading.Event()
        self.hurry = threading.Event()

    def spawn(self, part: Part) -> None:
        """Start a part without waiting for it."""
        self.check_stop()
        self.screen.starting(part.name)
        one = Running(part, self.logs / f"{part.name.replace(' ', '-').lower()}.log")
        if one.log.exists():
            one.log.replace(one.log.with_suffix(".log.before"))
        self.running[part.name] = one
        one.start()

    def wait(self, *names: str) -> None:
        """Wait until these parts are healthy. Raises :class:`PartFault` when one dies or takes too long."""
        waiting = [self.running[name] for name in names]
        while waiting:
            for one in list(waiting):
                if one.part.healthy():
                    self.screen.ready(one.part.name)
                    waiting.remove(one)
                elif not one.alive:
                    raise PartFault(_epitaph(one, "ended while starting"))
                elif time.monotonic() - one.started > one.part.patience:
                    raise PartFault(_epitaph(one, f"was not healthy after {one.part.patience:.0f} s"))
            self.pause(LOOK)

    def look_after(self) -> None:
        """Start again what died, or hangs. Call it often."""
        for one in self.running.values():
            if one.alive:
                self._see_how_it_is(one)
            elif not one.again_at:
                pause = one.notice_death()
                code = one.process.returncode if one.process else "?"
                self.screen.say(f"{one.part.name} ended (code {code}); again in {pause:g} s. Its log: {one.log}")
            elif time.monotonic() >= one.again_at:
                one.start()

    def _see_how_it_is(self, one: Running) -> None:
        """Tell of one that came back; end one that was not well for as long as it may need to become so: then it is
        started again like one that died."""
        at = time.monotonic()
        if not one.recovering and at < one.seen + SEEN_EVERY:
            return
        one.seen = at
        if one.part.healthy():
            one.well = at
            if one.recovering:
                one.recovering = False
                self.screen.say(f"{one.part.name} is well again")
        elif (silent := at - max(one.well, one.started)) > one.part.patience:
            self.screen.say(f"{one.part.name} has not answered for {silent:.0f} s and is ended; its log: {one.log}")
            # the first time Python writes down where it hangs (PYTHONFAULTHANDLER) and ends
            one.send(signal.SIGABRT if silent < one.part.patience + 2 * SEEN_EVERY else signal.SIGKILL)

    def start_again(self) -> list[str]:
        """Start what died, once and at once; of each what happened, with the last words of its log. Raises
        :class:`PartFault` when one does not become healthy."""
        dead = [one for one in self.running.values() if not one.alive]
        told = [_epitaph(one, f"ended (code {one.process.returncode if one.process else '?'})") for one in dead]
        for one in dead:
            one.start()
        self.wait(*(one.part.name for one in dead))
        return told

    def pause(self, seconds: float) -> None:
        """Wait, but not longer than until somebody asks to stop."""
        self.stopping.wait(seconds)
        self.check_stop()

    def check_stop(self) -> None:
        if self.stopping.is_set():
            raise Stopped

    def stop_one(self, name: str) -> None:
        """Stop one part and forget it."""
        self._stop([self.running.pop(name)], GRACE)

    def stop(self) -> None:
        """Stop what uses the server first, then the server; what does not go is killed."""
        servers = [one for one in self.running.values() if one.part.serves]
        self._stop([one for one in self.running.values() if not one.part.serves], GRACE)
        self._stop(servers, GRACE_OF_SERVERS)
        self.running.clear()

    def _stop(self, group: list[Running], grace: float) -> None:
        for one in group:
            one.send(signal.SIGTERM)
        until = time.monotonic() + grace
        while any(one.alive for one in group) and time.monotonic() < until and not self.hurry.is_set():
            time.sleep(0.05)
        for one in group:
            one.send(signal.SIGKILL)
            if one.process is not None:
                one.process.wait()


def _epitaph(one: Running, what: str) -> str:
    words = one.last_words()
    return f"{one.part.name} {what}; log: {one.log}" + (f"\n{words}" if words else "")
