"""及时回应: a long-lived process looks for cyclic garbage seldom, and never again at what it imported.

Python looks after every 700 new objects that it keeps; one call to Prefect's server makes tens of thousands.
"""

from __future__ import annotations

import gc

SELDOM = 50_000
"""New objects before a look at the young ones: some megabytes. The look takes 20 to 60 ms where most are garbage."""
OFTENER = 5_000
"""The same where somebody waits for each answer: as much work in all, in looks of 2 to 6 ms."""
OLDER = (20, 20)
"""How many of those before a look at the older."""


def seldom_collected(after: int = SELDOM) -> None:
    """From now on, ``after`` so many new objects; what this process holds already counts as kept for ever. To be called
    when it has imported its modules."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(after, *OLDER)
