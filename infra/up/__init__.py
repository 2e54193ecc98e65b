"""随时提: ``minsheng up`` keeps every part running, so that a complaint can be made at any time."""
