"""Making one transaction out of another: billing, shipping, taking payments."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from interlock.twins.netsuite.account import Account
from interlock.twins.netsuite.refusals import Refused

__all__ = ["apply_payment", "transform"]

_STEPS: Final[Mapping[str, Mapping[str, str]]] = {
    "salesOrder": {"invoice": "quantityBilled", "itemFulfillment": "quantityFulfilled"},
    "invoice": {"customerPayment": "", "creditMemo": ""},
}


def transform(account: Account, source: str, key: str, target: str, body: Mapping[str, Any]) -> str:
    """Make a transaction out of another; ``body`` overrides.  Repeating it makes another one."""
    counted = _STEPS.get(source, {}).get(target)
    if counted is None:
        raise Refused("INVALID_CONTENT", f"{source} cannot be transformed to {target}.", status=400)
    row = account.storage.get(source, key)
    if row is None:
        raise Refused("NONEXISTENT_ID", "The record instance does not exist. Provide a valid "
                      "record instance ID.", status=404)  # fmt: skip
    if source == "invoice":
        return _settle(account, row, target, body)
    if account.status_of(source, row) in ("A", "H"):
        raise Refused("USER_ERROR", "Error while accessing a resource. You can not initialize "
                      f"{target}: invalid reference {key}.")  # fmt: skip
    lines = []
    kept = [dict(line) for line in row["item"]]
    for line in kept:
        left = line["quantity"] - (line.get(counted) or 0)
        if left > 0 and not line.get("isClosed"):
            lines.append({k: line[k] for k in ("item", "rate", "description")} | {"quantity": left})
            line[counted] = line["quantity"]
    if not lines:
        raise Refused("USER_ERROR", "Error while accessing a resource. Nothing is left to do.")
    made = account.insert(target, {"entity": row["entity"], "currency": row["currency"],
                                   "item": lines, **body})  # fmt: skip
    fresh = account.storage.get(target, made)
    assert fresh is not None, "it has just been made"
    account.put(target, {**fresh, "createdFrom": key})
    account.put(source, {**row, "item": kept}, touch=account.touches_sources)
    return made


def _settle(account: Account, row: Mapping[str, Any], target: str, body: Mapping[str, Any]) -> str:
    if target == "creditMemo":
        lines = [
            {k: x[k] for k in ("item", "rate", "quantity", "description")} for x in row["item"]
        ]
        return account.insert(target, {"entity": row["entity"], "item": lines, **body})
    amount = Decimal(str(body.get("payment") or account.remaining(row)))
    paid = {"customer": row["entity"], "currency": row["currency"], "payment": amount,
            "apply": [{"doc": row["id"], "apply": True, "amount": amount}], **body}  # fmt: skip
    made = account.insert("customerPayment", paid)
    apply_payment(account, made)
    return made


def apply_payment(account: Account, key: str) -> None:
    """Take a new payment's amounts off the invoices it is applied to."""
    payment = account.storage.get("customerPayment", key)
    assert payment is not None, "it has just been made"
    for line in payment["apply"]:
        invoice = account.storage.get("invoice", line["doc"]) if line.get("apply") else None
        if invoice is None:
            continue
        amount = line["amount"] or account.remaining(invoice)
        if amount > account.remaining(invoice):
            raise Refused("USER_ERROR", "Error while accessing a resource. More is applied than "
                          "is due.")  # fmt: skip
        row = {**invoice, "amountPaid": invoice["amountPaid"] + amount}
        if account.remaining(row) == 0:
            row["closeDate"] = payment["tranDate"]
        account.put("invoice", row, touch=account.touches_sources)
