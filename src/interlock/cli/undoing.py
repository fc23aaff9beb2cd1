"""``interlock runs`` and ``interlock undo``."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import (
    ByName,
    Everything,
    JsonOutput,
    ProjectFolder,
    Yes,
    load,
    person,
    with_store,
)
from interlock.cli.screen import amount, columns, moment, print_json, say
from interlock.cli.values import field_name, show_value
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.undoing import Undoing

__all__ = ["runs", "undo"]

_SHOWN: Final = 20


def runs(
    project: ProjectFolder = Path(), *, everything: Everything = False, as_json: JsonOutput = False
) -> None:
    """List syncs, the latest first, with what each wrote."""
    from interlock.store.plans import recent_runs

    limit = None if everything else _SHOWN
    found = with_store(project, lambda _, s: s.run(recent_runs, limit))
    if as_json:
        print_json({"runs": found})
        return
    if not found:
        say("No sync has run yet.")
    columns(
        [(r.id[:8], moment(r.started_at), amount(r.counts.get("created", 0), "record") + " created",
          amount(r.counts.get("updated", 0), "record") + " changed",
          "" if r.ended_at else "not ended") for r in found]
    )  # fmt: skip


def undo(
    run: Annotated[str, typer.Argument(help="A run's number, or its beginning (interlock runs).")],
    project: ProjectFolder = Path(),
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Only show what would be done.")
    ] = False,
    by: ByName = None,
    yes: Yes = False,
    as_json: JsonOutput = False,
) -> None:
    """Give back the values a sync replaced, where nothing has changed since."""
    opened = load(project)
    ask = not dry_run and not yes
    if ask and (as_json or not sys.stdin.isatty()):
        raise ConfigurationError(
            "undoing a run writes to both systems, and there is nobody to ask",
            fix="add --dry-run to look, or --yes",
        )

    async def _undo(*, dry: bool) -> Undoing:
        from interlock.service.session import connect
        from interlock.service.undoing import undo_run

        async with connect(opened) as session:
            return await undo_run(session, run, by=person(by), dry_run=dry)

    if ask:
        _show(asyncio.run(_undo(dry=True)))
        if not typer.confirm("Write this?"):
            say("Nothing was done.")
            finish(DONE)
    result = asyncio.run(_undo(dry=dry_run))
    if as_json:
        print_json(result)
    else:
        _show(result)
    finish(NEEDS_PERSON if result.left else DONE)


def _show(result: Undoing) -> None:
    done = "come back" if result.report is None else "given back"
    say(f"Run {result.run[:8]}: {amount(len(result.restored), 'value')} {done}.", style="bold")
    columns([(f"{r.system} {r.entity} {r.record}", field_name(r.field), show_value(r.now), "->",
              show_value(r.then)) for r in result.restored])  # fmt: skip
    if result.left:
        say(f"{amount(len(result.left), 'change')} left as they are:")
        columns([(f"{r.system} {r.entity} {r.record}", field_name(r.field) if r.field else "",
                  r.why) for r in result.left])  # fmt: skip
    if result.report is not None:
        say(f"To take this back: interlock undo {result.report.run_id[:8]}", style="dim")
