"""``interlock assess``: what both sides' customers are worth before go-live."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.asking import Currencies, Maps, answers, keep
from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import JsonOutput, ProjectFolder, load
from interlock.cli.screen import amount, columns, note, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.matching.score import Weights
    from interlock.service.readiness import Assessed

__all__ = ["assess"]


def assess(
    lists: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[LEFT.csv RIGHT.csv]", help="The CRM's and the ERP's list, after --files."
        ),
    ] = None,
    *,
    files: Annotated[
        bool, typer.Option("--files", metavar="", help="Assess two exports; no project is needed.")
    ] = False,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The page.")] = Path(
        "readiness.html"
    ),
    live: Annotated[
        bool,
        typer.Option("--live", metavar="", help="Read the systems even if the store knows them."),
    ] = False,
    maps: Maps = None,
    currencies: Currencies = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", help="Weights that match learn wrote."),
    ] = None,
    project: ProjectFolder = Path(),
    as_json: JsonOutput = False,
) -> None:
    """Look at both sides' customers before go-live: gaps, flaws, duplicates, what will match.

    Either of two exports (--files LEFT.csv RIGHT.csv; for --map they are "left" and "right"), or
    of the project's systems.  Nothing is changed in either system.
    """
    from interlock.service.matching import load_weights

    chosen = load_weights(weights)
    if files or lists:
        found = _of_files(
            lists or [], out, chosen, maps=maps, currencies=currencies, as_json=as_json
        )
    else:
        found = asyncio.run(_of_systems(project, out, chosen, live=live))
    if as_json:
        print_json(found)
    else:
        _show(found)
    r = found.readiness
    calm = not (r.reviews or r.doubled or any(side.quality.flawed for side in r.sides))
    finish(DONE if calm else NEEDS_PERSON)


def _of_files(
    lists: list[Path],
    out: Path,
    weights: Weights,
    *,
    maps: list[str] | None,
    currencies: list[str] | None,
    as_json: bool,
) -> Assessed:
    from interlock.service.readiness import assess_files

    if len(lists) != 2:
        raise ConfigurationError(
            f"two lists are needed, {len(lists)} given",
            fix="interlock assess --files LEFT.csv RIGHT.csv",
        )
    given = answers(("left", "right"), out, as_json=as_json, maps=maps, currencies=currencies)
    found = assess_files(lists[0], lists[1], out, given, weights=weights, now=datetime.now(UTC))
    keep(out, given)
    return found


async def _of_systems(folder: Path, out: Path, weights: Weights, *, live: bool) -> Assessed:
    from interlock.service.readiness import assess_systems
    from interlock.service.session import connect

    async with connect(load(folder)) as session:
        return await assess_systems(session, out, weights=weights, now=datetime.now(UTC), live=live)


def _show(found: Assessed) -> None:
    r = found.readiness
    for side in r.sides:
        program = f" (headers of {side.source.program})" if side.source.program else ""
        say(f"{side.name}: {amount(side.quality.records, 'customer')} in {side.source.title}"
            f"{program}", style="bold")  # fmt: skip
        for text in side.source.notes:
            note(f"  {text}")
        rows = [
            ("linked", f"{side.expected.linked:,}", "would link without a person"),
            ("review", f"{side.expected.review:,}", "for a person to decide"),
            ("alone", f"{side.expected.alone:,}", "no counterpart found"),
            ("duplicates", f"{side.duplicates:,}", f"{side.certain_duplicates:,} certain"),
        ]
        rows += [(flaw, f"{count:,}", "") for flaw, count in side.quality.flaws.items()]
        columns(rows)
    for what, values in (("currencies", r.currencies), ("payment terms", r.terms)):
        if values:
            shown = ", ".join(f"{each.value} ({each.side})" for each in values[:5])
            say(f"{what} without counterpart: {shown}{' …' if len(values) > 5 else ''}")
    if found.skipped:
        say(f"{amount(len(found.skipped), 'row')} could not be used; the page lists them")
    say(f"-> {found.page}, {found.worklist}, {found.flaws}")
