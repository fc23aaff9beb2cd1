"""The embedded runtime: all lanes in one process, on one event loop."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Any

from interlock.runtime.lanes import Timetable, Work

__all__ = ["Embedded"]

_log = logging.getLogger("interlock.runtime")


class Embedded:
    """Runs at most ``most`` lanes at a time.

    ``pace``: how often the timetable is looked at.  ``grace``: how long running lanes are waited
    for when it is told to stop; after that they are parked.
    """

    def __init__(
        self,
        timetable: Timetable,
        work: Work,
        *,
        most: int = 4,
        pace: timedelta = timedelta(seconds=1),
        grace: timedelta = timedelta(seconds=30),
    ) -> None:
        self.timetable, self.work = timetable, work
        self.most, self.pace, self.grace = most, pace, grace
        self._waiting: dict[str, None] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._news = asyncio.Event()

    async def wake(self, *names: str) -> None:
        """Make lanes due at once."""
        self._waiting.update(dict.fromkeys(names))
        self._news.set()

    async def tick(self) -> None:
        """Make due what the timetable says is due."""
        due = await self.timetable.due()
        # what runs now is noted as begun; a lane asked for while it runs is due again after it
        await self.wake(*due)

    async def run(self, stop: asyncio.Event) -> None:
        """Run lanes until told to stop."""
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                await self._tick()
                self._start()
                await self._pause(stopping)
        finally:
            stopping.cancel()
            await self._wind_up()

    async def _tick(self) -> None:
        try:
            await self.tick()
        except Exception as error:  # noqa: BLE001  a store that is away for a moment
            _log.warning("cannot look at the timetable: %s", type(error).__name__)

    def _start(self) -> None:
        """Start what waits and may run beside what runs."""
        self._news.clear()
        lanes = self.timetable.lanes
        locked = {lanes[name].lock for name in self._running}
        for name in list(self._waiting):
            if len(self._running) >= self.most:
                return
            if lanes[name].lock not in locked:
                del self._waiting[name]
                locked.add(lanes[name].lock)
                self._running[name] = asyncio.create_task(self._run(name), name=f"lane {name}")

    async def _run(self, name: str) -> None:
        try:
            await self.wake(*await self.timetable.attend(name, self.work))
        finally:
            del self._running[name]
            self._news.set()

    async def _pause(self, stopping: asyncio.Task[Any]) -> None:
        """Until there is news, the timetable is to be looked at, or it is told to stop."""
        news: asyncio.Task[Any] = asyncio.create_task(self._news.wait())
        try:
            await asyncio.wait(
                {news, stopping},
                timeout=self.pace.total_seconds(),
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            news.cancel()

    async def _wind_up(self) -> None:
        """Wait for what runs, then park it."""
        tasks = list(self._running.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self.grace.total_seconds())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
