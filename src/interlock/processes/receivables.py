"""What a customer owes and buys, worked out from its invoices.  Pure.

Amounts of each currency are added up first and converted once, so that nothing is lost to
rounding.  What cannot be known (no rate, no due date) is left out rather than guessed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from interlock.governance.signals import SignalRules
from interlock.model import Fields, InvoiceStatus, Money

__all__ = ["COUNTED", "Figures", "arrears", "figures_of", "year_before"]

COUNTED = (InvoiceStatus.OPEN, InvoiceStatus.PAID)
"""Invoices that are none any more, or none yet, count nowhere."""
_WITHOUT_DECIMALS = frozenset(
    ["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
     "VUV", "XAF", "XOF", "XPF"]
)  # fmt: skip
_WITH_THREE = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
"""Digits after the point, where they are not two (ISO 4217)."""


@dataclass(slots=True)
class Figures:
    """The figures of one customer; a name that is missing in ``fields`` is unknown.

    ``unknown``: why figures are missing.  ``used``: currencies a rate was needed for.
    """

    fields: Fields = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    disputed: bool = False
    open_items: int = 0


def figures_of(
    invoices: Sequence[Fields], today: date, currency: str, rules: SignalRules
) -> Figures:
    """Work out a customer's figures in the company's ``currency``."""
    found = Figures()
    counted = [i for i in invoices if i.get("status") in COUNTED]
    if any("status" not in i for i in invoices):
        found.unknown.append("an invoice does not say what state it is in")
        return found
    sums = _Sums(currency, rules.rates, found)
    _receivable(counted, today, sums, found)
    _revenue(counted, today, sums, found)
    _payments(counted, today, found)
    return found


def arrears(figures: Fields) -> str:
    """Say how much is overdue and for how long, as far as that is known; else nothing."""
    overdue, days = figures.get("overdue"), figures.get("days_overdue")
    parts = []
    if isinstance(overdue, Money) and overdue.amount > 0:
        parts.append(f"{overdue.amount:,} {overdue.currency} overdue")
    if isinstance(days, Decimal) and days > 0:
        parts.append("1 day late" if days == 1 else f"{days} days late")
    return ", ".join(parts)


def year_before(day: date) -> date:
    """The same day a year earlier; of 29 February the 28th."""
    return day.replace(year=day.year - 1, day=28 if (day.month, day.day) == (2, 29) else day.day)


class _Sums:
    """Adds up amounts in the company's currency."""

    def __init__(self, currency: str, rates: Mapping[str, Decimal], found: Figures) -> None:
        self.currency, self.rates, self.found = currency, rates, found

    def of(self, amounts: Iterable[object], what: str) -> Money | None:
        """Add up; ``None`` where it cannot be known, and why is noted."""
        by_currency: dict[str, Decimal] = {}
        for amount in amounts:
            if not isinstance(amount, Money):
                self._unknown(f"an invoice shows no {what}")
                return None
            so_far = by_currency.get(amount.currency, Decimal(0))
            by_currency[amount.currency] = so_far + amount.amount
        total = Decimal(0)
        for currency, amount_in in sorted(by_currency.items()):
            if currency == self.currency:
                total += amount_in
            elif currency in self.rates:
                self.found.used.add(currency)
                total += amount_in * self.rates[currency]
            elif amount_in:
                self._unknown(f"there is no rate for {currency}")
                return None
        return Money(_rounded(total, self.currency), self.currency)

    def _unknown(self, why: str) -> None:
        if why not in self.found.unknown:
            self.found.unknown.append(why)


def _rounded(amount: Decimal, currency: str) -> Decimal:
    digits = 0 if currency in _WITHOUT_DECIMALS else 3 if currency in _WITH_THREE else 2
    return amount.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _put(found: Figures, name: str, value: Money | None) -> None:
    if value is not None:
        found.fields[name] = value


def _receivable(invoices: Sequence[Fields], today: date, sums: _Sums, found: Figures) -> None:
    opened = [i for i in invoices if i["status"] == InvoiceStatus.OPEN]
    found.open_items = len(opened)
    found.disputed = any(i.get("disputed") is True for i in opened)
    _put(found, "balance", sums.of([i.get("open") for i in opened], "open amount"))
    if any(not isinstance(i.get("open"), Money) for i in opened):
        return
    credit = [_negated(m) for i in opened if isinstance(m := i["open"], Money) and m.amount < 0]
    _put(found, "credit_balance", sums.of(credit, "open amount"))
    owed = [i for i in opened if isinstance(m := i["open"], Money) and m.amount > 0]
    # without terms an invoice is due at once
    due = [i.get("due_on", ...) or i.get("issued_on") for i in owed]
    if any(not isinstance(on, date) for on in due):
        found.unknown.append("an open invoice does not say when it is due")
        return
    late = [(on, i["open"]) for on, i in zip(due, owed, strict=True)
            if isinstance(on, date) and on < today]  # fmt: skip
    overdue = sums.of([amount for _, amount in late], "open amount")
    _put(found, "overdue", overdue)
    oldest = min((on for on, _ in late), default=None)
    found.fields["oldest_due_on"] = oldest
    found.fields["days_overdue"] = Decimal((today - oldest).days if oldest is not None else 0)


def _negated(money: Money) -> Money:
    return Money(-money.amount, money.currency)


def _revenue(invoices: Sequence[Fields], today: date, sums: _Sums, found: Figures) -> None:
    _put(found, "lifetime_revenue", sums.of([i.get("net") for i in invoices], "net amount"))
    dated = [(i.get("issued_on"), i) for i in invoices]
    if any(not isinstance(on, date) for on, _ in dated):
        found.unknown.append("an invoice does not say when it was issued")
        return
    a_year_ago = year_before(today)
    two_years_ago = year_before(a_year_ago)

    def _between(after: date, until: date) -> Money | None:
        within = [i for on, i in dated if isinstance(on, date) and after < on <= until]
        return sums.of([i.get("net") for i in within], "net amount")

    last, before = _between(a_year_ago, today), _between(two_years_ago, a_year_ago)
    _put(found, "revenue_12m", last)
    if last is None or before is None:
        return
    change = None
    if before.amount > 0:
        change = (last.amount - before.amount) * 100 / before.amount
        change = change.quantize(Decimal("0.1"), ROUND_HALF_UP)
    found.fields["revenue_change"] = change


def _payments(invoices: Sequence[Fields], today: date, found: Figures) -> None:
    """When the customer paid last, and how long it takes."""
    if any("paid_on" not in i for i in invoices):
        return  # the system does not tell
    paid = [i["paid_on"] for i in invoices if isinstance(i["paid_on"], date)]
    found.fields["last_payment_on"] = max(paid, default=None)
    since = year_before(today)
    days = [
        (on - issued) / timedelta(days=1)
        for i in invoices
        if i["status"] == InvoiceStatus.PAID
        and isinstance(on := i["paid_on"], date)
        and isinstance(issued := i.get("issued_on"), date)
        and isinstance(total := i.get("total"), Money)
        and total.amount > 0
        and on > since
    ]
    average = None
    if days:
        average = (Decimal(int(sum(days))) / len(days)).quantize(Decimal(1), ROUND_HALF_UP)
    found.fields["days_to_pay"] = average
