"""The stories use the same hand-driven case as the tests of the rules."""

from tests.rules.conftest import book, life

__all__ = ["book", "life"]
