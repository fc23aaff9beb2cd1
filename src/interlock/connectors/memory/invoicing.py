"""What the accountants of a memory ERP do: bill, take payments, cancel."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from interlock.connectors.memory.system import MemorySystem

__all__ = ["cancel_invoice", "issue_invoice", "register_payment"]


def issue_invoice(
    erp: MemorySystem,
    customer: str,
    net: str,
    *,
    tax: str = "0.00",
    currency: str = "EUR",
    issued_on: date | None = None,
    due_on: date | None = None,
    order: str | None = None,
) -> str:
    """Post an invoice, due in 30 days unless said otherwise; returns its id.

    A ``net`` below zero makes it a credit note.
    """
    issued = issued_on or erp.clock().date()
    due = due_on or issued + timedelta(days=30)
    return erp.add(
        "invoice",
        {
            "partner_id": customer, "order_id": order, "state": "posted", "currency": currency,
            "invoice_date": issued.isoformat(), "due_date": due.isoformat(),
            "net_amount": net, "tax_amount": tax,
        },
    )  # fmt: skip


def register_payment(
    erp: MemorySystem, invoice: str, amount: str | None = None, *, on: date | None = None
) -> None:
    """Take a payment; without an amount, of all that is open."""
    cells = erp.all("invoice")[invoice]
    paid = Decimal(amount or cells["open"]["amt"])
    erp.edit(
        "invoice",
        invoice,
        {
            "paid_amount": format(Decimal(cells["paid_amount"]) + paid, "f"),
            "last_payment": (on or erp.clock().date()).isoformat(),
        },
    )


def cancel_invoice(erp: MemorySystem, invoice: str) -> None:
    """Cancel an unpaid invoice."""
    erp.edit("invoice", invoice, {"state": "canceled"})
