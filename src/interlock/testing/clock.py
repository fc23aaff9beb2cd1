"""A clock that moves only when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["VirtualClock"]


class VirtualClock:
    """Call it for the time; several parties may share one."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 9, tzinfo=UTC)) -> None:
        self.time = start

    def __call__(self) -> datetime:
        """Tell the time."""
        return self.time

    def advance(self, by: timedelta | float) -> None:
        """Move on; a number is seconds."""
        self.time += by if isinstance(by, timedelta) else timedelta(seconds=by)
