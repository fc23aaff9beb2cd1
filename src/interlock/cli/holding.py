"""``interlock holds``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.options import ByName, JsonOutput, ProjectFolder, Reason, person, with_store
from interlock.cli.screen import columns, moment, print_json, say

if TYPE_CHECKING:
    from interlock.service.holds import HoldView, PausedDeal

__all__ = ["app"]

app = typer.Typer(
    help="Customers on credit hold, the deals that wait for it, and letting one through.",
    no_args_is_help=True,
)


@app.command("list")
def list_all(
    project: ProjectFolder = Path(),
    *,
    ended: Annotated[
        bool, typer.Option("--ended", metavar="", help="Those that are over, too.")
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """List credit holds with the deals that wait, the latest first."""
    from interlock.service.holds import list_holds

    found = with_store(project, lambda p, s: list_holds(p, s, ended=ended))
    if as_json:
        print_json({"count": len(found), "holds": found})
        return
    if not found:
        say("No customer is on credit hold.", style="green")
    for hold in found:
        _show(hold)


@app.command("show")
def show(
    number: Annotated[int, typer.Argument(metavar="HOLD", help="Its number, as listed.")],
    project: ProjectFolder = Path(),
    *,
    as_json: JsonOutput = False,
) -> None:
    """Show one hold."""
    from interlock.service.holds import show_hold

    found = with_store(project, lambda p, s: show_hold(p, s, number))
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(hold: HoldView) -> None:
    records = ", ".join(f"{system} {i}" for system, i in hold.records.items())
    say(f"{hold.id}  {hold.customer or 'a customer that is not linked'} ({records})", style="bold")
    say(f"since {moment(hold.began_at)}" + (f": {hold.reason}" if hold.reason else ""), lead="    ")
    if hold.ended_at is not None:
        say(f"ended {moment(hold.ended_at)}: {hold.ended_why}", lead="    ")
    elif hold.off_since is not None:
        say(f"seen off since {moment(hold.off_since)}, not released yet", lead="    ")
    columns([_deal(d) for d in hold.deals], lead="    ")


def _deal(d: PausedDeal) -> tuple[str, str, str]:
    text = d.why
    if d.overridden_by:
        text = f"let through by {d.overridden_by}: {d.override_reason}"
    elif d.stage:
        text = f"{d.why}; stage before: {d.stage}"
    return f"deal {d.deal} {d.label}".strip(), d.state, text


@app.command("override")
def override(
    deal: Annotated[str, typer.Argument(metavar="DEAL", help="The deal's id in the CRM.")],
    reason: Reason,
    project: ProjectFolder = Path(),
    *,
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Let a won deal be ordered although its customer is on credit hold, this time."""
    from interlock.service.holds import override_hold

    now, who = datetime.now(UTC), person(by)
    done = with_store(project, lambda _, s: override_hold(s, deal, by=who, reason=reason, now=now))
    if as_json:
        print_json(done)
    else:
        say(f"Deal {done.deal} is ordered at the next sync in spite of hold {done.hold}.")
