"""Lanes: the few kinds of work of an installation, who may run which beside which, and when.

All durable state is in the store, so a runtime only decides who runs which lane when.  A lane that
is run once too often does no harm; one that is not run is run at its next time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from interlock.runtime.schedule import Schedule
from interlock.store import lanes as rows
from interlock.store.database import Store, Tx

__all__ = ["Call", "Lane", "Lanes", "Timetable", "Work"]

_log = logging.getLogger("interlock.runtime")

RETRY = timedelta(minutes=1)
"""Until a lane that broke is run again."""
FORSAKEN = timedelta(minutes=15)
"""A run that has not ended after this time may have died unseen; the lane is run once more."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane.

    Lanes with the same ``lock`` never run at the same time.  Without a ``schedule`` it runs only
    when it is asked for.  ``at_once``: a lane that never ran is due now, not at its next time.
    """

    name: str
    lock: str
    schedule: Schedule | None = None
    at_once: bool = True


@dataclass(frozen=True, slots=True)
class Call:
    """Ask for a run of a lane, now or at an instant."""

    lane: str
    at: datetime | None = None


Work = Callable[[str], Awaitable[Sequence[Call]]]
"""Runs a lane by name; gives the runs that should follow."""


class Lanes(Protocol):
    """The port of a runtime.

    A lane waits at most once, however often it is woken; woken while it runs, it runs again.
    """

    async def wake(self, *names: str) -> None:
        """Make lanes due at once."""
        ...

    async def tick(self) -> None:
        """Make due what the timetable says is due."""
        ...

    async def run(self, stop: asyncio.Event) -> None:
        """Run lanes until told to stop; what then still runs is waited for, and at last parked."""
        ...


@dataclass
class Timetable:
    """Which lanes there are and when each is due, kept in the store."""

    store: Store
    lanes: Mapping[str, Lane]
    clock: Callable[[], datetime]
    running: set[str] = field(default_factory=set)
    """Lanes this process runs now."""

    async def due(self) -> list[str]:
        """Names of the lanes that should run now; one that was missed often is due once."""
        return await self.store.call(self._due)

    def _due(self, tx: Tx) -> list[str]:
        now = self.clock()
        known = rows.everything(tx)
        due = []
        for lane in self.lanes.values():
            row = known.get(lane.name)
            if row is None and not lane.at_once:
                # its first time is the next one
                rows.begin(tx, lane.name, now)
                rows.end(tx, lane.name, now)
            elif self.is_due(lane, row, now):
                due.append(lane.name)
        return due

    def is_due(self, lane: Lane, row: rows.LaneRow | None, now: datetime) -> bool:
        """Say whether a lane should run now."""
        if row is None or row.started_at is None:
            asked = row is not None and row.due_at is not None and row.due_at <= now
            return lane.schedule is not None or asked
        if row.due_at is not None and row.due_at <= now:
            return True
        ended = row.ended_at is not None and row.ended_at >= row.started_at
        if not ended and lane.name not in self.running and row.started_at + FORSAKEN <= now:
            return True
        return lane.schedule is not None and lane.schedule.next_after(row.started_at) <= now

    async def attend(self, name: str, work: Work) -> list[str]:
        """Run a lane's work and note what came of it; returns the lanes to wake now.

        Whatever goes wrong ends here: the lane is run again later, the others go on.
        """
        self.running.add(name)
        try:
            await self.store.call(rows.begin, name, self.clock())
            calls = await work(name)
            await self.store.call(self._ended, name, calls)
        except asyncio.CancelledError:
            await self._broken(name, "parked when the service stopped", timedelta(0))
            raise
        except Exception as error:  # noqa: BLE001  one lane's failure must not end the others
            _log.error("lane %s broke: %s", name, type(error).__name__, exc_info=error)
            await self._broken(name, f"unexpected {type(error).__name__}", RETRY)
            return []
        finally:
            self.running.discard(name)
        return [call.lane for call in calls if call.at is None]

    def _ended(self, tx: Tx, name: str, calls: Sequence[Call]) -> None:
        rows.end(tx, name, self.clock())
        for call in calls:
            if call.at is not None:
                rows.call(tx, call.lane, call.at)

    async def _broken(self, name: str, problem: str, after: timedelta) -> None:
        def _note(tx: Tx) -> None:
            now = self.clock()
            rows.end(tx, name, now, problem)
            rows.call(tx, name, now + after)

        try:
            await self.store.call(_note)
        except Exception as error:  # noqa: BLE001  a store that is away is why it broke
            _log.warning("lane %s: not noted that it broke: %s", name, type(error).__name__)
