"""What changed since, by search: never further into a search than its first page.

A search reaches 10,000 results, sorts by one property and pages by position, so that rows which
change meanwhile push others past the reader.  So each page is a search of its own, from the last
time seen on; a time that fills a whole page (an import) is read to its end by ids, which never
change.  The cap is never met, however many records one window holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from interlock.connectors.hubspot.reading import LINE, Reader, Row, stamp
from interlock.connectors.kit import Window

__all__ = ["Feed"]

_STEP: Final = timedelta(milliseconds=1)
_FIRST: Final = "0"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Feed:
    """Pages of one entity's changes.

    In the cursor, ``at_modified`` is the time the next page begins at; with ``at_id`` it is a time
    that is being read to its end, behind that id.
    """

    def __init__(self, reader: Reader, page_size: int) -> None:
        self._reader = reader
        self._size = page_size

    async def page(self, entity: str, window: Window) -> tuple[list[Row], Window | None]:
        """Read the next page, and where to go on; ``None`` when nothing is waiting."""
        modified = self._reader.modified(entity)
        start = window.at_modified or window.since
        if window.at_id:
            conditions = [
                _condition(modified, "GTE", _milliseconds(start)),
                _condition(modified, "LTE", _milliseconds(start)),
                _condition("hs_object_id", "GT", window.at_id),
            ]
            rows = await self._reader.search(entity, [conditions], "hs_object_id", self._size)
            if len(rows) < self._size:
                return rows, window.after(start + _STEP, "")
            return rows, window.after(start, rows[-1]["id"])
        conditions = [_condition(modified, "GTE", _milliseconds(start))]
        rows = await self._reader.search(entity, [conditions], modified, self._size)
        if len(rows) < self._size:
            return rows, None
        last = stamp(rows[-1][modified])
        alike = last <= stamp(rows[0][modified])
        return rows, window.after(last, _FIRST if alike else "")

    async def with_changed_lines(self, entity: str, kind: str, since: datetime) -> list[Row]:
        """Read the records whose line items changed; nobody says that this changes them, too."""
        window: Window | None = Window(since=since)
        lines: dict[str, None] = {}
        while window is not None:
            rows, window = await self.page(LINE, window)
            lines |= dict.fromkeys(row["id"] for row in rows)
        ends = await self._reader.ties.ends("line_items", kind, list(lines))
        owners = dict.fromkeys(key for keys in ends.values() for key in keys)
        return await self._reader.live(entity, list(owners))


def _condition(name: str, operator: str, value: str) -> Mapping[str, Any]:
    return {"propertyName": name, "operator": operator, "value": value}


def _milliseconds(moment: datetime) -> str:
    """Count from 1970, down: what is in doubt is read again."""
    return str((moment - _EPOCH) // _STEP)
