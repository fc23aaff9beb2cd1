"""What was asked of a twin: every call, counted by what it was, and the day's quota."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import msgspec

__all__ = ["Quota", "RequestLog", "Requested"]

_KEPT: Final = 20_000
_DAY: Final = timedelta(days=1)


class Requested(msgspec.Struct, kw_only=True):
    """One call.  Headers are not kept, and no body of a sign-in: they hold credentials."""

    number: int = 0
    at: datetime
    method: str
    path: str
    query: dict[str, str]
    body: str
    status: int | None = None
    """``None`` where the connection broke."""
    faults: list[str] = []


class RequestLog:
    """The latest calls, and how many there were of each kind since the last reset."""

    def __init__(self) -> None:
        self._entries: deque[Requested] = deque(maxlen=_KEPT)
        self._number = 0
        self.total = 0
        self.kinds: Counter[str] = Counter()

    def add(self, entry: Requested, kind: str) -> None:
        """Keep a call and number it; ``kind``: what to count it as, the path without ids."""
        self._number += 1
        entry.number = self._number
        self.total += 1
        self.kinds[kind] += 1
        self._entries.append(entry)

    def entries(self, since: int = 0) -> list[Requested]:
        """List the calls after number ``since``."""
        return [entry for entry in self._entries if entry.number > since]

    def reset(self) -> None:
        """Forget the calls and count from nothing; numbers go on."""
        self._entries.clear()
        self.total = 0
        self.kinds.clear()


class Quota:
    """Calls allowed in any 24 hours; ``others``: what other integrations have used of them."""

    def __init__(self, clock: Callable[[], datetime], limit: int) -> None:
        self.clock = clock
        self.limit = limit
        self.others = 0
        self._times: deque[datetime] = deque()

    @property
    def used(self) -> int:
        """Count the calls of the last 24 hours, everybody's."""
        oldest = self.clock() - _DAY
        while self._times and self._times[0] <= oldest:
            self._times.popleft()
        return len(self._times) + self.others

    @property
    def reached(self) -> bool:
        """Say whether nothing is left."""
        return self.used >= self.limit

    def take(self) -> None:
        """Count one call."""
        self._times.append(self.clock())
