"""``interlock pause`` and ``interlock resume``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.options import ByName, JsonOutput, ProjectFolder, Reason, person, with_store
from interlock.cli.screen import moment, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.pausing import PauseView

__all__ = ["pause", "resume", "say_pauses"]

Subject = Annotated[
    str, typer.Argument(metavar="SYSTEM|ENTITY", help="A system's name, or an entity: order.")
]


def pause(
    subject: Subject,
    project: ProjectFolder = Path(),
    *,
    until: Annotated[
        str | None,
        typer.Option(
            "--until",
            metavar="TIME",
            help="When it ends by itself: 2h, or 2026-03-01T08:00. (default: never)",
        ),
    ] = None,
    reason: Reason = "",
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Read nothing from and write nothing to a system, or of an entity, until `resume`."""
    from interlock.service.pausing import pause as pause_subject

    now = datetime.now(UTC)
    end = None if until is None else _instant(until, now)
    result = with_store(
        project,
        lambda p, s: pause_subject(p, s, subject, by=person(by), reason=reason, now=now, until=end),
    )
    if as_json:
        print_json(result)
    else:
        ends = "" if result.until is None else f" until {moment(result.until)}"
        say(f"{result.subject} is paused{ends}. What is on its way is finished.")
        say(f"-> interlock resume {result.subject}", lead="   ", style="dim")


def resume(
    subject: Subject, project: ProjectFolder = Path(), *, by: ByName = None,
    as_json: JsonOutput = False,
) -> None:  # fmt: skip
    """Go on with a paused system or entity; what was missed is caught up with."""
    from interlock.service.pausing import resume as resume_subject

    now = datetime.now(UTC)
    result = with_store(project, lambda p, s: resume_subject(p, s, subject, by=person(by), now=now))
    if as_json:
        print_json({"resumed": result.subject})
    else:
        say(f"{result.subject} goes on.")


def say_pauses(found: list[PauseView]) -> None:
    """Say what is paused."""
    for one in found:
        until = "until resumed" if one.until is None else f"until {moment(one.until)}"
        who = "Interlock left it alone" if one.failed else f"paused by {one.by}"
        why = f": {one.reason}" if one.reason else ""
        say(f"{one.subject}: {who}, {until}{why}", style="yellow")


def _instant(text: str, now: datetime) -> datetime:
    """Read a time to come: how long from now, or an instant, local unless it says otherwise."""
    from interlock.project.config import parse_duration

    try:
        return now + parse_duration(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise ConfigurationError(
            f"--until {text!r} is no time", fix="write 2h, 1d or 2026-03-01T08:00"
        ) from None
