"""Reading a whole list by limit and offset while rows come and go.

The lists have a stable order but no cursor: a row deleted before the offset pulls the rest forward,
and the next page would skip one.  Each page therefore overlaps the one before; a page without a row
of those before it is read again from further ahead.  At the end the rows seen are held against the
number the list claims, for lists whose order has ties, and a shortfall is read again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Any, TypeAlias

import msgspec

from interlock.connectors.bottlecrm.places import Resource
from interlock.errors import TransientError

__all__ = ["ListReader", "Position"]

_OVERLAP = 1
_ROUNDS = 3
"""How often a list that does not add up is read before it is given up."""

Row: TypeAlias = Mapping[str, Any]
Fetch: TypeAlias = Callable[[Mapping[str, str | int]], Awaitable[Mapping[str, Any]]]


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Where a reading stands; ``run`` ties it to what the reader remembers.

    ``number`` counts the passes over the list, ``step`` the pages.
    """

    run: int
    number: int = 0
    step: int = 0
    offset: int = 0

    def save(self) -> str:
        """Give the text to keep as a cursor."""
        return msgspec.json.encode(self).decode()


class ListReader:
    """Reads one entity's list page by page; remembers the ids seen, in memory only.

    A position it does not know (of a process that has ended) starts from the beginning.
    """

    def __init__(self, resource: Resource, page_size: int, fetch: Fetch) -> None:
        self._resource = resource
        self._size = page_size
        self._fetch = fetch
        self._runs = count(1)
        self._start()

    def _start(self) -> Position:
        self._run = next(self._runs)
        self._given: dict[str, int] = {}  # id -> step it was first given out at
        self._number = 0
        self._reached: dict[str, int] = {}  # the same, of the present pass
        self._totals: dict[int, int] = {}
        return Position(run=self._run)

    async def read(self, cursor: str | None) -> tuple[list[Row], Position | None]:
        """Read the page at ``cursor``: rows not given out before, and where to go on, if at all.

        Reading at the same cursor again gives the same rows again.
        """
        position = None if cursor is None else msgspec.json.decode(cursor.encode(), type=Position)
        if position is None or position.run != self._run:
            position = self._start()
        if position.number != self._number:
            self._number, self._reached = position.number, {}
        index = position.number % len(self._resource.passes)
        rows, total, offset, last = await self._page(index, position)
        # Rows added while reading are not missing: the smaller number is what must be there.
        known = total if position.offset == 0 else self._totals.get(index, total)
        self._totals[index] = min(known, total)
        step = position.step
        fresh = [row for row in rows if self._given.setdefault(str(row["id"]), step) == step]
        for row in rows:
            self._reached.setdefault(str(row["id"]), step)
        end = offset + len(rows)
        if rows and end < total and not last:
            return fresh, msgspec.structs.replace(position, step=step + 1, offset=end - _OVERLAP)
        return fresh, self._after_pass(position)

    async def _page(self, index: int, at: Position) -> tuple[list[Row], int, int, bool]:
        """Read a page that joins on to those before it; steps back until one does.

        Gives its rows, the list's claimed length, the page's offset and whether nothing follows.
        """
        offset, last = at.offset, False
        while True:
            page = {"limit": self._size, "offset": offset}
            answer = await self._fetch({**self._resource.passes[index], **page})
            rows, total = self._resource.rows_of(answer), self._resource.count_of(answer)
            if offset == 0 or any(
                self._reached.get(str(row["id"]), at.step) < at.step for row in rows
            ):
                return rows, total, offset, last
            offset, last = max(0, offset - self._size), not rows

    def _after_pass(self, position: Position) -> Position | None:
        following = msgspec.structs.replace(
            position, number=position.number + 1, step=position.step + 1, offset=0
        )
        if following.number % len(self._resource.passes):
            return following
        missing = sum(self._totals.values()) - len(self._given)
        if missing <= 0:
            return None
        if following.number >= _ROUNDS * len(self._resource.passes):
            raise TransientError(
                f"{self._resource.path} claims {missing} records more than it lists",
                code="incomplete_list",
                fix="try again when fewer people work in the system",
            )
        return following
