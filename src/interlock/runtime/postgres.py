"""The runtime on PostgreSQL: any number of workers share the lanes through Procrastinate.

A job is a lane that is to run: ``lock`` keeps two workers from running what excludes each other,
``queueing_lock`` lets a lane wait at most once.  Jobs only say that somebody should look; what is
to be done stands in the rows, so a job lost or run twice does no harm, and none is retried.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from datetime import timedelta
from importlib.metadata import version

import psycopg
from procrastinate import App, JobContext, PsycopgConnector, exceptions
from procrastinate.jobs import Status
from procrastinate.schema import SchemaManager
from sqlalchemy import make_url

from interlock.errors import StoreError
from interlock.runtime.lanes import Timetable, Work

__all__ = ["SCHEMA", "PostgresLanes"]

_log = logging.getLogger("interlock.runtime")
# it tells of every job that begins and ends
logging.getLogger("procrastinate").setLevel(logging.WARNING)

SCHEMA = "interlock_lanes"
"""Where the queue's tables lie; nothing in them is needed for longer than a job runs."""

_TURN = 0x696E746E
"""Key of the lock that workers take to make those tables."""
_LANE = "lane"
_SILENT = 3
"""Heartbeats after which a worker that did not send one counts as dead."""

_AWAY = (psycopg.OperationalError, exceptions.ConnectorException, OSError)
"""The database does not answer, for now."""


class PostgresLanes:
    """One worker.  Runs at most ``most`` lanes at a time.

    ``pace``: how often the timetable is looked at.  ``heartbeat``: how often a worker says that it
    lives; after three times that its lanes are given to others.  ``grace``: how long running lanes
    are waited for when it is told to stop; after that they are parked.
    """

    def __init__(
        self,
        url: str,
        timetable: Timetable,
        work: Work,
        *,
        most: int = 4,
        pace: timedelta = timedelta(seconds=5),
        heartbeat: timedelta = timedelta(seconds=10),
        grace: timedelta = timedelta(seconds=30),
    ) -> None:
        self.timetable, self.work = timetable, work
        self.most, self.pace, self.heartbeat, self.grace = most, pace, heartbeat, grace
        self._address = (
            make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        )
        self._app: App | None = None
        self._ended: set[int] = set()
        self._ended_before: set[int] = set()

    async def wake(self, *names: str) -> None:
        """Make lanes due at once."""
        if self._app is None:
            return
        for name in names:
            lane = self.timetable.lanes[name]
            job = self._app.configure_task(_LANE, lock=lane.lock, queueing_lock=lane.name)
            with suppress(exceptions.AlreadyEnqueued):
                await job.defer_async(name=name)

    async def tick(self) -> None:
        """Make due what the timetable says is due."""
        await self.wake(*await self.timetable.due())

    async def run(self, stop: asyncio.Event) -> None:
        """Run lanes until told to stop; a database that is away is waited for."""
        while not stop.is_set():
            try:
                await self._work_until(stop)
            except _AWAY as error:
                _log.warning("the queue cannot be reached: %s", type(error).__name__)
                with suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), self.pace.total_seconds())

    async def _work_until(self, stop: asyncio.Event) -> None:
        await _make_tables(self._address)
        app = self._make_app()
        async with app.open_async():
            self._app = app
            try:
                await self._run_worker(app, stop)
            finally:
                self._app = None

    async def _run_worker(self, app: App, stop: asyncio.Event) -> None:
        beat = self.heartbeat.total_seconds()
        worker = asyncio.create_task(
            app.run_worker_async(
                concurrency=self.most + 1,
                install_signal_handlers=False,
                delete_jobs="always",
                update_heartbeat_interval=beat,
                stalled_worker_timeout=_SILENT * beat,
                fetch_job_polling_interval=self.pace.total_seconds(),
                shutdown_graceful_timeout=self.grace.total_seconds(),
            )
        )
        beats = asyncio.create_task(self._beat())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({worker, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (stopping, beats, worker):
                task.cancel()
            await asyncio.gather(stopping, beats, return_exceptions=True)
            with suppress(asyncio.CancelledError):
                await worker

    def _make_app(self) -> App:
        app = App(
            connector=PsycopgConnector(
                conninfo=self._address,
                min_size=1,
                max_size=self.most + 4,
                kwargs={"options": f"-c search_path={SCHEMA}"},
            )
        )

        @app.task(name=_LANE, pass_context=True)
        async def _lane(context: JobContext, name: str) -> None:
            if name in self.timetable.lanes:
                await self.wake(*await self.timetable.attend(name, self.work))
            if context.job.id is not None:
                self._ended.add(context.job.id)

        # without a periodic task the library does not notice that its heartbeat broke off
        @app.periodic(cron=f"* * * * * */{min(max(int(self.heartbeat.total_seconds()), 1), 30)}")
        @app.task(name="rescue", queueing_lock="rescue")
        async def _rescue(timestamp: int) -> None:  # noqa: ARG001  Procrastinate passes it
            await self.rescue()

        return app

    async def _beat(self) -> None:
        """Look at the timetable, and after jobs that ended unnoted, again and again."""
        while True:
            try:
                await self.tick()
                await self._free()
            except Exception as error:  # noqa: BLE001  a store that is away for a moment
                _log.warning("cannot look at the timetable: %s", type(error).__name__)
            await asyncio.sleep(self.pace.total_seconds())

    async def _free(self) -> None:
        """End jobs of this worker whose end the database did not hear of: they hold a lock."""
        ended, self._ended = self._ended, set()
        if self._app is None or not ended:
            return
        manager = self._app.job_manager
        doing = await manager.list_jobs_async(task=_LANE, status=Status.DOING.value)
        left = {job.id for job in doing if job.id is not None} & ended
        for job_id in left & self._ended_before:
            await manager.finish_job_by_id_async(job_id, Status.FAILED, delete_job=True)
        # whoever is seen for the first time may just be about to be noted
        self._ended_before = left - self._ended_before
        self._ended |= self._ended_before

    async def rescue(self) -> int:
        """Give the lanes of workers that died to others; returns how many."""
        if self._app is None:
            return 0
        manager = self._app.job_manager
        silent = _SILENT * self.heartbeat.total_seconds()
        stalled = list(await manager.get_stalled_jobs(seconds_since_heartbeat=silent))
        for job in stalled:
            assert job.id is not None
            _log.warning("lane %s: its worker died; it is run again", job.queueing_lock)
            try:
                await manager.retry_job(job)
            except exceptions.ConnectorException:
                # it waits already, or another worker was quicker
                with suppress(exceptions.ConnectorException):
                    await manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)
        return len(stalled)


async def _make_tables(address: str) -> None:
    """Make the queue's tables, anew when they are of an older version of Procrastinate."""
    mine = version("procrastinate")
    async with await psycopg.AsyncConnection.connect(address, autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", [_TURN])
        found = await connection.execute(
            "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s",
            [SCHEMA],
        )
        row = await found.fetchone()
        theirs = row[0] if row is not None else None
        if theirs == mine:
            return
        if theirs is not None and _order(theirs) > _order(mine):
            raise StoreError(
                f"workers with Procrastinate {theirs} run here, this one has {mine}",
                fix="install the same version of Interlock on all hosts",
            )
        async with connection.transaction():
            # only what is waiting to be run lies here: nothing that must be kept
            await connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
            await connection.execute(f"CREATE SCHEMA {SCHEMA}")
            await connection.execute(f"SET LOCAL search_path TO {SCHEMA}")
            await connection.execute(SchemaManager.get_schema())
            await connection.execute(f"COMMENT ON SCHEMA {SCHEMA} IS '{mine}'")


def _order(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.split(".") if part.isdigit())
