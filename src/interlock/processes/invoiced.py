"""What the invoices of an order say: their numbers, total, next due date and payment.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from interlock.model import Fields, InvoiceStatus, Money, PaymentStatus
from interlock.processes.receivables import COUNTED

__all__ = ["invoiced"]


def invoiced(invoices: Sequence[Fields], today: date) -> Fields:
    """Sum up the posted invoices of one order; a name that is missing is unknown."""
    posted = sorted(
        (i for i in invoices if i.get("status") in COUNTED),
        key=lambda i: (str(i.get("issued_on") or ""), str(i.get("number") or "")),
    )
    if not posted:
        return {"invoice_numbers": None, "invoice_total": None, "invoice_due_on": None,
                "payment_status": None}  # fmt: skip
    found: Fields = {}
    if all(i.get("number") for i in posted):
        found["invoice_numbers"] = ", ".join(str(i["number"]) for i in posted)
    totals = [m for i in posted if isinstance(m := i.get("total"), Money)]
    if len(totals) == len(posted) and len({m.currency for m in totals}) == 1:
        total = sum((m.amount for m in totals), Decimal(0))
        found["invoice_total"] = Money(total, totals[0].currency)
    unpaid = [i for i in posted if i["status"] == InvoiceStatus.OPEN]
    due = [i.get("due_on", ...) or i.get("issued_on") for i in unpaid]
    dates = [on for on in due if isinstance(on, date)]
    if len(dates) == len(unpaid):
        found["invoice_due_on"] = min(dates, default=None)
        found["payment_status"] = _status(posted, unpaid, min(dates, default=today), today).value
    return found


def _status(
    posted: Sequence[Fields], unpaid: Sequence[Fields], due: date, today: date
) -> PaymentStatus:
    if any(i.get("disputed") is True for i in unpaid):
        return PaymentStatus.DISPUTED
    if not unpaid:
        return PaymentStatus.PAID
    if due < today:
        return PaymentStatus.OVERDUE
    part = any(
        isinstance(left := i.get("open"), Money)
        and isinstance(total := i.get("total"), Money)
        and left.amount != total.amount
        for i in unpaid
    )
    return PaymentStatus.PARTLY if part or len(unpaid) < len(posted) else PaymentStatus.OPEN
