"""The command ``interlock``: all commands in one place, and what happens when one fails."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer

from interlock.cli.approving import approve
from interlock.cli.assess import assess
from interlock.cli.auditing import app as audit
from interlock.cli.checking import check
from interlock.cli.conflicts import app as conflicts
from interlock.cli.demo import demo
from interlock.cli.drifting import app as drift
from interlock.cli.drifting import report_drift
from interlock.cli.explaining import explain
from interlock.cli.failures import DONE, STOPPED, fail
from interlock.cli.forgetting import forget
from interlock.cli.holding import app as holds
from interlock.cli.init import init
from interlock.cli.letters import app as letters
from interlock.cli.linking import app as links
from interlock.cli.match import match_app
from interlock.cli.moving import app as store
from interlock.cli.pausing import pause, resume
from interlock.cli.planning import plan
from interlock.cli.provisioning import deprovision, provision
from interlock.cli.quoting import app as quotes
from interlock.cli.rehearse import rehearse
from interlock.cli.reporting import report_app as report
from interlock.cli.reports_overruled import overruled
from interlock.cli.reports_ownership import ownership
from interlock.cli.reports_revenue import revenue
from interlock.cli.serving import serve, worker
from interlock.cli.status import status
from interlock.cli.syncing import sync
from interlock.cli.timetravel import backup, rebuild, restore
from interlock.cli.tokens import app as tokens
from interlock.cli.twin import twin
from interlock.cli.undoing import runs, undo

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="interlock",
    help="Keeps a CRM and an ERP telling the same truth about the same customer.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use or configuration, "
    "3 done but a person is needed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_SETUP, _DAILY, _CLOSER = "To begin", "Every day", "To look closer"

app.command("init", rich_help_panel=_SETUP)(init)
app.command("assess", rich_help_panel=_SETUP)(assess)
app.command("check", rich_help_panel=_SETUP)(check)
app.command("provision", rich_help_panel=_SETUP)(provision)
app.command("deprovision", rich_help_panel=_SETUP)(deprovision)
app.command("rehearse", rich_help_panel=_SETUP)(rehearse)
app.command("demo", rich_help_panel=_SETUP)(demo)
app.command("twin", rich_help_panel=_SETUP)(twin)
app.command("plan", rich_help_panel=_DAILY)(plan)
app.command("approve", rich_help_panel=_DAILY)(approve)
app.command("sync", rich_help_panel=_DAILY)(sync)
app.command("serve", rich_help_panel=_DAILY)(serve)
app.command("worker", rich_help_panel=_DAILY)(worker)
app.command("pause", rich_help_panel=_DAILY)(pause)
app.command("resume", rich_help_panel=_DAILY)(resume)
app.command("status", rich_help_panel=_DAILY)(status)
app.command("explain", rich_help_panel=_CLOSER)(explain)
app.command("runs", rich_help_panel=_CLOSER)(runs)
app.command("undo", rich_help_panel=_CLOSER)(undo)
app.command("backup", rich_help_panel=_CLOSER)(backup)
app.command("restore", rich_help_panel=_CLOSER)(restore)
links.command("rebuild")(rebuild)
report.command("drift")(report_drift)
report.command("overruled")(overruled)
report.command("ownership")(ownership)
report.command("revenue")(revenue)
app.add_typer(conflicts, name="conflicts", rich_help_panel=_CLOSER)
app.command("forget", rich_help_panel=_CLOSER)(forget)
app.add_typer(audit, name="audit", rich_help_panel=_CLOSER)
app.add_typer(letters, name="dead-letters", rich_help_panel=_CLOSER)
app.add_typer(holds, name="holds", rich_help_panel=_DAILY)
app.add_typer(quotes, name="quote", rich_help_panel=_DAILY)
app.add_typer(links, name="links", rich_help_panel=_CLOSER)
app.add_typer(drift, name="drift", rich_help_panel=_CLOSER)
app.add_typer(tokens, name="token", rich_help_panel=_SETUP)
app.add_typer(report, name="report", rich_help_panel=_CLOSER)
app.add_typer(store, name="store", rich_help_panel=_CLOSER)
app.add_typer(match_app, name="match", rich_help_panel=_CLOSER)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"interlock {version('interlock')}")
        raise typer.Exit


@app.callback()
def root(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            metavar="",
            callback=_show_version,
            is_eager=True,
            help="Show the version and end.",
        ),
    ] = False,
    _debug: Annotated[
        bool,
        typer.Option("--debug", metavar="", help="After an unexpected failure, show where it was."),
    ] = False,
) -> None:
    """Keeps a CRM and an ERP telling the same truth about the same customer."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line; returns the exit code and never raises."""
    debug, as_json = "--debug" in arguments, "--json" in arguments
    rest = [a for a in arguments if a != "--debug"]
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # a name the terminal cannot show must not end the command
            stream.reconfigure(errors="replace")
    try:
        code = app(rest, prog_name="interlock", standalone_mode=False)
    except KeyboardInterrupt:
        code = STOPPED
    except SystemExit as ended:
        # a pipe that was closed early (| head) ends here
        code = ended.code
    except BaseException as error:  # noqa: BLE001  nothing may end in a traceback
        return fail(error, as_json=as_json, debug=debug)
    if code == STOPPED:
        typer.echo("\nStopped. Nothing is lost: the next run goes on from here.", err=True)
    return code if isinstance(code, int) else DONE


def main() -> NoReturn:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))
