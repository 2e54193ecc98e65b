"""听得进批评: what went wrong is said in one sentence to whoever can mend it, never as a traceback."""

from __future__ import annotations


class Mistake(Exception):
    """Something the person at the keyboard can mend; its text is one clear sentence. Commands end with code 2."""
