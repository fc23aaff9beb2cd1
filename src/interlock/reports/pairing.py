"""Pairing: which order belongs to which won deal, the surest pairs first.

Every deal takes at most one order, or several that add up to it, and every order belongs to at
most one deal, or to several that add up to it.  Amounts are compared within one currency only.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from itertools import combinations

import msgspec

from interlock.reports.kinship import Tie
from interlock.reports.records import DealRecord, OrderRecord

__all__ = ["LOST", "Book", "Cause", "Known", "Ties", "Tolerances"]


class Cause(StrEnum):
    """What most likely became of a won deal."""

    ON_HOLD = "its customer is on credit hold"
    DEAD_LETTER = "its order could not be made"
    NOT_LINKED = "its customer is not linked"
    BEFORE_GO_LIVE = "won before go-live"
    WAITING = "its order waits"
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
    BY_HAND = "made by hand in the ERP"


LOST = (
    Cause.ON_HOLD, Cause.DEAD_LETTER, Cause.NOT_LINKED, Cause.BEFORE_GO_LIVE, Cause.WAITING,
    Cause.NO_CUSTOMER, Cause.UNKNOWN, Cause.NONE, Cause.CANCELLED, Cause.ELSEWHERE,
)  # fmt: skip
"""Causes for which the whole amount counts as leaking."""

_CERTAIN = (Cause.ON_HOLD, Cause.DEAD_LETTER, Cause.WAITING)
"""What the engine knows so surely that an order that is only like the deal does not refute it."""

_FEW = 4
"""A deal is looked for in at most so many parts ..."""
_NEAREST = 12
"""... among so many orders, those nearest in time."""


class Tolerances(msgspec.Struct, frozen=True, kw_only=True):
    """How near is near.  ``amount``: share of the deal's amount; ``days``: before and after."""

    amount: Decimal = Decimal("0.02")
    days: int = 30
    late: int = 365
    """An order later than ``days`` but within these is "much later"; after them it is another."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine knows of a won deal.

    ``orders``: ids of the orders it is linked with; ``cause`` and ``why``: what keeps its order
    from being made; ``under_way``: its order is being made right now.
    """

    orders: tuple[str, ...] = ()
    cause: Cause | None = None
    why: str = ""
    under_way: bool = False


Ties = Mapping[str, Mapping[str, Tie]]
Test = Callable[[DealRecord, OrderRecord], bool]


class Book:
    """Deals and orders while they are paired off.

    ``customers``: key of each deal's and each order's customer; ``ties``: which keys of orders
    belong to which of deals; ``known``: deal id -> what the engine knows of it, ``None`` where
    there is no engine; ``listed``: all customers of the orders' side are known, not only those
    with orders.
    """

    def __init__(
        self,
        deals: Sequence[DealRecord],
        orders: Sequence[OrderRecord],
        customers: tuple[Sequence[str], Sequence[str]],
        ties: Ties,
        tolerances: Tolerances,
        *,
        known: Mapping[str, Known] | None,
        listed: bool,
    ) -> None:
        self.deals, self.orders, self.near = deals, orders, tolerances
        self.customers, self.ties = customers, ties
        self.known, self.listed = known or {}, listed
        self.causes: dict[int, Cause] = {}
        self.taken: dict[int, list[int]] = {}
        """Orders of each deal."""
        self.linked: set[int] = set()
        """Deals whose order names them, or the other way round."""
        self.ties_of: dict[int, Tie] = {}
        self.parts: set[int] = set()
        """Deals that were ordered in several orders."""
        self.shared: set[int] = set()
        """Deals that were ordered together with others in one order."""
        self.open = {row: None for row, deal in enumerate(deals) if not self._known(deal).under_way}
        self.free = {row for row, order in enumerate(orders) if not order.cancelled}
        self.by_customer: dict[str, list[int]] = defaultdict(list)
        for row, key in enumerate(customers[1]):
            if key:
                self.by_customer[key].append(row)
        for rows in self.by_customer.values():
            rows.sort(key=self._amount)
        self._leftovers: dict[Decimal, list[int]] | None = None

    def _known(self, deal: DealRecord) -> Known:
        return self.known.get(deal.id, _NOTHING)

    def _amount(self, order: int) -> Decimal:
        return self.orders[order].amount

    def settle(self) -> None:
        """Pair everything off."""
        self._by_reference()
        # what is equal to the cent, in whatever way, is surer than what is only near
        self._near(self._equal)
        self._in_parts(exactly=True)
        self._together()
        self._near(self._fits)
        self._in_parts(exactly=False)
        weak = [row for row in self.open if self._known(self.deals[row]).cause not in _CERTAIN]
        same, like, other = self._same_currency, self._like_amount, self._other_currency
        self._each(weak, (same, self._later, self._same_amount), Cause.LATE)
        self._each(weak, (other, self._in_time), Cause.CURRENCY)
        self._each(weak, (same, self._in_time, like), Cause.AMOUNT)
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
        return deal.amount / 2 <= order.amount <= deal.amount * 2

    def _in_time(self, deal: DealRecord, order: OrderRecord) -> bool:
        return abs(order.ordered_on - deal.won_on) <= timedelta(days=self.near.days)

    def _later(self, deal: DealRecord, order: OrderRecord) -> bool:
        after = (order.ordered_on - deal.won_on).days
        return self.near.days < after <= self.near.late

    def alike(self, deal: DealRecord, order: OrderRecord) -> bool:
        """Say whether they are of the same value, whenever they were made."""
        return self._same_currency(deal, order) and self._same_amount(deal, order)

    def _fits(self, deal: DealRecord, order: OrderRecord) -> bool:
        return self.alike(deal, order) and self._in_time(deal, order)

    def _equal(self, deal: DealRecord, order: OrderRecord) -> bool:
        return deal.amount == order.amount and self._fits(deal, order)

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

    def _ranked(
        self, rows: Iterable[int], fits: Test, *, any_amount: bool = True
    ) -> list[tuple[Tie, Decimal, int, int, int]]:
        """Pairs that fit, the best first: tie, gap, days, deal, order."""
        found = []
        for row in rows:
            deal = self.deals[row]
            for tie, other in self._related(row, any_amount=any_amount):
                order = self.orders[other]
                if row in self.open and other in self.free and fits(deal, order):
                    gap = abs(deal.amount - order.amount) / (abs(deal.amount) or 1)
                    days = abs((order.ordered_on - deal.won_on).days)
                    found.append((tie, gap, days, row, other))
        return sorted(found)

    def _each(self, rows: Iterable[int], tests: tuple[Test, ...], cause: Cause) -> None:
        def _all(deal: DealRecord, order: OrderRecord) -> bool:
            return all(test(deal, order) for test in tests)

        any_amount = self._same_amount not in tests
        for tie, _, _, row, other in self._ranked(rows, _all, any_amount=any_amount):
            if row in self.open and other in self.free:
                self._take(row, [other], cause, tie)

    def _take(self, row: int, others: list[int], cause: Cause | None, tie: Tie = Tie.SAME) -> None:
        self.open.pop(row)
        self.free.difference_update(others)
        self.taken[row] = others
        self.ties_of[row] = tie
        if cause is not None:
            self.causes[row] = cause

    def _by_reference(self) -> None:
        """Pair by what names the other: a link, the deal's id on the order, the order's number."""
        by_id = {order.id: row for row, order in enumerate(self.orders) if order.id}
        by_deal: dict[str, list[int]] = defaultdict(list)
        by_number: dict[str, list[int]] = defaultdict(list)
        for row, order in enumerate(self.orders):
            by_deal[order.deal.casefold()].append(row)
            by_number[order.number.casefold()].append(row)
        linked = {
            row: [by_id[i] for i in self._known(self.deals[row]).orders if i in by_id]
            for row in self.open
        }
        # what is linked is nobody else's, whatever it says
        owned = {other for others in linked.values() for other in others}
        for row in list(self.open):
            deal = self.deals[row]
            named = [
                other
                for text, index in ((deal.id, by_deal), (deal.order_number, by_number))
                if text
                for other in index.get(text.casefold(), ())
                if other not in owned
            ]
            found = linked[row] or [other for other in named if self._is_free(other)]
            if found:
                first = min(found, key=self._seniority)
                self.linked.add(row)
                self._take(row, [first], self._differs(deal, self.orders[first]))
            elif named:
                self.linked.add(row)
                self._take(row, named[:1], Cause.CANCELLED)

    def _seniority(self, order: int) -> tuple[bool, date, int]:
        return self.orders[order].cancelled, self.orders[order].ordered_on, order

    def _is_free(self, order: int) -> bool:
        return order in self.free

    def _differs(self, deal: DealRecord, order: OrderRecord) -> Cause | None:
        if order.cancelled:
            return Cause.CANCELLED
        if self._other_currency(deal, order):
            return Cause.CURRENCY
        if not self._same_amount(deal, order):
            return Cause.AMOUNT
        if self._known(deal).orders:
            return None
        return Cause.LATE if (order.ordered_on - deal.won_on).days > self.near.days else None

    def _near(self, fits: Test) -> None:
        """Pair what is alike in customer, amount and time; as many deals as possible."""
        pairs: dict[int, tuple[int, Tie]] = {}
        holder: dict[int, int] = {}
        candidates: dict[int, dict[int, Tie]] = defaultdict(dict)
        for tie, _, _, row, other in self._ranked(list(self.open), fits, any_amount=False):
            candidates[row][other] = tie
            if row not in pairs and other not in holder:
                pairs[row], holder[other] = (other, tie), row
        for row in candidates:
            if row not in pairs:
                for one, other in _augmenting(row, candidates, holder, pairs):
                    pairs[one], holder[other] = (other, candidates[one][other]), one
        for row, (other, tie) in pairs.items():
            self._take(row, [other], Cause.DUPLICATE if tie is Tie.DOUBLE else None, tie)

    def _in_parts(self, *, exactly: bool) -> None:
        """Find orders that add up to a deal: some exactly, or all that are left over nearly."""
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
            if len(orders) < 2:
                continue
            if exactly:
                days = {o: abs(self.orders[o].ordered_on - deal.won_on) for o in orders}
                orders = _some(days, self._amount, deal.amount)
            else:
                total = sum((self.orders[other].amount for other in orders), Decimal(0))
                if abs(total - deal.amount) > abs(deal.amount) * self.near.amount:
                    continue
            if orders:
                self._take(row, orders, None)
                self.parts.add(row)

    def _together(self) -> None:
        """Find deals that one order covers to the cent."""
        waiting: dict[str, list[int]] = defaultdict(list)
        for row in self.open:
            if self.customers[0][row]:
                waiting[self.customers[0][row]].append(row)
        for key, rows in waiting.items():
            if len(rows) < 2:
                continue
            for erp_key, tie in self.ties.get(key, {}).items():
                for other in [o for o in self.by_customer[erp_key] if o in self.free]:
                    if tie is Tie.SAME:
                        self._cover([row for row in rows if row in self.open], other)

    def _cover(self, rows: list[int], other: int) -> None:
        order = self.orders[other]
        days = {
            row: abs(order.ordered_on - self.deals[row].won_on)
            for row in rows
            if self._same_currency(self.deals[row], order) and self._in_time(self.deals[row], order)
        }
        chosen = _some(days, lambda row: self.deals[row].amount, order.amount)
        for row in chosen:
            self._take(row, [other], None)
        self.shared.update(chosen)

    # ── what is left ─────────────────────────────────────────────────────────────────────────

    def _lost(self, row: int) -> Cause:
        deal, key = self.deals[row], self.customers[0][row]
        known = self._known(deal)
        if known.cause is not None and known.cause in _CERTAIN:
            return known.cause
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
        if known.cause is not None:
            return known.cause
        return Cause.UNKNOWN if self.listed and not self.ties.get(key) else Cause.NONE

    def _elsewhere(self, deal: DealRecord) -> list[int]:
        """Orders left over, of anybody, of exactly this amount at this time."""
        if not deal.amount:
            return []
        if self._leftovers is None:
            self._leftovers = defaultdict(list)
            for row in sorted(self.free):
                self._leftovers[self.orders[row].amount].append(row)
        return [
            other
            for other in self._leftovers.get(deal.amount, ())
            if other in self.free
            and self._same_currency(deal, self.orders[other])
            and self._in_time(deal, self.orders[other])
        ]

    def _twice(self) -> None:
        for row in sorted(set(self.taken) - set(self.causes)):
            deal = self.deals[row]
            again = [
                other
                for _, other in self._related(row, any_amount=False)
                if other in self.free and self._fits(deal, self.orders[other])
            ]
            if again and row not in self.parts and row not in self.shared:
                self.free.difference_update(again)
                self.taken[row] = [*self.taken[row], *again]
                self.causes[row] = Cause.TWICE

    # ── how sure ─────────────────────────────────────────────────────────────────────────────

    def score(self, row: int) -> float:
        """Say how surely a deal's orders are its own: 1 by reference, else by what is alike.

        The customer gives 0.4 (a duplicate of it 0.2), the amount up to 0.35, the day up to 0.25,
        each falling to nothing at its tolerance.
        """
        if row in self.linked:
            return 1.0
        deal, orders = self.deals[row], [self.orders[other] for other in self.taken[row]]
        total = sum((order.amount for order in orders), Decimal(0))
        share = abs(deal.amount - total) / (abs(deal.amount) or 1)
        if row in self.shared:
            share = Decimal(0)  # one order for several deals, equal to the cent
        days = max(abs((order.ordered_on - deal.won_on).days) for order in orders)
        alike = 1 - float(share / self.near.amount) if self.near.amount else float(not share)
        when = 1 - days / self.near.days if self.near.days else float(not days)
        customer = 0.4 if self.ties_of[row] is Tie.SAME else 0.2
        return round(customer + 0.35 * max(alike, 0.0) + 0.25 * max(when, 0.0), 2)


_NOTHING = Known()


def _some(
    days: Mapping[int, timedelta], amount: Callable[[int], Decimal], total: Decimal
) -> list[int]:
    """Choose a few that add up exactly; among the nearest in time only."""
    near = sorted(days, key=lambda row: (days[row], row))[:_NEAREST]
    for size in range(2, min(_FEW, len(near)) + 1):
        for chosen in combinations(near, size):
            if total and sum((amount(row) for row in chosen), Decimal(0)) == total:
                return list(chosen)
    return []


def _augmenting(
    start: int,
    candidates: Mapping[int, Mapping[int, Tie]],
    holder: Mapping[int, int],
    pairs: Mapping[int, tuple[int, Tie]],
) -> list[tuple[int, int]]:
    """Find who must take which order so that one more deal has one; nothing if nobody can."""
    came: dict[int, int] = {}
    queue = deque([start])
    while queue:
        row = queue.popleft()
        for other in candidates.get(row, ()):
            if other in came:
                continue
            came[other] = row
            if other in holder:
                queue.append(holder[other])
                continue
            changes = [(came[other], other)]
            while changes[-1][0] != start:
                left = pairs[changes[-1][0]][0]
                changes.append((came[left], left))
            return changes
    return []
