"""The stories use the same hand-driven case as the tests of the rules."""

from tests.rules.conftest import book, life, life_under

__all__ = ["book", "life", "life_under"]
