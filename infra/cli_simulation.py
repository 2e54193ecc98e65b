"""认真解决: the command by which a month of the city is tried out, `minsheng simulate`."""
# ruff: noqa: PLC0415 -- heavy libraries are imported by the command that needs them, so that help is instant

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.cli_options import Data, run


def simulate(
    *,
    days: Annotated[int, typer.Option(help="Days that count.")] = 30,
    rate: Annotated[float, typer.Option(help="Complaints a day.", show_default="the people's: 15000")] = 0.0,
    start: Annotated[str, typer.Option("--from", metavar="DATE", help="First day.", show_default="tomorrow")] = "",
    seeds: Annotated[int, typer.Option(help="Runs; several give intervals.")] = 1,
    rulebook: Annotated[
        str, typer.Option(help="Folder, version, draft:N or active.", show_default="MINSHENG_RULEBOOK")
    ] = "",
    beside: Annotated[str, typer.Option(metavar="RULEBOOK", help="Another one, with the same people and hands.")] = "",
    people: Annotated[Path | None, typer.Option(help="YAML: who comes, who answers, how long it takes.")] = None,
    fit: Annotated[bool, typer.Option("--fit", help="Learn the people from the ledger's last 30 days.")] = False,
    against_ledger: Annotated[
        bool, typer.Option("--against-ledger", help="Simulate the last days that the ledger knows, beside its figures.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs; the same to the byte each time.")] = False,
    data: Data = None,
) -> None:
    """Simulate a month of the city under a rulebook: open cases, queues, breaches and times, in minutes."""
    from infra.workbench.simulation import people_file
    from infra.workbench.simulation_command import Asked, print_simulation

    asked = Asked(
        days=days, rate=rate, start=start, seeds=seeds, rulebook=rulebook, beside=beside, fit=fit,
        people=people_file(people) if people else "", file=str(people),
        against_ledger=against_ledger, as_json=as_json,
    )  # fmt: skip
    run(print_simulation(asked))
