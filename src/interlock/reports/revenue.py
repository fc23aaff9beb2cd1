"""Revenue: what was won, ordered, invoiced and collected, and what is missing between.

Every amount is counted once, in its own currency, to the last digit; nothing is converted.  Won,
ordered and invoiced are net of tax; billed and collected are what the customer pays, with tax.
What was collected counts in the period of its invoice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec

from interlock.reports.records import DealRecord, InvoiceRecord, OrderRecord

__all__ = [
    "GROUPS", "Entry", "Lifetime", "Period", "Row", "Stage", "Sums", "entries_of", "lifetimes",
    "period_of", "summed",
]  # fmt: skip


class Stage(StrEnum):
    """How far money has come."""

    WON = "won"
    ORDERED = "ordered"
    INVOICED = "invoiced"
    BILLED = "billed"
    COLLECTED = "collected"


class Period(StrEnum):
    """How long the periods of a report are."""

    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    ALL = "all"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One amount that counts.  ``owner``: whose deal it comes from, "" where nobody knows."""

    stage: Stage
    customer: str
    owner: str
    day: date
    currency: str
    amount: Decimal


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of one currency, and the gaps between them; a gap below zero is more than expected."""

    won: Decimal = Decimal(0)
    ordered: Decimal = Decimal(0)
    invoiced: Decimal = Decimal(0)
    billed: Decimal = Decimal(0)
    collected: Decimal = Decimal(0)
    not_ordered: Decimal = Decimal(0)
    not_invoiced: Decimal = Decimal(0)
    not_collected: Decimal = Decimal(0)

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Sums:
        """Add up entries, which must be of one currency."""
        totals = dict.fromkeys(Stage, Decimal(0))
        for entry in entries:
            totals[entry.stage] += entry.amount
        return cls(
            **{stage.value: total for stage, total in totals.items()},
            not_ordered=totals[Stage.WON] - totals[Stage.ORDERED],
            not_invoiced=totals[Stage.ORDERED] - totals[Stage.INVOICED],
            not_collected=totals[Stage.BILLED] - totals[Stage.COLLECTED],
        )


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of one group; what is not grouped by is ""."""

    customer: str
    owner: str
    period: str
    currency: str
    sums: Sums


class Lifetime(msgspec.Struct, frozen=True, kw_only=True):
    """All that a customer was ever invoiced in one currency, net."""

    customer: str
    currency: str
    revenue: Decimal
    invoices: int
    first: date
    last: date
    last_12_months: Decimal
    twelve_before: Decimal
    """What the twelve months before these brought."""


GROUPS = ("customer", "owner", "period")


def entries_of(
    deals: Iterable[DealRecord],
    orders: Iterable[OrderRecord],
    invoices: Iterable[InvoiceRecord],
    *,
    customer: Callable[[str, str], str],
    ordered: Mapping[str, str],
) -> list[Entry]:
    """Count won deals, orders that stand, and posted invoices.

    ``customer``: (id, name) of a record's customer -> how the report calls it; ``ordered``: id of a
    deal -> id of its order, by which orders and invoices find the deal's owner.
    """
    deals = list(deals)
    owner_of = {ordered[d.id]: d.owner for d in deals if d.id in ordered}
    found = [
        Entry(stage=Stage.WON, customer=customer(d.customer_id, d.customer), owner=d.owner,
              day=d.won_on, currency=d.currency, amount=d.amount)
        for d in deals
    ]  # fmt: skip
    found += [
        Entry(stage=Stage.ORDERED, customer=customer(o.customer_id, o.customer),
              owner=owner_of.get(o.id, ""), day=o.ordered_on, currency=o.currency, amount=o.amount)
        for o in orders if not o.cancelled
    ]  # fmt: skip
    for i in invoices:
        amounts = {Stage.INVOICED: i.net, Stage.BILLED: i.total, Stage.COLLECTED: i.total - i.open}
        found += [
            Entry(stage=stage, customer=customer(i.customer_id, i.customer),
                  owner=owner_of.get(i.order, ""), day=i.issued_on, currency=i.currency,
                  amount=amount)
            for stage, amount in amounts.items()
        ]  # fmt: skip
    return found


def period_of(day: date, period: Period) -> str:
    """Name the period of a day: 2026-03, 2026 Q1, 2026."""
    match period:
        case Period.MONTH:
            return f"{day:%Y-%m}"
        case Period.QUARTER:
            return f"{day:%Y} Q{(day.month + 2) // 3}"
        case Period.YEAR:
            return f"{day:%Y}"
        case Period.ALL:
            return ""


def summed(
    entries: Iterable[Entry], by: Sequence[str] = (), period: Period = Period.MONTH
) -> list[Row]:
    """Add up entries by currency and any of ``GROUPS``."""
    groups: dict[tuple[str, str, str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        key = (
            entry.currency,
            period_of(entry.day, period) if "period" in by else "",
            entry.customer if "customer" in by else "",
            entry.owner if "owner" in by else "",
        )
        groups[key].append(entry)
    return [
        Row(currency=key[0], period=key[1], customer=key[2], owner=key[3], sums=Sums.of(group))
        for key, group in sorted(groups.items())
    ]


def lifetimes(entries: Iterable[Entry], today: date) -> list[Lifetime]:
    """What each customer was ever invoiced, by currency; the most first."""
    groups: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.stage is Stage.INVOICED:
            groups[entry.currency, entry.customer].append(entry)
    year, before = _years_before(today, 1), _years_before(today, 2)
    found = [
        Lifetime(
            customer=customer,
            currency=currency,
            revenue=_total(group),
            invoices=len(group),
            first=min(e.day for e in group),
            last=max(e.day for e in group),
            last_12_months=_total([e for e in group if year < e.day <= today]),
            twelve_before=_total([e for e in group if before < e.day <= year]),
        )
        for (currency, customer), group in groups.items()
    ]
    return sorted(found, key=lambda one: (one.currency, -one.revenue, one.customer))


def _total(entries: Iterable[Entry]) -> Decimal:
    return sum((entry.amount for entry in entries), Decimal(0))


def _years_before(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:  # the 29th of February
        return day.replace(year=day.year - years, day=28)
