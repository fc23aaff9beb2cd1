"""How a record is called when it is shown to a person."""

from __future__ import annotations

from interlock.model import Fields

__all__ = ["label_of"]


def label_of(fields: Fields) -> str:
    """The name, number or SKU of a record; "" when it has none."""
    for field in ("name", "number", "sku"):
        value = fields.get(field)
        if isinstance(value, str) and value:
            return value
    return ""
