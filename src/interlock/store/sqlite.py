"""Carrying out statements on SQLite, without what SQLAlchemy prepares anew for each of them.

A statement is compiled once and then goes straight to the driver: the engine runs very many small
ones, and SQLAlchemy's own way costs ten times what SQLite takes for them.  Statements, types and
errors are SQLAlchemy's; on PostgreSQL its own connection is used.
"""

from __future__ import annotations

import sqlite3
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import Insert

from interlock.store.instant import Instant

__all__ = ["SqliteConnection", "fixed"]

S = TypeVar("S", bound=Executable)

_KEPT = 2_000
"""Compiled statements kept; then all are forgotten, as their number has no natural end."""

_fixed: dict[int, Executable] = {}
_compiled: dict[Any, _Prepared] = {}


def fixed(statement: S) -> S:
    """Name a statement that is built once and run again with other parameters."""
    _fixed[id(statement)] = statement  # kept for good, so that its id stays its own
    return statement


class SqliteConnection:
    """What of SQLAlchemy's ``Connection`` the store uses, inside one transaction."""

    __slots__ = ("_driver", "dialect")

    def __init__(self, driver: sqlite3.Connection, dialect: Dialect) -> None:
        self._driver = driver
        self.dialect = dialect

    def execute(
        self,
        statement: Executable,
        parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> Rows:
        """Run a statement once, or once for each set of parameters."""
        many = parameters is not None and not isinstance(parameters, Mapping)
        sets: Sequence[Mapping[str, Any]] = parameters if many else (parameters or {},)  # type: ignore[assignment]
        prepared, literals = _prepare(self.dialect, statement, sets[0] if sets else {})
        if len(sets) == 1:
            sql, values = prepared.bind(sets[0], literals)
            return Rows(self._run(self._driver.execute, sql, values), prepared)
        if prepared.columns:
            # an insert that tells what it made: one after the other, so in order
            found: list[Any] = []
            for one in sets:
                sql, values = prepared.bind(one, literals)
                found += self._run(self._driver.execute, sql, values).fetchall()
            return Rows(None, prepared, found)
        bound = [prepared.bind(one, literals) for one in sets]
        lists = [values for _, values in bound]
        return Rows(self._run(self._driver.executemany, bound[0][0], lists), prepared)

    def exec_driver_sql(self, sql: str) -> Rows:
        """Run text as it is."""
        return Rows(self._run(self._driver.execute, sql, ()), _PLAIN)

    def _run(self, run: Callable[..., sqlite3.Cursor], sql: str, values: Any) -> sqlite3.Cursor:
        try:
            return run(sql, values)
        except sqlite3.Error as error:
            raise wrapped(error, sql, self.dialect) from error


def wrapped(error: sqlite3.Error, sql: str, dialect: Dialect) -> BaseException:
    """Give SQLAlchemy's error for the driver's; parameters may be personal and are left out."""
    return DBAPIError.instance(sql, (), error, sqlite3.Error, hide_parameters=True, dialect=dialect)


class Rows:
    """What a statement found: rows with the columns as attributes."""

    __slots__ = ("_cursor", "_found", "_prepared")

    def __init__(
        self, cursor: sqlite3.Cursor | None, prepared: _Prepared, found: list[Any] | None = None
    ) -> None:
        self._cursor = cursor
        self._prepared = prepared
        self._found = found

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""
        return -1 if self._cursor is None else self._cursor.rowcount

    def __iter__(self) -> Iterator[Any]:
        """Give the rows as they come."""
        rows = self._found if self._found is not None else self._cursor
        assert rows is not None
        row = self._prepared.row
        return (row(values) for values in rows)

    def all(self) -> list[Any]:
        """Give all rows."""
        return list(self)

    fetchall = all  # noqa: A003

    def first(self) -> Any:
        """Give the first row, if there is one."""
        return next(iter(self), None)

    def one(self) -> Any:
        """Give the only row."""
        (row,) = self
        return row

    def scalars(self) -> Scalars:
        """Give the first column."""
        return Scalars(row[0] for row in self)

    def scalar(self) -> Any:
        """Give the first column of the first row, if there is one."""
        row = self.first()
        return None if row is None else row[0]

    scalar_one_or_none = scalar

    def scalar_one(self) -> Any:
        """Give the first column of the only row."""
        return self.one()[0]


class Scalars(Iterator[Any]):
    """One column."""

    __slots__ = ("_values",)

    def __init__(self, values: Iterator[Any]) -> None:
        self._values = values

    def __next__(self) -> Any:
        """Give the next value."""
        return next(self._values)

    def all(self) -> list[Any]:
        """Give all values."""
        return list(self._values)

    def first(self) -> Any:
        """Give the first value, if there is one."""
        return next(self._values, None)


class _Prepared:
    """A compiled statement: its text by the lengths of its lists, and how to read its rows."""

    __slots__ = ("_compiled", "_expanding", "_names", "_texts", "columns", "row")

    def __init__(self, compiled: SQLCompiler | None, places: Mapping[Any, int]) -> None:
        self._compiled = compiled
        self._texts: dict[tuple[int, ...], str] = {}
        self._names: list[tuple[str, int | None, Any, Any]] = []
        self._expanding = False
        self.columns = 0
        self.row: Callable[[Any], Any] = tuple
        if compiled is None:
            return
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        processors = compiled._bind_processors  # noqa: SLF001  a processor of the value, by name
        for name in compiled.positiontup or ():
            bind = binds[name]
            place = next((places[b] for b in (bind, bind.key) if b in places), None)
            self._names.append((name, place, bind, processors.get(name)))
            self._expanding |= bind.expanding
        found = compiled._result_columns  # noqa: SLF001  names and types, in order
        self.columns = len(found)
        if found:
            self.row = _reader(compiled, found)

    def bind(self, given: Mapping[str, Any], literals: Sequence[Any]) -> tuple[str, list[Any]]:
        """Give the text, and the values in the order of its marks."""
        values: list[Any] = []
        if not self._expanding:
            for name, place, bind, processor in self._names:
                value = given[name] if name in given else _own(place, bind, literals)
                values.append(value if processor is None else processor(value))
            return self._texts.get(()) or self._text((), {}), values
        lengths: list[int] = []
        parameters: dict[str, Any] = {}
        for name, place, bind, processor in self._names:
            value = given[name] if name in given else _own(place, bind, literals)
            if not bind.expanding:
                values.append(value if processor is None else processor(value))
                continue
            items = list(value)
            if items:
                # few lengths, so few texts: the last value is said again
                items += [items[-1]] * ((1 << (len(items) - 1).bit_length()) - len(items))
            lengths.append(len(items))
            parameters[name] = items
            values += items if processor is None else map(processor, items)
        return self._text(tuple(lengths), parameters), values

    def _text(self, lengths: tuple[int, ...], parameters: dict[str, Any]) -> str:
        text = self._texts.get(lengths)
        if text is None:
            assert self._compiled is not None
            if self._expanding:
                full = {**self._compiled.construct_params(_check=False), **parameters}
                text = self._compiled._process_parameters_for_postcompile(full).statement  # noqa: SLF001
            else:
                text = self._compiled.string
            self._texts[lengths] = text
        return text


_PLAIN = _Prepared(None, {})


def _own(place: int | None, bind: Any, literals: Sequence[Any]) -> Any:
    """Give the value the statement itself holds."""
    return (bind if place is None or not literals else literals[place]).effective_value


def _prepare(
    dialect: Dialect, statement: Any, given: Mapping[str, Any]
) -> tuple[_Prepared, Sequence[Any]]:
    columns = tuple(given)
    if id(statement) in _fixed:
        key: Any = (id(statement), columns)
        literals: Sequence[Any] = ()
        cache_key = None
    else:
        cache_key = statement._generate_cache_key()  # noqa: SLF001  what SQLAlchemy compares by
        literals = () if cache_key is None else cache_key.bindparams
        key = None if cache_key is None else (cache_key.key, columns)
    prepared = None if key is None else _compiled.get(key)
    if prepared is None:
        compiled = statement.compile(
            dialect=dialect,
            column_keys=list(columns),
            # or the driver would be asked for the new row's key
            for_executemany=isinstance(statement, Insert) and not statement._returning,  # noqa: SLF001
        )
        places = {bind: place for place, bind in enumerate(literals)}
        places |= {bind.key: place for place, bind in enumerate(literals)}
        prepared = _Prepared(compiled, places)
        if key is not None:
            if len(_compiled) >= _KEPT:
                _compiled.clear()
            _compiled[key] = prepared
    return prepared, literals


def _reader(compiled: SQLCompiler, found: Sequence[Any]) -> Callable[[Any], Any]:
    """Make what turns the driver's values into a row."""
    shape = namedtuple("Row", [str(c.keyname) for c in found], rename=True)  # type: ignore[misc]  # noqa: PYI024
    make = shape._make
    readers = [
        (place, reader)
        for place, c in enumerate(found)
        if (reader := _column_reader(compiled, c.type)) is not None
    ]
    if not readers:
        return make

    def read(values: Any) -> Any:
        cells = list(values)
        for place, reader in readers:
            if cells[place] is not None:
                cells[place] = reader(cells[place])
        return make(cells)

    return read


def _column_reader(compiled: SQLCompiler, kind: Any) -> Callable[[Any], Any] | None:
    if isinstance(kind, Instant):
        return datetime.fromisoformat
    return kind._cached_result_processor(compiled.dialect, None)  # type: ignore[no-any-return]  # noqa: SLF001
