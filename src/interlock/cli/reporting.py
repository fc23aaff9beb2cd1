"""``interlock report``: what the records of both sides add up to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from interlock.cli.asking import Currencies, Dates, Decimals, Maps, answers, keep
from interlock.cli.failures import DONE, NEEDS_PERSON, finish
from interlock.cli.options import JsonOutput
from interlock.cli.screen import amount, columns, note, print_json, say
from interlock.errors import ConfigurationError

if TYPE_CHECKING:
    from interlock.service.leakage import LeakageReport

__all__ = ["report_app"]

report_app = typer.Typer(help="What the records of both sides add up to.", no_args_is_help=True)

_ROLES = ("deals", "orders", "customers-left", "customers-right")


@report_app.callback()
def _group() -> None:
    """What the records of both sides add up to."""


@report_app.command("leakage")
def leakage(
    *,
    deals: Annotated[Path, typer.Option("--deals", metavar="FILE", help="The CRM's deals.")],
    orders: Annotated[Path, typer.Option("--orders", metavar="FILE", help="The ERP's orders.")],
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
    as_json: JsonOutput = False,
) -> None:
    """List won deals without a matching order, each with its likely cause.

    Two exports are enough, no project is needed.  For --map, --dates, --decimal and --currency
    the files are "deals", "orders", "customers-left" and "customers-right".
    """
    from interlock.reports.leakage import Tolerances
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
            deals=deals,
            orders=orders,
            customers_left=customers_left,
            customers_right=customers_right,
        ),
        out,
        given,
        Tolerances(amount=_percent(percent), days=days, late=max(late, days)),
        weights=load_weights(weights),
        now=datetime.now(UTC),
        start=_day(start, "--from"),
        end=_day(end, "--to"),
    )
    keep(out, given)
    if as_json:
        print_json(found)
    else:
        _show(found)
    finish(NEEDS_PERSON if found.leakage.findings else DONE)


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


def _day(text: str | None, flag: str) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{flag} {text!r} is no date", fix=f"{flag} 2026-01-31") from None


def _show(found: LeakageReport) -> None:
    report = found.leakage
    for source in found.sources:
        program = f" (headers of {source.program})" if source.program else ""
        note(f"{source.title}{program}{': ' if source.notes else ''}{'; '.join(source.notes)}")
    say(
        f"{amount(report.deals, 'won deal')}, {report.covered:,} with their order, "
        f"{len(report.findings):,} to look at",
        style="bold",
    )
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
    if found.skipped:
        first = found.skipped[0]
        say(
            f"{amount(len(found.skipped), 'row')} could not be used; the first is "
            f"{first.file}:{first.line}: {first.why}"
        )
    say(f"-> {found.page}, {found.list}")
