"""The rows of one entity in memory: by id, in the order of their changes, by a column's value."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from interlock.connectors.memory.storage import Row, State
from interlock.connectors.memory.tables import Table

__all__ = ["Shelf"]


def _key(value: Any) -> str | None:
    """Make what is searched for: a text in any case; of a value in parts, the parts in a row."""
    if isinstance(value, dict):
        value = " ".join(str(part) for part in value.values() if part)
    return value.casefold() if isinstance(value, str) else None


class Shelf:
    """Rows of one entity.  Rows are never changed in place, so what a reader holds stays as is."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: dict[int, Row] = {}
        self.last_number = 0
        self._numbers: list[int] = []
        self._feed: list[tuple[datetime, int]] = []
        # built for a column at the first search in it, so that plain loading stays cheap
        self._index: dict[str, dict[str, set[int]]] = {}

    def make_id(self, number: int) -> str:
        """Make the id of the record with this number."""
        return f"{self.table.prefix}-{number:07d}" if self.table.prefix else str(number)

    def row(self, record_id: str) -> Row | None:
        """Find a row by id."""
        text = record_id
        if self.table.prefix:
            head, _, text = record_id.partition("-")
            if head != self.table.prefix:
                return None
        return self.rows.get(int(text)) if text.isdecimal() and text.isascii() else None

    def put(self, row: Row) -> None:
        """Take in a new state of a row."""
        before = self.rows.get(row.number)
        self.rows[row.number] = row
        self.last_number = max(self.last_number, row.number)
        if before is None:
            if self._numbers and row.number < self._numbers[-1]:
                insort(self._numbers, row.number)
            else:
                self._numbers.append(row.number)
        entry = (row.modified, row.number)
        if self._feed and entry < self._feed[-1]:
            insort(self._feed, entry)
        else:
            self._feed.append(entry)
        if len(self._feed) > 2 * len(self.rows) + 100:
            self._feed = sorted((r.modified, r.number) for r in self.rows.values())
        for column, index in self._index.items():
            self._note(index, column, before, row)

    def changed(self, since: datetime, after: tuple[datetime, int] | None, limit: int) -> list[Row]:
        """List rows by (change time, number): from ``since``, behind ``after``; tombstones too."""
        start = bisect_left(self._feed, (since, -1))
        if after is not None:
            start = max(start, bisect_right(self._feed, after))
        found: list[Row] = []
        last = None
        for position in range(start, len(self._feed)):
            entry = self._feed[position]
            row = self.rows[entry[1]]
            # an older entry of a row changed since; it comes again at its newer place
            if row.modified == entry[0] and entry != last:
                found.append(row)
                if len(found) == limit:
                    break
            last = entry
        return found

    def listed(self, after: int, limit: int) -> list[Row]:
        """List live and archived rows by number, behind ``after``."""
        found: list[Row] = []
        for position in range(bisect_right(self._numbers, after), len(self._numbers)):
            row = self.rows[self._numbers[position]]
            if row.state in (State.LIVE, State.ARCHIVED):
                found.append(row)
                if len(found) == limit:
                    break
        return found

    def search(self, column: str, values: Iterable[str]) -> list[Row]:
        """Find live and archived rows whose column is one of these texts, whatever their case."""
        if column not in self._index:
            index: dict[str, set[int]] = {}
            for row in self.rows.values():
                self._note(index, column, None, row)
            self._index[column] = index
        index = self._index[column]
        numbers: set[int] = set()
        for value in values:
            numbers |= index.get(value.casefold(), set())
        return [self.rows[number] for number in sorted(numbers)]

    def living(self) -> Iterator[Row]:
        """Go through live and archived rows by number."""
        for number in self._numbers:
            row = self.rows[number]
            if row.state in (State.LIVE, State.ARCHIVED):
                yield row

    def _note(self, index: dict[str, set[int]], column: str, before: Row | None, row: Row) -> None:
        old = None if before is None else _key(before.cells.get(column))
        new = _key(row.cells.get(column)) if row.state in (State.LIVE, State.ARCHIVED) else None
        if old == new:
            return
        if old is not None and old in index:
            index[old].discard(row.number)
        if new is not None:
            index.setdefault(new, set()).add(row.number)
