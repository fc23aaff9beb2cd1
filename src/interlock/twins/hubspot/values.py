"""Values of properties: everything travels as text, and some of it in a form of its own."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from interlock.twins.hubspot.schema import Property

__all__ = ["BadValue", "iso", "number_of", "read_value"]

_LONGEST: Final = 65_536
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class BadValue(Exception):  # noqa: N818  it is an answer of the API, not an error of the twin
    """A value its property does not take."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def read_value(item: Property, raw: Any, choices: Collection[str]) -> str | None:
    """Check what was sent for a property and give it as it is stored; blank is ``None``."""
    if isinstance(raw, bool):
        raw = "true" if raw else "false"
    if not isinstance(raw, str | int | float | Decimal):
        raise BadValue("INVALID_TYPE", "the value must be a string")
    text = str(raw)
    if not text.strip():
        return None
    match item.type:
        case "number":
            return _number(text)
        case "date":
            return _moment(text).date().isoformat()
        case "datetime":
            return iso(_moment(text))
        case "enumeration" | "bool":
            return _choice(item, text, choices)
    if len(text) > _LONGEST:
        raise BadValue("PROPERTY_VALUE_TOO_LONG", f"the value has more than {_LONGEST} characters")
    if item.name == "email" and ("@" not in text or " " in text.strip()):
        raise BadValue("INVALID_EMAIL", f"Email address {text} is invalid")
    return text.strip().lower() if item.name == "email" else text


def _number(text: str) -> str:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        raise BadValue("INVALID_NUMBER", f"{text} was not a valid number.") from None
    if not number.is_finite():
        raise BadValue("INVALID_NUMBER", f"{text} was not a valid number.")
    return format(number, "f")


def _moment(text: str) -> datetime:
    """Read milliseconds since 1970, or an ISO date or point in time."""
    try:
        if text.strip().lstrip("-").isdigit():
            return _EPOCH + timedelta(milliseconds=int(text))
        found = datetime.fromisoformat(text.strip())
    except (ValueError, OverflowError):
        raise BadValue("INVALID_DATE", f"{text} was not a valid date.") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def _choice(item: Property, text: str, choices: Collection[str]) -> str:
    wanted = text.strip()
    for one in wanted.split(";") if item.field_type == "checkbox" else (wanted,):
        if one not in choices:
            known = ", ".join(choices)
            raise BadValue("INVALID_OPTION", f"{one} was not one of the allowed options: [{known}]")
    return wanted


def iso(moment: datetime | date) -> str:
    """Write a point in time as HubSpot does: milliseconds, UTC."""
    if not isinstance(moment, datetime):
        return moment.isoformat()
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"
    )


def number_of(item: Property, text: str | None) -> Decimal | str | None:
    """Give a stored value in the form it is compared and sorted in."""
    return None if text is None else _comparable(item.type, text)


@lru_cache(maxsize=200_000)
def _comparable(kind: str, text: str) -> Decimal | str:
    if kind == "number":
        return Decimal(text)
    if kind in ("date", "datetime"):
        return Decimal(round((_moment(text) - _EPOCH) / timedelta(milliseconds=1)))
    return text.casefold()
