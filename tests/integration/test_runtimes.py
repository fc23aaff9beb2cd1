"""What both runtimes promise: the same tests on the embedded one and on PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from interlock.model import Schema
from interlock.runtime.embedded import Embedded
from interlock.runtime.lanes import RETRY, Call, Lane, Lanes, Timetable
from interlock.runtime.postgres import SCHEMA, PostgresLanes
from interlock.runtime.schedule import Every
from interlock.store import lanes as rows
from interlock.store.database import Store

MINUTE = Every(timedelta(minutes=1))
PACE = timedelta(milliseconds=100)


@dataclass
class Bench:
    """A runtime with lanes of one's own, whose work is told and steered."""

    store: Store
    postgres: str | None
    now: datetime = datetime(2026, 3, 2, 9, tzinfo=UTC)
    ran: list[str] = field(default_factory=list)
    together: set[frozenset[str]] = field(default_factory=set)
    acts: dict[str, Callable[[], Awaitable[Sequence[Call] | None]]] = field(default_factory=dict)
    grace: timedelta = timedelta(seconds=30)
    starts: Iterator[int] = field(default_factory=itertools.count)
    _now: set[str] = field(default_factory=set)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def make(self, *lanes: Lane) -> Lanes:
        timetable = Timetable(self.store, {lane.name: lane for lane in lanes}, lambda: self.now)
        if self.postgres is None:
            return Embedded(timetable, self._work, pace=PACE, grace=self.grace)
        return PostgresLanes(
            self.postgres, timetable, self._work,
            pace=PACE, heartbeat=timedelta(seconds=1), grace=self.grace,
        )  # fmt: skip

    async def _work(self, name: str) -> Sequence[Call]:
        self.ran.append(name)
        self._now.add(name)
        self.together.add(frozenset(self._now))
        self._news.set()
        try:
            act = self.acts.get(name)
            return (await act() if act else None) or []
        finally:
            self._now.discard(name)

    async def until(self, *ran: str) -> None:
        """Wait until lanes have run, in any order but as often as named."""
        async with asyncio.timeout(30):
            while any(self.ran.count(name) < ran.count(name) for name in ran):
                self._news.clear()
                await self._news.wait()

    @asynccontextmanager
    async def running(self, *lanes: Lane) -> AsyncIterator[Lanes]:
        # one that never ran is due at once: then it is ready
        ready = f"ready {next(self.starts)}"
        runtime = self.make(*lanes, Lane(ready, ready, MINUTE))
        stop = asyncio.Event()
        task = asyncio.create_task(runtime.run(stop))
        self.stop, self.task = stop, task
        await self.until(ready)
        try:
            yield runtime
        finally:
            stop.set()
            await task
            self.ran = [name for name in self.ran if name != ready]


@pytest.fixture(params=["embedded", pytest.param("postgres", marks=pytest.mark.postgres)])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    if request.param == "embedded":
        store = Store.open(f"sqlite:///{tmp_path / 'store.db'}", Schema())
        yield Bench(store, None)
        store.close()
        return
    url = request.getfixturevalue("migrated_database")
    store = Store.open(url, Schema())
    yield Bench(store, url)
    with psycopg.connect(make_url(url).render_as_string(hide_password=False)) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
        connection.execute("TRUNCATE lane")
    store.close()


def blocking(bench: Bench, name: str) -> tuple[asyncio.Event, asyncio.Event]:
    """Let a lane run until told: (it has begun, it may end)."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def _act() -> None:
        begun.set()
        await may_end.wait()

    bench.acts[name] = _act
    return begun, may_end


async def test_what_never_ran_is_run(bench: Bench) -> None:
    async with bench.running(Lane("a", "a", MINUTE), Lane("b", "b")):
        await bench.until("a")
    assert bench.ran == ["a"]


async def test_what_is_woken_is_run(bench: Bench) -> None:
    async with bench.running(Lane("a", "a")) as lanes:
        await lanes.wake("a")
        await bench.until("a")


async def test_a_lane_waits_at_most_once(bench: Bench) -> None:
    begun, may_end = blocking(bench, "a")
    async with bench.running(Lane("a", "one"), Lane("last", "one")) as lanes:
        await lanes.wake("a")
        await begun.wait()
        for _ in range(3):
            await lanes.wake("a")
        await lanes.wake("last")
        may_end.set()
        await bench.until("a", "a", "last")
    assert bench.ran == ["a", "a", "last"]


async def test_lanes_of_one_lock_never_run_together(bench: Bench) -> None:
    begun, may_end = blocking(bench, "a")
    async with bench.running(Lane("a", "one"), Lane("b", "one"), Lane("c", "two")) as lanes:
        await lanes.wake("a")
        await begun.wait()
        await lanes.wake("b", "c")
        await bench.until("c")
        may_end.set()
        await bench.until("b")
    assert frozenset({"a", "c"}) in bench.together
    assert frozenset({"a", "b"}) not in bench.together


async def test_what_breaks_stops_nothing_else_and_is_run_again(bench: Bench) -> None:
    async def _break() -> None:
        raise RuntimeError("broken")

    bench.acts["a"] = _break
    async with bench.running(Lane("a", "a"), Lane("b", "b")) as lanes:
        await lanes.wake("a", "b")
        await bench.until("a", "b")
    assert "RuntimeError" in bench.store.run(rows.everything)["a"].problem
    del bench.acts["a"]
    bench.now += RETRY
    async with bench.running(Lane("a", "a"), Lane("b", "b")):
        await bench.until("a", "a")


async def test_what_follows_is_woken(bench: Bench) -> None:
    async def _act() -> list[Call]:
        return [Call("b")]

    bench.acts["a"] = _act
    async with bench.running(Lane("a", "a"), Lane("b", "b")) as lanes:
        await lanes.wake("a")
        await bench.until("a", "b")


async def test_a_later_call_waits_for_its_time(bench: Bench) -> None:
    async def _act() -> list[Call]:
        return [Call("b", bench.now + timedelta(hours=1))]

    bench.acts["a"] = _act
    async with bench.running(Lane("a", "a"), Lane("b", "b")) as lanes:
        await lanes.wake("a")
        await bench.until("a")
    async with bench.running(Lane("b", "b"), Lane("last", "b")) as lanes:
        await lanes.tick()
        await lanes.wake("last")
        await bench.until("last")
        assert "b" not in bench.ran
        bench.now += timedelta(hours=1)
        await bench.until("b")


async def test_what_was_missed_is_caught_up_with_once(bench: Bench) -> None:
    async with bench.running(Lane("a", "one", MINUTE), Lane("last", "one")) as lanes:
        await bench.until("a")
        bench.now += timedelta(days=3)
        await bench.until("a", "a")
        await lanes.tick()
        await lanes.wake("last")
        await bench.until("last")
    assert bench.ran == ["a", "a", "last"]


async def test_what_is_not_due_at_once_waits_for_its_first_time(bench: Bench) -> None:
    lanes = Lane("a", "one", MINUTE, at_once=False), Lane("last", "one")
    async with bench.running(*lanes) as runtime:
        await runtime.tick()
        await runtime.wake("last")
        await bench.until("last")
        assert "a" not in bench.ran
        bench.now += timedelta(minutes=1)
        await bench.until("a")


async def test_stopping_waits_for_what_runs(bench: Bench) -> None:
    begun, may_end = blocking(bench, "a")
    ended = []
    block = bench.acts["a"]

    async def _act() -> None:
        await block()
        ended.append(True)

    bench.acts["a"] = _act
    async with bench.running(Lane("a", "one"), Lane("b", "one")) as lanes:
        await lanes.wake("a")
        await begun.wait()
        bench.stop.set()
        may_end.set()
        await bench.task
        assert ended
    assert bench.store.run(rows.everything)["a"].problem == ""


async def test_what_takes_too_long_is_parked_and_taken_up_again(bench: Bench) -> None:
    bench.grace = timedelta(0)
    begun, _ = blocking(bench, "a")
    async with bench.running(Lane("a", "a")) as lanes:
        await lanes.wake("a")
        await begun.wait()
    assert "parked" in bench.store.run(rows.everything)["a"].problem
    del bench.acts["a"]
    async with bench.running(Lane("a", "a")):
        await bench.until("a", "a")


@pytest.mark.parametrize(
    "bench", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
async def test_workers_share_lanes_and_locks(bench: Bench) -> None:
    begun, may_end = blocking(bench, "a")
    lanes = Lane("a", "one"), Lane("b", "one"), Lane("c", "two")
    async with bench.running(*lanes) as first:
        second, stop = bench.make(*lanes), asyncio.Event()
        task = asyncio.create_task(second.run(stop))
        await first.wake("a")
        await begun.wait()
        await first.wake("a", "b", "c")
        await bench.until("c")
        may_end.set()
        await bench.until("a", "a", "b", "c")
        stop.set()
        await task
    assert frozenset({"a", "b"}) not in bench.together
    assert bench.ran.count("a") == 2


@pytest.mark.postgres
def test_a_host_whose_clock_is_wrong_goes_by_the_servers(migrated_database: str) -> None:
    store = Store.open(migrated_database, Schema())
    for minutes in (90, -90):
        wrong = timedelta(minutes=minutes)
        store.clock.here = lambda wrong=wrong: datetime.now(UTC) + wrong  # type: ignore[misc]
        store.run(rows.everything)
        assert abs(store.clock() - datetime.now(UTC)) < timedelta(minutes=45)
    store.close()
