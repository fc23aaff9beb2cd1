"""Running a query against the books."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any

from interlock.twins.quickbooks.books import Books
from interlock.twins.quickbooks.language import Condition, Query, parse
from interlock.twins.quickbooks.refusals import Refused
from interlock.twins.quickbooks.schema import Object
from interlock.twins.storage import Row

__all__ = ["run"]

_ALWAYS = ("Id", "SyncToken", "MetaData", "domain", "sparse")
_SIGNS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
_STAMPS = {"MetaData.CreateTime": "created", "MetaData.LastUpdatedTime": "updated"}


def run(books: Books, text: str) -> dict[str, Any]:
    """Give the ``QueryResponse``."""
    query = parse(text)
    one = books.object(query.entity)
    _check(one, query)
    rows = [r for r in books.storage.rows(one.name) if not r["deleted"] and _fits(one, r, query)]
    for name, descends in reversed(query.order or (("Id", False),)):
        rows.sort(key=partial(_key, one, name), reverse=descends)
    if not query.names:
        return {"totalCount": len(rows)}
    part = rows[query.start - 1 : query.start - 1 + query.most]
    if not part:
        return {}
    shown = [_projected(books.shown(one, row), query) for row in part]
    return {one.name: shown, "startPosition": query.start, "maxResults": len(part)}


def _check(one: Object, query: Query) -> None:
    for name in query.names:
        if name != "*" and not _known(one, name):
            raise _unknown(one, name)
    for name in [c.name for c in query.conditions] + [n for n, _ in query.order]:
        if name == "Id" or name in _STAMPS:
            continue
        if name not in one.properties:
            raise _unknown(one, name)
        if not one.properties[name].filterable:
            raise Refused("4001", f"QueryValidationError: property '{name}' is not queryable")
    for condition in query.conditions:
        if condition.sign != "LIKE":
            for value in condition.values:
                _given(one, condition.name, value)


def _known(one: Object, name: str) -> bool:
    root = name.split(".", 1)[0]
    return root in one.properties or root in _ALWAYS


def _unknown(one: Object, name: str) -> Refused:
    return Refused("4001", f"QueryValidationError: Property {name} not found for Entity {one.name}")


def _fits(one: Object, row: Row, query: Query) -> bool:
    if one.listed and not row["Active"] and all(c.name != "Active" for c in query.conditions):
        return False
    return all(_holds(one, row, condition) for condition in query.conditions)


def _holds(one: Object, row: Row, condition: Condition) -> bool:
    have = _key(one, condition.name, row)[1]
    if condition.sign == "LIKE":
        pattern = ".*".join(re.escape(p) for p in str(condition.values[0]).split("%"))
        return re.fullmatch(pattern, str(have), re.IGNORECASE | re.DOTALL) is not None
    wanted = [_given(one, condition.name, value) for value in condition.values]
    if condition.sign == "IN":
        return have in wanted
    if have is None or have == "":
        return False
    try:
        return bool(_SIGNS[condition.sign](have, wanted[0]))
    except TypeError as error:
        raise Refused("4001", f"QueryValidationError: bad value for {condition.name}") from error


def _key(one: Object, name: str, row: Row) -> tuple[bool, Any]:
    """What a property is compared and sorted by; blanks come first."""
    if name in _STAMPS:
        return True, row[_STAMPS[name]]
    if name == "Id":
        return True, int(row["Id"])
    value = row.get(name)
    kind = one.properties[name].kind
    if value is None:
        return False, "" if kind in ("text", "date", "ref") else Decimal(0)
    if kind == "ref":
        return True, str(value["value"])
    return True, value.casefold() if isinstance(value, str) else value


def _given(one: Object, name: str, value: Any) -> Any:
    kind = "stamp" if name in _STAMPS else "id" if name == "Id" else one.properties[name].kind
    try:
        match kind:
            case "stamp":
                moment = datetime.fromisoformat(str(value))
                return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            case "id":
                return int(value)
            case "number":
                return Decimal(str(value))
            case "boolean":
                return value if isinstance(value, bool) else str(value).lower() == "true"
    except (ValueError, InvalidOperation) as error:
        raise Refused("4001", f"QueryValidationError: bad value for {name}") from error
    return str(value).casefold()


def _projected(shown: Mapping[str, Any], query: Query) -> Mapping[str, Any]:
    if "*" in query.names:
        return shown
    out: dict[str, Any] = {"domain": "QBO", "sparse": True}
    for name in query.names:
        root, _, leaf = name.partition(".")
        if root not in shown:
            continue
        if leaf in ("", "*") or not isinstance(shown[root], dict):
            out[root] = shown[root]
        elif leaf in shown[root]:
            out.setdefault(root, {})[leaf] = shown[root][leaf]
    return out
