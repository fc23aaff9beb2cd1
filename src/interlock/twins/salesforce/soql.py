"""The part of SOQL the twin understands, as a grammar; the rest is refused by name.

Understood: fields and parents' fields, child subqueries, COUNT(), WHERE with AND, OR, NOT,
=, !=, <, <=, >, >=, LIKE, IN and NOT IN with lists and subqueries, date literals, ORDER BY with
ASC, DESC and NULLS, LIMIT and OFFSET.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final

from lark import Lark, Transformer
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken, VisitError

from interlock.twins.salesforce.refusals import Refused

__all__ = [
    "And", "Comparison", "DateLiteral", "Not", "Or", "Order", "Query", "SubQuery", "parse",
]  # fmt: skip

_GRAMMAR: Final = r"""
    start: query
    query: SELECT selected ("," selected)* FROM NAME alias? where? order? limit? offset?
    selected: path | count | "(" query ")" -> child
    count: COUNT "(" ")"
    alias: NAME
    where: WHERE condition
    ?condition: one
        | one (AND one)+ -> all_of
        | one (OR one)+ -> any_of
    ?one: NOT one -> negation
        | "(" condition ")"
        | comparison
    comparison: path OPERATOR value
        | path LIKE value -> like
        | path IN members -> within
        | path NOT IN members -> without
    ?members: "(" value ("," value)* ")" -> listed
        | "(" query ")"
    path: NAME ("." NAME)*
    value: STRING -> string
        | DATETIME -> moment
        | DATE -> day
        | DATE_LITERAL -> literal
        | NUMBER -> number
        | TRUE -> true
        | FALSE -> false
        | NULL -> null
    order: ORDER_BY sorted_by ("," sorted_by)*
    sorted_by: path DIRECTION? (NULLS WHICH)?
    limit: LIMIT NUMBER
    offset: OFFSET NUMBER

    SELECT.3: /SELECT\b/i
    FROM.3: /FROM\b/i
    WHERE.3: /WHERE\b/i
    AND.3: /AND\b/i
    OR.3: /OR\b/i
    NOT.3: /NOT\b/i
    LIKE.3: /LIKE\b/i
    IN.3: /IN\b/i
    ORDER_BY.3: /ORDER\s+BY\b/i
    DIRECTION.3: /(ASC|DESC)\b/i
    NULLS.3: /NULLS\b/i
    WHICH.3: /(FIRST|LAST)\b/i
    LIMIT.3: /LIMIT\b/i
    OFFSET.3: /OFFSET\b/i
    COUNT.3: /COUNT(?=\s*\(\s*\))/i
    TRUE.3: /TRUE\b/i
    FALSE.3: /FALSE\b/i
    NULL.3: /NULL\b/i
    DATETIME.3: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)/i
    DATE.2: /\d{4}-\d\d-\d\d/
    DATE_LITERAL.2: /(TODAY|YESTERDAY|TOMORROW|(THIS|LAST|NEXT)_(WEEK|MONTH|QUARTER|YEAR)|LAST_90_DAYS|NEXT_90_DAYS|(LAST|NEXT)_N_(DAYS|WEEKS|MONTHS|QUARTERS|YEARS):\d+|N_DAYS_AGO:\d+)\b/i
    NUMBER: /[+-]?\d+(\.\d+)?/
    STRING: /'(\\.|[^'\\])*'/s
    OPERATOR: "=" | "!=" | "<>" | "<=" | ">=" | "<" | ">"
    NAME: /[A-Za-z][A-Za-z0-9_]*/

    %import common.WS
    %ignore WS
"""  # noqa: E501  a terminal cannot be broken over lines

_UNSUPPORTED: Final = re.compile(
    r"\b(GROUP\s+BY|HAVING|TYPEOF|FIELDS\s*\(|FOR\s+(?:UPDATE|VIEW|REFERENCE)|WITH|USING\s+SCOPE"
    r"|ALL\s+ROWS|INCLUDES|EXCLUDES|FORMAT\s*\(|TOLABEL\s*\(|CONVERTCURRENCY\s*\(|DISTANCE\s*\("
    r"|(?:COUNT|COUNT_DISTINCT|SUM|AVG|MIN|MAX|CALENDAR_\w+|DAY_ONLY)\s*\()",
    re.IGNORECASE,
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES: Final = {
    "n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f",
    # LIKE has to tell these from its wildcards
    "%": "\\%", "_": "\\_",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DateLiteral:
    """A span of time named in a query, such as ``LAST_N_DAYS:7``."""

    name: str
    count: int = 0


@dataclass(frozen=True, slots=True)
class SubQuery:
    """A query in the place of a list."""

    query: Query


@dataclass(frozen=True, slots=True)
class Comparison:
    """A field compared; ``operator`` is one of = != < <= > >= like in not-in."""

    path: tuple[str, ...]
    operator: str
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
class Order:
    """One key of the order."""

    path: tuple[str, ...]
    descending: bool = False
    nulls_last: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parsed query; ``selected`` holds paths and queries of children."""

    selected: tuple[tuple[str, ...] | Query, ...]
    counted: bool
    source: str
    alias: str | None = None
    where: Any = None
    order: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0


def parse(text: str) -> Query:
    """Read a query; raises ``Refused`` with MALFORMED_QUERY."""
    try:
        query = _reader().transform(_parser().parse(text))
    except UnexpectedEOF as error:
        raise _malformed(text, "unexpected end of query") from error
    except UnexpectedToken as error:
        found = "<EOF>" if error.token.type == "$END" else str(error.token)
        raise _malformed(text, f"unexpected token: '{found}'") from error
    except UnexpectedCharacters as error:
        raise _malformed(text, f"unexpected token: '{error.char}'") from error
    except VisitError as error:
        raise _malformed(text, f"{error.orig_exc}") from error
    if not isinstance(query, Query):
        raise _malformed(text, "unexpected token")
    return query


def _malformed(text: str, message: str) -> Refused:
    missing = _UNSUPPORTED.search(re.sub(r"'(\\.|[^'\\])*'", "''", text))
    if missing:
        what = " ".join(missing.group(1).upper().split()).removesuffix("(")
        message = f"{message}. This twin does not support {what} in SOQL"
    return Refused("MALFORMED_QUERY", message)


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", propagate_positions=False, maybe_placeholders=False)


@cache
def _reader() -> _Reader:
    return _Reader()


class _Reader(Transformer[Any, Any]):
    """Makes the query out of the parser's tree."""

    def start(self, items: list[Any]) -> Any:
        return items[0]

    def query(self, items: list[Any]) -> Query:
        facts: dict[str, Any] = {"selected": [], "counted": False}
        before_from = True
        for item in items:
            if getattr(item, "type", "") == "SELECT":
                continue
            if getattr(item, "type", "") == "FROM":
                before_from = False
            elif before_from:
                if item == "count":
                    facts["counted"] = True
                else:
                    facts["selected"].append(item)
            elif getattr(item, "type", "") == "NAME":
                facts["source"] = str(item)
            else:
                name, value = item
                facts[name] = value
        if facts["counted"] and facts["selected"]:
            raise ValueError("COUNT() stands alone in the SELECT list")
        return Query(**{**facts, "selected": tuple(facts["selected"])})

    def selected(self, items: list[Any]) -> Any:
        return items[0]

    def child(self, items: list[Any]) -> Any:
        return items[0]

    def count(self, _items: list[Any]) -> str:
        return "count"

    def alias(self, items: list[Any]) -> tuple[str, str]:
        return "alias", str(items[0])

    def where(self, items: list[Any]) -> tuple[str, Any]:
        return "where", items[-1]

    def any_of(self, items: list[Any]) -> Or:
        return Or(tuple(i for i in items if getattr(i, "type", "") != "OR"))

    def all_of(self, items: list[Any]) -> And:
        return And(tuple(i for i in items if getattr(i, "type", "") != "AND"))

    def negation(self, items: list[Any]) -> Not:
        return Not(items[-1])

    def comparison(self, items: list[Any]) -> Comparison:
        path, operator, value = items
        return Comparison(path, "!=" if operator == "<>" else str(operator), value)

    def like(self, items: list[Any]) -> Comparison:
        return Comparison(items[0], "like", items[-1])

    def within(self, items: list[Any]) -> Comparison:
        return Comparison(items[0], "in", _members(items[-1]))

    def without(self, items: list[Any]) -> Comparison:
        return Comparison(items[0], "not-in", _members(items[-1]))

    def listed(self, items: list[Any]) -> tuple[Any, ...]:
        return tuple(items)

    def path(self, items: list[Any]) -> tuple[str, ...]:
        return tuple(str(i) for i in items)

    def string(self, items: list[Any]) -> str:
        inner = str(items[0])[1:-1]
        return _ESCAPED.sub(_unescaped, inner)

    def moment(self, items: list[Any]) -> datetime:
        return datetime.fromisoformat(str(items[0]).upper())

    def day(self, items: list[Any]) -> date:
        return date.fromisoformat(str(items[0]))

    def literal(self, items: list[Any]) -> DateLiteral:
        name, _, number = str(items[0]).upper().partition(":")
        return DateLiteral(name, int(number or 0))

    def number(self, items: list[Any]) -> Decimal:
        return Decimal(str(items[0]))

    def true(self, _items: list[Any]) -> bool:
        return True

    def false(self, _items: list[Any]) -> bool:
        return False

    def null(self, _items: list[Any]) -> None:
        return None

    def order(self, items: list[Any]) -> tuple[str, tuple[Order, ...]]:
        return "order", tuple(items[1:])

    def sorted_by(self, items: list[Any]) -> Order:
        path, *rest = items
        words = {str(word).upper() for word in rest}
        last = None if "NULLS" not in words else "LAST" in words
        return Order(path, "DESC" in words, last)

    def limit(self, items: list[Any]) -> tuple[str, int]:
        return "limit", _whole(items[-1])

    def offset(self, items: list[Any]) -> tuple[str, int]:
        return "offset", _whole(items[-1])


def _unescaped(found: re.Match[str]) -> str:
    letter = str(found[1])
    return _ESCAPES.get(letter.lower(), letter)


def _members(found: Any) -> Any:
    return SubQuery(found) if isinstance(found, Query) else found


def _whole(token: Any) -> int:
    text = str(token)
    if not text.isdigit():
        raise ValueError(f"unexpected token: '{text}'")
    return int(text)
