"""``interlock report revenue``."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import (
    CsvFile,
    JsonOutput,
    PageFile,
    ParquetFile,
    ProjectFolder,
    with_store,
)
from interlock.cli.reporting import parse_day
from interlock.cli.screen import amount, columns, heading, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.reports.revenue import Row
    from interlock.service.revenue import RevenueReport

__all__ = ["revenue"]

_SHOWN = 20


def revenue(
    project: ProjectFolder = Path(),
    *,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", metavar="GROUP", help="customer, owner or period; may be repeated."),
    ] = None,
    period: Annotated[
        str, typer.Option("--period", metavar="LENGTH", help="month, quarter, year or all.")
    ] = "month",
    start: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="From this day on.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Until this day.")
    ] = None,
    csv: CsvFile = None,
    parquet: ParquetFile = None,
    out: PageFile = None,
    as_json: JsonOutput = False,
) -> None:
    """Add up what was won, ordered, invoiced and collected, by currency, with the gaps.

    Also lifetime revenue, and contracts against what is billed for them.  Asks neither system.
    """
    from interlock.reports.revenue import GROUPS, Period
    from interlock.service.revenue import report_revenue, sheet_of, write_page
    from interlock.service.tables import save

    groups = list(dict.fromkeys(["period"] if by is None else by))
    for group in groups:
        if group not in GROUPS:
            raise ConfigurationError(f"--by {group!r} is no group", fix=f"--by {GROUPS[0]}")
    if period not in [p.value for p in Period]:
        raise ConfigurationError(f"--period {period!r} is no length", fix="--period quarter")
    now = datetime.now(UTC)
    since, until = parse_day(start, "--from"), parse_day(end, "--to")
    report = with_store(
        project,
        lambda p, s: report_revenue(
            p, s, now=now, by=groups, period=Period(period), start=since, end=until
        ),
    )
    written = save(sheet_of(report), csv=csv, parquet=parquet)
    if out is not None:
        write_page(report, out, now)
        written.append(str(out))
    if as_json:
        print_json(report)
    else:
        _show(report)
        if written:
            say(f"-> {', '.join(written)}")
    finish(NEEDS_PERSON if report.mismatches else DONE)


def _show(report: RevenueReport) -> None:
    if not report.totals:
        say("Nothing was won, ordered or invoiced in this time.")
    for total in report.totals:
        heading(total.currency or "currency not given")
        head = (" ".join(report.by), "won", "ordered", "invoiced", "collected", "open")
        rows = [r for r in report.rows if r.currency == total.currency] if report.by else []
        columns([head, *(_row(report, r) for r in rows[:_SHOWN]), _row(report, total)])
        if len(rows) > _SHOWN:
            say(f"… and {len(rows) - _SHOWN:,} more (--csv FILE)", style="dim", lead="  ")
    if not report.invoices:
        say("Invoices are not read: list the fields of invoice in ownership.yaml.", style="dim")
    if report.lifetimes:
        heading("lifetime revenue")
        columns(
            (one.customer, f"{one.revenue:,.2f} {one.currency}".strip(), f"since {one.first}")
            for one in report.lifetimes[:5]
        )
    if report.contracts:
        heading(f"{amount(report.contracts, 'contract')}, {len(report.mismatches):,} to look at")
        columns((m.customer, m.what.value, m.crm, m.erp) for m in report.mismatches[:_SHOWN])
    if report.skipped:
        first = report.skipped[0]
        say(f"{amount(len(report.skipped), 'record')} left out; the first is {first.file}: "
            f"{first.why}", style="dim")  # fmt: skip


def _row(report: RevenueReport, row: Row) -> tuple[str, ...]:
    name = " · ".join(str(getattr(row, group)) or "-" for group in report.by)
    if not any(getattr(row, group) for group in report.by):
        name = "total"
    s = row.sums
    shown = (s.won, s.ordered, s.invoiced, s.collected, s.not_collected)
    return (name, *(f"{value:,.2f}" for value in shown))
