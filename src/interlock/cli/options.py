"""Options that commands share."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from interlock.project.load import Project

__all__ = ["ByName", "Everything", "JsonOutput", "ProjectFolder", "Reason", "Yes", "load", "person"]

ProjectFolder = Annotated[
    Path, typer.Option("--project", metavar="DIR", help="The project's folder.")
]
JsonOutput = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Everything = Annotated[bool, typer.Option("--all", help="Show long lists in full.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the history.")]
ByName = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who decides. [default: you]")
]


def load(folder: Path) -> Project:
    """Open the project."""
    from interlock.project.load import open_project

    return open_project(folder)


def person(by: str | None) -> str:
    """Name who decides: as said, else the user of this machine."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
