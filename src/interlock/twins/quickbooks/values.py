"""Values of properties: reading what a caller sends.

Stored are ``str``, ``bool``, ``Decimal``, and mappings and lists of these; a blank is not stored.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from interlock.twins.quickbooks.refusals import Refused
from interlock.twins.quickbooks.schema import STRUCTURES, Property

__all__ = ["cents", "number", "read_value", "reference"]


def read_value(item: Property, value: Any) -> Any:  # noqa: PLR0911  one line a kind
    """Read a value sent for a property; ``None`` for a blank one; raises ``Refused``."""
    if value is None or value == "":
        return None
    if item.kind in STRUCTURES:
        return _structure(item, value)
    match item.kind:
        case "text":
            return _text(item.name, value, item.length, item.values)
        case "boolean":
            return value if isinstance(value, bool) else str(value).lower() == "true"
        case "number":
            return number(item.name, value)
        case "date":
            return _day(item.name, value)
        case "ref":
            return reference(item.name, value)
        case "custom":
            return _custom(value)
    # lines, links and taxes are read with the whole document
    return value


def number(name: str, value: Any) -> Decimal:
    """Read a number, also one sent as text."""
    try:
        found = Decimal(str(value))
        if not found.is_finite() or isinstance(value, bool):
            raise InvalidOperation
    except InvalidOperation as error:
        raise Refused("2090", f"Invalid Number : {name}", element=name) from error
    return found


def cents(value: Decimal) -> Decimal:
    """Round to two decimals, as totals are."""
    return value.quantize(Decimal("0.01"))


def reference(name: str, value: Any) -> dict[str, str]:
    """Read a reference to another object."""
    if not isinstance(value, Mapping):
        raise Refused("2010", f"Property Name: {name} must be a reference", element=name)
    given = value.get("value")
    return {"value": str(given)} if given not in (None, "") else {}


def _text(name: str, value: Any, length: int | None, values: tuple[str, ...] = ()) -> str | None:
    if isinstance(value, (dict, list, bool)):
        raise Refused("2010", f"Property Name: {name} is of another type", element=name)
    text = str(value).strip()
    if length is not None and len(text) > length:
        raise Refused(
            "2050", f"Property {name}: Min:0 Max:{length} supported. Supplied length:{len(text)}",
            element=name,
        )  # fmt: skip
    if values and text not in values:
        raise Refused("2010", f"Property Name: {name} has the unknown value {text}", element=name)
    return text or None


def _day(name: str, value: Any) -> str:
    if not isinstance(value, str) or not re.match(r"\d{4}-\d\d-\d\d", value):
        raise Refused("2010", f"Property Name: {name} is not a date", element=name)
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except ValueError as error:
        raise Refused("2010", f"Property Name: {name} is not a date", element=name) from error


def _structure(item: Property, value: Any) -> dict[str, str] | None:
    if not isinstance(value, Mapping):
        raise Refused("2010", f"Property Name: {item.name} must be an object", element=item.name)
    known = STRUCTURES[item.kind]
    for key in value:
        if key not in known:
            raise Refused("2010", f"Property Name: {key} is unsupported", element=item.name)
    read = {k: _text(item.name, v, known[k]) for k, v in value.items() if v is not None}
    address = read.get("Address") if item.kind == "email" else None
    if address is not None and not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
        raise Refused(
            "2040", f"Email Address does not conform to the RFC 822 format: {address}",
            element=item.name,
        )  # fmt: skip
    return {k: v for k, v in read.items() if v is not None} or None


def _custom(value: Any) -> list[dict[str, str]]:
    found = []
    for one in value if isinstance(value, list) else []:
        text = _text("CustomField", one.get("StringValue") or "", 31)
        if one.get("DefinitionId") and text:
            found.append({
                "DefinitionId": str(one["DefinitionId"]), "Type": "StringType",
                "Name": str(one.get("Name") or f"Custom {one['DefinitionId']}"),
                "StringValue": text,
            })  # fmt: skip
    return found
