"""机关流程再造: the commands by which a process owner works on the rulebook, `minsheng rules …`."""
# ruff: noqa: PLC0415 -- heavy libraries are imported by the command that needs them, so that help is instant

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

rulebook = typer.Typer(no_args_is_help=True, help="The rulebook that MINSHENG_RULEBOOK names.")

Folder = Annotated[
    Path | None, typer.Option("--rulebook", help="Folder of another rulebook.", show_default="MINSHENG_RULEBOOK")
]


def _folder(named: Path | None) -> Path:
    from infra.settings import settings

    return named or settings().rulebook_dir


@rulebook.command("check")
def check(
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Default: MINSHENG_RULEBOOK.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    lang: Annotated[str | None, typer.Option(help="zh_CN or en.", show_default="MINSHENG_LOCALE, else en")] = None,
) -> None:
    """Check a rulebook as a whole: all faults at once, with file, line, cell and cure; code 1 when there are any."""
    from infra.locale import spoken
    from infra.rulebook_check import check_folder

    raise typer.Exit(check_folder(_folder(folder), as_json=as_json, locale=spoken(lang)))


@rulebook.command("export")
def export(
    tables: Annotated[list[str] | None, typer.Argument(metavar="[TABLE]…", help="Default: all.")] = None,
    xlsx: Annotated[Path | None, typer.Option(help="Write one workbook, a sheet for each table.")] = None,
    csv: Annotated[Path | None, typer.Option(help="Write a CSV file for each table into this folder.")] = None,
    folder: Folder = None,
) -> None:
    """Write decision tables as a workbook or as CSV; with neither, print one."""
    from infra.exchange import export_tables

    export_tables(_folder(folder), tables or [], xlsx=xlsx, csv=csv)


@rulebook.command("import")
def import_(
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="XLSX with a sheet for each table, or CSV.")],
    folder: Folder = None,
) -> None:
    """Take decision tables over into the rulebook; when that would bring a fault, nothing is changed and code is 1."""
    from infra.exchange import import_tables

    raise typer.Exit(import_tables(_folder(folder), files))


@rulebook.command("explain")
def explain(
    file: Annotated[Path, typer.Argument(metavar="COMPLAINT.json", help="One complaint, as the portal takes it.")],
    at: Annotated[str | None, typer.Option(help="A day or a moment in the city.", show_default="now")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    folder: Folder = None,
) -> None:
    """Tell what would happen to a complaint: class, owner, every deadline and ladder, and the rows that say so."""
    from infra.explaining import print_explanation

    print_explanation(file, at=at, folder=_folder(folder), as_json=as_json)


@rulebook.command("draw")
def draw(
    process: Annotated[str, typer.Argument(help="The name of a process; without one, all of them.")] = "",
    form: Annotated[str, typer.Option("--format", help="svg or mermaid.")] = "svg",
    out: Annotated[Path | None, typer.Option(help="A file; a folder, when all processes are drawn.")] = None,
    lang: Annotated[str | None, typer.Option(help="zh_CN or en.", show_default="MINSHENG_LOCALE")] = None,
    folder: Folder = None,
) -> None:
    """Draw a process: stages, outcomes, clocks with their spans, and the ladder of a missed deadline."""
    from infra.workbench.drawing import draw_processes

    draw_processes(_folder(folder), process, form=form, out=out, lang=lang)


@rulebook.command("schema")
def schema(
    write: Annotated[bool, typer.Option("--write", help="Renew the shipped file instead of printing.")] = False,
) -> None:
    """Print the JSON Schema of a process file, for editors."""
    from infra.process_schema import FILE, schema_text

    if write:
        FILE.write_text(schema_text(), "utf-8")
    typer.echo(str(FILE) if write else schema_text(), nl=write)
