"""``interlock store``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.options import JsonOutput, ProjectFolder, load
from interlock.cli.screen import amount, print_json, say
from interlock.errors import ConfigurationError

__all__ = ["app"]

app = typer.Typer(help="Where Interlock keeps its state.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """Where Interlock keeps its state."""


@app.command("migrate-to")
def migrate(
    url: Annotated[
        str | None,
        typer.Argument(
            metavar="URL",
            help="An empty database: postgresql://USER:PASSWORD@HOST/NAME. ${NAME} is read from "
            "the environment or .env.",
        ),
    ] = None,
    project: ProjectFolder = Path(),
    *,
    cancel: Annotated[
        bool,
        typer.Option("--cancel", metavar="", help="Go on with this store, which had been moved."),
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """Move all state to another database and prove that it is the same there."""
    from interlock.service.moving import cancel_migration, migrate_to

    opened = load(project)
    if cancel:
        where = cancel_migration(opened)
        if as_json:
            print_json({"cancelled": where})
        else:
            say(f"This store is in use again. Never let anything use {where} as well.")
        return
    if url is None:
        raise ConfigurationError("name the new store", fix="interlock store migrate-to URL")
    result = migrate_to(opened, _resolved(url, opened.root), now=datetime.now(UTC))
    if as_json:
        print_json(result)
        return
    rows = amount(result.rows, "row")
    tables = amount(len(result.tables), "table")
    say(f"Moved {rows} in {tables}; counts and hashes agree.", style="green")
    say(f"{result.source} is kept as it was and not used any more.")
    say("Now put the address into .env as DATABASE_URL=... and write in interlock.yaml:")
    say("store: ${DATABASE_URL}", lead="   ")


def _resolved(url: str, root: Path) -> str:
    """Read ${NAME} as in the project's files: an address with a password is not typed."""
    import os
    import re

    from interlock.project.secrets import Secrets, read_env_file

    named = re.fullmatch(r"\$\{(\w+)\}", url)
    if named is None:
        return url
    value = Secrets(os.environ, read_env_file(root / ".env")).value(named[1])
    if value is None:
        raise ConfigurationError(
            f"the variable {named[1]} is not set", fix="set it in .env or the environment"
        )
    return value
