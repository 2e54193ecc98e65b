"""机关流程再造: the commands for versions of the rulebook, `minsheng rules submit|approve|activate|diff|migrate …`."""
# ruff: noqa: PLC0415 -- heavy libraries are imported by the command that needs them, so that help is instant

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from infra.cli_options import Data, run
from infra.cli_rules import rulebook

__all__ = ["rulebook"]

AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]
Version = Annotated[str, typer.Argument(help="The id of a version, or its beginning.")]
By = Annotated[str, typer.Option("--by", help="Who does this.")]
Note = Annotated[str, typer.Option(help="Why.")]


@rulebook.command("list")
def list_versions(as_json: AsJson = False, data: Data = None) -> None:
    """List every version in the ledger: where it stands, who wrote it, who approved it."""
    from infra.workbench import commands

    run(commands.list_versions(as_json=as_json))


@rulebook.command("show")
def show(version: Version, data: Data = None) -> None:
    """Show everything that happened to a version: who, when, why."""
    from infra.workbench import commands

    run(commands.show_version(version))


@rulebook.command("submit")
def submit(
    folder: Annotated[Path | None, typer.Argument(help="Default: the one MINSHENG_RULEBOOK names.")] = None,
    *,
    by: By,
    note: Note = "",
    data: Data = None,
) -> None:
    """Submit a folder as a new version; a second person has to approve it."""
    from infra.workbench import commands

    run(commands.in_ledger(commands.submit(folder, by, note)))


@rulebook.command("approve")
def approve(version: Version, *, by: By, note: Note = "", data: Data = None) -> None:
    """Approve a version somebody else has written."""
    _step("approve", version, by, note)


@rulebook.command("reject")
def reject(version: Version, *, by: By, note: Note = "", data: Data = None) -> None:
    """Reject a version, or take one's own back."""
    _step("reject", version, by, note)


@rulebook.command("activate")
def activate(
    version: Version,
    *,
    by: By,
    since: Annotated[
        str, typer.Option("--from", help="The city's time, such as '2026-12-01 09:00'; default: now.")
    ] = "",
    note: Note = "",
    data: Data = None,
) -> None:
    """Put an approved version in force for new cases, now or from a moment to come."""
    from infra.workbench import commands

    run(commands.in_ledger(commands.activate(version, by, since, note)))


@rulebook.command("call-off")
def call_off(version: Version, *, by: By, note: Note = "", data: Data = None) -> None:
    """Take back the date of a version that is not in force yet."""
    _step("call-off", version, by, note)


@rulebook.command("rollback")
def rollback(*, by: By, note: Note = "", data: Data = None) -> None:
    """Put the version in force again that was in force before."""
    from infra.workbench import commands

    run(commands.in_ledger(commands.rollback(by, note)))


def _step(what: str, version: str, by: str, note: str) -> None:
    from infra.workbench import commands

    run(commands.in_ledger(commands.step(what, version, by, note)))


@rulebook.command("diff")
def diff(
    old: Annotated[str, typer.Argument(help="A version, 'active', 'draft:N' or a folder.")] = "active",
    new: Annotated[str, typer.Argument(help="The same.", show_default="the folder MINSHENG_RULEBOOK names")] = "",
    *,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Say in words what differs between two rulebooks: owners, deadlines, ladder, processes, tables, days."""
    from infra.workbench.comparing import print_diff

    run(print_diff(old, new, as_json=as_json))


@rulebook.command("migrate")
def migrate(
    *,
    to: Annotated[str, typer.Option(help="The version to go on under, or 'active'.")],
    by: By,
    since: Annotated[str | None, typer.Option("--from", help="Only cases of this version.", show_default="all")] = None,
    process: Annotated[str | None, typer.Option(help="Only cases of this process.", show_default="all")] = None,
    stages: Annotated[list[str], typer.Option("--map", help="old_stage=new_stage; may be repeated.")] = [],  # noqa: B006 -- typer copies it
    departments: Annotated[list[str], typer.Option("--department", help="old=new; may be repeated.")] = [],  # noqa: B006 -- the same
    later: Annotated[bool, typer.Option("--later", help="Let deadlines become later; citizens are told.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would change for whom.")] = False,
    batch: Annotated[int, typer.Option(min=1, max=10_000, help="Cases looked at together.")] = 500,
    note: Note = "",
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Let running cases go on under another version: first with --dry-run, then for good. Safe to repeat."""
    from infra.workbench.migrate_command import migrate_cases, pairs
    from infra.workbench.moving import Wanted
    from rules.succession import Move

    order = {"stages": pairs(stages, "--map"), "departments": pairs(departments, "--department")}
    move = Move(by=by, note=note, later=later, **order)
    wanted = Wanted(to=to, since=since, process=process, batch=batch, move=move)
    raise typer.Exit(run(migrate_cases(wanted, dry_run=dry_run, as_json=as_json)))
