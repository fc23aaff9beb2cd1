"""Leakage: won deals without the order they should have become, each with its likely cause.

And the reverse: orders without a won deal.  Amounts are never added up across currencies.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec

from interlock.reports.pairing import LOST, Book, Cause, Known, Ties, Tolerances
from interlock.reports.records import DealRecord, OrderRecord

__all__ = [
    "Cause", "Finding", "Known", "Leakage", "Match", "Orphan", "OrphanCause", "Tolerances", "Total",
    "find_leaks",
]  # fmt: skip


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


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """A deal whose order is probably this one, though neither names the other.

    ``score``: from 0 to 1, by customer, amount and day.  ``cause``: why they are not linked, where
    it is known.
    """

    deal: str
    name: str
    customer: str
    amount: Decimal
    currency: str
    won_on: date
    orders: Sequence[str]
    score: float
    cause: Cause | None
    why: str


class OrphanCause(StrEnum):
    """Why an order most likely has no won deal."""

    OPEN = "a deal like it is not won yet"
    UNWON = "its deal is not won any more"
    UNKNOWN = "customer unknown in the CRM"
    NONE = "no deal of this customer fits"


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """An order without a won deal.  ``deals``: those that could be meant."""

    order: str
    customer: str
    amount: Decimal
    currency: str
    ordered_on: date
    cause: OrphanCause
    deals: Sequence[str]
    line: int


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """Sums of one currency; "" is the currency of amounts that name none."""

    currency: str
    deals: int
    won: Decimal
    leaking_deals: int
    leaking: Decimal
    orphans: int = 0
    undealt: Decimal = Decimal(0)
    """What was ordered without a won deal."""


class Leakage(msgspec.Struct, frozen=True, kw_only=True):
    """The report.

    ``deals``: won in the period; ``covered``: those with their order, of which ``linked`` name it
    and the rest are ``probable``; ``under_way``: their order is being made; ``orphans``: orders of
    the period without a won deal.
    """

    start: date | None
    end: date | None
    deals: int
    covered: int
    in_parts: int
    totals: Sequence[Total]
    causes: Mapping[str, int]
    findings: Sequence[Finding]
    linked: int = 0
    under_way: int = 0
    probable: Sequence[Match] = ()
    orphans: Sequence[Orphan] = ()


def find_leaks(
    deals: Sequence[DealRecord],
    orders: Sequence[OrderRecord],
    customers: tuple[Sequence[str], Sequence[str]],
    ties: Ties,
    tolerances: Tolerances,
    *,
    listed: bool = True,
    both_listed: bool = True,
    start: date | None = None,
    end: date | None = None,
    known: Mapping[str, Known] | None = None,
    others: Sequence[tuple[DealRecord, str]] = (),
) -> Leakage:
    """Hold the deals against the orders.

    ``customers``: key of each deal's and each order's customer; ``ties``: which keys of orders
    belong to which of deals; ``listed``: all customers of the orders' side are known, not only
    those with orders, and ``both_listed``: so are those of the deals' side; ``known``: what the
    engine knows of deals, by id; ``others``: deals that are not won, with their customer's key.
    Deals won outside ``start`` to ``end`` take their orders too, else these would be taken for
    somebody else's, and are not reported.
    """
    book = Book(deals, orders, customers, ties, tolerances, known=known, listed=listed)
    book.settle()
    facts = known or {}
    inside = [row for row, deal in enumerate(deals) if _within(deal.won_on, start, end)]
    found = [_finding(book, row, facts) for row in inside if row in book.causes]
    found.sort(key=lambda f: (f.currency, -f.leaking, -f.amount, f.won_on, f.line))
    covered = [row for row in inside if row in book.taken and row not in book.causes]
    probable = [_match(book, row, facts) for row in covered if row not in book.linked]
    span = (start, end) if start or end else _span(deals)
    reverse = _Reverse(book, others, facts, listed=both_listed)
    orphans = [
        reverse.orphan(row) for row in sorted(book.free) if _within(orders[row].ordered_on, *span)
    ]
    return Leakage(
        start=start,
        end=end,
        deals=len(inside),
        covered=len(covered),
        in_parts=len(book.parts.intersection(inside)),
        totals=_totals([deals[row] for row in inside], found, orphans),
        causes=dict(Counter(f.cause.value for f in found).most_common()),
        findings=found,
        linked=len(covered) - len(probable),
        under_way=len(inside) - len(covered) - len(found),
        probable=sorted(probable, key=lambda m: (m.score, m.currency, -m.amount, m.deal)),
        orphans=sorted(orphans, key=lambda o: (o.currency, -o.amount, o.order)),
    )


def _within(day: date, start: date | None, end: date | None) -> bool:
    return (start is None or day >= start) and (end is None or day <= end)


def _span(deals: Sequence[DealRecord]) -> tuple[date | None, date | None]:
    """From the first to the last deal: an order before or after them says nothing."""
    days = [deal.won_on for deal in deals]
    return (min(days), max(days)) if days else (date.max, date.min)


def _totals(
    deals: Iterable[DealRecord], findings: Iterable[Finding], orphans: Iterable[Orphan]
) -> list[Total]:
    won: dict[str, list[Decimal]] = defaultdict(list)
    lost: dict[str, list[Decimal]] = defaultdict(list)
    undealt: dict[str, list[Decimal]] = defaultdict(list)
    for deal in deals:
        won[deal.currency].append(deal.amount)
    for finding in findings:
        if finding.leaking:
            lost[finding.currency].append(finding.leaking)
    for orphan in orphans:
        undealt[orphan.currency].append(orphan.amount)
    return [
        Total(
            currency=currency,
            deals=len(won[currency]),
            won=sum(won[currency], Decimal(0)),
            leaking_deals=len(lost[currency]),
            leaking=sum(lost[currency], Decimal(0)),
            orphans=len(undealt[currency]),
            undealt=sum(undealt[currency], Decimal(0)),
        )
        for currency in sorted({*won, *undealt})
    ]


# ── telling ──────────────────────────────────────────────────────────────────────────────────


def _finding(book: Book, row: int, known: Mapping[str, Known]) -> Finding:
    deal, cause = book.deals[row], book.causes[row]
    orders = [book.orders[other] for other in book.taken.get(row, ())]
    leaking = Decimal(0)
    if cause in LOST:
        leaking = max(deal.amount, leaking)
    elif cause is Cause.AMOUNT:
        leaking = max(deal.amount - orders[0].amount, leaking)
    fact = known.get(deal.id)
    told = [fact.why] if fact is not None and fact.why and cause in (fact.cause, *LOST) else []
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
        why="; ".join([*told, *(_told(deal, order) for order in orders)]),
        line=deal.line,
    )


def _match(book: Book, row: int, known: Mapping[str, Known]) -> Match:
    deal = book.deals[row]
    orders = [book.orders[other] for other in book.taken[row]]
    shared = "together with other deals" if row in book.shared else ""
    parts = f"in {len(orders)} orders" if row in book.parts else ""
    return Match(
        deal=deal.id,
        name=deal.name,
        customer=deal.customer or deal.customer_id,
        amount=deal.amount,
        currency=deal.currency,
        won_on=deal.won_on,
        orders=[order.number for order in orders],
        score=book.score(row),
        cause=Cause.BY_HAND if deal.id in known else None,
        why="; ".join(filter(None, [shared, parts, *(_told(deal, order) for order in orders)])),
    )


class _Reverse:
    """Says of orders without a won deal which deal could be meant."""

    def __init__(
        self,
        book: Book,
        others: Sequence[tuple[DealRecord, str]],
        known: Mapping[str, Known],
        *,
        listed: bool,
    ) -> None:
        self._book, self._listed = book, listed
        self._tied = {key for owned in book.ties.values() for key in owned}
        self._linked: dict[str, list[str]] = defaultdict(list)
        self._of_customer: dict[str, list[DealRecord]] = defaultdict(list)
        for deal, owner in others:
            for order in known[deal.id].orders if deal.id in known else ():
                self._linked[order].append(deal.id)
            for key in book.ties.get(owner, ()):
                self._of_customer[key].append(deal)

    def orphan(self, row: int) -> Orphan:
        """Tell one order."""
        order, key = self._book.orders[row], self._book.customers[1][row]
        linked = self._linked.get(order.id, []) if order.id else []
        alike = [d.id for d in self._of_customer.get(key, ()) if self._book.alike(d, order)]
        if linked:
            cause = OrphanCause.UNWON
        elif alike:
            cause = OrphanCause.OPEN
        else:
            found = key in self._tied or not self._listed
            cause = OrphanCause.NONE if found else OrphanCause.UNKNOWN
        return Orphan(
            order=order.number or order.id,
            customer=order.customer or order.customer_id,
            amount=order.amount,
            currency=order.currency,
            ordered_on=order.ordered_on,
            cause=cause,
            deals=linked or alike,
            line=order.line,
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
