"""Values of fields: reading what a caller sends, and showing what is stored.

Stored are ``str``, ``bool``, ``int``, ``Decimal``, ``date``, aware ``datetime`` in whole seconds,
ids of 18 characters, and ``None``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any, Final

from interlock.twins.salesforce.ids import long_id
from interlock.twins.salesforce.refusals import Refused
from interlock.twins.salesforce.schema import Field

__all__ = ["read_value", "show_moment", "show_value"]

_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_PARTS: Final = (
    ("city", "City"), ("country", "Country"), ("latitude", "Latitude"), ("longitude", "Longitude"),
    ("postalCode", "PostalCode"), ("state", "State"), ("street", "Street"),
)  # fmt: skip


def read_value(field: Field, value: Any) -> Any:
    """Read a value sent for a field; raises ``Refused`` when the field cannot hold it."""
    if value is None:
        if field.type == "boolean":
            raise Refused(
                "INVALID_TYPE_ON_FIELD_IN_RECORD",
                f"{field.label}: value not of required type: ", fields=[field.name],
            )  # fmt: skip
        return None
    if field.is_text:
        return _read_text(field, value)
    if field.is_number or field.type == "int":
        return _read_number(field, value)
    match field.type:
        case "boolean":
            return _read_boolean(field, value)
        case "date":
            return _read_date(field, value)
        case "datetime":
            return _read_moment(field, value)
        case "id" | "reference":
            found = long_id(value) if isinstance(value, str) else None
            if value and found is None:
                raise Refused(
                    "MALFORMED_ID", f"{field.label} ID: id value of incorrect type: {value}",
                    fields=[field.name],
                )  # fmt: skip
            return found
    raise _unreadable(field, value)


def _read_text(field: Field, value: Any) -> str | None:
    if isinstance(value, (dict, list, bool)):
        raise _unreadable(field, value)
    text = str(value).strip()
    if not text:
        return None
    if field.type == "picklist":
        if field.restricted and text not in field.values:
            raise Refused(
                "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
                f"{field.label}: bad value for restricted picklist field: {text}",
                fields=[field.name],
            )
    elif field.type == "email" and not _EMAIL.fullmatch(text):
        raise Refused(
            "INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}",
            fields=[field.name],
        )  # fmt: skip
    if field.length and len(text) > field.length:
        raise Refused(
            "STRING_TOO_LONG",
            f"{field.label}: data value too large: {text} (max length={field.length})",
            fields=[field.name],
        )
    return text


def _read_number(field: Field, value: Any) -> Decimal | int:
    if isinstance(value, (bool, dict, list)):
        raise _unreadable(field, value)
    try:
        number = Decimal(str(value))
        if not number.is_finite():
            raise _unreadable(field, value)
    except InvalidOperation as error:
        raise _unreadable(field, value) from error
    whole = (field.precision or 18) - field.scale
    if abs(number) >= Decimal(10) ** whole:
        raise Refused(
            "NUMBER_OUTSIDE_VALID_RANGE",
            f"{field.label}: value outside of valid range on numeric field: {value}",
            fields=[field.name],
        )
    number = number.quantize(Decimal(1).scaleb(-field.scale), rounding=ROUND_HALF_UP)
    return int(number) if field.type == "int" else number


def _read_boolean(field: Field, value: Any) -> bool:
    known = {"true": True, "false": False, "1": True, "0": False}
    found = known.get(str(value).lower())
    if found is None:
        raise _unreadable(field, value)
    return found


def _read_date(field: Field, value: Any) -> date:
    if not isinstance(value, str) or not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        raise _unreadable(field, value)
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise _unreadable(field, value) from error


def _read_moment(field: Field, value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(value)
    except (ValueError, TypeError) as error:
        raise _unreadable(field, value) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).replace(microsecond=0)


def _unreadable(field: Field, value: Any) -> Refused:
    token = "VALUE_STRING" if isinstance(value, str) else f"VALUE_{type(value).__name__.upper()}"
    return Refused(
        "JSON_PARSER_ERROR",
        f"Cannot deserialize instance of {field.type} from {token} value {value} or request may "
        "be missing a required field at [line:1, column:1]",
    )


def show_value(field: Field, row: Mapping[str, Any]) -> Any:
    """Show a field of a row as JSON can hold it."""
    if field.type == "address":
        return _show_address(field.name.removesuffix("Address"), row)
    value = row.get(field.name)
    if isinstance(value, datetime):
        return show_moment(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        # always one decimal at least: 12.0, as doubles are written
        plain = value.normalize()
        exponent = plain.as_tuple().exponent
        return (
            plain.quantize(Decimal("0.1")) if isinstance(exponent, int) and exponent > -1 else plain
        )
    return value


def show_moment(value: datetime) -> str:
    """Write a moment as the API does."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def _show_address(prefix: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
    parts = {part: row.get(prefix + name) for part, name in _PARTS}
    return {**parts, "geocodeAccuracy": None} if any(parts.values()) else None
