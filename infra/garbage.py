"""及时回应: a long-lived process looks for cyclic garbage seldom, and never again at what it imported.

Python looks after every 700 new objects that it keeps; one call to Prefect's server makes tens of thousands.
"""

from __future__ import annotations

import gc

SELDOM = (50_000, 20, 20)
"""New objects before a look at the young ones, and how many of those before a look at the older: some megabytes."""


def seldom_collected() -> None:
    """From now on; what this process holds already counts as kept for ever. To be called when it has imported its
    modules."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*SELDOM)
