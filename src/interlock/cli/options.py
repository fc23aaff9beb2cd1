"""Options that commands share."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.project.load import Project
    from interlock.store.database import Store

__all__ = [
    "ByName", "CsvFile", "Everything", "JsonOutput", "PageFile", "ParquetFile", "ProjectFolder",
    "Reason", "Yes", "load", "person",
    "with_store",
]  # fmt: skip

T = TypeVar("T")

ProjectFolder = Annotated[
    Path, typer.Option("--project", metavar="DIR", help="The project's folder.")
]
JsonOutput = Annotated[bool, typer.Option("--json", metavar="", help="Print one JSON document.")]
CsvFile = Annotated[
    Path | None, typer.Option("--csv", metavar="FILE", help="Write the table there as CSV.")
]
ParquetFile = Annotated[
    Path | None,
    typer.Option("--parquet", metavar="FILE", help="Write it as Parquet (extra `parquet`)."),
]
PageFile = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write it as an HTML page.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.")]
Everything = Annotated[bool, typer.Option("--all", metavar="", help="Show long lists in full.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the history.")]
ByName = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who decides. (default: you)")
]


def load(folder: Path) -> Project:
    """Open the project."""
    from interlock.project.load import open_project

    return open_project(folder)


def with_store(folder: Path, work: Callable[[Project, Store], T]) -> T:
    """Do something that needs the project and its store, but neither system."""
    from interlock.service.audit import seal_history
    from interlock.service.session import open_store

    project = load(folder)
    store = open_store(project)
    try:
        result = work(project, store)
        # what contradicts the published seal is reported by `sync` and `audit verify`
        with suppress(ConfigurationError):
            seal_history(project, store, datetime.now(UTC))
        return result
    finally:
        store.close()


def person(by: str | None) -> str:
    """Name who decides: as said, else the user of this machine."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
