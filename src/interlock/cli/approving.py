"""``interlock approve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import ByName, JsonOutput, ProjectFolder, person, with_store
from interlock.cli.screen import amount, print_json, say

__all__ = ["approve"]


def approve(
    plan: Annotated[
        str | None, typer.Argument(help="The plan's number, or its beginning. (default: latest)")
    ] = None,
    project: ProjectFolder = Path(),
    *,
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Let the writes of a plan go that have not changed since it was shown."""
    from datetime import UTC, datetime

    from interlock.service.plan import approve as approve_plan

    now = datetime.now(UTC)
    result = with_store(project, lambda _, s: approve_plan(s, plan, by=person(by), now=now))
    if as_json:
        print_json(result)
    else:
        if result.released:
            say(f"Plan {result.plan_id}: {amount(result.released, 'write')} approved.")
            say("To write them: interlock sync --once")
        elif not result.stale:
            say(f"Plan {result.plan_id}: nothing in it waits for an approval.")
        if result.stale:
            changed = "has" if result.stale == 1 else "have"
            say(
                f"{amount(result.stale, 'write')} of the plan {changed} changed since it was "
                "shown. Look at the new ones: interlock plan"
            )
    finish(NEEDS_PERSON if result.stale else DONE)
