"""An old backup restored and the store deleted, between a real BottleCRM and a real Tryton."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from interlock.service.plan import Plan, approve, make_plan
from interlock.service.session import connect, open_store
from interlock.service.syncing import SyncReport, sync_once
from interlock.service.timetravel import back_up, restore
from interlock.store import dead_letters
from interlock.sync.progress import Run
from tests.real.crm import Crm
from tests.real.erp import Erp
from tests.real.main_job import Job, moved_rows
from tests.real.systems.bottlecrm import BottleCrmServer
from tests.real.systems.tryton import TrytonServer

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("time-travel")]


@dataclass
class Later:
    """The job as seen some time later, so that nothing has to be waited for."""

    job: Job
    by: timedelta = timedelta(0)

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.by

    async def plan(self) -> Plan:
        async with connect(self.job.project(), clock=self.clock) as session:
            return await make_plan(session, Run(id=session.pair.new_id()))

    async def sync(self) -> SyncReport:
        async with connect(self.job.project(), clock=self.clock) as session:
            return await sync_once(session)

    def letters(self) -> list[str]:
        store = open_store(self.job.project())
        try:
            return [f"{x.entity}: {x.message}" for x in store.run(dead_letters.opened)]
        finally:
            store.close()

    def approve(self) -> None:
        store = open_store(self.job.project())
        try:
            approve(store, None, by="tester", now=self.clock())
        finally:
            store.close()

    async def released_without_a_trace(self) -> None:
        """Nothing is written before the release, and nothing but what differs after it."""
        before = self.job.snapshot()
        held = await self.sync()
        assert held.writes == 0
        assert "held" in {p.code for p in held.problems}
        plan = await self.plan()
        creates = [(w.entity, w.label) for w in plan.writes if w.kind.value == "create"]
        assert creates == []
        assert moved_rows(before, self.job.snapshot()) == set()
        self.approve()
        self.by += timedelta(minutes=10)
        for _ in range(3):
            await self.sync()
            self.by += timedelta(minutes=10)
        moved = moved_rows(before, self.job.snapshot())
        print(f"{len(plan.writes)} writes planned, rows moved: {sorted(map(str, moved))}")
        assert len(moved) <= len(plan.writes)
        assert len(self.job.erp.customers()) == self.customers
        assert len(self.job.erp.sales()) == self.sales
        assert len(self.job.crm.accounts()) == self.accounts

    def count(self) -> None:
        self.customers = len(self.job.erp.customers())
        self.sales = len(self.job.erp.sales())
        self.accounts = len(self.job.crm.accounts())


async def test_a_day_is_lost_and_then_the_store(
    own_bottlecrm: BottleCrmServer, own_tryton: TrytonServer, tmp_path: Path
) -> None:
    job = Job(tmp_path / "project", Crm(own_bottlecrm), Erp(own_tryton))
    await job.set_up()
    later = Later(job)
    await later.plan()
    later.approve()
    await later.sync()
    file = job.root / "yesterday.backup"
    store = open_store(job.project())
    back_up(job.project(), store, file, now=later.clock())
    store.close()
    later.by = timedelta(hours=24)
    # a day of business the backup does not know of
    job.sell()
    country = job.pair(0).address["country"]
    job.crm.add_account(name="Born after the backup", city="Newtown", country=country)
    job.crm.edit_account(job.pair(3).account, phone="+43 1 555 0100")
    for _ in range(3):
        # nothing is left undone, so that a create after it would be a double
        await later.plan()
        later.approve()
        await later.sync()
        later.by += timedelta(minutes=10)
    later.count()
    assert "Born after the backup" in {p.name for p in job.erp.customers().values()}, (
        later.letters()
    )
    assert later.sales >= len(job.sold) > 0
    result = restore(job.project(), file, by="tester", now=later.clock())
    assert result.replaced is not None
    await later.released_without_a_trace()
    for part in job.root.glob("interlock.db*"):
        part.unlink()
    await later.released_without_a_trace()
