"""The part of SuiteQL the twin understands, as a grammar; the rest is refused by name.

Understood: SELECT with DISTINCT and aliases, one FROM with INNER and LEFT joins, WHERE with AND,
OR, NOT, =, !=, <>, <, <=, >, >=, LIKE, IN, BETWEEN and IS NULL, ORDER BY with ASC and DESC,
COUNT(*), and the functions BUILTIN.DF, TO_CHAR, TO_DATE, TO_TIMESTAMP, SYS_EXTRACT_UTC, UPPER,
LOWER and NVL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final

from lark import Lark, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken, VisitError

from interlock.twins.netsuite.refusals import Refused

__all__ = [
    "And", "Between", "Called", "Comparison", "IsNull", "Join", "Like", "Name", "Not", "OneOf",
    "Or", "Order", "Query", "Selected", "parse", "refuse_query",
]  # fmt: skip

_GRAMMAR: Final = r"""
    start: SELECT DISTINCT? selected ("," selected)* FROM table join* where? order?
    selected: value (AS? NAME)?
    table: NAME (AS? NAME)?
    join: INNER? JOIN table ON condition -> inner
        | LEFT OUTER? JOIN table ON condition -> left
    where: WHERE condition
    order: ORDER_BY sorted_by ("," sorted_by)*
    sorted_by: value DIRECTION?

    ?condition: all_of (OR all_of)* -> any_of
    ?all_of: one (AND one)*
    ?one: NOT one -> negation
        | "(" condition ")"
        | value OPERATOR value -> comparison
        | value NOT? IN "(" value ("," value)* ")" -> one_of
        | value NOT? LIKE value -> like
        | value NOT? BETWEEN value AND value -> between
        | value IS NOT? NULL -> is_null

    ?value: path
        | path "(" arguments ")" -> call
        | STRING -> string
        | NUMBER -> number
    arguments: (value ("," value)*)? | STAR
    path: NAME ("." NAME)?

    SELECT.3: /SELECT\b/i
    DISTINCT.3: /DISTINCT\b/i
    FROM.3: /FROM\b/i
    WHERE.3: /WHERE\b/i
    AS.3: /AS\b/i
    INNER.3: /INNER\b/i
    LEFT.3: /LEFT\b/i
    OUTER.3: /OUTER\b/i
    JOIN.3: /JOIN\b/i
    ON.3: /ON\b/i
    AND.3: /AND\b/i
    OR.3: /OR\b/i
    NOT.3: /NOT\b/i
    IN.3: /IN\b/i
    IS.3: /IS\b/i
    NULL.3: /NULL\b/i
    LIKE.3: /LIKE\b/i
    BETWEEN.3: /BETWEEN\b/i
    ORDER_BY.3: /ORDER\s+BY\b/i
    DIRECTION.3: /(ASC|DESC)\b/i
    STAR: "*"
    NUMBER: /-?\d+(\.\d+)?/
    STRING: /'(''|[^'])*'/s
    OPERATOR: "=" | "!=" | "<>" | "<=" | ">=" | "<" | ">"
    NAME: /[A-Za-z][A-Za-z0-9_]*/

    %import common.WS
    %ignore WS
"""

_UNSUPPORTED: Final = re.compile(
    r"\b(GROUP\s+BY|HAVING|UNION|CASE|WITH|LIMIT|OFFSET|FETCH|TOP|ROWNUM|EXISTS|OVER|MINUS"
    r"|INTERSECT|RIGHT|FULL|CROSS|(?:SUM|MIN|MAX|AVG|COALESCE|DECODE|SUBSTR|TRUNC|CONCAT)\s*\()"
    r"|(\(\s*SELECT|\|\||\(\+\)|SELECT\s+\*)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Name:
    """A column, with the table or alias it is asked of."""

    table: str
    column: str


@dataclass(frozen=True, slots=True)
class Called:
    """A function with its arguments; ``name`` in upper case."""

    name: str
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two values compared."""

    left: Any
    operator: str
    right: Any


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value among others."""

    value: Any
    members: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Like:
    """A value matched."""

    value: Any
    pattern: Any


@dataclass(frozen=True, slots=True)
class Between:
    """A value between two others, ends included."""

    value: Any
    low: Any
    high: Any


@dataclass(frozen=True, slots=True)
class IsNull:
    """A value that is not there."""

    value: Any


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of them."""

    parts: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Not it."""

    part: Any


@dataclass(frozen=True, slots=True)
class Selected:
    """A value to be shown under a name."""

    value: Any
    alias: str


@dataclass(frozen=True, slots=True)
class Join:
    """A further table; ``outer``: rows without a partner stay."""

    table: str
    alias: str
    on: Any
    outer: bool


@dataclass(frozen=True, slots=True)
class Order:
    """One key of the order."""

    value: Any
    descending: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parsed query."""

    selected: tuple[Selected, ...]
    distinct: bool
    table: str
    alias: str
    joins: tuple[Join, ...] = ()
    where: Any = None
    order: tuple[Order, ...] = ()


def refuse_query(reason: str) -> Refused:
    """Refuse a query in the API's words."""
    return Refused(
        "INVALID_PARAMETER",
        "Invalid search query. Detailed unprocessed description follows. Search error occurred: "
        f"{reason}", parameter="q",
    )  # fmt: skip


def parse(text: str) -> Query:
    """Read a query; raises ``Refused``."""
    try:
        query = _reader().transform(_parser().parse(text))
    except UnexpectedEOF as error:
        raise _malformed(text, "Invalid or unsupported search: unexpected end") from error
    except UnexpectedToken as error:
        what = "the end" if error.token.type == "$END" else f"'{error.token}'"
        raise _malformed(text, f"Invalid or unsupported search: unexpected {what}") from error
    except UnexpectedCharacters as error:
        raise _malformed(text, f"Invalid or unsupported search: '{error.char}'") from error
    except VisitError as error:
        if isinstance(error.orig_exc, Refused):
            raise error.orig_exc from error
        raise _malformed(text, f"{error.orig_exc}") from error
    assert isinstance(query, Query), "the grammar gives nothing else"
    return query


def _malformed(text: str, reason: str) -> Refused:
    missing = _UNSUPPORTED.search(re.sub(r"'(''|[^'])*'", "''", text))
    if missing:
        what = " ".join(missing.group(0).upper().split()).removesuffix("(").strip()
        reason = f"{reason}. This twin does not support {what} in SuiteQL"
    return refuse_query(reason)


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", propagate_positions=False, maybe_placeholders=False)


@cache
def _reader() -> _Reader:
    return _Reader()


def _is(item: Any, *kinds: str) -> bool:
    return getattr(item, "type", "") in kinds


def _values(items: list[Any]) -> list[Any]:
    """Leave the keywords out."""
    return [item for item in items if not getattr(item, "type", "")]


class _Reader(Transformer[Any, Any]):
    """Makes the query out of the parser's tree."""

    def start(self, items: list[Any]) -> Query:
        facts: dict[str, Any] = {"distinct": any(_is(i, "DISTINCT") for i in items)}
        parts = _values(items)
        table, alias = next(i for i in parts if isinstance(i, tuple) and len(i) == 2)
        for item in parts:
            if isinstance(item, dict):
                facts.update(item)
        return Query(
            selected=tuple(i for i in parts if isinstance(i, Selected)),
            table=table, alias=alias,
            joins=tuple(i for i in parts if isinstance(i, Join)), **facts,
        )  # fmt: skip

    def selected(self, items: list[Any]) -> Selected:
        value, *names = [i for i in items if not _is(i, "AS")]
        if names:
            return Selected(value, str(names[0]).lower())
        if isinstance(value, Name):
            return Selected(value, value.column)
        return Selected(value, "")

    def table(self, items: list[Any]) -> tuple[str, str]:
        names = [str(i).lower() for i in items if not _is(i, "AS")]
        return names[0], names[-1]

    def inner(self, items: list[Any]) -> Join:
        (table, alias), on = _values(items)
        return Join(table, alias, on, outer=False)

    def left(self, items: list[Any]) -> Join:
        (table, alias), on = _values(items)
        return Join(table, alias, on, outer=True)

    def where(self, items: list[Any]) -> dict[str, Any]:
        return {"where": items[-1]}

    def order(self, items: list[Any]) -> dict[str, Any]:
        return {"order": tuple(_values(items))}

    def sorted_by(self, items: list[Any]) -> Order:
        return Order(items[0], len(items) > 1 and str(items[1]).upper() == "DESC")

    def any_of(self, items: list[Any]) -> Any:
        parts = _values(items)
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def all_of(self, items: list[Any]) -> Any:
        parts = _values(items)
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def negation(self, items: list[Any]) -> Not:
        return Not(items[-1])

    def comparison(self, items: list[Any]) -> Comparison:
        left, operator, right = items
        return Comparison(left, "!=" if operator == "<>" else str(operator), right)

    def one_of(self, items: list[Any]) -> Any:
        value, *members = [i for i in items if not _is(i, "NOT", "IN")]
        found = OneOf(value, tuple(members))
        return Not(found) if any(_is(i, "NOT") for i in items) else found

    def like(self, items: list[Any]) -> Any:
        found = Like(items[0], items[-1])
        return Not(found) if any(_is(i, "NOT") for i in items) else found

    def between(self, items: list[Any]) -> Any:
        value, low, high = [i for i in items if not _is(i, "NOT", "BETWEEN", "AND")]
        found = Between(value, low, high)
        return Not(found) if any(_is(i, "NOT") for i in items) else found

    def is_null(self, items: list[Any]) -> Any:
        found = IsNull(items[0])
        return Not(found) if any(_is(i, "NOT") for i in items) else found

    def call(self, items: list[Any]) -> Called:
        name, arguments = items
        full = f"{name.table}.{name.column}" if name.table else name.column
        return Called(full.upper(), arguments)

    def arguments(self, items: list[Any]) -> tuple[Any, ...]:
        return tuple("*" if _is(i, "STAR") else i for i in items)

    def path(self, items: list[Any]) -> Name:
        *table, column = (str(i).lower() for i in items)
        return Name(table[0] if table else "", column)

    def string(self, items: list[Any]) -> str:
        return str(items[0])[1:-1].replace("''", "'")

    def number(self, items: list[Any]) -> Decimal:
        return Decimal(str(items[0]))
