"""Searching: filters, one sort, pages, and how far a search reaches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from interlock.twins.hubspot.portal import Portal
from interlock.twins.hubspot.refusals import Refused, invalid_values
from interlock.twins.hubspot.schema import ObjectType
from interlock.twins.hubspot.values import BadValue, number_of, read_value
from interlock.twins.storage import Row

__all__ = ["REACH", "search"]

REACH: Final = 10_000
"""Results of one search that can be paged through."""
_PAGE: Final = 200
_BODY: Final = 3_000
_GROUPS: Final = 5
_FILTERS: Final = 6
_ALL_FILTERS: Final = 18

Test = Callable[[Row], bool]


def search(
    portal: Portal, one: ObjectType, body: Mapping[str, Any], size: int, as_of: datetime
) -> tuple[list[Row], int, str | None]:
    """Find a page of rows; also how many there are in all, and where the next page begins.

    ``size``: of the body, in characters.  ``as_of``: what the index has seen so far.
    """
    if size > _BODY:
        raise Refused("VALIDATION_ERROR", f"The request body is longer than {_BODY} characters")
    limit, start = _whole(body, "limit", 10), _whole(body, "after", 0)
    if not 1 <= limit <= _PAGE:
        raise Refused("VALIDATION_ERROR", f"limit must be between 1 and {_PAGE}")
    if start + limit > REACH:
        raise Refused("VALIDATION_ERROR", f"Paging past {REACH} results is not supported")
    tests = _groups(portal, one, body.get("filterGroups") or [])
    rows = [
        row
        for row in portal.rows(one, as_of=as_of)
        if not tests or any(all(test(row) for test in group) for group in tests)
    ]
    _sort(portal, one, rows, body.get("sorts") or [])
    page = rows[start : start + limit]
    more = start + limit < len(rows)
    return page, len(rows), str(start + limit) if more else None


def _whole(body: Mapping[str, Any], name: str, default: int) -> int:
    raw = body.get(name)
    if raw is None or raw == "":
        return default
    try:
        return int(raw)
    except (TypeError, ValueError):
        raise Refused("VALIDATION_ERROR", f"{name} must be a whole number") from None


def _groups(portal: Portal, one: ObjectType, groups: Any) -> list[list[Test]]:
    if not isinstance(groups, list) or len(groups) > _GROUPS:
        raise Refused("VALIDATION_ERROR", f"there may be at most {_GROUPS} filterGroups")
    listed = [group.get("filters") or [] for group in groups]
    if any(len(f) > _FILTERS for f in listed) or sum(map(len, listed)) > _ALL_FILTERS:
        raise Refused(
            "VALIDATION_ERROR",
            f"there may be at most {_FILTERS} filters in a group and {_ALL_FILTERS} in all",
        )
    return [[_test(portal, one, item) for item in filters] for filters in listed]


def _test(portal: Portal, one: ObjectType, item: Mapping[str, Any]) -> Test:
    name, operator = str(item.get("propertyName")), item.get("operator")
    if not portal.sees(one, name):
        raise invalid_values([(name, "PROPERTY_DOESNT_EXIST", f'There was no property "{name}"')])
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        wanted = operator == "HAS_PROPERTY"
        return lambda row: (row.get(name) is not None) is wanted
    value = partial(_value, one, name)
    held = _held(one, name)
    if operator in ("IN", "NOT_IN"):
        among = {value(raw) for raw in item.get("values") or ()}
        if not among:
            raise Refused("VALIDATION_ERROR", f"{operator} needs values")
        return lambda row: bool(_parts(held(row)) & among) is (operator == "IN")
    given = value(item.get("value"))
    if operator == "BETWEEN":
        high = value(item.get("highValue"))
        return lambda row: (h := held(row)) is not None and given <= h <= high
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        word = str(given).strip("*")
        return lambda row: (word in str(held(row) or "")) is (operator == "CONTAINS_TOKEN")
    compare: dict[Any, Callable[[Any], bool]] = {
        "EQ": lambda h: given in _parts(h), "NEQ": lambda h: given not in _parts(h),
        "LT": lambda h: h < given, "LTE": lambda h: h <= given,
        "GT": lambda h: h > given, "GTE": lambda h: h >= given,
    }  # fmt: skip
    if operator not in compare:
        raise Refused("VALIDATION_ERROR", f"operator {operator} is unknown")
    passes = compare[operator]
    return lambda row: (h := held(row)) is not None and passes(h)


def _value(one: ObjectType, name: str, raw: Any) -> Any:
    item = one.properties[name]
    if raw is None:
        raise Refused("VALIDATION_ERROR", f"a filter of {name} needs a value")
    if item.type in ("enumeration", "bool"):
        return str(raw).casefold()
    try:
        return number_of(item, read_value(item, raw, ()) if item.type != "string" else str(raw))
    except BadValue as bad:
        raise invalid_values([(name, bad.code, bad.message)]) from bad


def _held(one: ObjectType, name: str) -> Callable[[Row], Decimal | str | None]:
    item = one.properties[name]
    return lambda row: number_of(item, row.get(name))


def _parts(held: Decimal | str | None) -> set[Any]:
    """A property with several choices has each of them."""
    return set(held.split(";")) | {held} if isinstance(held, str) else {held}


def _sort(portal: Portal, one: ObjectType, rows: list[Row], sorts: Any) -> None:
    if len(sorts) > 1:
        raise Refused("VALIDATION_ERROR", "only one sort is supported")
    if not sorts:
        rows.sort(key=lambda row: int(row["id"]))
        return
    item = sorts[0]
    if isinstance(item, str):
        name, descending = item.lstrip("-"), item.startswith("-")
    else:
        name, descending = str(item.get("propertyName")), item.get("direction") == "DESCENDING"
    if not portal.sees(one, name):
        raise invalid_values([(name, "PROPERTY_DOESNT_EXIST", f'There was no property "{name}"')])
    held = _held(one, name)
    known = [(held(row), row) for row in rows]
    # rows alike come in no order anybody promises: here in the reverse of their ids
    filled = [(value, -int(row["id"]), row) for value, row in known if value is not None]
    filled.sort(key=lambda item: item[1])
    filled.sort(key=lambda item: item[0], reverse=descending)
    rows[:] = [row for _, _, row in filled] + [row for value, row in known if value is None]
