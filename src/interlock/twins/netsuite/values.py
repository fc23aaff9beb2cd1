"""Checking values that are handed in, and showing them as the record API does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from interlock.twins.netsuite.refusals import Refused
from interlock.twins.netsuite.schema import ADDRESS, Field

__all__ = ["LABELS", "read_value", "show_moment", "show_value"]

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_CENT: Final = Decimal("0.01")
_COUNTRY: Final = re.compile(r"[A-Z]{2}")
LABELS: Final[Mapping[str, str]] = {
    "AUTO": "Auto", "ON": "On", "OFF": "Off",
    "salesOrder.A": "Pending Approval", "salesOrder.B": "Pending Fulfillment",
    "salesOrder.C": "Cancelled", "salesOrder.D": "Partially Fulfilled",
    "salesOrder.E": "Pending Billing/Partially Fulfilled", "salesOrder.F": "Pending Billing",
    "salesOrder.G": "Billed", "salesOrder.H": "Closed",
    "invoice.A": "Open", "invoice.B": "Paid In Full", "invoice.V": "Voided",
    "creditMemo.A": "Open", "creditMemo.B": "Fully Applied",
    "customerPayment.C": "Deposited", "itemFulfillment.C": "Shipped",
}  # fmt: skip
"""What a code is called on the screens."""

Find = Callable[[str, Any], str | None]
"""Finds a record: its type and what was given of it -> its internal id."""


def read_value(  # noqa: PLR0911  one a kind
    field: Field, value: Any, path: str, find: Find
) -> Any:
    """Bring a value to the form it is stored in; raises ``Refused``."""
    if value is None or value == "":
        return None
    match field.kind:
        case "text" | "email":
            return _text(field, value, path)
        case "flag":
            if not isinstance(value, bool):
                raise _invalid(field, value, path)
            return value
        case "integer" | "number" | "amount":
            return _number(field, value, path)
        case "date":
            return _date(field, value, path)
        case "moment":
            return value
        case "ref":
            found = find(field.target, value)
            if found is None:
                raise Refused("INVALID_KEY_OR_REF", "Error while accessing a resource. Invalid "
                              f"{field.name} reference key {_key(value)}.", path=path)  # fmt: skip
            return found
        case "choice":
            return _choice(field, value, path)
    return {
        name: read_value(ADDRESS[name], part, f"{path}.{name}", find)
        for name, part in _mapping(value, path).items()
        if name in ADDRESS
    }


def _text(field: Field, value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise _invalid(field, value, path)
    if field.length is not None and len(value) > field.length:
        raise Refused(
            "EXCEEDED_MAX_FIELD_LENGTH",
            f"Error while accessing a resource. The field {field.name} contained more than the "
            f"maximum number ( {field.length} ) of characters allowed.", path=path,
        )  # fmt: skip
    if field.kind == "email" and not _EMAIL.fullmatch(value):
        raise Refused("INVALID_CONTENT", f"Error while accessing a resource. {value} is not a "
                      "valid email address.", path=path)  # fmt: skip
    return value


def _number(field: Field, value: Any, path: str) -> Any:
    if isinstance(value, bool):
        raise _invalid(field, value, path)
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise _invalid(field, value, path) from None
    if field.kind == "integer":
        return int(number)
    # amounts are kept to the cent; rates of lines as they are given
    return number.quantize(_CENT) if field.kind == "amount" and field.name != "rate" else number


def _date(field: Field, value: Any, path: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise _invalid(field, value, path) from None


def _choice(field: Field, value: Any, path: str) -> str:
    code = str(_key(value))
    known = code in field.choices if field.choices else _COUNTRY.fullmatch(code)
    if not known:
        raise _invalid(field, code, path)
    return code


def _mapping(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Refused("INVALID_CONTENT", "Invalid content in the request body.", path=path)
    return value


def _key(value: Any) -> Any:
    return (value.get("id") or value.get("externalId")) if isinstance(value, Mapping) else value


def _invalid(field: Field, value: Any, path: str) -> Refused:
    return Refused(
        "INVALID_CONTENT",
        f"Error while accessing a resource. You have entered an Invalid Field Value {value} for "
        f"the following field: {field.name.lower()}", path=path,
    )  # fmt: skip


def show_moment(moment: datetime) -> str:
    """Show a moment in whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def show_value(field: Field, value: Any, name_of: Callable[[str, str], str]) -> Any:
    """Show a stored value; ``name_of``: what a record of a type is called."""
    if value is None:
        return None
    match field.kind:
        case "moment":
            return show_moment(value)
        case "date":
            return value.isoformat()
        case "ref":
            return {"id": value, "refName": name_of(field.target, value)}
        case "choice":
            return {"id": value, "refName": LABELS.get(value, value)}
        case "address":
            return {
                name: show_value(ADDRESS[name], part, name_of)
                for name, part in value.items()
                if part is not None
            }
    return value
