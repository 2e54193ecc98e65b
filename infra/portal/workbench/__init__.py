"""机关流程再造: the process owner's pages: see a process, change the rules in a draft, try them, have them approved."""

from __future__ import annotations

from infra.portal.workbench import (
    backtest,
    drafts,
    exchange,
    files,
    home,
    moving,
    processes,
    simulation,
    trials,
    trying,
    versions,
)

ROUTERS = (
    home.router,
    processes.router,
    drafts.router,
    files.router,
    exchange.router,
    trying.router,
    trials.router,
    moving.router,
    backtest.router,
    simulation.router,
    versions.router,
)
