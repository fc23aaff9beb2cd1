"""Serving: an installation's lanes run until somebody stops them.

``Service`` holds what a process needs; what its lanes do stands in ``lanework``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from interlock.governance.rules import Side
from interlock.project.load import Project
from interlock.runtime.cadence import Part, make_lanes, parts_of
from interlock.runtime.embedded import Embedded
from interlock.runtime.lanes import Lane, Lanes, Timetable, Work
from interlock.service.lanework import LaneRun, LaneWork
from interlock.service.running import schedules_of
from interlock.service.session import Session, connect
from interlock.store.occupancy import occupied

__all__ = ["HELPERS", "Service", "open_service", "timetable_of"]

HELPERS = 4
"""Lanes that help to deliver, where several workers may share the work."""


class MakeLanes(Protocol):
    """Makes the runtime of a service."""

    def __call__(self, timetable: Timetable, work: Work, *, grace: timedelta) -> Lanes:
        """Put timetable and work together."""
        ...


@dataclass
class Service:
    """A running installation.

    ``stop`` begins to end it.  ``wake`` makes what was heard of a record due at once.
    """

    session: Session
    lanes: Lanes
    parts: dict[str, Part]
    work: LaneWork
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    _begun: bool = False

    async def run(self) -> None:
        """Run lanes until told to stop."""
        drain = asyncio.ensure_future(self._drain())
        self._begun = True
        try:
            await self.lanes.run(self.stop)
        finally:
            self._begun = False
            drain.cancel()

    async def _drain(self) -> None:
        await self.stop.wait()
        self.work.drain()

    def ready(self) -> bool:
        """Say whether it takes work."""
        return self._begun and not self.stop.is_set()

    async def wake(self, side: Side, entity: str) -> None:
        """Observe an entity of a side now, and settle what comes of it."""
        await self.lanes.wake(
            *(
                name
                for name, part in self.parts.items()
                if part.side is side and entity in part.entities and not part.full
            )
        )


def timetable_of(session: Session, *, helpers: int = 0) -> tuple[dict[str, Lane], dict[str, Part]]:
    """The lanes of an installation, and what those that observe look at."""
    parts = parts_of({side: session.pair.observed(side) for side in Side})
    lanes = make_lanes(parts, schedules_of(session.project.schedules), helpers=helpers)
    return lanes, parts


def _ignore(_: LaneRun) -> None:
    """Nobody wants to know."""


@asynccontextmanager
async def open_service(
    project: Project,
    *,
    on_run: Callable[[LaneRun], None] = _ignore,
    grace: timedelta = timedelta(seconds=30),
    make: MakeLanes | None = None,
    **connecting: Any,
) -> AsyncIterator[Service]:
    """Open the project for as long as it is served.

    ``on_run`` is told of every run of a lane.  On PostgreSQL any number of processes share the
    work; an SQLite store has one at a time, or ``StoreError``.  ``connecting``: as of ``connect``.
    """
    on_postgres = project.store_url.startswith("postgresql")
    async with AsyncExitStack() as stack:
        stack.enter_context(occupied(project.store_url, shared=on_postgres))
        session = await stack.enter_async_context(connect(project, **connecting))
        helpers = HELPERS if on_postgres else 0
        lanes, parts = timetable_of(session, helpers=helpers)
        timetable = Timetable(session.store, lanes, session.pair.clock)
        work = LaneWork(session, parts, helpers=helpers, on_run=on_run)
        make = make or (_postgres(project.store_url) if on_postgres else Embedded)
        runtime = make(timetable, work, grace=grace)
        work.wake = runtime.wake
        yield Service(session, runtime, parts, work)


def _postgres(url: str) -> MakeLanes:
    from interlock.runtime.postgres import PostgresLanes

    def _make(timetable: Timetable, work: Work, *, grace: timedelta) -> Lanes:
        return PostgresLanes(url, timetable, work, grace=grace)

    return _make
