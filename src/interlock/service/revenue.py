"""Report revenue: won, ordered, invoiced and collected, and contracts against their billing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from interlock.governance.rules import Side
from interlock.model import Fields
from interlock.project.load import Project
from interlock.reports.contracts import Contract, Mismatch, billing_of, find_mismatches
from interlock.reports.page import render
from interlock.reports.records import DealRecord, InvoiceRecord, Skipped
from interlock.reports.revenue import Lifetime, Period, Row, entries_of, lifetimes, summed
from interlock.service.files import write_text
from interlock.service.observed import Seen, look
from interlock.service.tables import Cell, Kind, Sheet
from interlock.store.database import Store

__all__ = ["CONTRACT_FIELDS", "RevenueReport", "report_revenue", "sheet_of", "write_page"]

CONTRACT_FIELDS = ("contract_start", "contract_end", "contract_value", "contract_months")
"""Custom fields of a deal that make it a contract: two dates, net value and months of a period."""

_SUMS = ("won", "ordered", "not_ordered", "invoiced", "not_invoiced", "billed", "collected",
         "not_collected")  # fmt: skip


class RevenueReport(msgspec.Struct, frozen=True, kw_only=True):
    """Sums by currency and what was asked for, with the gaps between them.

    ``totals``: by currency alone; ``lifetimes``: of all time, whatever the period; ``contracts``:
    how many were compared; ``invoices``: whether the ERP's invoices are read at all.
    """

    start: date | None
    end: date | None
    by: Sequence[str]
    period: Period
    rows: Sequence[Row]
    totals: Sequence[Row]
    lifetimes: Sequence[Lifetime]
    contracts: int
    mismatches: Sequence[Mismatch]
    invoices: bool
    systems: Sequence[str]
    skipped: Sequence[Skipped]


def report_revenue(
    project: Project,
    store: Store,
    *,
    now: datetime,
    by: Sequence[str] = (),
    period: Period = Period.MONTH,
    start: date | None = None,
    end: date | None = None,
) -> RevenueReport:
    """Add up what the store last saw of both systems; asks neither."""
    today = now.date()
    seen = store.run(lambda tx: look(tx, project, today=today))
    entries = entries_of(
        seen.won, seen.orders, seen.invoices, customer=_labels(seen), ordered=seen.ordered
    )
    inside = [
        e for e in entries if (start is None or e.day >= start) and (end is None or e.day <= end)
    ]
    contracts = [c for d in seen.won if (c := _contract(d, seen.fields[d.id])) is not None]
    return RevenueReport(
        start=start,
        end=end,
        by=by,
        period=period,
        rows=summed(inside, by, period),
        totals=summed(inside),
        lifetimes=lifetimes(entries, today),
        contracts=len(contracts),
        mismatches=_mismatches(contracts, seen, today),
        invoices="invoice" in project.ownership.entities,
        systems=[project.connection(side).name for side in Side],
        skipped=seen.skipped,
    )


def _labels(seen: Seen) -> Callable[[str, str], str]:
    """Call each customer by one name, whichever system a record is from."""
    crm_of = {erp: crm for crm, erp in seen.partners.items()}
    ours, theirs = seen.customers[Side.CRM], seen.customers[Side.ERP]
    names = {key: company.name for key, company in theirs.items() if key not in crm_of}
    names |= {key: company.name for key, company in ours.items()}
    often = Counter(names.values())

    def label(key: str, name: str) -> str:
        key = key if key in ours else crm_of.get(key, key)
        called = names.get(key, name or key)
        # two customers of one name stay two
        return f"{called} ({key})" if often[called] > 1 else called

    return label


def _contract(deal: DealRecord, fields: Fields) -> Contract | None:
    start, end, value, months = (fields.get(f"custom.{name}") for name in CONTRACT_FIELDS)
    if not (isinstance(start, date) and isinstance(end, date) and isinstance(value, Decimal)):
        return None
    if not isinstance(months, int | Decimal) or int(months) < 1:
        return None
    return Contract(
        id=deal.id,
        customer=deal.customer or deal.customer_id,
        start=start,
        end=end,
        value=value,
        currency=deal.currency,
        months=int(months),
    )


def _mismatches(contracts: Sequence[Contract], seen: Seen, today: date) -> list[Mismatch]:
    """Compare each contract with the invoices of its order, or of its customer if it is alone."""
    of_order: dict[str, list[InvoiceRecord]] = defaultdict(list)
    of_customer: dict[str, list[InvoiceRecord]] = defaultdict(list)
    for invoice in seen.invoices:
        (of_order[invoice.order] if invoice.order else of_customer[invoice.customer_id]).append(
            invoice
        )
    customer_of: Mapping[str, str] = {d.id: d.customer_id for d in seen.won}
    alone = Counter(customer_of[one.id] for one in contracts)
    billings = {}
    for one in contracts:
        mine = of_order.get(seen.ordered.get(one.id, ""), [])
        if not mine and alone[customer_of[one.id]] == 1:
            mine = of_customer.get(seen.partners.get(customer_of[one.id], ""), [])
        billings[one.id] = billing_of(one, mine, today)
    return find_mismatches(contracts, billings)


def sheet_of(report: RevenueReport) -> Sheet:
    """The sums as a table."""
    columns: list[tuple[str, Kind]] = [("currency", str), *((name, str) for name in report.by)]
    columns += [(name, Decimal) for name in _SUMS]
    rows: list[Sequence[Cell]] = [
        [
            row.currency,
            *(str(getattr(row, name)) for name in report.by),
            *(getattr(row.sums, name) for name in _SUMS),
        ]
        for row in report.rows
    ]
    return Sheet(columns, rows)


def write_page(report: RevenueReport, out: Path, now: datetime) -> None:
    """Write the report as one HTML file."""
    values = {
        "r": report,
        "made": f"{now:%Y-%m-%d %H:%M} UTC",
        "most": {
            row.currency: max(
                (abs(getattr(r.sums, name)) for r in report.rows if r.currency == row.currency
                 for name in _SUMS), default=Decimal(0),
            ) for row in report.totals
        },
    }  # fmt: skip
    write_text(out, render("revenue.html.j2", values))
