"""``interlock links``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from interlock.cli.failures import DONE, finish
from interlock.cli.options import (
    ByName,
    Everything,
    JsonOutput,
    ProjectFolder,
    Yes,
    person,
    with_store,
)
from interlock.cli.screen import amount, columns, moment, print_json, say, shorten
from interlock.cli.values import field_name, how, show_score
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.linking import LinkView

__all__ = ["app"]

app = typer.Typer(
    help="Which record of one system is which record of the other.", no_args_is_help=True
)

Key = Annotated[
    list[str], typer.Argument(metavar="LINK | ENTITY ID", help="A link's number, or a record.")
]
_SHOWN: Final = 50


@app.command("list")
def list_all(
    entity: Annotated[str | None, typer.Argument(help="Only customer, contact, …")] = None,
    project: ProjectFolder = Path(),
    *,
    everything: Everything = False,
    as_json: JsonOutput = False,
) -> None:
    """List links in the order in which they were made."""
    from interlock.service.linking import list_links

    limit = None if everything or as_json else _SHOWN
    found = with_store(project, lambda p, s: list_links(p, s, entity=entity, limit=limit))
    if as_json:
        print_json(found)
        return
    if not found.links:
        say("There are no links yet.")
    columns(
        [
            (str(x.id), x.entity, *_members(x), how(x, whole=len(x.members) > 1))
            for x in found.links
        ],
        lead="",
    )
    if found.total > len(found.links):
        say(f"… and {found.total - len(found.links):,} more (--all)", style="dim")


def _members(view: LinkView) -> tuple[str, str]:
    shown = [
        f"{system} {m.id} {shorten(m.label, 40)}".strip() for system, m in view.members.items()
    ]
    more = f" (and {len(view.attached)} more)" if view.attached else ""
    return shown[0], f"= {shown[1]}{more}" if len(shown) > 1 else "(no counterpart yet)"


@app.command("show")
def show(key: Key, project: ProjectFolder = Path(), *, as_json: JsonOutput = False) -> None:
    """Show one link."""
    from interlock.service.linking import show_link

    found = with_store(project, lambda p, s: show_link(p, s, key=_checked(key)))
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(view: LinkView) -> None:
    say(f"Link {view.id}: {view.entity}", style="bold")
    columns([(system, f"{m.entity} {m.id} {m.label} ({m.presence})")
             for system, m in view.members.items()])  # fmt: skip
    for one in view.attached:
        away = f", {one.away}: it does not count" if one.away else ""
        say(f"and {one.system} {one.entity} {one.id} {one.label}, attached by {one.by} on "
            f"{moment(one.since)}{away}", lead="  ")  # fmt: skip
    say(f"since {moment(view.since)}: {how(view, whole=len(view.members) > 1)}", lead="  ")
    if view.score is not None:
        say(show_score(view.score), lead="  ", style="dim")
    if view.pending:
        say(f"{amount(view.pending, 'write')} not delivered yet", lead="  ")
    columns([(field_name(f), why) for f, why in view.open_fields.items()])


def _checked(key: list[str]) -> list[str]:
    if len(key) > 2:
        raise ConfigurationError("give a link's number, or an entity and a record's id",
                                 fix="interlock links show customer 42")  # fmt: skip
    return key


@app.command("undo")
def undo(
    key: Key,
    project: ProjectFolder = Path(),
    *,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the history.")
    ] = "not the same",
    by: ByName = None,
    yes: Yes = False,
    as_json: JsonOutput = False,
) -> None:
    """Take a wrong link apart, or one attached record off it: never linked again by themselves."""
    from interlock.service.linking import show_link, undo_link

    if not yes:
        if as_json or not sys.stdin.isatty():
            raise ConfigurationError(
                "undoing a link is lasting, and there is nobody to ask", fix="add --yes"
            )
        view = with_store(project, lambda p, s: show_link(p, s, key=_checked(key)))
        _show(view)
        further = {one.id for one in view.attached} - {m.id for m in view.members.values()}
        off = key[-1] if len(key) > 1 and key[-1] in further else None
        what = "Undo this link" if off is None else f"Take {off} off this link"
        if not typer.confirm(f"{what} for good?"):
            say("Nothing was done.")
            finish(DONE)
    result = with_store(
        project,
        lambda p, s: undo_link(
            p, s, _checked(key), by=person(by), reason=reason, now=datetime.now(UTC)
        ),
    )
    if as_json:
        print_json(result)
        return
    if result.detached:
        say(f"{result.entity} {result.detached} is taken off link {result.link} for good; the rest "
            "of the link stays.", style="green")  # fmt: skip
        return
    both = " and ".join(f"{system} {record}" for system, record in result.members.items())
    say(f"Link {result.link} is undone: {both} are not the same {result.entity}.", style="green")
    if result.attached:
        say(f"{', '.join(result.attached)} had been attached to it, and now stand alone.")
    if result.dropped_writes:
        say(f"{amount(result.dropped_writes, 'write')} that waited for it will not be sent.")
    say("Nothing was changed in the systems: values copied so far, and each other's ids, are "
        "still there.", style="dim")  # fmt: skip
