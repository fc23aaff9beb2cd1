"""Which figures are to be worked out anew: of what changed, and of what ages with the calendar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from interlock.governance.rules import Side
from interlock.model import Fields, InvoiceStatus, Money, Ref
from interlock.processes.cash_alerts import LATER, UNHEARD
from interlock.processes.receivables import COUNTED
from interlock.store import billed, links, signals
from interlock.store.billed import FOREVER, Billed
from interlock.store.database import Tx

__all__ = ["Touched", "ages_until", "invoices_of", "take_touched"]

_TWO_YEARS = timedelta(days=2 * 366 + 1)
"""Revenue is compared with that of the year before."""
_A_YEAR = timedelta(days=366 + 1)
"""Payments count for the days to pay."""


@dataclass(frozen=True, slots=True)
class Touched:
    """Customers and orders of the ERP."""

    customers: set[str] = field(default_factory=set)
    orders: set[str] = field(default_factory=set)

    def __bool__(self) -> bool:
        return bool(self.customers or self.orders)


def take_touched(tx: Tx, aged_since: date | None) -> Touched:
    """Take up all that changed since the last look.

    ``aged_since``: the day of that look, where it was another than today.
    """
    changed = billed.take(tx)
    invoices = changed["invoice"]
    before = billed.parties(tx, invoices)
    billed.put(tx, invoices, [_billed(s) for s in signals.shown_of(tx, "invoice", invoices)])
    after = billed.parties(tx, invoices)
    aged = (set[str](), set[str]())
    if aged_since is not None:
        aged = billed.ageing(tx, aged_since)
        aged[0].update(customer for customer, _ in billed.notes(tx, LATER))
    unheard = [customer for customer, _ in billed.notes(tx, UNHEARD)]
    heard = links.partners(tx, Side.ERP, "customer", unheard) if unheard else {}
    return Touched(
        customers=changed["customer"].union(before[0], after[0], aged[0], heard),
        orders=changed["order"].union(before[1], after[1], aged[1]),
    )


def invoices_of(tx: Tx, invoices: set[str]) -> list[Fields]:
    """What invoices show, in the order of their ids."""
    return [shown.fields for shown in signals.shown_of(tx, "invoice", invoices)]


def _billed(invoice: signals.Shown) -> Billed:
    fields = invoice.fields
    customer, order = fields.get("customer"), fields.get("order")
    counts = fields.get("status") in COUNTED
    amounts = fields.values() if counts else ()
    return Billed(
        invoice_id=invoice.id,
        customer_id=customer.id if isinstance(customer, Ref) else None,
        order_id=order.id if isinstance(order, Ref) else None,
        currencies=sorted({m.currency for m in amounts if isinstance(m, Money)}),
        ages_until=ages_until(fields) if counts else None,
    )


def ages_until(fields: Fields) -> date | None:
    """The last day on which an invoice may count as something else than the day before."""
    if fields["status"] == InvoiceStatus.OPEN:
        return FOREVER
    spans: Sequence[tuple[object, timedelta]] = (
        (fields.get("issued_on"), _TWO_YEARS),
        (fields.get("paid_on"), _A_YEAR),
    )
    return max((on + span for on, span in spans if isinstance(on, date)), default=None)
