"""Sales: from Tryton's rows to the paths of the order's object map, and our keys in them.

A sale has one number of its own and no identifiers.  Its ``reference`` is the customer's purchase
order number, as Tryton's users expect.  Our keys stand as words in another text field (setting
``order_key_field``, the description by default): ``interlock:il-.. crm:0061x quote:Q-7``.  The key
of a line is the line's note, which is not printed.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote

import msgspec

from interlock.connectors.tryton.client import Row
from interlock.connectors.tryton.parties import Layout, address_raw

__all__ = ["Keys", "join_keys", "order_raw", "read_keys"]

_QUOTE = "quote:"


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Our words in the key field of a sale; ``rest`` is what others wrote there."""

    reference: str | None = None
    other: str | None = None
    quote: str | None = None
    rest: str = ""


def read_keys(text: str | None, layout: Layout) -> Keys:
    """Find our words; of two of a kind the first one counts."""
    prefixes = {
        "reference": layout.reference_prefix, "other": layout.other_prefix, "quote": _QUOTE,
    }  # fmt: skip
    found: dict[str, str] = {}
    rest = []
    for word in (text or "").split():
        for name, prefix in prefixes.items():
            if word.startswith(prefix) and name not in found:
                found[name] = unquote(word[len(prefix) :])
                break
        else:
            rest.append(word)
    return Keys(rest=" ".join(rest), **found)


def join_keys(keys: Keys, layout: Layout) -> str:
    """Make the field's text."""
    words = [keys.rest] if keys.rest else []
    for prefix, value in (
        (layout.reference_prefix, keys.reference), (layout.other_prefix, keys.other),
        (_QUOTE, keys.quote),
    ):  # fmt: skip
        if value is not None:
            words.append(prefix + quote(value, safe="/:;,.+#@!()[]'*&=$?~-_"))
    return " ".join(words)


def order_raw(row: Row, layout: Layout, keys: Keys) -> dict[str, Any]:
    """Give the values behind the paths of the order's object map."""
    raw = {key.rstrip("."): value for key, value in row.items()}
    raw["key:other"], raw["key:quote"] = keys.other, keys.quote
    for name in ("invoice_address", "shipment_address"):
        if f"{name}." in row:
            raw[name] = address_raw(row[f"{name}."], layout.region)
    if row.get("payment_term.", 0) is None:
        raw["payment_term"] = {"name": None}
    if "lines." in row:
        raw["lines"] = [_line_raw(line) for line in row["lines."] if line["type"] == "line"]
    return raw


def _line_raw(row: Row) -> dict[str, Any]:
    return {
        "key": row["note"] or f"line-{row['id']}", "description": row["description"],
        "product": row["product"], "sku": (row.get("product.") or {}).get("code"),
        "quantity": row["quantity"], "unit_price": row["unit_price"], "net": row["amount"],
    }  # fmt: skip
