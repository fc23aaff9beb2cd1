"""Report leakage: what was won but never ordered, of two exports or of the project's systems."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import msgspec

from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.matching.score import Weights
from interlock.matching.table import Company
from interlock.project.load import Project
from interlock.reports.kinship import Customers as Known
from interlock.reports.kinship import Tie, kin
from interlock.reports.leakage import Known as Fact
from interlock.reports.leakage import Leakage, Tolerances, find_leaks
from interlock.reports.page import render
from interlock.reports.records import DealRecord, OrderRecord, Skipped, Source
from interlock.service.exports import Answers, Customers, Deals, Orders
from interlock.service.files import beside, write_text
from interlock.service.knowledge import knowledge
from interlock.service.observed import Seen, look
from interlock.service.tables import Cell, Kind, Sheet, save
from interlock.store import refusals
from interlock.store.database import Store, Tx

__all__ = [
    "Given", "LeakageReport", "leakage_of_systems", "report_leakage", "report_leakage_of_systems",
    "sheet_of",
]  # fmt: skip

_COLUMNS: tuple[tuple[str, Kind], ...] = (
    ("deal_id", str), ("deal", str), ("customer", str), ("won_on", date), ("amount", Decimal),
    ("currency", str), ("leaking", Decimal), ("cause", str), ("orders", str), ("explanation", str),
    ("line", int), ("standing", str), ("score", float),
)  # fmt: skip


class Given(msgspec.Struct, frozen=True, kw_only=True):
    """The files; the lists of customers make the matching surer."""

    deals: Path
    orders: Path
    customers_left: Path | None = None
    customers_right: Path | None = None


class LeakageReport(msgspec.Struct, frozen=True, kw_only=True):
    """The findings, what was read, and where page and list were written, if they were."""

    leakage: Leakage
    sources: Sequence[Source]
    orders: int
    not_won: int
    outside: int
    skipped: Sequence[Skipped]
    page: str = ""
    list: str = ""


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
        both_listed=given.customers_left is not None,
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


def sheet_of(found: Leakage) -> Sheet:
    """All that needs a look as one table: leaks, probable orders, orders without a deal."""
    rows = _to_look_at(found)
    rows += [
        (m.deal, m.name, m.customer, m.won_on, m.amount, m.currency, Decimal(0),
         m.cause.value if m.cause else "", " ".join(m.orders), m.why, 0, "probably ordered",
         m.score)
        for m in found.probable
    ]  # fmt: skip
    rows += [
        ("", "", o.customer, o.ordered_on, o.amount, o.currency, Decimal(0), o.cause.value, o.order,
         f"deals like it: {' '.join(o.deals)}" if o.deals else "", o.line, "order without a deal",
         None)
        for o in found.orphans
    ]  # fmt: skip
    return Sheet(_COLUMNS, rows)


def _to_look_at(found: Leakage) -> list[Sequence[Cell]]:
    return [
        (f.deal, f.name, f.customer, f.won_on, f.amount, f.currency, f.leaking, f.cause.value,
         " ".join(f.orders), f.why, f.line, "to look at", None)
        for f in found.findings
    ]  # fmt: skip


def report_leakage_of_systems(
    project: Project,
    store: Store,
    out: Path,
    tolerances: Tolerances,
    *,
    weights: Weights,
    now: datetime,
    start: date | None = None,
    end: date | None = None,
) -> LeakageReport:
    """Hold won deals against orders as the store last saw both; asks neither system."""
    report = leakage_of_systems(
        project, store, tolerances, weights=weights, now=now, start=start, end=end
    )
    report = msgspec.structs.replace(report, page=str(out), list=str(beside(out, "deals.csv")))
    _write(report, out, tolerances, now)
    return report


def leakage_of_systems(
    project: Project,
    store: Store,
    tolerances: Tolerances,
    *,
    weights: Weights,
    now: datetime,
    start: date | None = None,
    end: date | None = None,
) -> LeakageReport:
    """Find what leaks of what the store last saw of both systems; writes no files."""

    def _read(tx: Tx) -> tuple[Seen, Mapping[str, Fact], set[tuple[str, str]]]:
        seen = look(tx, project, today=now.date())
        return seen, knowledge(tx, project, seen), refusals.load(tx, "customer")

    seen, known, refused = store.run(_read)
    found = find_leaks(
        seen.won,
        seen.orders,
        ([d.customer_id for d in seen.won], [o.customer_id for o in seen.orders]),
        _ties(seen, refused, weights),
        tolerances,
        start=start,
        end=end,
        known=known,
        others=[(d, d.customer_id) for d in seen.others],
    )
    return LeakageReport(
        leakage=found,
        sources=[
            Source(title=project.connection(side).name, notes=("as last seen by Interlock",))
            for side in Side
        ],
        orders=len(seen.orders),
        not_won=len(seen.others),
        outside=len(seen.won) - found.deals,
        skipped=seen.skipped,
    )


def _ties(
    seen: Seen, refused: Collection[tuple[str, str]], weights: Weights
) -> Mapping[str, Mapping[str, Tie]]:
    """Which customers of the orders are those of the deals: by link, else by the matcher.

    A customer that is linked with another one, or was said not to be the same, is no candidate.
    """
    ours, theirs = seen.customers[Side.CRM], seen.customers[Side.ERP]
    partner_of = {erp: crm for crm, erp in seen.partners.items()}
    wanted = {d.customer_id for d in (*seen.won, *seen.others)}
    alike = kin([c for key, c in ours.items() if key in wanted], theirs.values(), weights)
    ties = {crm: {erp: Tie.SAME} for crm, erp in seen.partners.items()}
    for key in wanted:
        linked = seen.partners.get(key)
        free = {
            other: tie
            for other, tie in alike.get(key, {}).items()
            if other not in partner_of and (key, other) not in refused
        }
        if linked is not None:
            ties[key] = dict.fromkeys(free, Tie.DOUBLE) | {linked: Tie.SAME}
        elif free:
            ties[key] = free
    return ties


def _write(report: LeakageReport, out: Path, tolerances: Tolerances, now: datetime) -> None:
    listed = Sheet(_COLUMNS, _to_look_at(report.leakage))
    save(listed, csv=Path(report.list))
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
