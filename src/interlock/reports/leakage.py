"""Leakage: won deals without the order they should have become, each with its likely cause.

Every deal takes at most one order and every order belongs to at most one deal.  Amounts are
compared within one currency only, and never added up across currencies.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

import msgspec

from interlock.reports.kinship import Tie
from interlock.reports.records import DealRecord, OrderRecord

__all__ = ["Cause", "Finding", "Leakage", "Tolerances", "Total", "find_leaks"]


class Cause(StrEnum):
    """What most likely became of a won deal."""

    NO_CUSTOMER = "the deal names no customer"
    UNKNOWN = "customer unknown in the ERP"
    NONE = "no order of this customer fits"
    CANCELLED = "its order was cancelled"
    ELSEWHERE = "an order like it stands under another customer"
    AMOUNT = "ordered for another amount"
    CURRENCY = "ordered in another currency"
    LATE = "ordered much later"
    DUPLICATE = "ordered under a duplicate customer"
    TWICE = "ordered twice"


LOST = (Cause.NO_CUSTOMER, Cause.UNKNOWN, Cause.NONE, Cause.CANCELLED, Cause.ELSEWHERE)
"""Causes for which the whole amount counts as leaking."""


class Tolerances(msgspec.Struct, frozen=True, kw_only=True):
    """How near is near.  ``amount``: share of the deal's amount; ``days``: before and after."""

    amount: Decimal = Decimal("0.02")
    days: int = 30
    late: int = 365
    """An order later than ``days`` but within these is "much later"; after them it is another."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One deal to look at.  ``leaking``: the part of its amount that no order covers."""

    deal: str
    name: str
    customer: str
    amount: Decimal
    currency: str
    won_on: date
    cause: Cause
    leaking: Decimal
    orders: Sequence[str]
    why: str
    line: int


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of one currency; "" is the currency of amounts that name none."""

    currency: str
    deals: int
    won: Decimal
    leaking_deals: int
    leaking: Decimal


class Leakage(msgspec.Struct, frozen=True, kw_only=True):
    """The report.  ``deals``: won in the period; ``covered``: those with their order."""

    start: date | None
    end: date | None
    deals: int
    covered: int
    in_parts: int
    totals: Sequence[Total]
    causes: Mapping[str, int]
    findings: Sequence[Finding]


Ties = Mapping[str, Mapping[str, Tie]]
Pair = tuple[int, int]


def find_leaks(
    deals: Sequence[DealRecord],
    orders: Sequence[OrderRecord],
    customers: tuple[Sequence[str], Sequence[str]],
    ties: Ties,
    tolerances: Tolerances,
    *,
    listed: bool = True,
    start: date | None = None,
    end: date | None = None,
) -> Leakage:
    """Hold the deals against the orders.

    ``customers``: key of each deal's and each order's customer; ``ties``: which keys of orders
    belong to which of deals; ``listed``: all customers of the orders' side are known, not only
    those with orders.  Deals won outside ``start`` to ``end`` take their orders too, else
    these would be taken for somebody else's, and are not reported.
    """
    book = _Book(deals, orders, customers, ties, tolerances, listed=listed)
    book.settle()
    inside = [
        row
        for row, deal in enumerate(deals)
        if (start is None or deal.won_on >= start) and (end is None or deal.won_on <= end)
    ]
    findings = sorted(
        (book.finding(row) for row in inside if row in book.causes),
        key=lambda f: (f.currency, -f.leaking, -f.amount, f.won_on, f.line),
    )
    return Leakage(
        start=start,
        end=end,
        deals=len(inside),
        covered=len(inside) - len(findings),
        in_parts=len(book.parts.intersection(inside)),
        totals=_totals([deals[row] for row in inside], findings),
        causes=dict(Counter(f.cause.value for f in findings).most_common()),
        findings=findings,
    )


def _totals(deals: Iterable[DealRecord], findings: Iterable[Finding]) -> list[Total]:
    won: dict[str, list[Decimal]] = defaultdict(list)
    lost: dict[str, list[Decimal]] = defaultdict(list)
    for deal in deals:
        won[deal.currency].append(deal.amount)
    for finding in findings:
        if finding.leaking:
            lost[finding.currency].append(finding.leaking)
    return [
        Total(
            currency=currency,
            deals=len(amounts),
            won=sum(amounts, Decimal(0)),
            leaking_deals=len(lost[currency]),
            leaking=sum(lost[currency], Decimal(0)),
        )
        for currency, amounts in sorted(won.items())
    ]


class _Book:
    """Deals and orders while they are paired off, the surest pairs first."""

    def __init__(
        self,
        deals: Sequence[DealRecord],
        orders: Sequence[OrderRecord],
        customers: tuple[Sequence[str], Sequence[str]],
        ties: Ties,
        tolerances: Tolerances,
        *,
        listed: bool,
    ) -> None:
        self.deals, self.orders, self.near = deals, orders, tolerances
        self.listed = listed
        self.customers, self.ties = customers, ties
        self.causes: dict[int, Cause] = {}
        self.taken: dict[int, list[int]] = {}
        """Orders of each deal."""
        self.parts: set[int] = set()
        self.open = dict.fromkeys(range(len(deals)))
        self.free = {row for row, order in enumerate(orders) if not order.cancelled}
        self.by_customer: dict[str, list[int]] = defaultdict(list)
        for row, key in enumerate(customers[1]):
            if key:
                self.by_customer[key].append(row)
        for rows in self.by_customer.values():
            rows.sort(key=self._amount)

    def _amount(self, order: int) -> Decimal:
        return self.orders[order].amount

    def settle(self) -> None:
        """Pair everything off."""
        self._by_reference()
        self._each(self._same_currency, self._in_time, self._same_amount, cause=None)
        self._in_parts()
        self._each(self._same_currency, self._later, self._same_amount, cause=Cause.LATE)
        self._each(self._other_currency, self._in_time, cause=Cause.CURRENCY)
        self._each(self._same_currency, self._in_time, self._like_amount, cause=Cause.AMOUNT)
        for row in list(self.open):
            self.causes[row] = self._lost(row)
        self._twice()

    # ── what fits ────────────────────────────────────────────────────────────────────────────

    def _same_currency(self, deal: DealRecord, order: OrderRecord) -> bool:
        # a currency that is not given contradicts none
        return not self._other_currency(deal, order)

    def _other_currency(self, deal: DealRecord, order: OrderRecord) -> bool:
        return bool(deal.currency and order.currency and deal.currency != order.currency)

    def _same_amount(self, deal: DealRecord, order: OrderRecord) -> bool:
        return abs(deal.amount - order.amount) <= abs(deal.amount) * self.near.amount

    def _like_amount(self, deal: DealRecord, order: OrderRecord) -> bool:
        return deal.amount / 5 <= order.amount <= deal.amount * 5

    def _in_time(self, deal: DealRecord, order: OrderRecord) -> bool:
        return abs(order.ordered_on - deal.won_on) <= timedelta(days=self.near.days)

    def _later(self, deal: DealRecord, order: OrderRecord) -> bool:
        after = (order.ordered_on - deal.won_on).days
        return self.near.days < after <= self.near.late

    # ── pairing ──────────────────────────────────────────────────────────────────────────────

    def _related(self, row: int, *, any_amount: bool = True) -> list[tuple[Tie, int]]:
        """Orders of the deal's customer; of its amount only, they are found without a search."""
        found = []
        amount = self.deals[row].amount
        slack = abs(amount) * self.near.amount
        for key, tie in self.ties.get(self.customers[0][row], {}).items():
            rows = self.by_customer[key]
            low, high = 0, len(rows)
            if not any_amount:
                low = bisect_left(rows, amount - slack, key=self._amount)
                high = bisect_right(rows, amount + slack, key=self._amount)
            found += [(tie, order) for order in rows[low:high]]
        return found

    def _each(self, *tests: Callable[[DealRecord, OrderRecord], bool], cause: Cause | None) -> None:
        found = []
        for row in self.open:
            deal = self.deals[row]
            for tie, other in self._related(row, any_amount=self._same_amount not in tests):
                order = self.orders[other]
                if other in self.free and all(test(deal, order) for test in tests):
                    gap = abs(deal.amount - order.amount)
                    days = abs((order.ordered_on - deal.won_on).days)
                    found.append((tie, gap / (abs(deal.amount) or 1), days, row, other))
        for tie, _, _, row, other in sorted(found):
            if row in self.open and other in self.free:
                doubled = Cause.DUPLICATE if tie is Tie.DOUBLE else None
                self._take(row, [other], cause or doubled)

    def _take(self, row: int, others: list[int], cause: Cause | None) -> None:
        self.open.pop(row)
        self.free.difference_update(others)
        self.taken[row] = others
        if cause is not None:
            self.causes[row] = cause

    def _by_reference(self) -> None:
        """Pair by what names the other: the deal's id on the order, or the order's number."""
        named: dict[str, list[int]] = defaultdict(list)
        for row, order in enumerate(self.orders):
            for text in {order.deal, order.number} - {""}:
                named[text.casefold()].append(row)
        for row in list(self.open):
            deal = self.deals[row]
            found = {
                other
                for text, own in ((deal.id, False), (deal.order_number, True))
                if text
                for other in named.get(text.casefold(), ())
                if other in self.free
                and (self.orders[other].number if own else self.orders[other].deal).casefold()
                == text.casefold()
            }
            if found:
                orders = sorted(found, key=lambda o: self.orders[o].ordered_on)
                self._take(row, orders[:1], self._differs(deal, self.orders[orders[0]]))

    def _differs(self, deal: DealRecord, order: OrderRecord) -> Cause | None:
        if self._other_currency(deal, order):
            return Cause.CURRENCY
        if not self._same_amount(deal, order):
            return Cause.AMOUNT
        return Cause.LATE if (order.ordered_on - deal.won_on).days > self.near.days else None

    def _in_parts(self) -> None:
        for row in list(self.open):
            deal = self.deals[row]
            orders = [
                other
                for tie, other in self._related(row)
                if tie is Tie.SAME
                and other in self.free
                and self._same_currency(deal, self.orders[other])
                and self._in_time(deal, self.orders[other])
            ]
            total = sum((self.orders[other].amount for other in orders), Decimal(0))
            if len(orders) > 1 and abs(total - deal.amount) <= abs(deal.amount) * self.near.amount:
                self._take(row, orders, None)
                self.parts.add(row)

    def _lost(self, row: int) -> Cause:
        deal, key = self.deals[row], self.customers[0][row]
        if not key:
            return Cause.NO_CUSTOMER
        for _, other in self._related(row, any_amount=False):
            order = self.orders[other]
            if order.cancelled and self._in_time(deal, order):
                self.taken[row] = [other]
                return Cause.CANCELLED
        elsewhere = self._elsewhere(deal)
        if len(elsewhere) == 1:
            self.taken[row] = elsewhere
            self.free.difference_update(elsewhere)
            return Cause.ELSEWHERE
        return Cause.UNKNOWN if self.listed and not self.ties.get(key) else Cause.NONE

    def _elsewhere(self, deal: DealRecord) -> list[int]:
        """Orders left over, of anybody, of exactly this amount at this time."""
        if not deal.amount:
            return []
        return [
            other
            for other in self._by_amount().get(deal.amount, ())
            if other in self.free
            and self._same_currency(deal, self.orders[other])
            and self._in_time(deal, self.orders[other])
        ]

    def _by_amount(self) -> Mapping[Decimal, Sequence[int]]:
        if not hasattr(self, "_amounts"):
            self._amounts: dict[Decimal, list[int]] = defaultdict(list)
            for row in sorted(self.free):
                self._amounts[self.orders[row].amount].append(row)
        return self._amounts

    def _twice(self) -> None:
        for row in sorted(set(self.taken) - set(self.causes)):
            deal = self.deals[row]
            again = [
                other
                for _, other in self._related(row, any_amount=False)
                if other in self.free
                and self._same_currency(deal, self.orders[other])
                and self._in_time(deal, self.orders[other])
            ]
            if again:
                self.free.difference_update(again)
                self.taken[row] = [*self.taken[row], *again]
                self.causes[row] = Cause.TWICE

    # ── telling ──────────────────────────────────────────────────────────────────────────────

    def finding(self, row: int) -> Finding:
        deal, cause = self.deals[row], self.causes[row]
        orders = [self.orders[other] for other in self.taken.get(row, ())]
        leaking = Decimal(0)
        if cause in LOST:
            leaking = max(deal.amount, leaking)
        elif cause is Cause.AMOUNT:
            leaking = max(deal.amount - orders[0].amount, leaking)
        return Finding(
            deal=deal.id,
            name=deal.name,
            customer=deal.customer or deal.customer_id,
            amount=deal.amount,
            currency=deal.currency,
            won_on=deal.won_on,
            cause=cause,
            leaking=leaking,
            orders=[order.number for order in orders],
            why="; ".join(_told(deal, order) for order in orders),
            line=deal.line,
        )


def _told(deal: DealRecord, order: OrderRecord) -> str:
    """Tell how an order differs from its deal."""
    parts = [f"order {order.number or '(no number)'} of {order.ordered_on}"]
    if order.cancelled:
        parts.append("cancelled")
    if order.customer and order.customer.casefold() != deal.customer.casefold():
        parts.append(f"customer {order.customer}")
    if order.amount != deal.amount or order.currency != deal.currency:
        parts.append(f"{order.amount:,.2f} {order.currency}".strip())
    days = (order.ordered_on - deal.won_on).days
    if days:
        parts.append(f"{abs(days)} days {'later' if days > 0 else 'before'}")
    return ", ".join(parts)
