"""How many calls a token may make: in ten seconds, and searches in one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

__all__ = ["Window"]


class Window:
    """Calls counted over the last while."""

    def __init__(self, clock: Callable[[], datetime], limit: int, seconds: int) -> None:
        self.clock = clock
        self.limit = limit
        self.span = timedelta(seconds=seconds)
        self._times: deque[datetime] = deque()

    @property
    def left(self) -> int:
        """Tell how many more calls may be made now."""
        oldest = self.clock() - self.span
        while self._times and self._times[0] <= oldest:
            self._times.popleft()
        return max(self.limit - len(self._times), 0)

    def take(self) -> bool:
        """Count a call; false when it is one too many."""
        if not self.left:
            return False
        self._times.append(self.clock())
        return True
