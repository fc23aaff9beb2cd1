"""``interlock conflicts``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import (
    ByName,
    JsonOutput,
    ProjectFolder,
    Yes,
    person,
    with_store,
)
from interlock.cli.screen import amount, columns, complain, heading, moment, print_json, say
from interlock.cli.values import field_name, show_value
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.conflicts import Answer, Conflict, ConflictStory, Filters, Settled

__all__ = ["app"]

app = typer.Typer(
    help="Fields that differ and wait for a person: look at them, decide.",
    no_args_is_help=True,
)

Id = Annotated[str, typer.Argument(metavar="ID", help="LINK:FIELD, as listed.")]
Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="LINK:FIELD, as listed.")]
Entity = Annotated[str | None, typer.Option("--entity", metavar="NAME", help="Only of this one.")]
Field = Annotated[str | None, typer.Option("--field", metavar="NAME", help="Only this field.")]
Kind = Annotated[
    str | None,
    typer.Option(
        "--kind", metavar="KIND", help="Only: conflict, flagged, not taken, read-only, decided."
    ),
]
Link = Annotated[int | None, typer.Option("--link", metavar="NUMBER", help="Only of this link.")]
_SHOWN: Final = 20


@app.command("list")
def list_all(
    project: ProjectFolder = Path(),
    *,
    entity: Entity = None,
    field: Field = None,
    kind: Kind = None,
    link: Link = None,
    kept: Annotated[
        bool, typer.Option("--kept", metavar="", help="Those that were left different.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", metavar="", help="Show a long list in full.")
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """List the fields that differ and are not written until a person decides."""
    from interlock.service.conflicts import list_conflicts

    filters = _filters(entity, field, kind, link)
    found = with_store(project, lambda p, s: list_conflicts(p, s, filters, kept=kept))
    if as_json:
        print_json({"count": len(found), "conflicts": found})
        return
    if not found:
        say("Nothing was left different." if kept else "There are no conflicts.", style="green")
    _list(found, None if everything else _SHOWN)


def _list(found: list[Conflict], most: int | None) -> None:
    for one in found[:most]:
        say(f"{one.id}  {_about(one)} ({one.kind})", style="bold")
        columns([(system, show_value(value)) for system, value in one.values.items()], lead="    ")
        say(one.why, lead="    ", style="dim")
        if one.state == "decided":
            say("is written at the next sync", lead="    ", style="green")
    if most is not None and len(found) > most:
        say(f"… and {len(found) - most:,} more (--all)", style="dim")


def _about(one: Conflict) -> str:
    name = f" {one.label}" if one.label else ""
    return f"{field_name(one.field)} of {one.entity}{name}"


def _filters(entity: str | None, field: str | None, kind: str | None, link: int | None) -> Filters:
    from interlock.service.conflicts import Filters

    return Filters(entity=entity, field=field, kind=kind, link=link)


@app.command("show")
def show(conflict: Id, project: ProjectFolder = Path(), *, as_json: JsonOutput = False) -> None:
    """Show one: both values, what they were, whose the field is, and its history."""
    from interlock.service.conflicts import show_conflict

    story = with_store(project, lambda p, s: show_conflict(p, s, conflict))
    if as_json:
        print_json(story)
    else:
        _show(story)


def _show(story: ConflictStory) -> None:
    one = story.conflict
    say(f"{one.id}  {_about(one)}", style="bold")
    rows = [("kind", one.kind), ("since", moment(one.since)), ("why", one.why)]
    rows += [("rule", story.rule), ("seen", one.seen)]
    columns(rows)
    for system, value in one.values.items():
        heading(f"{system} {one.records.get(system, '')}")
        version = story.versions.get(system)
        lines = [("shows", show_value(value, full=True))]
        if system in one.base:
            lines.append(("agreed on before", show_value(one.base[system], full=True)))
        if version is not None:
            lines.append(("record changed", moment(version.modified)))
            lines.append(("version", version.version or "none"))
            lines.append(("read", moment(version.read_at)))
        columns(lines)
    heading("You can")
    columns([(f"--{answer}", f"not now: {why}" if why else _MEANS[answer])
             for answer, why in story.answers.items()])  # fmt: skip
    if one.decided is not None:
        heading("Decided")
        state = "" if one.decided.valid else ", not applied"
        say(f"--{one.decided.choice} by {one.decided.by}, {moment(one.decided.at)}{state}"
            + (f": {one.decided.reason}" if one.decided.reason else ""), lead="  ")  # fmt: skip
    if story.history:
        heading("History, newest first")
        columns(
            (moment(m.at), m.event, m.system or "", f"{show_value(m.old)} -> {show_value(m.new)}"
             if m.old is not None or m.new is not None else "", m.why)
            for m in story.history
        )  # fmt: skip


_MEANS: Final = {
    "crm": "the CRM's value goes to the ERP",
    "erp": "the ERP's value goes to the CRM",
    "value": "a value you type goes to both",
    "keep": "both stay as they are, until one of them changes",
}


@app.command("resolve")
def resolve(
    conflicts: Ids = None,
    project: ProjectFolder = Path(),
    *,
    crm: Annotated[bool, typer.Option("--crm", metavar="", help="The CRM's value.")] = False,
    erp: Annotated[bool, typer.Option("--erp", metavar="", help="The ERP's value.")] = False,
    value: Annotated[
        list[str] | None,
        typer.Option(
            "--value",
            metavar="VALUE",
            help="This value; an address as --value city=Bonn --value …; '' is blank.",
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", metavar="", help="Leave both as they are.")
    ] = False,
    everything: Annotated[
        bool, typer.Option("--all", metavar="", help="All that are open and fit the filters.")
    ] = False,
    entity: Entity = None,
    field: Field = None,
    kind: Kind = None,
    link: Link = None,
    seen: Annotated[
        str | None,
        typer.Option("--seen", metavar="HASH", help="Only if it still is as it was shown."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Only say what would be decided.")
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the history.")
    ] = "",
    by: ByName = None,
    yes: Yes = False,
    as_json: JsonOutput = False,
) -> None:
    """Decide; the next sync writes it, unless a side has changed by then."""
    from interlock.service.conflicts import resolve_conflicts

    answer = _answer(value, crm=crm, erp=erp, keep=keep)
    filters = _filters(entity, field, kind, link)
    _check(conflicts, everything=everything, filtered=filters != _filters(None, None, None, None),
           seen=seen)  # fmt: skip
    if everything and not (dry_run or yes) and (as_json or not sys.stdin.isatty()):
        raise ConfigurationError(
            "this decides many at once, and there is nobody to ask",
            fix="look at it with --dry-run, then add --yes",
        )

    def decide(shown: dict[str, str] | None, *, dry: bool) -> Settled:
        return with_store(
            project,
            lambda p, s: resolve_conflicts(
                p, s, conflicts or filters, answer, by=person(by), reason=reason.strip(),
                now=datetime.now(UTC), seen=shown, dry_run=dry,
            ),
        )  # fmt: skip

    shown = dict.fromkeys(conflicts or (), seen) if seen else None
    if everything and not (dry_run or yes):
        first = decide(None, dry=True)
        _settled(first)
        if not first.conflicts or not typer.confirm("Decide so?"):
            say("Nothing was decided.")
            finish(DONE)
        shown = {c.id: c.seen for c in first.conflicts}
    result = decide(shown, dry=dry_run)
    if result.refused and not everything and len(conflicts or ()) == 1:
        (refused,) = result.refused.items()
        raise ConfigurationError(f"{refused[0]}: {refused[1]}",
                                 fix=f"see `interlock conflicts show {refused[0]}`")  # fmt: skip
    if as_json:
        print_json(result)
    else:
        _settled(result)
    finish(NEEDS_PERSON if result.refused else DONE)


def _answer(value: list[str] | None, *, crm: bool, erp: bool, keep: bool) -> Answer:
    from interlock.governance.resolution import Choice
    from interlock.service.conflicts import Answer

    said = {Choice.CRM: crm, Choice.ERP: erp, Choice.VALUE: value is not None, Choice.KEEP: keep}
    chosen = [choice for choice, yes in said.items() if yes]
    if len(chosen) != 1:
        raise ConfigurationError(
            "say whose value is right", fix="one of --crm, --erp, --value VALUE, --keep"
        )
    return Answer(choice=chosen[0], typed=value or ())


def _check(
    conflicts: list[str] | None, *, everything: bool, filtered: bool, seen: str | None
) -> None:
    if bool(conflicts) is everything:
        raise ConfigurationError("say which: ids, or --all with filters",
                                 fix="see `interlock conflicts list`")  # fmt: skip
    if conflicts and filtered:
        raise ConfigurationError("filters go with --all", fix="leave them out, or the ids")
    if seen and len(conflicts or ()) != 1:
        raise ConfigurationError("--seen goes with one id", fix="give one id")


def _settled(result: Settled) -> None:
    if result.dry_run:
        _list(list(result.conflicts), 10)
        say(f"{amount(len(result.conflicts), 'conflict')} would be decided so.", style="bold")
    else:
        say(f"{amount(len(result.conflicts), 'conflict')} decided; the next sync does it, unless "
            "a side has changed by then.", style="green")  # fmt: skip
    for conflict, why in list(result.refused.items())[:_SHOWN]:
        complain(f"{conflict}: {why}")
    if len(result.refused) > _SHOWN:
        complain(f"… and {len(result.refused) - _SHOWN:,} more are left open")
