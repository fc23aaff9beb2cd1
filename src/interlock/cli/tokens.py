"""``interlock token``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.options import ByName, JsonOutput, ProjectFolder, person, with_store
from interlock.cli.screen import columns, moment, print_json, say

__all__ = ["app"]

app = typer.Typer(
    help="Who may call the HTTP API: make tokens, list them, revoke them.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="What it is for, such as quote-button.")]


@app.command("create")
def create(
    name: Name,
    project: ProjectFolder = Path(),
    *,
    scope: Annotated[
        str,
        typer.Option(
            "--scope",
            metavar="SCOPE",
            help="viewer (reads), operator (decides) or admin (makes tokens).",
        ),
    ] = "viewer",
    by: ByName = None,
    as_json: JsonOutput = False,
) -> None:
    """Make a token; it is shown this once, only a hash of it is kept."""
    from interlock.service.tokens import create_token

    now, who = datetime.now(UTC), person(by)
    made = with_store(project, lambda _, s: create_token(s, name, scope, by=who, now=now))
    if as_json:
        print_json(made)
        return
    say(made.token, style="bold")
    say(f"Token {made.name}, scope {made.scope}. It is not shown again.")
    say("Calls send it as: Authorization: Bearer TOKEN", style="dim")


@app.command("list")
def list_all(project: ProjectFolder = Path(), *, as_json: JsonOutput = False) -> None:
    """List tokens without their secrets, revoked ones too."""
    from interlock.service.tokens import list_tokens

    found = with_store(project, lambda _, s: list_tokens(s))
    if as_json:
        print_json({"count": len(found), "tokens": found})
        return
    if not found:
        say("There are no tokens yet: interlock token create NAME")
    columns(
        [
            (
                t.name,
                t.scope,
                f"made {moment(t.created_at)} by {t.created_by}",
                "" if t.revoked_at is None else f"revoked {moment(t.revoked_at)} by {t.revoked_by}",
            )
            for t in found
        ],
        lead="",
    )


@app.command("revoke")
def revoke(
    name: Name, project: ProjectFolder = Path(), *, by: ByName = None, as_json: JsonOutput = False
) -> None:
    """Let a token count no longer, from this moment on."""
    from interlock.service.tokens import revoke_token

    now, who = datetime.now(UTC), person(by)
    done = with_store(project, lambda _, s: revoke_token(s, name, by=who, now=now))
    if as_json:
        print_json(done)
    else:
        say(f"Token {done.name} counts no longer.")
