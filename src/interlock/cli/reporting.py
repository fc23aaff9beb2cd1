"""``interlock report``: what the records of both sides add up to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from interlock.cli.asking import Currencies, Dates, Decimals, Maps, answers, keep
from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import CsvFile, JsonOutput, ParquetFile, ProjectFolder, with_store
from interlock.cli.screen import amount, columns, note, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.reports.leakage import Tolerances
    from interlock.service.leakage import LeakageReport

__all__ = ["parse_day", "report_app"]

report_app = typer.Typer(help="What the records of both sides add up to.", no_args_is_help=True)

_ROLES = ("deals", "orders", "customers-left", "customers-right")


@report_app.callback()
def _group() -> None:
    """What the records of both sides add up to."""


@report_app.command("leakage")
def leakage(
    *,
    deals: Annotated[
        Path | None, typer.Option("--deals", metavar="FILE", help="The CRM's deals.")
    ] = None,
    orders: Annotated[
        Path | None, typer.Option("--orders", metavar="FILE", help="The ERP's orders.")
    ] = None,
    customers_left: Annotated[
        Path | None,
        typer.Option("--customers-left", metavar="FILE", help="The CRM's customers: surer."),
    ] = None,
    customers_right: Annotated[
        Path | None,
        typer.Option("--customers-right", metavar="FILE", help="The ERP's customers: surer."),
    ] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="Deals won from this day on.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Deals won until this day.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The page.")] = Path(
        "leakage.html"
    ),
    percent: Annotated[
        str, typer.Option("--amount-tolerance", metavar="PERCENT", help="How near a value is.")
    ] = "2",
    days: Annotated[
        int, typer.Option("--days", min=0, metavar="N", help="How near a date is.")
    ] = 30,
    late: Annotated[
        int,
        typer.Option("--late-days", min=0, metavar="N", help="Until when a late order is the one."),
    ] = 365,
    won: Annotated[
        list[str] | None,
        typer.Option("--won", metavar="STAGE", help="The stage that means won; may be repeated."),
    ] = None,
    maps: Maps = None,
    dates: Dates = None,
    decimals: Decimals = None,
    currencies: Currencies = None,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", help="Weights that match learn wrote."),
    ] = None,
    project: ProjectFolder = Path(),
    csv: CsvFile = None,
    parquet: ParquetFile = None,
    as_json: JsonOutput = False,
) -> None:
    """List won deals without a matching order, each with its likely cause, and the reverse.

    Of the project's systems as last seen; or of two exports, with --deals and --orders, for which
    no project is needed.  For --map, --dates, --decimal and --currency the files are "deals",
    "orders", "customers-left" and "customers-right".
    """
    from interlock.reports.leakage import Tolerances
    from interlock.service.leakage import report_leakage_of_systems, sheet_of
    from interlock.service.matching import load_weights
    from interlock.service.session import weights_of
    from interlock.service.tables import save

    near = Tolerances(amount=_percent(percent), days=days, late=max(late, days))
    period = parse_day(start, "--from"), parse_day(end, "--to")
    if deals is None and orders is None:
        found = with_store(
            project,
            lambda p, s: report_leakage_of_systems(
                p, s, out, near, weights=load_weights(weights) if weights else weights_of(p),
                now=datetime.now(UTC), start=period[0], end=period[1],
            ),
        )  # fmt: skip
    elif deals is None or orders is None:
        raise ConfigurationError(
            "two files are needed, the deals and the orders",
            fix="interlock report leakage --deals D.csv --orders O.csv, or neither in a project",
        )
    else:
        files = _Files(deals, orders, customers_left, customers_right, weights)
        found = _of_files(files, out, near, period, as_json=as_json, maps=maps, dates=dates,
                          decimals=decimals, currencies=currencies, won=won)  # fmt: skip
    written = save(sheet_of(found.leakage), csv=csv, parquet=parquet)
    if as_json:
        print_json(found)
    else:
        _show(found, written)
    finish(NEEDS_PERSON if found.leakage.findings else DONE)


class _Files(NamedTuple):
    deals: Path
    orders: Path
    customers_left: Path | None
    customers_right: Path | None
    weights: Path | None


def _of_files(
    files: _Files,
    out: Path,
    near: Tolerances,
    period: tuple[date | None, date | None],
    *,
    as_json: bool,
    maps: list[str] | None,
    dates: list[str] | None,
    decimals: list[str] | None,
    currencies: list[str] | None,
    won: list[str] | None,
) -> LeakageReport:
    from interlock.service.leakage import Given, report_leakage
    from interlock.service.matching import load_weights

    given = answers(
        _ROLES,
        out,
        as_json=as_json,
        maps=maps,
        dates=dates,
        decimals=decimals,
        currencies=currencies,
        won=won,
    )
    found = report_leakage(
        Given(
            deals=files.deals,
            orders=files.orders,
            customers_left=files.customers_left,
            customers_right=files.customers_right,
        ),
        out,
        given,
        near,
        weights=load_weights(files.weights),
        now=datetime.now(UTC),
        start=period[0],
        end=period[1],
    )
    keep(out, given)
    return found


def _percent(text: str) -> Decimal:
    try:
        value = Decimal(text.strip().rstrip("%"))
    except InvalidOperation:
        value = Decimal(-1)
    if not 0 <= value <= 100:
        raise ConfigurationError(
            f"--amount-tolerance {text!r} is no percentage", fix="--amount-tolerance 2"
        )
    return value / 100


def parse_day(text: str | None, flag: str) -> date | None:
    """Read a day a person typed."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{flag} {text!r} is no date", fix=f"{flag} 2026-01-31") from None


def _show(found: LeakageReport, written: Sequence[str]) -> None:
    report = found.leakage
    for source in found.sources:
        program = f" (headers of {source.program})" if source.program else ""
        note(f"{source.title}{program}{': ' if source.notes else ''}{'; '.join(source.notes)}")
    say(
        f"{amount(report.deals, 'won deal')}, {report.covered:,} with their order, "
        f"{len(report.findings):,} to look at",
        style="bold",
    )
    if report.probable:
        unsure = f"; the least sure at {report.probable[0].score}"
        say(f"{report.linked:,} of them linked, {len(report.probable):,} probable{unsure}")
    if report.under_way:
        say(f"{amount(report.under_way, 'order')} under way")
    columns(
        [
            (
                f"leaking {total.currency or '(no currency)'}",
                f"{total.leaking:,.2f}",
                f"of {total.won:,.2f} won, {amount(total.leaking_deals, 'deal')}",
            )
            for total in report.totals
        ]
    )
    columns([(cause, f"{number:,}") for cause, number in report.causes.items()])
    if report.orphans:
        say(f"{amount(len(report.orphans), 'order')} without a won deal")
        columns(
            (f"ordered {t.currency or '(no currency)'}", f"{t.undealt:,.2f}")
            for t in report.totals
            if t.orphans
        )
    if found.skipped:
        first = found.skipped[0]
        say(
            f"{amount(len(found.skipped), 'row')} could not be used; the first is "
            f"{first.file}{f':{first.line}' if first.line else ''}: {first.why}"
        )
    say(f"-> {', '.join([found.page, found.list, *written])}")
