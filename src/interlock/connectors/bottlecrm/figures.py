"""What the ERP tells of customers and deals: custom fields named as Interlock names the field.

An amount takes two of them, since BottleCRM's numbers have no currency; a point in time is text,
since it has dates only.
"""

from __future__ import annotations

from collections.abc import Mapping

from interlock.connectors.bottlecrm.codecs import Amount
from interlock.connectors.bottlecrm.places import CustomField, Group
from interlock.mapping.codecs import Boolean, Choice, Date, Instant, Number, Text
from interlock.mapping.objectmap import FieldMap
from interlock.model import FieldFacts, PaymentStatus

__all__ = ["FIGURE_FIELDS", "FIGURE_GROUPS", "FIGURE_MAPS"]

_STATUSES = tuple(PaymentStatus)
_VERDICTS = ("ok", "warn", "stop")


def _amount(name: str, label: str) -> tuple[CustomField, CustomField]:
    return (CustomField(name, label, "number", name),
            CustomField(f"{name}_currency", f"{label} currency", field=name))  # fmt: skip


def _one(name: str, label: str, kind: str = "text") -> CustomField:
    return CustomField(name, label, kind, name)


FIGURE_FIELDS: Mapping[str, tuple[CustomField, ...]] = {
    "customer": (
        *_amount("balance", "Open balance"),
        *_amount("overdue", "Overdue"),
        _one("oldest_due_on", "Oldest overdue invoice was due", "date"),
        _one("days_overdue", "Days overdue", "number"),
        *_amount("credit_balance", "Credit balance"),
        *_amount("revenue_12m", "Revenue of 12 months"),
        _one("revenue_change", "Revenue change in percent", "number"),
        *_amount("lifetime_revenue", "Lifetime revenue"),
        _one("days_to_pay", "Days to pay", "number"),
        _one("last_payment_on", "Last payment", "date"),
        _one("health_score", "Health score", "number"),
        _one("health_reasons", "Health reasons", "textarea"),
        _one("tier", "Tier"),
        _one("figures_from", "Figures from", "textarea"),
        _one("figures_at", "Figures worked out at"),
        _one("credit_hold", "Credit hold", "checkbox"),
        _one("hold_reason", "Reason of the credit hold", "textarea"),
    ),
    "deal": (
        _one("paused", "Paused by credit hold", "checkbox"),
        _one("paused_stage", "Stage before the pause"),
        _one("invoice_numbers", "{other} invoices", "textarea"),
        *_amount("invoice_total", "{other} invoice total"),
        _one("invoice_due_on", "{other} invoice due", "date"),
        CustomField("payment_status", "{other} payment status", "dropdown", "payment_status",
                    _STATUSES),
        CustomField("quote_check", "Quote check", "dropdown", "quote_check", _VERDICTS),
        _one("quote_check_reason", "Quote check: why", "textarea"),
        _one("quote_checked_at", "Quote checked at"),
    ),
}  # fmt: skip

_AMOUNTS = {
    "customer": ("balance", "overdue", "credit_balance", "revenue_12m", "lifetime_revenue"),
    "deal": ("invoice_total",),
}

FIGURE_GROUPS: Mapping[str, tuple[Group, ...]] = {
    entity: tuple(Group(name, "custom_fields", (name, f"{name}_currency")) for name in names)
    for entity, names in _AMOUNTS.items()
}


def _money(name: str) -> FieldMap:
    return FieldMap(name, name, Amount(name, f"{name}_currency"))


def _number(name: str, decimals: int = 0) -> FieldMap:
    return FieldMap(name, f"custom_fields.{name}", Number(FieldFacts(decimals=decimals)))


def _text(name: str) -> FieldMap:
    return FieldMap(name, f"custom_fields.{name}", Text())


def _flag(name: str) -> FieldMap:
    return FieldMap(name, f"custom_fields.{name}", Boolean())


def _date(name: str) -> FieldMap:
    return FieldMap(name, f"custom_fields.{name}", Date())


FIGURE_MAPS: Mapping[str, tuple[FieldMap, ...]] = {
    "customer": (
        _money("balance"),
        _money("overdue"),
        _date("oldest_due_on"),
        _number("days_overdue"),
        _money("credit_balance"),
        _money("revenue_12m"),
        _number("revenue_change", 1),
        _money("lifetime_revenue"),
        _number("days_to_pay"),
        _date("last_payment_on"),
        _number("health_score"),
        _text("health_reasons"),
        _text("tier"),
        _text("figures_from"),
        FieldMap("figures_at", "custom_fields.figures_at", Instant()),
        _flag("credit_hold"),
        _text("hold_reason"),
    ),
    "deal": (
        _flag("paused"),
        _text("paused_stage"),
        _text("invoice_numbers"),
        _money("invoice_total"),
        _date("invoice_due_on"),
        FieldMap(
            "payment_status", "custom_fields.payment_status",
            Choice({s: s for s in _STATUSES}, facts=FieldFacts(choices=_STATUSES)),
        ),
        FieldMap(
            "quote_check", "custom_fields.quote_check",
            Choice({v: v for v in _VERDICTS}, facts=FieldFacts(choices=_VERDICTS)),
        ),
        _text("quote_check_reason"),
        FieldMap("quote_checked_at", "custom_fields.quote_checked_at", Instant()),
    ),
}  # fmt: skip
