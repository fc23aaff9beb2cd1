"""``interlock dead-letters``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
    Yes,
    person,
    with_store,
)
from interlock.cli.screen import amount, columns, complain, moment, print_json, say
from interlock.cli.values import field_name, show_value
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.project.load import Project
    from interlock.service.letters import LetterView
    from interlock.store.letter_batches import LetterFilter

__all__ = ["app"]

app = typer.Typer(
    help="What could not be done: look at it, mend it, try it again or give it up.",
    no_args_is_help=True,
)

Cause = Annotated[
    str | None,
    typer.Option("--cause", metavar="CAUSE", help="Only: a class (see causes) or a code."),
]
Entity = Annotated[str | None, typer.Option("--entity", metavar="NAME", help="Only of this one.")]
SystemName = Annotated[
    str | None, typer.Option("--side", metavar="NAME", help="Only what was to go to this system.")
]
Field = Annotated[str | None, typer.Option("--field", metavar="NAME", help="Only this field.")]
OlderThan = Annotated[
    str | None, typer.Option("--older-than", metavar="TIME", help="Only older ones: 12h, 30d.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", metavar="", help="Only say which.")]
Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers of letters.")]
Id = Annotated[int, typer.Argument(metavar="ID", help="The letter's number.")]
_SHOWN: Final = 20


@app.command("list")
def list_all(
    project: ProjectFolder = Path(),
    *,
    cause: Cause = None,
    entity: Entity = None,
    side: SystemName = None,
    field: Field = None,
    older_than: OlderThan = None,
    closed: Annotated[
        bool, typer.Option("--closed", metavar="", help="Those that are closed.")
    ] = False,
    everything: Everything = False,
    as_json: JsonOutput = False,
) -> None:
    """List what could not be done, why, and what would mend it."""
    from interlock.service.letters import list_letters

    fitting = _Fitting(cause, entity, side, field, older_than)
    if closed and fitting.given:
        raise ConfigurationError("filters are for open ones", fix="leave out --closed, or them")
    found = with_store(project, lambda p, s: list_letters(p, s, fitting.filter(p), closed=closed))
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


@app.command("causes")
def causes(*, as_json: JsonOutput = False) -> None:
    """List the classes of causes, what each means and what mends it."""
    from interlock.sync.causes import CAUSES

    if as_json:
        print_json([
            {"cause": cause.value, "why": e.why, "fix": e.fix, "codes": sorted(e.codes)}
            for cause, e in CAUSES.items()
        ])  # fmt: skip
        return
    for cause, explained in CAUSES.items():
        say(cause.value, style="bold")
        say(explained.why, lead="    ")
        say(f"-> {explained.fix}", lead="    ")


@dataclass(frozen=True, slots=True)
class _Fitting:
    """The filters as they were typed."""

    cause: str | None
    entity: str | None
    side: str | None
    field: str | None
    older_than: str | None

    @property
    def given(self) -> bool:
        return self != _Fitting(None, None, None, None, None)

    def filter(self, project: Project) -> LetterFilter:
        from interlock.service.letters import letter_filter

        before = None if self.older_than is None else datetime.now(UTC) - _age(self.older_than)
        return letter_filter(
            project, cause=self.cause, entity=self.entity, system=self.side, field=self.field,
            before=before,
        )  # fmt: skip


def _age(text: str) -> timedelta:
    from interlock.project.config import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigurationError(f"--older-than {text!r}: {error}") from None


def _one_way(named: object, *, everything: bool, fitting: _Fitting) -> None:
    if bool(named) is (everything or fitting.given):
        raise ConfigurationError("say which: numbers, or --all, or filters",
                                 fix="see `interlock dead-letters list`")  # fmt: skip


def _agreed(
    folder: Path, fitting: _Fitting, question: str, *, dry_run: bool, yes: bool, as_json: bool
) -> bool:
    """Show what fits and have it confirmed; false when nothing is to be done."""
    if not (dry_run or yes) and (as_json or not sys.stdin.isatty()):
        raise ConfigurationError("this decides many at once, and there is nobody to ask",
                                 fix="look at it with --dry-run, then add --yes")  # fmt: skip
    if yes and not dry_run:
        return True
    from interlock.service.letters import list_letters

    found = with_store(folder, lambda p, s: list_letters(p, s, fitting.filter(p)))
    if as_json:
        print_json({"count": len(found), "dry_run": True, "ids": [x.id for x in found]})
        return False
    for letter in found[:_SHOWN]:
        say(f"{letter.id}  {_about(letter)}")
    say(f"{amount(len(found), 'dead letter')} {'fits' if len(found) == 1 else 'fit'}.",
        style="bold")  # fmt: skip
    if dry_run or not found or not typer.confirm(question):
        say("Nothing was done.")
        return False
    return True


@app.command("edit")
def edit(
    arguments: Annotated[
        list[str],
        typer.Argument(metavar="[ID] FIELD=VALUE...", help="tax_id=…, billing_address.city=…"),
    ],
    project: ProjectFolder = Path(),
    *,
    reason: Reason,
    cause: Cause = None,
    entity: Entity = None,
    side: SystemName = None,
    field: Field = None,
    older_than: OlderThan = None,
    dry_run: DryRun = False,
    by: ByName = None,
    yes: Yes = False,
    as_json: JsonOutput = False,
) -> None:
    """Set values of a write, or of all that fit; tried again with them at the next sync."""
    fitting = _Fitting(cause, entity, side, field, older_than)
    named = arguments[0] if "=" not in arguments[0] else None
    values = dict(_pair(change) for change in arguments[named is not None :])
    if not values:
        raise ConfigurationError("no value is given", fix="such as tax_id=DE123456789")
    _one_way(named, everything=False, fitting=fitting)
    if named is None:
        _edit_many(project, fitting, values, by=person(by), reason=_said(reason),
                   dry_run=dry_run, yes=yes, as_json=as_json)  # fmt: skip
        return
    from interlock.service.letters import edit_letter

    letter = _number(named)
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


def _edit_many(
    folder: Path,
    fitting: _Fitting,
    values: dict[str, str],
    *,
    by: str,
    reason: str,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    from interlock.service.letters import edit_letters

    if not _agreed(folder, fitting, "Set these values in all of them?", dry_run=dry_run, yes=yes,
                   as_json=as_json):  # fmt: skip
        return
    result = with_store(
        folder,
        lambda p, s: edit_letters(
            p, s, fitting.filter(p), values, by=by, reason=reason, now=datetime.now(UTC)
        ),
    )
    if as_json:
        print_json(result)
        return
    say(f"{amount(len(result.ids), 'dead letter')}: these values go out at the next sync.",
        style="green")  # fmt: skip
    if result.missing:
        say(f"{amount(len(result.missing), 'dead letter')} left alone: no such field in the write.")


def _number(text: str) -> int:
    if not text.isdecimal() or len(text) > 9:
        raise ConfigurationError(f"{text!r} is not the number of a dead letter",
                                 fix="see `interlock dead-letters list`")  # fmt: skip
    return int(text)


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
    cause: Cause = None,
    entity: Entity = None,
    side: SystemName = None,
    field: Field = None,
    older_than: OlderThan = None,
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Try again at the next sync; what is written is decided anew."""
    from interlock.service.letters import retry_letters

    fitting = _Fitting(cause, entity, side, field, older_than)
    _one_way(letters, everything=everything, fitting=fitting)
    _acted(
        with_store(
            project,
            lambda p, s: retry_letters(
                s, letters or fitting.filter(p), by=person(by), now=datetime.now(UTC)
            ),
        ),
        "to be tried again at the next sync",
        as_json=as_json,
    )


@app.command("discard")
def discard(
    letters: Ids = None,
    project: ProjectFolder = Path(),
    *,
    reason: Reason,
    everything: Annotated[bool, typer.Option("--all", metavar="", help="All open ones.")] = False,
    cause: Cause = None,
    entity: Entity = None,
    side: SystemName = None,
    field: Field = None,
    older_than: OlderThan = None,
    dry_run: DryRun = False,
    by: ByName = None,
    yes: Yes = False,
    as_json: JsonOutput = False,
) -> None:
    """Give up: it does not come back until the record changes."""
    from interlock.service.letters import discard_letters

    fitting = _Fitting(cause, entity, side, field, older_than)
    _one_way(letters, everything=everything, fitting=fitting)
    why = _said(reason)
    if not letters and not _agreed(project, fitting, "Give all of them up?", dry_run=dry_run,
                                   yes=yes, as_json=as_json):  # fmt: skip
        return
    if letters and dry_run:
        raise ConfigurationError("--dry-run goes with filters", fix="leave it out")
    _acted(
        with_store(
            project,
            lambda p, s: discard_letters(
                s, letters or fitting.filter(p), by=person(by), reason=why, now=datetime.now(UTC)
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
