"""Custom properties ``provision`` makes, in a group of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from interlock.model import ContactRole, OrderStatus, PaymentStatus, StockLevel

__all__ = ["CUSTOM", "FIGURES", "GROUP", "REFERENCE", "CustomProperty"]

GROUP: Final = "interlock"
"""The group the properties are in, so that users can tell them from their own."""
REFERENCE: Final = "interlock_ref"
"""Property that holds our key of a record we created; its values are unique."""

_FIELD_TYPES: Final = {
    "string": "text", "number": "number", "date": "date", "datetime": "date",
    "bool": "booleancheckbox", "enumeration": "select",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CustomProperty:
    """One custom property, as the properties API wants it."""

    name: str
    label: str
    type: str = "string"
    options: tuple[str, ...] = ()
    unique: bool = False

    def definition(self, other: str) -> dict[str, Any]:
        """Give the body that makes it; ``other``: the other system's name, for labels."""
        options = [
            {"label": word.capitalize(), "value": word, "displayOrder": number, "hidden": False}
            for number, word in enumerate(self.options)
        ]
        if self.type == "bool":
            options = [
                {"label": label, "value": value, "displayOrder": number, "hidden": False}
                for number, (label, value) in enumerate((("Yes", "true"), ("No", "false")))
            ]
        return {
            "name": self.name, "label": self.label.format(other=other), "type": self.type,
            "fieldType": _FIELD_TYPES[self.type], "groupName": GROUP, "formField": False,
            "options": options, "hasUniqueValue": self.unique,
        }  # fmt: skip


FIGURES: Final[Mapping[str, Mapping[str, str]]] = {
    "customer": {
        "balance": "money", "overdue": "money", "oldest_due_on": "date", "days_overdue": "number",
        "credit_balance": "money", "revenue_12m": "money", "revenue_change": "number",
        "lifetime_revenue": "money", "days_to_pay": "number", "last_payment_on": "date",
        "health_score": "number", "health_reasons": "string", "tier": "string",
        "figures_from": "string", "figures_at": "datetime",
    },
    "deal": {
        "invoice_numbers": "string", "invoice_total": "money", "invoice_due_on": "date",
        "quote_check": "string", "quote_check_reason": "string", "quote_checked_at": "datetime",
    },
}  # fmt: skip
"""Signals and figures: model field -> kind; each is kept in a property of the same name."""


def _figures(entity: str) -> Iterable[CustomProperty]:
    for field, kind in FIGURES[entity].items():
        label = field.replace("_", " ").capitalize()
        yield CustomProperty(f"interlock_{field}", label, "number" if kind == "money" else kind)


def _words(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


_REFERENCE: Final = CustomProperty(REFERENCE, "Interlock reference", unique=True)
_OTHER_ID: Final = CustomProperty("interlock_other_id", "{other} id")

CUSTOM: Final[Mapping[str, tuple[CustomProperty, ...]]] = {
    "companies": (
        _REFERENCE,
        _OTHER_ID,
        CustomProperty("interlock_email", "E-mail"),
        CustomProperty("interlock_tax_id", "Tax id"),
        CustomProperty("interlock_payment_terms", "Payment terms"),
        CustomProperty("interlock_credit_limit", "Credit limit", "number"),
        CustomProperty("interlock_credit_hold", "Credit hold", "bool"),
        CustomProperty("interlock_hold_reason", "Reason of the hold"),
        *_figures("customer"),
    ),
    "contacts": (
        _REFERENCE,
        _OTHER_ID,
        CustomProperty("interlock_role", "Role", "enumeration", _words(ContactRole)),
    ),
    "products": (
        _REFERENCE,
        CustomProperty("interlock_active", "Sold", "bool"),
        CustomProperty("interlock_stock", "Stock", "enumeration", _words(StockLevel)),
    ),
    "deals": (
        _OTHER_ID,
        CustomProperty("interlock_order_number", "{other} order number"),
        CustomProperty("interlock_order_status", "{other} order status", "enumeration",
                       _words(OrderStatus)),
        CustomProperty("interlock_po_number", "Purchase order number"),
        CustomProperty("interlock_paused", "Paused by Interlock", "bool"),
        CustomProperty("interlock_paused_stage", "Stage before the pause"),
        CustomProperty("interlock_payment_status", "Payment status", "enumeration",
                       _words(PaymentStatus)),
        *_figures("deal"),
    ),
    "quotes": (CustomProperty("interlock_accepted", "Accepted by the customer", "bool"),),
    "tasks": (_REFERENCE,),
}  # fmt: skip
"""Type of records -> its custom properties."""
