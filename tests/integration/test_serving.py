"""The service: lanes of a whole company, run by schedule, woken, paused and stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from interlock.errors import StoreError
from interlock.governance.rules import Side
from interlock.runtime.embedded import Embedded
from interlock.service.lanework import LaneRun
from interlock.service.pausing import pause
from interlock.service.serving import Service, open_service
from interlock.store import hints, outbox
from interlock.store.occupancy import occupied
from interlock.testing.faults import fail_before

from .company import Company
from .conftest import Founding


def embedded(timetable, work, *, grace):  # type: ignore[no-untyped-def]
    return Embedded(timetable, work, grace=grace, pace=timedelta(milliseconds=20))


class Watch:
    """Waits for what lanes did."""

    def __init__(self) -> None:
        self.runs: list[LaneRun] = []
        self._news = asyncio.Event()

    def __call__(self, run: LaneRun) -> None:
        self.runs.append(run)
        self._news.set()

    async def until(self, seen: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not seen():
                self._news.clear()
                await self._news.wait()

    def names(self) -> list[str]:
        return [run.lane for run in self.runs]


@asynccontextmanager
async def serving(company: Company, watch: Watch) -> AsyncIterator[Service]:
    async with open_service(
        company.project(),
        on_run=watch,
        make=embedded,
        clock=company.clock,
        new_id=company.new_id,
    ) as service:
        running = asyncio.create_task(service.run())
        try:
            yield service
        finally:
            service.stop.set()
            await running


async def test_it_reads_decides_and_writes_by_itself(found: Founding) -> None:
    company = found()
    await company.go()
    company.crm.add("customer", {"Name": "New"})
    company.advance(minutes=6)
    watch = Watch()
    async with serving(company, watch):
        await watch.until(lambda: bool(company.erp.all("customer")))
    assert [r["name"] for r in company.erp.all("customer").values()] == ["New"]
    assert not [run.broke for run in watch.runs if run.broke]


async def test_a_wake_is_followed_at_once(found: Founding) -> None:
    company = found()
    await company.go()
    watch = Watch()
    async with serving(company, watch) as service:
        await watch.until(lambda: "settle" in watch.names())
        # nothing is due by schedule: the clock stands still
        company.crm.add("customer", {"Name": "Heard of"})
        await service.wake(Side.CRM, "customer")
        await watch.until(lambda: bool(company.erp.all("customer")))
    assert len(company.erp.all("customer")) == 1


async def test_a_system_that_refuses_rests_and_the_other_goes_on(found: Founding) -> None:
    company = found()
    await company.go()
    company.advance(minutes=6)
    company.crm_faults.arm(fail_before, operation="changed", times=None)
    watch = Watch()
    async with serving(company, watch):
        await watch.until(lambda: any(r.problems for r in watch.runs))
        await watch.until(lambda: "observe:erp:holds" in watch.names())
    assert all(not run.broke for run in watch.runs)


async def test_one_process_serves_a_file(found: Founding) -> None:
    company = found()
    if not company.store_url.startswith("sqlite"):
        pytest.skip("a file only")
    with occupied(company.project().store_url, shared=False), pytest.raises(StoreError) as error:
        async with open_service(company.project()):
            pass
    assert "another process" in str(error.value)


async def test_what_cannot_be_followed_or_sent_now_is_no_reason_to_run_at_once(
    found: Founding,
) -> None:
    company = found()
    account = company.crm.add("customer", {"Name": "Old"})
    await company.go()
    await company.rest()
    contact = company.crm.add("contact", {"AccountId": account, "PersonName": {"LastName": "New"}})
    company.advance(minutes=10)
    async with open_service(
        company.project(), make=embedded, clock=company.clock, new_id=company.new_id
    ) as service:
        store, now = service.session.store, company.clock()
        await service.work("observe:crm:customers")
        pause(company.project(), store, "contact", by="anna", reason="", now=now)
        assert await service.work("settle") == []
        assert await store.call(outbox.next_due, list(Side)) is not None, "decided, not sent"
        await store.call(hints.add, Side.CRM, [("contact", contact)], now)
        assert await service.work("observe:crm:customers") == []
        assert await store.call(hints.due_entities, Side.CRM, now) == {"contact"}
