"""Keeping to a system's rate limit before it has to refuse."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

__all__ = ["Pace"]


class Pace:
    """So many calls in any so many seconds; whoever comes too early waits his turn."""

    def __init__(
        self,
        calls: int,
        seconds: float,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._calls = calls
        self._seconds = seconds
        self._now = now
        self._sleep = sleep
        self._times: deque[float] = deque()
        self._turns = asyncio.Lock()

    async def turn(self) -> None:
        """Wait until one more call may be made, and count it."""
        async with self._turns:
            if len(self._times) >= self._calls:
                wait = self._times[0] + self._seconds - self._now()
                if wait > 0:
                    await self._sleep(wait)
                self._times.popleft()
            self._times.append(self._now())
