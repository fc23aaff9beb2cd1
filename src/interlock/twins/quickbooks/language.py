"""The query language: ``SELECT ... FROM ... WHERE ... ORDERBY ... STARTPOSITION n MAXRESULTS n``.

There is no OR, no join, no grouping and no negation; conditions are joined by AND only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from interlock.twins.quickbooks.refusals import Refused

__all__ = ["Condition", "Query", "parse"]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)(?![\w.])"
    r"|(?P<name>[A-Za-z_][\w.]*(?:\.\*)?)|(?P<sign><=|>=|=|<|>|\(|\)|,|\*))",
    re.DOTALL,
)
_SIGNS: Final = frozenset({"=", "<", ">", "<=", ">="})
_AFTER: Final = frozenset({"WHERE", "ORDERBY", "ORDER", "STARTPOSITION", "MAXRESULTS"})
_MOST: Final = 1000
_USUAL: Final = 100


@dataclass(frozen=True, slots=True)
class Condition:
    """``values`` holds one value, or those of IN."""

    name: str
    sign: str
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query.  ``names``: what is selected, empty for COUNT(*); ``*`` for everything."""

    entity: str
    names: tuple[str, ...]
    conditions: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]
    """Property and whether it descends."""
    start: int
    most: int


def parse(text: str) -> Query:
    """Read a query; raises ``Refused`` as the API does."""
    return _Parser(text).query()


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at, text = 0, text.rstrip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise _unparsed(text[at : at + 20].strip())
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind]))
            at = found.end()
        self._at = 0

    # ── tokens ───────────────────────────────────────────────────────────────────────────────

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _take(self, kind: str | None = None) -> str:
        if self._at >= len(self._tokens):
            raise _unparsed("<EOF>")
        found, text = self._tokens[self._at]
        if kind is not None and found != kind:
            raise _unparsed(text)
        self._at += 1
        return text

    def _takes(self, word: str) -> bool:
        if self._peek().upper() != word:
            return False
        self._at += 1
        return True

    def _need(self, word: str) -> None:
        if not self._takes(word):
            raise _unparsed(self._peek() or "<EOF>")

    # ── the parts of a query ─────────────────────────────────────────────────────────────────

    def query(self) -> Query:
        self._need("SELECT")
        names = self._selected()
        self._need("FROM")
        entity = self._take("name")
        conditions = self._conditions() if self._takes("WHERE") else ()
        order = self._order()
        start = int(self._take("number")) if self._takes("STARTPOSITION") else 1
        most = int(self._take("number")) if self._takes("MAXRESULTS") else _USUAL
        if self._peek():
            raise _unparsed(self._peek())
        if start < 1:
            raise Refused("4001", "QueryValidationError: startPosition must be 1 or more")
        if not 0 <= most <= _MOST:
            raise Refused("4001", f"QueryValidationError: value {most} is too large. max: {_MOST}")
        return Query(entity, names, conditions, order, start, most)

    def _selected(self) -> tuple[str, ...]:
        if self._peek().upper() == "COUNT":
            for word in ("COUNT", "(", "*", ")"):
                self._need(word)
            return ()
        names = []
        while True:
            names.append("*" if self._takes("*") else self._take("name"))
            if not self._takes(","):
                return tuple(names)

    def _conditions(self) -> tuple[Condition, ...]:
        found = [self._condition()]
        while self._takes("AND"):
            found.append(self._condition())
        return tuple(found)

    def _condition(self) -> Condition:
        name = self._take("name")
        if self._takes("IN"):
            self._need("(")
            values = [self._value()]
            while self._takes(","):
                values.append(self._value())
            self._need(")")
            return Condition(name, "IN", tuple(values))
        if self._takes("LIKE"):
            return Condition(name, "LIKE", (self._value(),))
        sign = self._take("sign")
        if sign not in _SIGNS:
            raise _unparsed(sign)
        return Condition(name, sign, (self._value(),))

    def _value(self) -> Any:
        if self._at >= len(self._tokens):
            raise _unparsed("<EOF>")
        kind, text = self._tokens[self._at]
        self._at += 1
        if kind == "text":
            return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
        if kind == "number":
            return text
        if kind == "name" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise _unparsed(text)

    def _order(self) -> tuple[tuple[str, bool], ...]:
        if self._takes("ORDER"):
            self._need("BY")
        elif not self._takes("ORDERBY"):
            return ()
        found = []
        while True:
            name = self._take("name")
            if name.upper() in _AFTER:
                raise _unparsed(name)
            descends = self._takes("DESC")
            if not descends:
                self._takes("ASC")
            found.append((name, descends))
            if not self._takes(","):
                return tuple(found)


def _unparsed(text: str) -> Refused:
    return Refused("4000", f'QueryParserError: Encountered " <{text}> " where it is not expected')
