"""``interlock provision`` and ``interlock deprovision``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.failures import DONE, FAILED, finish
from interlock.cli.options import JsonOutput, ProjectFolder, Yes, load
from interlock.cli.screen import amount, columns, heading, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.provisioning import ProvisionReport

__all__ = ["deprovision", "provision"]

DryRun = Annotated[bool, typer.Option("--dry-run", metavar="", help="Only say what would be done.")]


def provision(
    project: ProjectFolder = Path(),
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: JsonOutput = False,
) -> None:
    """Make the fields in both systems that hold the other one's id and Interlock's key."""
    _run(project, dry_run=dry_run, yes=yes, as_json=as_json, remove=False)


def deprovision(
    project: ProjectFolder = Path(),
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: JsonOutput = False,
) -> None:
    """Remove what provision made, with the values in it."""
    _run(project, dry_run=dry_run, yes=yes, as_json=as_json, remove=True)


def _run(folder: Path, *, dry_run: bool, yes: bool, as_json: bool, remove: bool) -> None:
    if not (dry_run or yes) and (as_json or not sys.stdin.isatty()):
        raise ConfigurationError(
            "this changes the two systems, and there is nobody to ask",
            fix="look at it with --dry-run, then add --yes",
        )
    report = asyncio.run(_work(folder, dry_run=dry_run or not yes, remove=remove))
    if not as_json:
        _show(report)
    if not (dry_run or yes) and report.changes and not report.failed:
        question = "Remove them, with all values in them?" if remove else "Make them?"
        if not typer.confirm(question):
            say("Nothing was done.")
            finish(DONE)
        report = asyncio.run(_work(folder, dry_run=False, remove=remove))
        _show(report)
    if as_json:
        print_json(report)
    elif report.failed:
        say("Not everything could be done; repeating it does no harm.", style="red")
    elif not report.changes:
        say("Nothing to do." if remove else "Nothing to do: everything is there.", style="green")
    elif not report.dry_run:
        say(f"Done: {amount(report.changes, 'thing')} {'removed' if remove else 'made'}.",
            style="green")  # fmt: skip
    finish(FAILED if report.failed else DONE)


async def _work(folder: Path, *, dry_run: bool, remove: bool) -> ProvisionReport:
    from interlock.service.provisioning import provision as work
    from interlock.service.session import connect

    async with connect(load(folder)) as session:
        return await work(session, dry_run=dry_run, remove=remove)


def _show(report: ProvisionReport) -> None:
    for system in report.systems:
        heading(system.name)
        if system.note:
            say(system.note, lead="  ")
        columns([(s.action, f"{s.subject}: {s.message}" if s.message else s.subject)
                 for s in system.steps])  # fmt: skip
    say()
