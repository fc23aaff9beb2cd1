"""Report leakage: two exports of deals and orders, and what was won but never ordered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import msgspec

from interlock.errors import ConfigurationError
from interlock.matching.score import Weights
from interlock.matching.table import Company
from interlock.reports.kinship import Customers as Known
from interlock.reports.kinship import kin
from interlock.reports.leakage import Leakage, Tolerances, find_leaks
from interlock.reports.page import render
from interlock.reports.records import DealRecord, OrderRecord, Skipped, Source
from interlock.service.companies import write_rows
from interlock.service.exports import Answers, Customers, Deals, Orders
from interlock.service.files import beside, safe_cell, write_text

__all__ = ["Given", "LeakageReport", "report_leakage"]

HEADER = (
    "deal_id",
    "deal",
    "customer",
    "won_on",
    "amount",
    "currency",
    "leaking",
    "cause",
    "orders",
    "explanation",
    "line",
)


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """The files; the lists of customers make the matching surer."""

    deals: Path
    orders: Path
    customers_left: Path | None = None
    customers_right: Path | None = None


class LeakageReport(msgspec.Struct, frozen=True, kw_only=True):
    """The findings, what was read, and where page and list were written."""

    leakage: Leakage
    sources: Sequence[Source]
    orders: int
    not_won: int
    outside: int
    skipped: Sequence[Skipped]
    page: str
    list: str


def report_leakage(
    given: Given,
    out: Path,
    answers: Answers,
    tolerances: Tolerances,
    *,
    weights: Weights,
    now: datetime,
    start: date | None = None,
    end: date | None = None,
) -> LeakageReport:
    """Hold won deals of a period against all orders, and write what leaks."""
    deals = Deals(given.deals, "deals", answers)
    orders = Orders(given.orders, "orders", answers)
    sources, skipped = [deals.source, orders.source], [*deals.skipped, *orders.skipped]
    lists: list[Sequence[Company]] = []
    for path, role in (
        (given.customers_left, "customers-left"),
        (given.customers_right, "customers-right"),
    ):
        if path is None:
            lists.append(())
            continue
        read = Customers(path, role, answers)
        lists.append([record.company for record in read.records])
        sources.append(read.source)
        skipped += read.skipped
    left, right = Known(lists[0]), Known(lists[1])
    keys = _keys(left, deals.records, given.deals), _keys(right, orders.records, given.orders)
    ties = kin(left.companies, right.companies, weights)
    found = find_leaks(
        deals.records,
        orders.records,
        keys,
        ties,
        tolerances,
        listed=given.customers_right is not None,
        start=start,
        end=end,
    )
    report = LeakageReport(
        leakage=found,
        sources=sources,
        orders=len(orders.records),
        not_won=deals.open,
        outside=len(deals.records) - found.deals,
        skipped=skipped,
        page=str(out),
        list=str(beside(out, "deals.csv")),
    )
    _write(report, out, tolerances, now)
    return report


def _keys(
    known: Known, rows: Sequence[DealRecord] | Sequence[OrderRecord], path: Path
) -> list[str]:
    keys = [known.key_of(row.customer_id, row.customer) for row in rows]
    if rows and not any(keys):
        raise ConfigurationError(
            "customers are given by id only, and no list tells who they are",
            file=str(path),
            fix="add a column with the customer's name, or give --customers-left and "
            "--customers-right",
        )
    return keys


def _write(report: LeakageReport, out: Path, tolerances: Tolerances, now: datetime) -> None:
    write_rows(
        Path(report.list),
        HEADER,
        (
            (
                f.deal,
                safe_cell(f.name),
                safe_cell(f.customer),
                f.won_on.isoformat(),
                f.amount,
                f.currency,
                f.leaking,
                f.cause.value,
                " ".join(f.orders),
                safe_cell(f.why),
                f.line,
            )
            for f in report.leakage.findings
        ),
    )
    write_text(
        out,
        render(
            "leakage.html.j2",
            {
                "r": report,
                "l": report.leakage,
                "near": tolerances,
                "list": Path(report.list).name,
                "made": f"{now:%Y-%m-%d %H:%M} UTC",
            },
        ),
    )
