"""``interlock dead-letters``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from interlock.cli.failures import DONE, WRONG_USE, finish
from interlock.cli.options import (
    ByName,
    Everything,
    JsonOutput,
    ProjectFolder,
    Reason,
    person,
    with_store,
)
from interlock.cli.screen import amount, columns, complain, moment, print_json, say
from interlock.cli.values import field_name, show_value
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.letters import LetterView

__all__ = ["app"]

app = typer.Typer(
    help="What could not be done: look at it, mend it, try it again or give it up.",
    no_args_is_help=True,
)

Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers of letters.")]
Id = Annotated[int, typer.Argument(metavar="ID", help="The letter's number.")]
_SHOWN: Final = 20


@app.command("list")
def list_all(
    project: ProjectFolder = Path(),
    *,
    closed: Annotated[
        bool, typer.Option("--closed", metavar="", help="Those that are closed.")
    ] = False,
    everything: Everything = False,
    as_json: JsonOutput = False,
) -> None:
    """List what could not be done, why, and what would mend it."""
    from interlock.service.letters import list_letters

    found = with_store(project, lambda p, s: list_letters(p, s, closed=closed))
    if as_json:
        print_json({"count": len(found), "dead_letters": found})
        return
    if not found:
        say("There are no dead letters." if not closed else "None has been closed.", style="green")
    for letter in found if everything else found[:_SHOWN]:
        say(f"{letter.id}  {_about(letter)}", style="bold")
        say(letter.message, lead="    ")
        if letter.closed_why:
            say(f"closed {moment(letter.closed_at)}: {letter.closed_why}", lead="    ", style="dim")
        elif letter.state == "retry":
            say("is tried again at the next sync", lead="    ", style="green")
        else:
            say(f"-> {letter.fix}", lead="    ")
    if len(found) > _SHOWN and not everything:
        say(f"… and {len(found) - _SHOWN:,} more (--all)", style="dim")


def _about(letter: LetterView) -> str:
    done = "create" if letter.kind.value == "create" else "change"
    name = f" {letter.label}" if letter.label else ""
    source = f" from {letter.source_system} {letter.source_entity} {letter.source}"
    which = f" {letter.record}" if letter.record else source if letter.source else ""
    return f"{done} {letter.entity}{name} in {letter.system}:{which} ({letter.cause})"


@app.command("show")
def show(letter: Id, project: ProjectFolder = Path(), *, as_json: JsonOutput = False) -> None:
    """Show one with all its values."""
    from interlock.service.letters import show_letter

    found = with_store(project, lambda p, s: show_letter(p, s, letter))
    if as_json:
        print_json(found)
    else:
        _show(found)


def _show(letter: LetterView) -> None:
    say(f"Dead letter {letter.id}: {_about(letter)}", style="bold")
    rows = [("since", moment(letter.at)), ("why", letter.message), ("what to do", letter.fix)]
    if letter.field:
        rows.insert(2, ("field", letter.field))
    if letter.closed_at is not None:
        rows.append(("closed", f"{moment(letter.closed_at)}: {letter.closed_why}"))
    elif letter.state == "retry":
        rows.append(("state", "is tried again at the next sync"))
    columns(rows)
    if letter.fields:
        say()
        say("Values that were to be written:")
        columns([(field_name(f), show_value(v, full=True)) for f, v in letter.fields.items()])
    if letter.edited:
        say()
        say(f"Set by {letter.edited_by} ({letter.edited_reason}):")
        columns([(field_name(f), show_value(v, full=True)) for f, v in letter.edited.items()])


@app.command("edit")
def edit(
    letter: Id,
    changes: Annotated[
        list[str], typer.Argument(metavar="FIELD=VALUE...", help="tax_id=…, billing_address.city=…")
    ],
    project: ProjectFolder = Path(),
    *,
    reason: Reason,
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Set single values of the write; it is tried again with them at the next sync."""
    from interlock.service.letters import edit_letter

    values = dict(_pair(change) for change in changes)
    found = with_store(
        project,
        lambda p, s: edit_letter(
            p, s, letter, values, by=person(by), reason=_said(reason), now=datetime.now(UTC)
        ),
    )
    if as_json:
        print_json(found)
    else:
        say(f"Dead letter {letter}: these values go out at the next sync.", style="green")
        columns([(field_name(f), show_value(v)) for f, v in found.edited.items()])


def _pair(change: str) -> tuple[str, str]:
    field, equals, value = change.partition("=")
    if not equals or not field:
        raise ConfigurationError(f"{change!r} is not FIELD=VALUE", fix="such as tax_id=DE123456789")
    return field.strip(), value


def _said(reason: str) -> str:
    if not reason.strip():
        raise ConfigurationError("the reason is empty", fix='--reason "why you decided so"')
    return reason.strip()


@app.command("retry")
def retry(
    letters: Ids = None,
    project: ProjectFolder = Path(),
    *,
    everything: Annotated[bool, typer.Option("--all", metavar="", help="All open ones.")] = False,
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Try again at the next sync; what is written is decided anew."""
    from interlock.service.letters import retry_letters

    if bool(letters) is everything:
        raise ConfigurationError("say which: numbers, or --all",
                                 fix="see `interlock dead-letters list`")  # fmt: skip
    chosen = None if everything else letters
    _acted(
        with_store(
            project,
            lambda _, s: retry_letters(s, chosen, by=person(by), now=datetime.now(UTC)),
        ),
        "to be tried again at the next sync",
        as_json=as_json,
    )


@app.command("discard")
def discard(
    letters: Annotated[list[int], typer.Argument(metavar="ID...", help="Numbers of letters.")],
    project: ProjectFolder = Path(),
    *,
    reason: Reason,
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Give up: it does not come back until the record changes."""
    from interlock.service.letters import discard_letters

    _acted(
        with_store(
            project,
            lambda _, s: discard_letters(
                s, letters, by=person(by), reason=_said(reason), now=datetime.now(UTC)
            ),
        ),
        "discarded, until the record changes",
        as_json=as_json,
    )


def _acted(result: Any, done: str, *, as_json: bool) -> None:
    if as_json:
        print_json(result)
    else:
        say(f"{amount(len(result.ids), 'dead letter')} {done}.")
        if result.missing:
            complain(f"not open: {', '.join(str(i) for i in result.missing)}")
    finish(WRONG_USE if result.missing else DONE)
