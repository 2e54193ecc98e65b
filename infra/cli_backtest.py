"""认真解决: the command by which a draft is tried on past cases, `minsheng backtest`."""
# ruff: noqa: PLC0415 -- heavy libraries are imported by the command that needs them, so that help is instant

from __future__ import annotations

from typing import Annotated

import typer

from infra.cli_options import Data, run


def backtest(
    *,
    since: Annotated[str, typer.Option(help="First day of the cases, such as 2026-10-01.")],
    rulebook: Annotated[str, typer.Option(help="Folder of the draft, or draft:N, or a version.")],
    cases: Annotated[str, typer.Option(metavar="FIGURE", help="List the cases behind a figure: routed, added …")] = "",
    about: Annotated[str, typer.Option(help="… only those with this clock, department or letter.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="For programs, with all cases that change.")] = False,
    data: Data = None,
) -> None:
    """Try a draft of the rules on past cases: what it would have changed for whom. Nothing is written."""
    from infra.workbench.backtest_command import Asked, print_backtest

    asked = Asked(since=since, rulebook=rulebook, figure=cases, about=about, as_json=as_json)
    run(print_backtest(asked))
