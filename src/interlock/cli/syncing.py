"""``interlock sync``."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from interlock.cli.failures import DONE, FAILED, NEEDS_PERSON, finish
from interlock.cli.options import JsonOutput, ProjectFolder, load
from interlock.cli.planning import say_problems
from interlock.cli.progress import Progress
from interlock.cli.screen import amount, columns, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.syncing import SyncReport

__all__ = ["sync"]

_MILD: Final = ("undecodable", "limit", "held", "unshown", "paused", "budget")
"""Codes of problems that a person mends while everything else goes on."""


def sync(
    project: ProjectFolder = Path(),
    *,
    once: Annotated[
        bool, typer.Option("--once", metavar="", help="One full round, then end.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", metavar="", help="Read every record again, not only what changed."),
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """Bring both systems into agreement: read, decide, write what may be written."""
    if not once:
        raise ConfigurationError(
            "`interlock sync` does one round and says so: add --once",
            fix="`interlock sync --once` for one round, `interlock serve` to run until stopped",
        )
    report, names = asyncio.run(_sync(project, full=full, quiet=as_json))
    if as_json:
        print_json(report)
    else:
        _show(report, names)
    finish(_exit_code(report))


async def _sync(folder: Path, *, full: bool, quiet: bool) -> tuple[SyncReport, Mapping[str, str]]:
    from interlock.governance.rules import Side
    from interlock.service.outreach import Outreach
    from interlock.service.session import connect
    from interlock.service.syncing import sync_once

    async with connect(load(folder)) as session:
        outreach = Outreach(session.project, session.store, session.pair.clock)
        # what an endpoint was told before is known from its first round on
        await outreach.round()
        names = {side.value: session.pair.side(side).name for side in Side}
        with Progress(names, quiet=quiet) as progress:
            report = await sync_once(session, tick=progress.tick, full=full)
        await outreach.round()
        return report, names


def _exit_code(report: SyncReport) -> int:
    if any(problem.code not in _MILD for problem in report.problems):
        return FAILED
    waits = report.dead_letters or report.to_approve or report.in_doubt or report.conflicts
    return NEEDS_PERSON if waits or report.problems else DONE


def _show(report: SyncReport, names: Mapping[str, str]) -> None:
    waits = _waiting(report)
    if report.writes:
        say(f"Wrote {amount(report.writes, 'record')}.", style="green")
        columns(_written(report, names))
    elif not waits and not report.problems:
        say("Nothing to do: both systems agree.", style="green")
    else:
        say("Nothing was written.")
    if report.linked:
        say(f"Found {amount(report.linked, 'record')} to be the same in both systems.")
    for text, way in waits:
        say(text)
        say(f"-> {way}", lead="   ", style="dim")
    say_problems(report.problems)


def _written(report: SyncReport, names: Mapping[str, str]) -> list[tuple[str, str]]:
    rows = []
    for key, count in sorted(report.counts.items()):
        done, _, rest = key.partition(":")
        side, _, entity = rest.partition(":")
        if done in ("created", "updated") and entity:
            word = "changed" if done == "updated" else done
            rows.append((names.get(side, side), f"{amount(count, entity)} {word}"))
    return rows


def _waiting(report: SyncReport) -> list[tuple[str, str]]:
    """Say what is left, and what can be done about it."""
    lines = [
        (report.to_approve, "write", " to be approved", "interlock plan, then interlock approve"),
        (report.dead_letters, "dead letter", ": could not be done", "interlock dead-letters list"),
        (
            report.conflicts,
            "field",
            " changed on both sides: a person decides which value is right",
            "interlock conflicts list",
        ),
        (
            report.open_fields - report.conflicts,
            "field",
            " left different on the two sides",
            "interlock status says which and why, interlock conflicts list those to decide on",
        ),
        (
            report.in_doubt,
            "write",
            " whose answer was lost",
            "the next sync finds out what became of it",
        ),
        (
            report.waiting,
            "write",
            " for another record, or for the next try",
            "interlock plan shows what for",
        ),
    ]
    return [(amount(n, thing) + text, way) for n, thing, text, way in lines if n]
