"""首接负责: who takes a case up hands it to the flow, and takes it back when the flow never began.

What the worker knows of a case goes with it: flows of its context use the worker's own ledger, and read nothing again.
"""

from __future__ import annotations

from contextvars import ContextVar

from infra.ledger import Activation, Ledger


class Handover:
    """An activation on its way from the worker to the flow, which takes it once."""

    def __init__(self, activation: Activation) -> None:
        self._activation: Activation | None = activation

    def take(self, number: str) -> Activation | None:
        """The activation, when it is of this case and nobody has taken it."""
        if self._activation is None or self._activation.number != number:
            return None
        taken, self._activation = self._activation, None
        return taken


_on_its_way: ContextVar[Handover | None] = ContextVar("handover", default=None)


def hand_over(activation: Activation) -> Handover:
    """Offer the activation to the flow that is run next in this context."""
    handover = Handover(activation)
    _on_its_way.set(handover)
    return handover


def handed_over(number: str) -> Activation | None:
    """What the worker has taken up for the flow that runs now."""
    handover = _on_its_way.get()
    return handover.take(number) if handover else None


_shared: ContextVar[Ledger | None] = ContextVar("ledger", default=None)


def share(ledger: Ledger) -> None:
    """Let everything that is started from this context use this ledger."""
    _shared.set(ledger)


def shared_ledger() -> Ledger | None:
    """The ledger of the worker that runs this; nothing in a process that ends with its run."""
    return _shared.get()
