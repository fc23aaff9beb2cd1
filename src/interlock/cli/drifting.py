"""``interlock drift`` and ``interlock report drift``."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import (
    CsvFile,
    Everything,
    JsonOutput,
    PageFile,
    ParquetFile,
    ProjectFolder,
    load,
    with_store,
)
from interlock.cli.progress import Progress
from interlock.cli.screen import amount, columns, heading, moment, print_json, say
from interlock.cli.values import field_name, show_value
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.drift import DriftCount, DriftReport, DriftRow, Healed

__all__ = ["app", "report_drift"]

app = typer.Typer(
    help="Compare both systems in full: what differs although nothing is under way.",
    no_args_is_help=True,
)

_SHOWN: Final = 10


@app.command("run")
def run_it(
    project: ProjectFolder = Path(),
    *,
    table: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="Write every difference there.")
    ] = None,
    everything: Everything = False,
    as_json: JsonOutput = False,
) -> None:
    """Read both systems in full and say what differs, and why; writes to neither."""
    report = asyncio.run(_run(project, table, quiet=as_json))
    if as_json:
        print_json(report)
    else:
        _show(report, everything=everything)
    finish(NEEDS_PERSON if report.alarming else DONE)


async def _run(folder: Path, table: Path | None, *, quiet: bool) -> DriftReport:
    from interlock.governance.rules import Side
    from interlock.service.drift import run_drift
    from interlock.service.session import connect
    from interlock.sync.progress import Run

    project = load(folder)
    with ExitStack() as stack:
        file = None
        if table is not None:
            try:
                file = stack.enter_context(table.open("w", newline="", encoding="utf-8"))
            except OSError as error:
                raise ConfigurationError(
                    f"cannot write {table}: {error.strerror}", fix="name another file with --csv"
                ) from None
        async with connect(project) as session:
            names = {side.value: session.pair.side(side).name for side in Side}
            with Progress(names, quiet=quiet) as progress:
                run = Run(id="drift", tick=progress.tick)
                return await run_drift(session, run, rows_to=file)


@app.command("heal")
def heal_it(
    project: ProjectFolder = Path(),
    *,
    entity: Annotated[
        str | None, typer.Option("--entity", metavar="NAME", help="Only this entity.")
    ] = None,
    field: Annotated[
        str | None, typer.Option("--field", metavar="NAME", help="Only this field.")
    ] = None,
    cause: Annotated[
        str | None, typer.Option("--cause", metavar="CAUSE", help="Only differences of this cause.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Only say what would be looked at.")
    ] = False,
    as_json: JsonOutput = False,
) -> None:
    """Look again at what differs and decide it anew; the next sync writes what comes of it."""
    result = asyncio.run(_heal(project, entity, field, cause, dry_run=dry_run, quiet=as_json))
    if as_json:
        print_json(result)
    else:
        _show_healed(result)
    finish(NEEDS_PERSON if result.to_approve else DONE)


async def _heal(
    folder: Path, entity: str | None, field: str | None, cause: str | None, *, dry_run: bool,
    quiet: bool,
) -> Healed:  # fmt: skip
    from interlock.governance.rules import Side
    from interlock.service.drift import Filter, heal
    from interlock.service.session import connect
    from interlock.sync.progress import Run

    async with connect(load(folder)) as session:
        meant = Filter.of(entity, field, cause, session.pair)
        names = {side.value: session.pair.side(side).name for side in Side}
        with Progress(names, quiet=quiet) as progress:
            return await heal(session, Run(id="heal", tick=progress.tick), meant, dry_run=dry_run)


def report_drift(
    project: ProjectFolder = Path(),
    *,
    csv: CsvFile = None,
    parquet: ParquetFile = None,
    out: PageFile = None,
    as_json: JsonOutput = False,
) -> None:
    """Show what the last full comparison found; asks neither system."""
    from interlock.service.drift import read_last, sheet_of, write_page
    from interlock.service.tables import save

    last = with_store(project, lambda _, store: read_last(store))
    written = [] if last is None else save(sheet_of(last), csv=csv, parquet=parquet)
    if last is not None and out is not None:
        write_page(last, out, datetime.now(UTC))
        written.append(str(out))
    if as_json:
        print_json(last)
    elif last is None:
        say("There has been no full comparison yet. To make one: interlock drift run")
    else:
        say(f"{moment(last.at)}: {amount(last.compared, 'pair')} compared.", style="bold")
        _show_counts(last.counts)
    if written and not as_json:
        say(f"-> {', '.join(written)}")


def _show(report: DriftReport, *, everything: bool) -> None:
    say(f"{amount(report.compared, 'pair')} of records compared.", style="bold")
    _show_counts(report.counts)
    groups: dict[str, list[DriftRow]] = defaultdict(list)
    for row in report.differences:
        groups[row.cause.value].append(row)
    for cause, rows in groups.items():
        heading(cause)
        for row in rows if everything else rows[:_SHOWN]:
            _show_row(row)
        if len(rows) > _SHOWN and not everything:
            say("… and more (interlock drift run --all, or --csv FILE)", style="dim", lead="  ")
    if report.total > len(report.differences):
        say(f"The first {len(report.differences):,} are shown; --csv FILE has all.", style="dim")
    if report.alarming:
        say()
        say("To look at them again and decide anew: interlock drift heal")


def _show_counts(counts: Sequence[DriftCount]) -> None:
    if not counts:
        say("Both systems agree.", style="green")
        return
    columns(
        (c.entity, field_name(c.field) if c.field else "(record)", c.cause.value, f"{c.count:,}")
        for c in counts
    )


def _show_row(row: DriftRow) -> None:
    ids = ", ".join(f"{system} {record}" for system, record in row.records.items())
    what = f": {field_name(row.field)}" if row.field else ""
    say(f"{row.entity} [{ids}]{what}", lead="  ")
    say(row.why, lead="      ", style="dim")
    columns([(system, show_value(value)) for system, value in row.values.items()], lead="      ")


def _show_healed(result: Healed) -> None:
    if not result.healed:
        say("Nothing to look at again.", style="green")
    elif result.dry_run:
        say(f"{amount(result.healed, 'difference')} would be looked at again:")
    else:
        say(f"{amount(result.healed, 'difference')} looked at again:", style="green")
    if result.healed:
        _show_counts(result.counts)
    if result.left:
        say(f"{amount(result.left, 'difference')} left: a write is under way, or a person decides.")
        say("-> interlock status", lead="   ", style="dim")
    if result.to_send:
        say(f"{amount(result.to_send, 'write')} to send: interlock sync --once")
    if result.to_approve:
        say(f"{amount(result.to_approve, 'write')} to approve: interlock plan, then "
            "interlock approve")  # fmt: skip
