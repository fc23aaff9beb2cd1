"""``interlock plan``."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from interlock.cli.against import show_against
from interlock.cli.failures import CHANGES, DONE, FAILED, NEEDS_PERSON, finish
from interlock.cli.options import Everything, JsonOutput, ProjectFolder, load
from interlock.cli.progress import Progress
from interlock.cli.screen import amount, columns, heading, moment, print_json, say, shorten
from interlock.cli.values import field_name, show_value

if TYPE_CHECKING:
    from interlock.service.plan import Plan, PlannedWrite, Waiting
    from interlock.service.stops import StopView
    from interlock.sync.progress import Problem

__all__ = ["plan", "say_problems", "say_stops", "say_waiting", "say_write"]

_SHOWN: Final = 10
"""Records of one group that are shown before the list is cut short."""


def plan(
    project: ProjectFolder = Path(),
    *,
    as_json: JsonOutput = False,
    everything: Everything = False,
    exit_code: Annotated[
        bool,
        typer.Option("--exit-code", metavar="", help="End with 4 when something would be written."),
    ] = False,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="OLD",
            help="Show what the map changes instead, against an older one: `previous`, the "
            "beginning of a version, or another project's folder.",
        ),
    ] = None,
) -> None:
    """Read both systems and show what would be written where; writes nothing."""
    if against is not None:
        show_against(project, against, as_json=as_json, everything=everything, exit_code=exit_code)
    result, links = asyncio.run(_make(project, quiet=as_json))
    if as_json:
        print_json(result)
    else:
        _show(result, links, everything=everything)
    if any(p.code not in ("undecodable", "held") for p in result.problems):
        finish(FAILED)
    if any(p.code == "held" for p in result.problems):
        finish(NEEDS_PERSON)
    finish(CHANGES if exit_code and result.writes else DONE)


async def _make(folder: Path, *, quiet: bool) -> tuple[Plan, Mapping[int, str]]:
    from interlock.governance.rules import Side
    from interlock.service.labels import labels_of_links
    from interlock.service.plan import make_plan
    from interlock.service.session import connect
    from interlock.sync.progress import Run

    project = load(folder)
    async with connect(project) as session:
        names = {side.value: session.pair.side(side).name for side in Side}
        with Progress(names, quiet=quiet) as progress:
            result = await make_plan(session, Run(id="plan", tick=progress.tick))
        ids = [i for w in result.writes for f in w.fields for i in _links_in(f.new)]
        return result, await session.store.call(labels_of_links, ids)


def _links_in(value: Any) -> list[int]:
    if isinstance(value, Mapping) and str(value.get("id", "")).startswith("@"):
        return [int(str(value["id"])[1:])]
    return []


def _show(result: Plan, links: Mapping[int, str], *, everything: bool) -> None:
    say(f"Plan {result.id}, made {moment(result.at)}. Nothing has been written.", style="bold")
    if result.linked:
        pairs = ", ".join(amount(n, entity) for entity, n in result.linked.items())
        say(f"Known to be the same in both systems: {pairs}.")
    groups: dict[tuple[str, str, str], list[PlannedWrite]] = defaultdict(list)
    for write in result.writes:
        groups[write.system, write.entity, write.kind.value].append(write)
    for (system, entity, kind), writes in groups.items():
        done = "to create" if kind == "create" else "to change"
        heading(f"{system}: {amount(len(writes), entity)} {done}")
        for write in writes if everything else writes[:_SHOWN]:
            say_write(write, links, full=everything)
        _say_rest(len(writes), everything=everything)
    say_stops(result.stops)
    say_waiting(result.waiting)
    say_problems(result.problems)
    say()
    if not result.writes:
        partly = result.waiting or result.problems
        say("Nothing to write." if partly else "Nothing to do: both systems agree.", style="green")
        return
    calls = ", ".join(f"{amount(n, 'call')} to {system}" for system, n in result.calls.items())
    say(f"{amount(len(result.writes), 'record')} to write; about {calls}.")
    if result.to_approve:
        say(
            f"{result.to_approve:,} of them wait for an approval, because they are the first "
            "writes to these records, or too many at once. To let them go: interlock approve"
        )
    else:
        say("The next `interlock sync --once` writes them.")


def _say_rest(count: int, *, everything: bool) -> None:
    if count > _SHOWN and not everything:
        say(f"… and {count - _SHOWN:,} more (interlock plan --all)", style="dim", lead="  ")


def say_write(write: PlannedWrite, links: Mapping[int, str], *, full: bool) -> None:
    """Show one record with its old and new values."""
    mark = "+" if write.kind.value == "create" else "~"
    state = f"   stopped: {write.limit_kind}" if write.limit_kind else ""
    if write.waits_for:
        state = f"   {write.waits_for}"
    elif not write.needs_approval and write.state.value != "ready":
        state = f"   {write.state.value}"
    say(f"{mark} {shorten(write.label, 60) or '(no name)'}  [{write.record}]{state}", lead="  ")
    rows = []
    for change in write.fields:
        new = show_value(change.new, links, full=full)
        if change.note:
            new += f"   ({change.note})"
        if write.kind.value == "create":
            rows.append((field_name(change.field), new))
        else:
            old = show_value(change.old, links, full=full)
            rows.append((field_name(change.field), f"{old} -> {new}   ({change.why})"))
    columns(rows, lead="      ")


def say_stops(stops: Sequence[StopView]) -> None:
    """List what was too much at once, and what was parked for all records."""
    if not stops:
        return
    heading("Stopped")
    for stop in stops:
        what = f"{stop.system} {stop.entity} {stop.field or stop.kind}"
        say(f"#{stop.id} {what}, since {moment(stop.since)}: {stop.why}", lead="  ")
        say(f"-> {stop.fix}", lead="     ", style="dim")


def say_waiting(waiting: Sequence[Waiting]) -> None:
    """List what nothing is planned for, with the way out."""
    if not waiting:
        return
    heading("Waiting")
    for group in waiting:
        say(f"{group.count:,} x {group.subject}: {group.why}", lead="  ")
        if group.fix and group.fix != "nothing":
            say(f"-> {group.fix}", lead="     ", style="dim")


def say_problems(problems: Sequence[Problem]) -> None:
    """List what kept a part of the work from being done."""
    if not problems:
        return
    heading("Problems")
    for problem in problems[:_SHOWN]:
        prefix = "" if problem.message.startswith(problem.subject) else f"{problem.subject}: "
        say(f"{prefix}{problem.message}", lead="  ", style="red")
        if problem.fix:
            say(f"-> {problem.fix}", lead="     ")
    if len(problems) > _SHOWN:
        say(f"… and {len(problems) - _SHOWN:,} more (--json shows all)", style="dim", lead="  ")
