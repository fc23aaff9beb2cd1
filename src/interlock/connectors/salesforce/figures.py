"""What finance shows on an account or deal of Salesforce: a custom field for each figure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from interlock.connectors.kit.codecs import FixedCurrency
from interlock.mapping.codecs import Codec, Date, Instant, Number, Text
from interlock.mapping.objectmap import FieldMap
from interlock.model import FieldFacts

__all__ = ["CHECKBOX", "FIGURES", "METADATA", "figure_maps", "place"]

FIGURES: Final[Mapping[str, Mapping[str, str]]] = {
    "customer": {
        "balance": "money", "overdue": "money", "oldest_due_on": "date", "days_overdue": "number",
        "credit_balance": "money", "revenue_12m": "money", "revenue_change": "number",
        "lifetime_revenue": "money", "days_to_pay": "number", "last_payment_on": "date",
        "health_score": "number", "health_reasons": "text", "tier": "text",
        "figures_from": "text", "figures_at": "moment",
    },
    "deal": {"invoice_numbers": "text", "invoice_total": "money", "invoice_due_on": "date"},
}  # fmt: skip
"""Entity -> model field -> kind."""

CHECKBOX: Final[Mapping[str, Any]] = {"type": "Checkbox", "defaultValue": "false"}

METADATA: Final[Mapping[str, Mapping[str, Any]]] = {
    "money": {"type": "Currency", "precision": 18, "scale": 2},
    "number": {"type": "Number", "precision": 18, "scale": 2},
    "date": {"type": "Date"},
    "moment": {"type": "DateTime"},
    "text": {"type": "Text", "length": 255},
}
"""Kind -> what the Tooling API wants to know of the field."""


def place(name: str) -> str:
    """Name the custom field of a figure: ``revenue_12m`` is kept in ``Revenue_12m__c``."""
    return "_".join(part.capitalize() for part in name.split("_")) + "__c"


def figure_maps(entity: str, currency: str) -> tuple[FieldMap, ...]:
    """Declare an entity's figures in an org with this currency."""
    codecs: Mapping[str, Codec] = {
        "money": FixedCurrency(currency),
        "number": Number(FieldFacts(decimals=2)),
        "date": Date(),
        "moment": Instant(FieldFacts(resolution=timedelta(seconds=1))),
        "text": Text(FieldFacts(max_length=255, cut_mark="…")),
    }
    return tuple(FieldMap(f, place(f), codecs[kind]) for f, kind in FIGURES[entity].items())
