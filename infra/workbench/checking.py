"""立查立纠: a fault is seen where it was made; drafts are checked as a whole, and what was checked is remembered."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping

from infra.rulebook_check import faults_of
from rules.faults import Fault
from rules.rulebook import version_of

KEPT = 32
"""Texts whose faults are remembered."""


class Checker:
    """Every fault of a rulebook, found once for each text."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, list[Fault]] = OrderedDict()

    async def faults(self, files: Mapping[str, str]) -> list[Fault]:
        version = version_of(files)
        if version not in self._known:
            _, self._known[version] = await asyncio.to_thread(faults_of, files)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)
        self._known.move_to_end(version)
        return self._known[version]
