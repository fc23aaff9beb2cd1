"""Questions about an export, and the file in which their answers are kept."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.screen import note

if TYPE_CHECKING:
    from interlock.service.exports import Answers

__all__ = ["Currencies", "Dates", "Decimals", "Maps", "answers", "keep"]

Maps = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="[FILE:]COLUMN=FIELD",
        help="Which column is which; may be repeated. FILE: as the help of the command names it.",
    ),
]
Dates = Annotated[
    list[str] | None,
    typer.Option("--dates", metavar="[FILE:]dmy|mdy", help="Day or month first in 03/04/2026."),
]
Decimals = Annotated[
    list[str] | None,
    typer.Option("--decimal", metavar="[FILE:]point|comma", help="What stands before the cents."),
]
Currencies = Annotated[
    list[str] | None,
    typer.Option(
        "--currency", metavar="[FILE:]CODE", help="The currency of amounts that name none."
    ),
]


def answers(
    roles: Sequence[str],
    out: Path,
    *,
    as_json: bool,
    maps: Sequence[str] | None = None,
    dates: Sequence[str] | None = None,
    decimals: Sequence[str] | None = None,
    currencies: Sequence[str] | None = None,
    won: Sequence[str] | None = None,
) -> Answers:
    """Collect what is known already, flags first; a person is asked where there is a terminal."""
    from interlock.service.answers import recall
    from interlock.service.exports import nobody, parse_answers

    given = parse_answers(
        roles,
        columns=maps or (),
        dates=dates or (),
        decimals=decimals or (),
        currencies=currencies or (),
        won=won or (),
        choose=nobody if as_json or not sys.stdin.isatty() else _choose,
    )
    kept = recall(out, given, roles)
    if kept is not None:
        note(f"answers of an earlier run are used: {kept}")
    return given


def keep(out: Path, given: Answers) -> None:
    """Keep what was answered at the terminal, and say where."""
    from interlock.service.answers import remember

    file = remember(out, given)
    if file is not None:
        note(f"your answers are kept in {file}; delete it to be asked again")


def _choose(question: str, choices: Sequence[str]) -> str | None:
    shown = [choice for choice in choices if choice]
    if not shown:
        return None
    typer.echo(question, err=True)
    for number, choice in enumerate(shown, start=1):
        typer.echo(f"  {number:>2}  {choice}", err=True)
    while True:
        answer = typer.prompt("Number or name", err=True).strip()
        if answer.isdecimal() and 1 <= int(answer) <= len(shown):
            return shown[int(answer) - 1]
        if answer in shown:
            return str(answer)
        typer.echo(f"There is no {answer!r}.", err=True)
