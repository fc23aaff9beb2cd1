"""What a twin stores: rows with all their versions, so that late commits and lags are real.

Every version of a row says when it becomes visible.  A reader asks *as of* a time: now, or a little
ago where a search index lags.  A change that commits late carries the stamp of its beginning and
becomes visible at its end, as a long transaction does in a real system.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

__all__ = ["Row", "Storage"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Version:
    visible: datetime
    values: Row


class Storage:
    """Tables of rows, kept in memory; not safe for several threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self._tables: dict[str, dict[str, list[_Version]]] = {}
        self._indexes: dict[tuple[str, str], dict[Any, set[str]]] = {}
        self._delay = timedelta(0)
        self._undo: list[tuple[str, str, list[_Version]]] | None = None

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    @property
    def tables(self) -> list[str]:
        """Name the tables that have ever held a row."""
        return sorted(self._tables)

    def get(self, table: str, key: str, as_of: datetime | None = None) -> Row | None:
        """Read one row as it is visible now, or was at ``as_of``."""
        versions = self._tables.get(table, {}).get(key)
        return _visible(versions, as_of or self.clock()) if versions else None

    def rows(self, table: str, as_of: datetime | None = None) -> Iterator[Row]:
        """Read all rows visible now, or at ``as_of``, in the order they were made."""
        at = as_of or self.clock()
        for versions in self._tables.get(table, {}).values():
            row = _visible(versions, at)
            if row is not None:
                yield row

    def find(self, table: str, column: str, value: Any, *, pending: bool = False) -> list[Row]:
        """Find rows by the value of a column that ``index`` was called for.

        ``pending``: look at changes that are not visible yet, too, as a unique index does.
        """
        now, want = self.clock(), _folded(value)
        found = []
        for key in sorted(self._indexes[table, column].get(want, ())):
            versions = self._tables[table].get(key)
            if not versions:
                continue
            row = versions[-1].values if pending else _visible(versions, now)
            if row is not None and _folded(row.get(column)) == want:
                found.append(row)
        return found

    def is_pending(self, table: str, key: str) -> bool:
        """Say whether a change of this row is not visible yet: another transaction holds it."""
        versions = self._tables.get(table, {}).get(key)
        return versions is not None and versions[-1].visible > self.clock()

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def index(self, table: str, column: str) -> None:
        """Keep an index of a column; repeating it changes nothing."""
        if (table, column) in self._indexes:
            return
        entries = self._indexes[table, column] = {}
        for key, versions in self._tables.get(table, {}).items():
            for version in versions:
                entries.setdefault(_folded(version.values.get(column)), set()).add(key)

    def put(self, table: str, key: str, values: Row) -> None:
        """Write a row; visible at once, or later inside ``delayed``."""
        versions = self._tables.setdefault(table, {}).setdefault(key, [])
        if self._undo is not None:
            self._undo.append((table, key, list(versions)))
        version = _Version(self.clock() + self._delay, MappingProxyType(dict(values)))
        insort(versions, version, key=lambda one: one.visible)
        for (name, column), entries in self._indexes.items():
            # an entry of an older version stays: find() looks at the row itself
            if name == table and values.get(column) is not None:
                entries.setdefault(_folded(values[column]), set()).add(key)

    def drop(self, table: str, key: str) -> None:
        """Remove a row with all its versions."""
        versions = self._tables.get(table, {}).pop(key, None)
        if versions is not None and self._undo is not None:
            self._undo.append((table, key, versions))

    def commit(self) -> int:
        """Make all changes visible that are not yet; returns how many rows that were."""
        now, count = self.clock(), 0
        for rows in self._tables.values():
            for versions in rows.values():
                if versions[-1].visible > now:
                    versions[:] = [_Version(min(v.visible, now), v.values) for v in versions]
                    count += 1
        return count

    @contextmanager
    def delayed(self, by: timedelta) -> Iterator[None]:
        """Let what is written inside become visible later."""
        before, self._delay = self._delay, by
        try:
            yield
        finally:
            self._delay = before

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Take everything back when the block raises; an inner one takes back its own part."""
        outer, self._undo = self._undo, []
        try:
            yield
        except BaseException:
            for table, key, versions in reversed(self._undo):
                if versions:
                    self._tables[table][key] = versions
                else:
                    self._tables[table].pop(key, None)
            self._undo = outer
            raise
        if outer is not None:
            outer.extend(self._undo)
        self._undo = outer


def _visible(versions: list[_Version], at: datetime) -> Row | None:
    for version in reversed(versions):
        if version.visible <= at:
            return version.values
    return None


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
