"""The JSON forms of Tryton's values: decimals, dates and bytes carry a ``__class__``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

__all__ = ["from_wire", "to_wire"]


def to_wire(value: Any) -> Any:
    """Make the JSON form; datetimes must be aware and are sent as naive UTC."""
    match value:
        case Decimal():
            return {"__class__": "Decimal", "decimal": format(value, "f")}
        case datetime():
            utc = value.astimezone(UTC)
            return {
                "__class__": "datetime",
                **{part: getattr(utc, part) for part in (*_DATE, *_TIME)},
            }
        case date():
            return {"__class__": "date", **{part: getattr(value, part) for part in _DATE}}
        case Mapping():
            return {key: to_wire(item) for key, item in value.items()}
        case list() | tuple():
            return [to_wire(item) for item in value]
        case _:
            return value


def from_wire(value: Any) -> Any:
    """Read the JSON form; datetimes come back aware.  An unknown class is left as it is."""
    if isinstance(value, list):
        return [from_wire(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get("__class__"):
        case "Decimal":
            return Decimal(value["decimal"])
        case "datetime":
            year, month, day, hour, minute, second, micro = (value[p] for p in (*_DATE, *_TIME))
            return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
        case "date":
            return date(*(value[part] for part in _DATE))
        case "timedelta":
            return timedelta(seconds=float(value["seconds"]))
        case _:
            return {key: from_wire(item) for key, item in value.items()}


_DATE = ("year", "month", "day")
_TIME = ("hour", "minute", "second", "microsecond")
