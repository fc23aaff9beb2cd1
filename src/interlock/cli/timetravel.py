"""``interlock backup``, ``interlock restore`` and ``interlock links rebuild``."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import ByName, JsonOutput, ProjectFolder, Yes, load, person, with_store
from interlock.cli.planning import say_problems
from interlock.cli.progress import Progress
from interlock.cli.screen import amount, moment, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.timetravel import Rebuilt

__all__ = ["backup", "rebuild", "restore"]


def backup(
    file: Annotated[
        Path | None,
        typer.Argument(help="Where to. (default: a name with the time, in the project)"),
    ] = None,
    project: ProjectFolder = Path(),
    *,
    as_json: JsonOutput = False,
) -> None:
    """Copy the store into one file, also while it is in use, and prove the copy."""
    from interlock.service.timetravel import back_up

    now = datetime.now(UTC)
    made = with_store(project, lambda p, s: back_up(p, s, file, now=now))
    if as_json:
        print_json(made)
        return
    say(f"{made.file}: {amount(made.links, 'link')}, {amount(made.records, 'record')}, "
        f"{made.size / 1e6:.1f} MB.", style="green")  # fmt: skip
    say("It holds customers' data: keep it like the CRM. Keep interlock.yaml and .env as well.",
        style="dim")  # fmt: skip


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `interlock backup` made.")],
    project: ProjectFolder = Path(),
    *,
    by: ByName = None,
    yes: Yes = False,
    as_json: JsonOutput = False,
) -> None:
    """Put a backup in the store's place; the replaced store is kept, and nothing is written yet."""
    from interlock.service import timetravel

    opened = load(project)
    _ask(
        "The store goes back to the backup. What Interlock did since is found again in both "
        "systems; what people decided since is lost.",
        "Restore it?",
        yes=yes,
        as_json=as_json,
    )
    result = timetravel.restore(opened, file, by=person(by), now=datetime.now(UTC))
    if as_json:
        print_json(result)
    else:
        say(f"The store is as it was at {moment(result.at)}, with {amount(result.links, 'link')}.",
            style="green")  # fmt: skip
        if result.replaced:
            say(f"The replaced store is kept: {result.replaced}")
        say("Nothing is written until you release it: interlock plan, then interlock approve.")
    finish(NEEDS_PERSON)


def rebuild(
    project: ProjectFolder = Path(),
    *,
    by: ByName = None,
    yes: Yes = False,
    as_json: JsonOutput = False,
) -> None:
    """Find all links again in both systems, after the store was lost or can be trusted no more."""
    opened = load(project)
    _ask(
        "Both systems are read in full, and links are found again by the keys in them. Values "
        "that were agreed on and approvals are forgotten; nothing is written until you approve.",
        "Rebuild the links?",
        yes=yes,
        as_json=as_json,
    )

    async def _run() -> Rebuilt:
        from interlock.governance.rules import Side
        from interlock.service.session import connect
        from interlock.service.timetravel import rebuild_links
        from interlock.sync.progress import Run

        async with connect(opened) as session:
            names = {side.value: session.pair.side(side).name for side in Side}
            with Progress(names, quiet=as_json) as progress:
                run = Run(id=session.pair.new_id(), tick=progress.tick)
                return await rebuild_links(session, run, by=person(by))

    result = asyncio.run(_run())
    if as_json:
        print_json(result)
    else:
        _show(result)
    finish(NEEDS_PERSON if result.hold is not None else DONE)


def _show(result: Rebuilt) -> None:
    say(f"{amount(result.found, 'link')} found again, {result.links:,} in all.", style="green")
    if result.parked:
        say(f"{amount(result.parked, 'record')} left alone: each names a record of the other "
            "system that is not there any more.")  # fmt: skip
    say(f"{amount(len(result.plan.writes), 'write')} would follow: interlock plan shows them, "
        "interlock approve lets them go.")  # fmt: skip
    say_problems(result.plan.problems)


def _ask(what: str, question: str, *, yes: bool, as_json: bool) -> None:
    if yes:
        return
    if as_json or not sys.stdin.isatty():
        raise ConfigurationError("there is nobody to ask", fix="add --yes")
    say(what)
    if not typer.confirm(question):
        say("Nothing was done.")
        finish(DONE)
