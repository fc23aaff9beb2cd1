"""Intuit's published schema, and whether JSON agrees with it: names, kinds, one or many."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PUBLISHED = json.loads(
    (Path(__file__).parent / "quickbooks_schema.json").read_text(encoding="utf-8")
)
TYPES: Mapping[str, Mapping[str, tuple[str, bool]]] = _PUBLISHED["types"]
ENUMS: Mapping[str, list[str] | None] = _PUBLISHED["enums"]
ENTITIES = (
    "Customer", "Vendor", "Employee", "Item", "Account", "Term", "CompanyCurrency", "Estimate",
    "Invoice", "CreditMemo", "Payment", "CompanyInfo", "Preferences",
)  # fmt: skip
_HOLDS_ENTITIES = ("QueryResponse", "BatchItemRequest", "BatchItemResponse", "IntuitResponse")
_SIMPLE: Mapping[str, Any] = {
    "xs:string": str, "xs:anyURI": str, "id": str, "xs:boolean": bool,
    "xs:decimal": (int, float), "xs:int": int, "xs:positiveInteger": int,
}  # fmt: skip
_PATTERNS = {
    "xs:date": r"\d{4}-\d\d-\d\d",
    "xs:dateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)",
}


def problems(kind: str, value: Any, place: str = "") -> list[str]:
    """Name what in a JSON value is not as published; the list is empty when all of it is."""
    if kind in _SIMPLE:
        fits = isinstance(value, _SIMPLE[kind]) and (
            kind == "xs:boolean" or not isinstance(value, bool)
        )
        return [] if fits else [f"{place}: {value!r} is no {kind}"]
    if kind in _PATTERNS:
        fits = isinstance(value, str) and re.fullmatch(_PATTERNS[kind], value) is not None
        return [] if fits else [f"{place}: {value!r} is no {kind}"]
    if kind in ENUMS:
        allowed = ENUMS[kind]
        return [] if allowed is None or value in allowed else [f"{place}: {value!r} is no {kind}"]
    if kind not in TYPES:
        return [f"{place}: a {kind} is not among the types kept of the schema"]
    if not isinstance(value, Mapping):
        return [f"{place}: {value!r} is no {kind}"]
    found: list[str] = []
    for name, part in value.items():
        here = f"{place}.{name}" if place else f"{kind}.{name}"
        if name in TYPES[kind]:
            wanted, many = TYPES[kind][name]
            found += _one_or_many(wanted, part, here, many=many)
        elif name in ENTITIES and kind in _HOLDS_ENTITIES:
            found += _one_or_many(name, part, here, many=kind == "QueryResponse")
        else:
            found.append(f"{here} is not published")
    return found


def _one_or_many(kind: str, value: Any, place: str, *, many: bool) -> list[str]:
    if not many and kind != "CDCResponse":
        return problems(kind, value, place)
    if not isinstance(value, list):
        # with a query there is one answer, in a list only where change data capture is asked
        return problems(kind, value, place) if kind == "QueryResponse" else [f"{place}: no list"]
    return [p for n, one in enumerate(value) for p in problems(kind, one, f"{place}[{n}]")]
