"""``interlock plan --against``."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from interlock.cli.failures import CHANGES, DONE, finish
from interlock.cli.options import load
from interlock.cli.progress import Progress
from interlock.cli.screen import amount, columns, heading, moment, print_json, say, shorten
from interlock.cli.values import field_name, show_value

if TYPE_CHECKING:
    from interlock.service.against import Against, ChangedWrite

__all__ = ["show_against"]

_SHOWN: Final = 10


def show_against(
    project: Path, old: str, *, as_json: bool, everything: bool, exit_code: bool
) -> NoReturn:
    """Show what the map changes against an older one; ends the command."""
    result = asyncio.run(_make(project, old, quiet=as_json))
    if as_json:
        print_json(result)
    else:
        _show(result, everything=everything)
    finish(CHANGES if exit_code and result.total else DONE)


async def _make(folder: Path, old: str, *, quiet: bool) -> Against:
    from interlock.governance.rules import Side
    from interlock.service.against import plan_against
    from interlock.service.session import connect
    from interlock.sync.progress import Run

    async with connect(load(folder)) as session:
        names = {side.value: session.pair.side(side).name for side in Side}
        with Progress(names, quiet=quiet) as progress:
            return await plan_against(session, old, Run(id="plan", tick=progress.tick))


def _show(result: Against, *, everything: bool) -> None:
    when = f", active since {moment(result.old_at)}" if result.old_at else ""
    say(f"Map {result.new} against {result.old}{when}. Nothing has been written.", style="bold")
    if not result.fields and not result.creates:
        say("Both mean the same.", style="green")
        return
    heading("Changed")
    for field in result.fields:
        say(f"{field.entity} {field_name(field.field)}: {field.what}", lead="  ")
        effects = [f"{amount(n, 'record')} to change in {s}" for s, n in field.writes.items()]
        if field.left_open:
            effects.append(f"{field.left_open:,} left open for a person")
        if field.unreadable:
            effects.append(f"{field.unreadable:,} that cannot be read so")
        say(", ".join(effects) or "no record to change", lead="      ", style="dim")
    for entity, text in result.creates.items():
        say(f"{entity}: {text}", lead="  ")
    shown = result.writes if everything else result.writes[:_SHOWN]
    if shown:
        heading("Writes the new map would cause")
    for write in shown:
        _show_write(write)
    if result.total > len(shown):
        say(f"… and {result.total - len(shown):,} more (--all)", style="dim", lead="  ")
    say()
    say(f"{amount(result.compared, 'pair')} compared, {amount(result.total, 'write')} more.")
    say("They wait for an approval: interlock plan, then interlock approve")


def _show_write(write: ChangedWrite) -> None:
    ids = ", ".join(f"{system} {record}" for system, record in write.records.items())
    say(f"~ {shorten(write.label, 60) or '(no name)'}  [{ids}]", lead="  ")
    was = f"; before: {show_value(write.before)} to {write.before_system}"
    what = f"{show_value(write.now)} -> {show_value(write.new)}   ({write.why}"
    what += f"{was if write.before_system else ''})"
    columns([(field_name(write.field), write.system, what)], lead="      ")
