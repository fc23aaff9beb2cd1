"""``interlock forget``."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.failures import DONE, finish
from interlock.cli.options import ByName, JsonOutput, ProjectFolder, Yes, person, with_store
from interlock.cli.screen import amount, complain, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.forgetting import Forgotten

__all__ = ["forget"]


def forget(
    entity: Annotated[str | None, typer.Argument(help="customer or contact")] = None,
    record: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The record's id, in either system.")
    ] = None,
    project: ProjectFolder = Path(),
    *,
    email: Annotated[
        str | None,
        typer.Option("--email", metavar="ADDRESS", help="Everybody with this e-mail address."),
    ] = None,
    system: Annotated[
        str | None, typer.Option("--system", "--side", help="Whose id it is, when both have one.")
    ] = None,
    by: ByName = None,
    yes: Yes = False,
    as_json: JsonOutput = False,
) -> None:
    """Keep no copy of a person or company: history, observations, writes and letters of it end."""
    from interlock.service.forgetting import forget_email, forget_record

    if email is None and (entity is None or record is None):
        raise ConfigurationError(
            "say whom: an entity and an id, or --email",
            fix="interlock forget contact 42, or interlock forget --email name@example.com",
        )
    if email is not None and (entity is not None or system is not None):
        raise ConfigurationError("--email finds the records itself", fix="leave the rest out")
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise ConfigurationError(
                "forgetting cannot be undone, and there is nobody to ask", fix="add --yes"
            )
        if not typer.confirm("Destroy what Interlock keeps of it, for good?"):
            say("Nothing was done.")
            finish(DONE)
    now = datetime.now(UTC)
    if email is not None:
        result = with_store(project, lambda p, s: forget_email(p, s, email, by=person(by), now=now))
    else:
        result = with_store(
            project,
            lambda p, s: forget_record(
                p, s, entity or "", record or "", system=system, by=person(by), now=now
            ),
        )
    if as_json:
        print_json(result)
    else:
        _show(result)


def _show(result: Forgotten) -> None:
    which = ", ".join(f"{r.system} {r.entity} {r.id}" for r in result.records)
    again = "was forgotten before, and is again" if result.already else "is forgotten"
    say(f"{which} {again}: Interlock keeps its id alone.", style="green")
    if result.documents:
        say(f"{amount(result.documents, 'document')} kept without what is personal.")
    if result.contacts:
        say("People at it are records of their own: forget them too, if they are meant:")
        for contact in result.contacts:
            say(f"interlock forget contact {contact.id} --system {contact.system}", lead="  ")
    if not result.swept:
        complain("The store is in use, so remains may lie in its file: run this again later.")
    say("The systems still have what they have; erase it there as well.", style="dim")
