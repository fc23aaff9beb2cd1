"""``interlock approve``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import ByName, JsonOutput, ProjectFolder, person, with_store
from interlock.cli.planning import say_write
from interlock.cli.screen import amount, heading, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.project.load import Project
    from interlock.service.plan import Approval, ApprovedGroup
    from interlock.store.database import Store

__all__ = ["approve"]

_DONE = {
    "create": "to create",
    "change": "to change",
    "blank": "to lose a value",
    "deactivate": "to deactivate",
    "stage": "to move to another stage",
}


def approve(
    plan: Annotated[
        str | None, typer.Argument(help="The plan's number, or its beginning. (default: latest)")
    ] = None,
    project: ProjectFolder = Path(),
    *,
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind", metavar="KIND", help="Only create, change, blank, deactivate or stage."
        ),
    ] = None,
    entity: Annotated[
        str | None, typer.Option("--entity", metavar="ENTITY", help="Only this entity.")
    ] = None,
    stop: Annotated[
        int | None,
        typer.Option("--stop", metavar="ID", help="Only what this stop holds (see status)."),
    ] = None,
    link: Annotated[
        int | None, typer.Option("--link", metavar="ID", help="Release a parked field of a link.")
    ] = None,
    field: Annotated[
        str | None, typer.Option("--field", metavar="FIELD", help="The field, with --link.")
    ] = None,
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Let the writes of a plan go, or a part of them, that have not changed since it was shown."""
    if (link is None) != (field is None):
        raise ConfigurationError(
            "--link and --field belong together", fix="interlock status shows both"
        )
    if link is not None and field is not None:
        _release(project, link, field, person(by), as_json=as_json)
    result = with_store(
        project, lambda p, s: _approve(p, s, plan, (kind, entity, stop), person(by))
    )
    if as_json:
        print_json(result)
    else:
        _show(result)
    finish(NEEDS_PERSON if result.stale or result.beyond else DONE)


def _approve(
    project: Project,
    store: Store,
    plan: str | None,
    part: tuple[str | None, str | None, int | None],
    by: str,
) -> Approval:
    from datetime import UTC, datetime

    from interlock.service.labels import known_entity
    from interlock.service.plan import Chosen
    from interlock.service.plan import approve as approve_plan
    from interlock.service.session import make_session

    kind, entity, stop = part
    if entity is not None:
        known_entity(entity)
    return approve_plan(
        store,
        plan,
        by=by,
        now=datetime.now(UTC),
        chosen=Chosen(kind=kind, entity=entity, stop=stop),
        pair=make_session(project, store).pair,
    )


def _release(folder: Path, link: int, field: str, by: str, *, as_json: bool) -> NoReturn:
    """Release one parked field, and end the command."""
    from datetime import UTC, datetime

    from interlock.service.stops import release_parked

    now = datetime.now(UTC)
    with_store(folder, lambda _, s: release_parked(s, link, field, by=by, now=now))
    if as_json:
        print_json({"link": link, "field": field, "released": True})
    else:
        say(f"Released. The next sync decides {field} of link {link} anew.")
    finish(DONE)


def _show(result: Approval) -> None:
    if result.field is not None:
        say(f"Released: {result.field} is synced again.")
        return
    for group in result.groups:
        _show_group(group)
    if result.released:
        say()
        calls = sum(g.calls for g in result.groups)
        say(
            f"Plan {result.plan_id}: {amount(result.released, 'write')} approved, "
            f"about {amount(calls, 'call')}."
        )
        say("To write them: interlock sync --once")
    elif not result.stale and not result.beyond:
        say(f"Plan {result.plan_id}: nothing in it waits for an approval.")
    if result.stale:
        changed = "has" if result.stale == 1 else "have"
        say(
            f"{amount(result.stale, 'write')} of the plan {changed} changed since it was "
            "shown. Look at the new ones: interlock plan"
        )
    if result.beyond:
        say(
            f"{amount(result.beyond, 'write')} came after the plan was shown. "
            "Look at them: interlock plan"
        )


def _show_group(group: ApprovedGroup) -> None:
    held = "" if group.limit is None else f", stopped at {group.limit}"
    heading(
        f"{group.system}: {amount(group.count, group.entity)} {_DONE[group.kind]}{held}; "
        f"about {amount(group.calls, 'call')}"
    )
    for write in group.samples:
        say_write(write, {}, full=False)
    if group.count > len(group.samples):
        say(f"… and {group.count - len(group.samples):,} more", style="dim", lead="  ")
