"""``interlock demo``."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import typer

from interlock.cli.failures import DONE, FAILED, finish
from interlock.cli.options import JsonOutput
from interlock.cli.screen import print_json
from interlock.errors import ConfigurationError

__all__ = ["demo"]


def demo(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", metavar="DIR", help="Where its project is kept. (default: interlock-demo)"
        ),
    ] = None,
    *,
    serve: Annotated[
        bool,
        typer.Option(
            "--serve", metavar="", help="Go on as a service with web pages (not there yet)."
        ),
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """Show it all on a made-up company: two systems in memory, a story step by step."""
    if serve:
        raise ConfigurationError(
            "the demo has no web pages yet", fix="run `interlock demo` without --serve"
        )
    from rich.console import Console

    from interlock.demo import FOLDER, run_demo

    silent = Console(file=io.StringIO()) if as_json else None
    result = run_demo(folder or FOLDER, console=silent)
    if as_json:
        print_json({"ok": result.ok, "folder": str(result.folder), "verdicts": result.verdicts})
    finish(DONE if result.ok else FAILED)
