"""有意见随时提: the command line of Minsheng."""
# ruff: noqa: PLC0415 -- heavy libraries are imported by the command that needs them, so that help is instant

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from infra.cli_backtest import backtest
from infra.cli_options import Data, run
from infra.cli_simulation import simulate
from infra.cli_versions import rulebook
from infra.mistakes import Mistake

BAD_INPUT = 2
INTERRUPTED = 130

app = typer.Typer(
    name="minsheng", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
database = typer.Typer(no_args_is_help=True, help="The ledger's database.")
app.add_typer(database, name="db")
app.add_typer(rulebook, name="rules")
app.command()(backtest)
app.command()(simulate)


@app.callback()
def minsheng() -> None:
    """Minsheng 民声: every citizen's complaint is one Prefect flow run, carried to an honest end."""


@app.command()
def up(
    *,
    demo: Annotated[int, typer.Option(help="Play so many sample complaints.")] = 0,
    exit: Annotated[bool, typer.Option("--exit", help="End after the samples; 0 when every one closed.")] = False,
    speed: Annotated[
        float | None, typer.Option(help="Seconds of case time per second.", show_default="3600 for the samples, else 1")
    ] = None,
    port: Annotated[int, typer.Option(help="Port of the portal; 0: any free one.")] = 8080,
    prefect_port: Annotated[int, typer.Option(help="Port of Prefect; 0: any free one.")] = 4200,
    data: Data = None,
) -> None:
    """Start everything as one process tree: Prefect, worker, portal and mail catcher. Ctrl-C stops it."""
    from infra.settings import settings
    from infra.up.plan import Wishes
    from infra.up.session import run as supervise

    pace = speed if speed is not None else 3600.0 if demo else 1.0
    folder = data or settings().data_dir
    wishes = Wishes(demo=demo, exit=exit, speed=pace, port=port, prefect_port=prefect_port, data=folder)
    raise typer.Exit(supervise(wishes))


@app.command()
def portal() -> None:
    """Serve the portal: complaint form, tracking, task pages, desk and JSON API."""
    from infra.serving import serve_portal

    serve_portal()


@app.command()
def mail_catcher(
    *,
    smtp_port: Annotated[int, typer.Option(help="Port for SMTP.")] = 2525,
    port: Annotated[int, typer.Option(help="Port for the pages.")] = 8025,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    folder: Annotated[Path, typer.Option(help="Where mails are kept.")] = Path(".minsheng/mailbox"),
) -> None:
    """Catch mails instead of sending them, and show them."""
    from infra.mail.catcher import serve

    serve(host, smtp_port, port, folder)


@app.command()
def deploy(
    pulse_seconds: Annotated[int, typer.Option(help="Seconds between two beats of the pulse.")] = 60,
) -> None:
    """Put the rulebook in force, and tell Prefect the flows: one deployment per process. Safe to repeat."""
    from infra.inspection import put_rulebook_in_force
    from infra.settings import prefect_api_url

    run(put_rulebook_in_force())
    from infra.deployments import deploy as deploy_flows

    run(deploy_flows(prefect_api_url(), pulse_seconds=pulse_seconds))


@database.command("upgrade")
def upgrade() -> None:
    """Bring the ledger's tables to the newest revision."""
    from infra.inspection import upgrade_ledger

    run(upgrade_ledger())


@app.command()
def login(
    who: Annotated[str, typer.Argument(help="Who signs in.")] = "desk",
    role: Annotated[str, typer.Option(help="desk, process_owner or approver.")] = "desk",
    data: Data = None,
) -> None:
    """Print a link that signs in once, within ten minutes."""
    from infra.up.addresses import print_sign_in

    print_sign_in(who, role)


@app.command()
def submit(
    files: Annotated[list[Path], typer.Argument(help="JSON, CSV or XLSX.")],
    straight: Annotated[bool, typer.Option("--straight", help="Into the ledger, though a portal runs.")] = False,
    data: Data = None,
) -> None:
    """Put complaints from files in: through the portal when one runs, else straight into the ledger."""
    from infra.garbage import seldom_collected
    from infra.intake_files import submit_files

    seldom_collected()
    raise typer.Exit(submit_files(files, straight=straight))


@app.command()
def show(
    number: Annotated[str, typer.Argument(help="The number on the receipt.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    data: Data = None,
) -> None:
    """Show one case: where it stands, its clocks and everything that happened to it."""
    from infra.inspection import show_case

    run(show_case(number.strip().upper(), as_json=as_json))


@app.command()
def verify(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make wrong tables again from the entries.")] = False,
    data: Data = None,
) -> None:
    """Check that every chain of entries is whole and that the tables equal the folded entries."""
    from infra.inspection import verify_ledger

    raise typer.Exit(run(verify_ledger(rebuild=rebuild)))


@app.command()
def bench(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One line of JSON.")] = False,
    quick: Annotated[bool, typer.Option(help="About a minute instead of six; what is left out is null.")] = False,
    minutes: Annotated[float | None, typer.Option(help="How long lives are led.", show_default="2")] = None,
    stored: Annotated[int, typer.Option(help="Measure again with so many closed cases.")] = 0,
    open: Annotated[int, typer.Option(help="… and so many open ones.")] = 0,
    at_once: Annotated[int | None, typer.Option(help="Lives at a time.", show_default="48")] = None,
    workers: Annotated[int, typer.Option(help="Warm workers.")] = 1,
    limit: Annotated[int, typer.Option(help="Cases that a worker carries at a time.")] = 16,
    embedded: Annotated[bool, typer.Option(help="SQLite for ledger and Prefect, as `minsheng up`.")] = False,
    clocks: Annotated[int, typer.Option(help="Something else: with so many open clocks …")] = 0,
    due: Annotated[int, typer.Option(help="… and so many due in one minute, seconds to the last rung.")] = 10_000,
    burst: Annotated[int, typer.Option(help="Something else: so many complaints within a minute.")] = 0,
    pages: Annotated[int, typer.Option(help="Or: each page of the portal with so many closed cases and --open.")] = 0,
    whole: Annotated[int, typer.Option(help="… of which one in so many has its history, where disks are small.")] = 1,
    wakes: Annotated[int, typer.Option(help="Or: the memory of a warm worker over so many wakes.")] = 0,
    rows: Annotated[int, typer.Option(help="Or: so many complaints from a file.")] = 0,
) -> None:
    """Measure lives per second on databases and servers of its own, beside bare Prefect and its stock worker."""
    if clocks or pages or wakes or rows:
        from infra.bench.single import measure_one

        one = {"clocks": clocks, "due": due, "pages": pages, "open": open, "whole": whole, "wakes": wakes, "rows": rows}
        raise typer.Exit(measure_one(**one, embedded=embedded, as_json=as_json))
    if burst:
        from infra.bench.burst import pour

        raise typer.Exit(pour(complaints=burst, workers=workers, limit=limit, as_json=as_json))
    from infra.bench.command import bench as carry_out

    sizes = {"stored": stored, "open": open, "at_once": at_once, "workers": workers, "limit": limit}
    raise typer.Exit(carry_out(as_json=as_json, quick=quick, minutes=minutes, embedded=embedded, **sizes))


@app.command()
def size(
    *,
    per_day: Annotated[int, typer.Option(help="Complaints a day.")],
    busiest_hour: Annotated[
        float, typer.Option(help="Share of a day's complaints that comes in its busiest hour.")
    ] = 0.12,
    effort: Annotated[float, typer.Option(help="An average case, in lives of the bench.")] = 1.5,
    open_days: Annotated[float, typer.Option(help="Days from receipt to end.")] = 10,
    years: Annotated[float, typer.Option(help="How long the ledger grows.")] = 3,
    bench: Annotated[Path | None, typer.Option(help="What `minsheng bench --json` printed on your machine.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print the processes, cores, memory and disk that a city needs, from measured costs."""
    from infra.sizing import Wishes, print_size

    wishes = Wishes(per_day=per_day, busiest_hour=busiest_hour, effort=effort, open_days=open_days, years=years)
    print_size(wishes, bench=bench, as_json=as_json)


def main() -> None:
    """The command ``minsheng``: whatever the user can mend is one sentence and code 2."""
    try:
        app()
    except SystemExit:
        raise
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of our output left, as in `minsheng show … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except _mendable() as fault:
        typer.echo(f"minsheng: {fault}", err=True)
        sys.exit(BAD_INPUT)


def _mendable() -> tuple[type[Exception], ...]:
    """Asked only once something was raised, so that help need not import the settings."""
    from infra.settings import SettingsFault

    return (Mistake, SettingsFault)


if __name__ == "__main__":
    main()
