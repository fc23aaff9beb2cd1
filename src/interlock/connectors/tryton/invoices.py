"""Invoices: from Tryton's rows to the paths of the object map.

What is open is what the receivable lines say: ``amount_to_pay`` drops to nothing as soon as a
payment is submitted, long before any money has come.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from interlock.connectors.tryton.client import Row
from interlock.mapping.codecs import CodecError
from interlock.model import FieldFacts, Value

__all__ = ["INVOICE_COLUMNS", "DueDate", "invoice_raw"]

_TO_PAY = tuple(
    f"lines_to_pay.{name}"
    for name in ("maturity_date", "reconciliation", "debit", "credit", "amount_second_currency")
)
_PAYMENTS = tuple(
    f"payment_lines.{name}"
    for name in ("date", "reconciliation", "debit", "credit", "amount_second_currency")
)
INVOICE_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "billed:net": ("untaxed_amount", "currency.code"),
    "billed:total": ("total_amount", "currency.code"),
    "billed:open": ("state", "currency.code", *_TO_PAY, *_PAYMENTS),
    "billed:due": ("state", *_TO_PAY),
    # not ``reconciled``: that is the latest date of what was settled, often the due date
    "billed:paid": ("payment_lines.date",),
    "billed:sale": ("sales",),
})  # fmt: skip
"""Places among an invoice's rows -> the columns they are made of."""

_NAMES = {"net": "untaxed_amount", "total": "total_amount"}


@dataclass(frozen=True, slots=True)
class DueDate:
    """Codec of the dates open lines are due on: one, or none that could be told."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> date | None:
        """Read it; several dates are no date, and make the field unknown."""
        if not raw:
            return None
        if len(raw) > 1:
            raise CodecError(
                "it is due in several parts, on several dates",
                fix="its customer's overdue amount is not known; see the connector's page",
            )
        (on,) = raw
        assert isinstance(on, date)
        return on

    def encode(self, value: Value | None) -> Any:
        """Refuse: invoices are only read."""
        del value
        raise CodecError("an invoice is not written")


def invoice_raw(row: Row, currency: str) -> dict[str, Any]:
    """Give the values behind the paths of the invoice's object map; ``currency``: the company's."""
    raw = {key.rstrip("."): value for key, value in row.items()}
    own = (row.get("currency.") or {}).get("code")
    for name, column in _NAMES.items():
        if column in row:
            raw[f"billed:{name}"] = {"amount": row[column], "currency": own}
    lines, payments = row.get("lines_to_pay.") or (), row.get("payment_lines.") or ()
    posted = row.get("state") == "posted"
    if "lines_to_pay." in row:
        due = [x["maturity_date"] for x in lines if not posted or not x["reconciliation"]]
        raw["billed:due"] = sorted({on for on in due if on is not None})
        if not posted:
            raw["billed:due"] = raw["billed:due"][-1:]
    if "lines_to_pay." in row and "payment_lines." in row:
        left = _open([*lines, *payments], foreign=own != currency) if posted else Decimal(0)
        raw["billed:open"] = {"amount": left, "currency": own}
    if "payment_lines." in row:
        raw["billed:paid"] = max((x["date"] for x in payments if x["date"]), default=None)
    if "sales" in row:
        # one for several orders belongs to none of them alone
        raw["billed:sale"] = row["sales"][0] if len(row["sales"]) == 1 else None
    return raw


def _open(lines: Sequence[Row], *, foreign: bool) -> Decimal:
    """Add up the lines nothing has settled, in the invoice's currency."""
    total = Decimal(0)
    for line in lines:
        if line["reconciliation"]:
            continue
        if foreign:
            total += line["amount_second_currency"] or Decimal(0)
        else:
            total += line["debit"] - line["credit"]
    return total
