"""Running a SuiteQL query on an account's records.

Moments are stored in UTC and are *local* to a query: compared and shown in the account's time
zone unless ``SYS_EXTRACT_UTC`` is asked.  A comparison with what is not there is neither true nor
false, and text is compared with case.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from interlock.twins.netsuite.account import Account
from interlock.twins.netsuite.suiteql import (
    And,
    Between,
    Called,
    Comparison,
    IsNull,
    Join,
    Like,
    Name,
    Not,
    OneOf,
    Or,
    Query,
    parse,
    refuse_query,
)
from interlock.twins.netsuite.tables import TABLES, Column, Table, label_of
from interlock.twins.storage import Row

__all__ = ["Reader"]

_TOKEN: Final = re.compile(r'"([^"]*)"|YYYY|HH24|MM|DD|MI|SS|[-/:. ]')
_DIRECTIVES: Final = {
    "YYYY": "%Y", "MM": "%m", "DD": "%d", "HH24": "%H", "MI": "%M", "SS": "%S",
}  # fmt: skip

Env = Mapping[str, Row | None]
Value = Callable[[Env], Any]
Test = Callable[[Env], bool | None]


class Reader:
    """Runs queries for one call; ``hidden``: what the role may not see, as table.column."""

    def __init__(
        self, account: Account, zone: str, hidden: frozenset[str], at: datetime | None
    ) -> None:
        self.account = account
        self.zone = ZoneInfo(zone)
        self.hidden = hidden
        self.at = at
        self._tables: dict[str, tuple[str, Table]] = {}

    def run(self, text: str) -> list[dict[str, Any]]:
        """Run a query; raises ``Refused``."""
        query = parse(text)
        self._tables = {query.alias: (query.table, self._table(query.table))}
        envs: Iterable[dict[str, Row | None]] = (
            {query.alias: row} for row in self._tables[query.alias][1].rows(self.account, self.at)
        )
        for join in query.joins:
            self._tables[join.alias] = (join.table, self._table(join.table))
            envs = self._joined(join, envs)
        test = self._test(query.where) if query.where is not None else None
        kept = [env for env in envs if test is None or test(env) is True]
        if any(isinstance(s.value, Called) and s.value.name == "COUNT" for s in query.selected):
            return [{query.selected[0].alias or "expr1": str(len(kept))}]
        for order in reversed(query.order):
            read = self._value(order.value)
            # nothing is the highest, as Oracle has it
            kept.sort(key=lambda env, r=read: _rank(r(env)), reverse=order.descending)  # type: ignore[misc]
        show = self._shower(query)
        rows = [show(env) for env in kept]
        if query.distinct:
            rows = [dict(one) for one in dict.fromkeys(tuple(row.items()) for row in rows)]
        return rows

    def _table(self, name: str) -> Table:
        if name not in TABLES or name in self.hidden:
            raise refuse_query(f"Record '{name}' was not found.")
        return TABLES[name]

    def _joined(
        self, join: Join, envs: Iterable[dict[str, Row | None]]
    ) -> Iterator[dict[str, Row | None]]:
        test = self._test(join.on)
        rows = list(self._tables[join.alias][1].rows(self.account, self.at))
        key = self._join_key(join)
        index: dict[str, list[Row]] = {}
        if key is not None:
            for row in rows:
                index.setdefault(str(key[0]({join.alias: row})), []).append(row)
        for env in envs:
            near = rows if key is None else index.get(str(key[1](env)), ())
            found = [{**env, join.alias: row} for row in near]
            found = [one for one in found if test(one) is True]
            if found:
                yield from found
            elif join.outer:
                yield {**env, join.alias: None}

    def _join_key(self, join: Join) -> tuple[Value, Value] | None:
        """Find two columns that must be equal: the new table's and an earlier one's."""
        parts = join.on.parts if isinstance(join.on, And) else (join.on,)
        for part in parts:
            if isinstance(part, Comparison) and part.operator == "=":
                sides = (part.left, part.right)
                if all(isinstance(side, Name) for side in sides):
                    own = [s for s in sides if self._place(s)[0] == join.alias]
                    rest = [s for s in sides if s not in own]
                    if len(own) == 1 and len(rest) == 1:
                        return self._value(own[0]), self._value(rest[0])
        return None

    # ── values ───────────────────────────────────────────────────────────────────────────────

    def _place(self, name: Name) -> tuple[str, Column]:
        """Find the table a column is of, and the column; raises ``Refused``."""
        for alias, (table, found) in self._tables.items():
            if name.table and name.table not in (alias, table):
                continue
            column = found.columns.get(name.column)
            if column is None and found.custom and name.column.startswith(found.custom):
                field = self.account.custom.get(name.column)
                if field is not None:
                    column = Column(lambda _a, row: row.get(name.column), field.target)
            if column is not None and f"{table}.{name.column}" not in self.hidden:
                return alias, column
        first = self._tables[name.table][0] if name.table in self._tables else (
            next(iter(self._tables.values()))[0])  # fmt: skip
        raise refuse_query(
            f"Field '{name.column}' for record '{first}' was not found. Reason: NOT_EXPOSED - "
            "Not available for channel SEARCH."
        )

    def _value(self, asked: Any) -> Value:
        if isinstance(asked, Name):
            alias, column = self._place(asked)

            def read(env: Env) -> Any:
                row = env.get(alias)
                return None if row is None else column.read(self.account, row)

            return read
        if isinstance(asked, Called):
            return self._call(asked)
        return lambda _env: asked

    def _call(self, asked: Called) -> Value:  # noqa: PLR0911  one a function
        if asked.name == "BUILTIN.DF" and len(asked.arguments) == 1:
            return self._display(asked.arguments[0])
        inner = [self._value(one) for one in asked.arguments if one != "*"]
        match asked.name, inner:
            case "TO_CHAR", [value]:
                return lambda env: self._text(value(env))
            case "TO_CHAR", [value, _]:
                pattern = _pattern(asked.arguments[1])
                return lambda env: _formatted(self._naive(value(env)), pattern)
            case (("TO_DATE" | "TO_TIMESTAMP"), [value, _]):
                pattern = _pattern(asked.arguments[1])
                return lambda env: _moment(value(env), pattern)
            case "SYS_EXTRACT_UTC", [value]:
                return lambda env: _in_utc(value(env))
            case "UPPER", [value]:
                return lambda env: None if value(env) is None else str(value(env)).upper()
            case "LOWER", [value]:
                return lambda env: None if value(env) is None else str(value(env)).lower()
            case "NVL", [value, other]:
                return lambda env: other(env) if value(env) is None else value(env)
            case "COUNT", []:
                return lambda _env: None
        raise refuse_query(f"Unknown identifier '{asked.name}'. This twin does not support it")

    def _display(self, asked: Any) -> Value:
        if not isinstance(asked, Name):
            raise refuse_query("BUILTIN.DF takes a field")
        alias, column = self._place(asked)

        def read(env: Env) -> Any:
            row = env.get(alias)
            value = None if row is None else column.read(self.account, row)
            return None if value is None or row is None else label_of(
                self.account, column, row, value)  # fmt: skip

        return read

    def _naive(self, value: Any) -> Any:
        """Bring a stored moment to the account's wall clock."""
        if isinstance(value, datetime) and value.tzinfo is not None:
            return value.astimezone(self.zone).replace(tzinfo=None)
        return value

    # ── conditions ───────────────────────────────────────────────────────────────────────────

    def _test(self, condition: Any) -> Test:  # noqa: PLR0911  one a kind of condition
        match condition:
            case And(parts):
                tests = [self._test(part) for part in parts]
                return lambda env: _all([test(env) for test in tests])
            case Or(parts):
                tests = [self._test(part) for part in parts]
                return lambda env: _any([test(env) for test in tests])
            case Not(part):
                inner = self._test(part)
                return lambda env: None if (found := inner(env)) is None else not found
            case IsNull(value):
                read = self._value(value)
                return lambda env: read(env) is None
            case Comparison(left, operator, right):
                one, other = self._value(left), self._value(right)
                return lambda env: self._holds(one(env), operator, other(env))
            case Between(value, low, high):
                read, least, most = (self._value(part) for part in (value, low, high))
                return lambda env: _all([
                    self._holds(read(env), ">=", least(env)),
                    self._holds(read(env), "<=", most(env)),
                ])  # fmt: skip
            case OneOf(value, members):
                read = self._value(value)
                if len(members) > 1000:
                    raise refuse_query("Invalid or unsupported search: more than 1000 in a list")
                if all(isinstance(member, str | Decimal) for member in members):
                    texts = {self._text(member) for member in members}
                    return lambda env: None if read(env) is None else self._text(read(env)) in texts
                known = [self._value(member) for member in members]
                return lambda env: _any([self._holds(read(env), "=", m(env)) for m in known])
            case Like(value, pattern):
                read = self._value(value)
                wanted = _like(pattern)
                return lambda env: None if read(env) is None else bool(
                    wanted.fullmatch(str(read(env))))  # fmt: skip
        raise refuse_query("Invalid or unsupported search")

    def _holds(self, left: Any, operator: str, right: Any) -> bool | None:
        left, right = _comparable(self._naive(left), self._naive(right))
        if left is None or right is None:
            return None
        try:
            return bool({
                "=": lambda: left == right, "!=": lambda: left != right,
                "<": lambda: left < right, "<=": lambda: left <= right,
                ">": lambda: left > right, ">=": lambda: left >= right,
            }[operator]())  # fmt: skip
        except TypeError as error:
            raise refuse_query("Invalid or unsupported search: types differ") from error

    # ── showing ──────────────────────────────────────────────────────────────────────────────

    def _shower(self, query: Query) -> Callable[[Env], dict[str, Any]]:
        parts = [
            (selected.alias or f"expr{number}", self._value(selected.value))
            for number, selected in enumerate(query.selected, start=1)
        ]

        def show(env: Env) -> dict[str, Any]:
            shown = {name: self._text(read(env)) for name, read in parts}
            # what is not there is left out
            return {name: value for name, value in shown.items() if value is not None}

        return show

    def _text(self, value: Any) -> str | None:
        value = self._naive(value)
        match value:
            case None:
                return None
            case bool():
                return "T" if value else "F"
            case date():
                return f"{value.month}/{value.day}/{value.year}"
            case Decimal():
                return format(value.normalize(), "f") if value else "0"
        return str(value)


def _rank(value: Any) -> tuple[bool, Any]:
    if isinstance(value, str) and value.isdigit():
        value = Decimal(value)
    if isinstance(value, bool):
        value = "T" if value else "F"
    return (value is None, Decimal(0) if value is None else value)


def _comparable(left: Any, right: Any) -> tuple[Any, Any]:
    """Bring two values to one type, as the database does by itself."""
    left, right = (("T" if x else "F") if isinstance(x, bool) else x for x in (left, right))
    if isinstance(left, date) != isinstance(right, date) and None not in (left, right):
        raise refuse_query("Invalid or unsupported search: a date is compared with a text")
    if isinstance(left, datetime) != isinstance(right, datetime):
        left, right = (
            datetime(x.year, x.month, x.day) if type(x) is date else x  # noqa: DTZ001  wall clock
            for x in (left, right)
        )
    if isinstance(left, str) != isinstance(right, str) and None not in (left, right):
        try:
            left, right = (Decimal(str(x)) for x in (left, right))
        except InvalidOperation:
            raise refuse_query("Invalid or unsupported search: not a number") from None
    return left, right


def _all(found: list[bool | None]) -> bool | None:
    return False if False in found else None if None in found else True


def _any(found: list[bool | None]) -> bool | None:
    return True if True in found else None if None in found else False


def _like(pattern: Any) -> re.Pattern[str]:
    parts = (("." if c == "_" else ".*") if c in "%_" else re.escape(c) for c in str(pattern))
    return re.compile("".join(parts), re.DOTALL)


def _pattern(asked: Any) -> str:
    """Turn Oracle's pattern of a date into one of ours; raises ``Refused``."""
    at, out = 0, ""
    text = str(asked)
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise refuse_query(f"date format not recognized: {text}")
        out += found[1] if found[1] is not None else _DIRECTIVES.get(found[0], found[0])
        at = found.end()
    return out


def _formatted(value: Any, pattern: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, date):
        raise refuse_query("TO_CHAR with a pattern takes a date")
    return value.strftime(pattern)


def _moment(value: Any, pattern: str) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.strptime(str(value), pattern)  # noqa: DTZ007  a wall clock's time
    except ValueError as error:
        raise refuse_query("Invalid date") from error


def _in_utc(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
