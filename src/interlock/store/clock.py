"""The store's clock: hosts that share a store must agree on the time, whatever theirs says.

Leases, and how long a call may still take effect, are compared between hosts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["StoreClock"]

_STEP = timedelta(seconds=1)
_EASE = timedelta(milliseconds=1)


def _here() -> datetime:
    return datetime.now(UTC)


class StoreClock:
    """This machine's clock, put right by what the database server says.

    Its answers are always a little old when they arrive, so the one least late counts; a clock
    that was set is followed at once.
    """

    def __init__(self, here: Callable[[], datetime] = _here) -> None:
        self.here = here
        self._offset: timedelta | None = None

    def __call__(self) -> datetime:
        """Now, in UTC."""
        return self.here() + (self._offset or timedelta(0))

    def hear(self, there: datetime) -> None:
        """Take note of what the server's clock showed a moment ago."""
        heard = there - self.here()
        if self._offset is None or abs(heard - self._offset) > _STEP:
            self._offset = heard
        else:
            self._offset = max(heard, self._offset - _EASE)
