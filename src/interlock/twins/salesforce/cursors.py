"""Pages of query results: what ``nextRecordsUrl`` leads to."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from interlock.twins.salesforce.ids import IdMaker
from interlock.twins.salesforce.query import Found
from interlock.twins.salesforce.refusals import Refused

__all__ = ["Cursors"]

_SMALLEST: Final = 200
_LARGEST: Final = 2000
_IDLE: Final = timedelta(minutes=15)
_OPTION: Final = re.compile(r"batchSize\s*=\s*(\d+)", re.IGNORECASE)


@dataclass(slots=True)
class _Cursor:
    found: Found
    size: int
    used: datetime


class Cursors:
    """Open results of queries.  They end after a quarter of an hour without use.

    ``page``: rows a page whatever the caller asks, for tests that want many pages of few rows.
    """

    def __init__(self, clock: Callable[[], datetime], ids: IdMaker) -> None:
        self.page: int | None = None
        self._clock = clock
        self._ids = ids
        self._open: dict[str, _Cursor] = {}

    def first(self, found: Found, options: str, base: str) -> dict[str, Any]:
        """Give the first page; ``options``: the header ``Sforce-Query-Options``."""
        asked = _OPTION.search(options)
        size = min(max(int(asked[1]), _SMALLEST), _LARGEST) if asked else _LARGEST
        size = self.page or size
        if len(found.records) <= size:
            return {"totalSize": found.size, "done": True, "records": found.records}
        key = self._ids.make("01g")
        self._open[key] = _Cursor(found, size, self._clock())
        return self._page(key, 0, base)

    def next(self, locator: str, base: str) -> dict[str, Any]:
        """Give a later page."""
        key, _, start = locator.rpartition("-")
        cursor = self._open.get(key)
        if cursor is None or not start.isdigit() or self._clock() - cursor.used > _IDLE:
            self._open.pop(key, None)
            raise Refused("INVALID_QUERY_LOCATOR", "invalid query locator")
        cursor.used = self._clock()
        return self._page(key, int(start), base)

    def _page(self, key: str, start: int, base: str) -> dict[str, Any]:
        cursor = self._open[key]
        end = start + cursor.size
        page: dict[str, Any] = {"totalSize": cursor.found.size, "done": True}
        if end < len(cursor.found.records):
            page |= {"done": False, "nextRecordsUrl": f"{base}/query/{key}-{end}"}
        return {**page, "records": cursor.found.records[start:end]}
