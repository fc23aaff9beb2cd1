"""A twin's time: the real one, which can be moved on or stood still."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["TwinClock"]


class TwinClock:
    """Call it for the time.  It runs with the real one until it is set or moved."""

    def __init__(self, at: datetime | None = None) -> None:
        """``at``: stand still at this time from the start."""
        self._fixed = at
        self._ahead = timedelta(0)

    def __call__(self) -> datetime:
        """Tell the time."""
        return self._fixed or datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        """Move on; also back, as a wrongly set clock would."""
        if self._fixed is None:
            self._ahead += by
        else:
            self._fixed += by

    def stand(self, at: datetime) -> None:
        """Stand still at a time."""
        self._fixed = at

    def run(self) -> None:
        """Run with the real time again."""
        self._fixed, self._ahead = None, timedelta(0)
