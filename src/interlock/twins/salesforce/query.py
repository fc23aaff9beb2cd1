"""Running a SOQL query on an org's records."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from interlock.twins.salesforce.dates import first_moment, span
from interlock.twins.salesforce.ids import long_id
from interlock.twins.salesforce.org import Org
from interlock.twins.salesforce.refusals import Refused
from interlock.twins.salesforce.schema import Field, Schema, SObject
from interlock.twins.salesforce.soql import (
    And,
    Comparison,
    DateLiteral,
    Not,
    Or,
    Order,
    Query,
    SubQuery,
    parse,
)
from interlock.twins.salesforce.values import show_value

__all__ = ["Found", "Reader", "record_url"]

_OFFSET_MAX: Final = 2000
_NO_TARGET: Final = Field(name="Type", type="string")

Row = Mapping[str, Any]
Test = Callable[[Row], bool]


@dataclass(frozen=True, slots=True)
class _Path:
    """A field reached over lookups: ``hops`` lead to the record that has it."""

    hops: tuple[Field, ...]
    target: SObject
    field: Field


@dataclass(frozen=True, slots=True)
class Found:
    """The answer of a query: how many there are, and the records as they are shown."""

    size: int
    records: list[dict[str, Any]]


def record_url(version: str, one: SObject, key: str) -> str:
    """Give the address of a record."""
    return f"/services/data/v{version}/sobjects/{one.name}/{key}"


class Reader:
    """Runs queries for one call.  ``deleted``: show the recycle bin, too (queryAll)."""

    def __init__(
        self, org: Org, version: str, *, deleted: bool = False, schema: Schema | None = None
    ) -> None:
        self.org = org
        self.version = version
        self.deleted = deleted
        self.schema = schema or org.schema

    def run(self, text: str) -> Found:
        """Run a query; raises ``Refused``."""
        query = parse(text)
        one = self._source(query.source)
        if query.counted:
            rows = self._rows(one, query)
            return Found(len(rows), [])
        show = self._shower(one, query)
        records = [show(row) for row in self._rows(one, query)]
        return Found(len(records), records)

    # ── which rows ───────────────────────────────────────────────────────────────────────────

    def _source(self, name: str) -> SObject:
        found = self.schema.find(name)
        if found is None:
            raise Refused(
                "INVALID_TYPE",
                f"\nFROM {name}\n     ^\nERROR at Row:1:Column:1\nsObject type '{name}' is not "
                "supported. If you are attempting to use a custom object, be sure to append the "
                "'__c' after the entity name. Please reference your WSDL or the describe call for "
                "the appropriate names.",
            )
        return found

    def _rows(self, one: SObject, query: Query, among: Iterable[Row] | None = None) -> list[Row]:
        test = self._test(one, query, query.where) if query.where is not None else None
        source = self.org.rows(one, deleted=self.deleted) if among is None else among
        rows: list[Row] = [row for row in source if test is None or test(row)]
        for order in reversed(query.order):
            self._sort(one, query, rows, order)
        if query.offset > _OFFSET_MAX:
            raise Refused("NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000")
        end = None if query.limit is None else query.offset + query.limit
        return rows[query.offset : end]

    def _sort(self, one: SObject, query: Query, rows: list[Row], order: Order) -> None:
        path = self._resolve(one, query, order.path)
        read = self._value(path)
        last = order.descending if order.nulls_last is None else order.nulls_last
        # nulls come first going up and last going down unless the query says otherwise
        nulls_high = last != order.descending

        def key(row: Row) -> tuple[bool, Any]:
            value = read(row)
            if value is None:
                return (nulls_high, 0)
            folded = (
                value.casefold() if isinstance(value, str) and path.field.type != "id" else value
            )
            return (not nulls_high, folded)

        rows.sort(key=key, reverse=order.descending)

    # ── paths ────────────────────────────────────────────────────────────────────────────────

    def _resolve(self, one: SObject, query: Query, names: tuple[str, ...]) -> _Path:
        if len(names) > 1 and names[0].lower() in (
            query.source.lower(),
            (query.alias or "").lower(),
        ):
            known = one.lookup(names[0])
            if known is None:
                names = names[1:]
        hops: list[Field] = []
        target = one
        for name in names[:-1]:
            lookup = target.lookup(name)
            if lookup is None or not self.org.readable(target, lookup):
                raise _no_relationship(name, target)
            hops.append(lookup)
            found = self.schema.find(lookup.refers_to[0])
            if found is None:
                raise _no_relationship(name, target)
            target = found
        polymorphic = bool(hops) and len(hops[-1].refers_to) > 1
        if polymorphic and names[-1].lower() == "type":
            return _Path(tuple(hops), target, _NO_TARGET)
        field = target.named(names[-1])
        if field is None or not self.org.readable(target, field):
            raise _no_column(names[-1], target)
        return _Path(tuple(hops), target, field)

    def _value(self, path: _Path) -> Callable[[Row], Any]:
        def read(row: Row) -> Any:
            at: Row | None = row
            for hop in path.hops:
                at = self._target(hop, at) if at is not None else None
            if at is None:
                return None
            if path.field is _NO_TARGET:
                return self._kind(str(at["Id"]))
            return at.get(path.field.name)

        return read

    def _target(self, lookup: Field, row: Row) -> Row | None:
        key = row.get(lookup.name)
        if key is None:
            return None
        target = self.schema.by_prefix(key)
        return self.org.storage.get(target.name, key) if target else None

    def _kind(self, key: str) -> str:
        target = self.schema.by_prefix(key)
        return target.name if target else ""

    # ── conditions ───────────────────────────────────────────────────────────────────────────

    def _test(self, one: SObject, query: Query, condition: Any) -> Test:
        match condition:
            case And(parts):
                tests = [self._test(one, query, part) for part in parts]
                return lambda row: all(test(row) for test in tests)
            case Or(parts):
                tests = [self._test(one, query, part) for part in parts]
                return lambda row: any(test(row) for test in tests)
            case Not(part):
                inner = self._test(one, query, part)
                return lambda row: not inner(row)
            case Comparison():
                return self._compare(one, query, condition)
        raise Refused("MALFORMED_QUERY", "unexpected token")

    def _compare(self, one: SObject, query: Query, asked: Comparison) -> Test:
        path = self._resolve(one, query, asked.path)
        read = self._value(path)
        operator = asked.operator
        if operator in ("in", "not-in"):
            members = self._members(path.field, asked.value)
            if operator == "in":
                return lambda row: _folded(read(row)) in members
            return lambda row: _folded(read(row)) not in members
        if operator == "like":
            pattern = _like(path.field, asked.value)
            return lambda row: pattern.fullmatch(str(read(row) or "")) is not None
        if isinstance(asked.value, DateLiteral):
            return self._compare_span(path.field, read, operator, asked.value)
        wanted = _readable(path.field, asked.value)
        if path.field.type in ("id", "reference"):
            # the order of ids goes by their characters, case and all
            return lambda row: _holds(read(row), operator, wanted)
        return lambda row: _holds(_folded(read(row)), operator, _folded(wanted))

    def _compare_span(
        self, field: Field, read: Callable[[Row], Any], operator: str, literal: DateLiteral
    ) -> Test:
        if field.type not in ("date", "datetime"):
            raise _wrong_type(field, literal.name)
        first, after = span(literal, self.org.now.date())
        low: Any = first_moment(first) if field.type == "datetime" else first
        high: Any = first_moment(after) if field.type == "datetime" else after
        tests: dict[str, Callable[[Any], bool]] = {
            "=": lambda v: low <= v < high, "!=": lambda v: not low <= v < high,
            "<": lambda v: v < low, "<=": lambda v: v < high,
            ">": lambda v: v >= high, ">=": lambda v: v >= low,
        }  # fmt: skip
        test = tests[operator]

        def holds(row: Row) -> bool:
            value = read(row)
            return operator == "!=" if value is None else test(value)

        return holds

    def _members(self, field: Field, value: Any) -> set[Any]:
        if not isinstance(value, SubQuery):
            return {_folded(_readable(field, one)) for one in value}
        query = value.query
        source = self._source(query.source)
        if len(query.selected) != 1 or isinstance(query.selected[0], Query):
            raise Refused("MALFORMED_QUERY", "a semi join selects exactly one field")
        read = self._value(self._resolve(source, query, query.selected[0]))
        found = {_folded(read(row)) for row in self._rows(source, query)}
        return found - {None}

    # ── showing ──────────────────────────────────────────────────────────────────────────────

    def _shower(self, one: SObject, query: Query) -> Callable[[Row], dict[str, Any]]:
        if not query.selected:
            raise Refused("MALFORMED_QUERY", "unexpected token: 'FROM'")
        parts: list[Callable[[Row, dict[str, Any]], None]] = []
        for item in query.selected:
            if isinstance(item, Query):
                parts.append(self._show_children(one, item))
            else:
                parts.append(self._show_path(self._resolve(one, query, item)))

        def show(row: Row) -> dict[str, Any]:
            shown = {"attributes": self._attributes(one, str(row["Id"]))}
            for part in parts:
                part(row, shown)
            return shown

        return show

    def _attributes(self, one: SObject, key: str) -> dict[str, str]:
        return {"type": one.name, "url": record_url(self.version, one, key)}

    def _show_path(self, path: _Path) -> Callable[[Row, dict[str, Any]], None]:
        def show(row: Row, shown: dict[str, Any]) -> None:
            at: Row | None = row
            into = shown
            for hop in path.hops:
                at = self._target(hop, at) if at is not None else None
                name = hop.relationship or hop.name
                if at is None:
                    into[name] = None
                    return
                kind = self.schema.by_prefix(at["Id"]) or path.target
                if into.get(name) is None:
                    into[name] = {"attributes": self._attributes(kind, at["Id"])}
                into = into[name]
            assert at is not None, "it has been followed to its end"
            if path.field is _NO_TARGET:
                into["Type"] = self._kind(str(at["Id"]))
            else:
                into[path.field.name] = show_value(path.field, at)

        return show

    def _show_children(self, one: SObject, query: Query) -> Callable[[Row, dict[str, Any]], None]:
        child, lookup = self._child(one, query.source)
        name = lookup.child_relationship or ""
        show_row = self._shower(child, query)

        def show(row: Row, shown: dict[str, Any]) -> None:
            owned = self.org.storage.find(child.name, lookup.name, row["Id"])
            kept = [r for r in owned if self.deleted or not r["IsDeleted"]]
            records = [show_row(r) for r in self._rows(child, query, kept)]
            shown[name] = (
                {"totalSize": len(records), "done": True, "records": records} if records else None
            )

        return show

    def _child(self, one: SObject, relationship: str) -> tuple[SObject, Field]:
        wanted = relationship.lower()
        for child, lookup in self.schema.children(one.name):
            if (lookup.child_relationship or "").lower() == wanted:
                return child, lookup
        raise Refused(
            "INVALID_TYPE",
            f"Didn't understand relationship '{relationship}' in FROM part of query call. If "
            "you are attempting to use a custom relationship, be sure to append the '__r' "
            "after the custom relationship name. Please reference your WSDL or the describe "
            "call for the appropriate names.",
        )


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _holds(value: Any, operator: str, wanted: Any) -> bool:
    if operator == "=":
        return bool(value == wanted)
    if operator == "!=":
        return bool(value != wanted)
    if value is None or wanted is None:
        return False
    return bool({
        "<": lambda: value < wanted, "<=": lambda: value <= wanted,
        ">": lambda: value > wanted, ">=": lambda: value >= wanted,
    }[operator]())  # fmt: skip


def _like(field: Field, value: Any) -> re.Pattern[str]:
    if not isinstance(value, str) or not (field.is_text or field.type in ("id", "reference")):
        raise _wrong_type(field, str(value))
    pattern = ""
    for token in re.findall(r"\\.|.", value, flags=re.DOTALL):
        pattern += {"%": ".*", "_": "."}.get(token) or re.escape(token.removeprefix("\\"))
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


def _readable(field: Field, value: Any) -> Any:
    """Bring a literal to the form its field is stored in; refuses the wrong kind of literal."""
    if value is None:
        return None
    if field.type in ("id", "reference"):
        if not isinstance(value, str):
            raise _wrong_type(field, str(value))
        found = long_id(value)
        if found is None and value:
            raise Refused("INVALID_QUERY_FILTER_OPERATOR", f"invalid ID field: {value}")
        return found
    kinds: dict[str, type] = {"boolean": bool, "date": date, "datetime": datetime}
    expected: Any = kinds.get(
        field.type, Decimal if field.is_number or field.type == "int" else str
    )
    right = isinstance(value, expected)
    if expected is date and isinstance(value, datetime):
        right = False
    if not right:
        raise _wrong_type(field, str(value))
    return value


def _wrong_type(field: Field, value: str) -> Refused:
    quoted = "" if field.is_text else " and should not be enclosed in quotes"
    kind = {"datetime": "dateTime"}.get(field.type, field.type)
    return Refused(
        "INVALID_FIELD",
        f"\nERROR at Row:1:Column:1\nvalue of filter criterion for field '{field.name}' must be of "
        f"type {kind}{quoted}: {value}",
    )


def _no_column(name: str, one: SObject) -> Refused:
    return Refused(
        "INVALID_FIELD",
        f"\nSELECT {name}\n       ^\nERROR at Row:1:Column:8\nNo such column '{name}' on entity "
        f"'{one.name}'. If you are attempting to use a custom field, be sure to append the '__c' "
        "after the custom field name. Please reference your WSDL or the describe call for the "
        "appropriate names.",
    )


def _no_relationship(name: str, one: SObject) -> Refused:
    return Refused(
        "INVALID_FIELD",
        f"\nSELECT {name}\n       ^\nERROR at Row:1:Column:8\nDidn't understand relationship "
        f"'{name}' in field path. If you are attempting to use a custom relationship, be sure to "
        f"append the '__r' after the custom relationship name. Please reference your WSDL or the "
        f"describe call for the appropriate names. (entity {one.name})",
    )
