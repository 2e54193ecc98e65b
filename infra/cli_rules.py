"""机关流程再造: the commands by which a process owner works on the rulebook, `minsheng rules …`."""
# ruff: noqa: PLC0415 -- heavy libraries are imported by the command that needs them, so that help is instant

from __future__ import annotations

import typer

rulebook = typer.Typer(no_args_is_help=True, help="The rulebook that MINSHENG_RULEBOOK names.")


@rulebook.command("check")
def check() -> None:
    """Check the rulebook as a whole: all faults at once, with file, row and cell."""
    from infra.settings import settings
    from infra.up.plan import check_rulebook

    version = check_rulebook(settings())
    typer.echo(f"rulebook {settings().rulebook_dir} is sound: version {version}")
