"""Budgets: shared by all workers; calls slow down or wait, nothing is lost (rule 23)."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from interlock.connectors.base import UNSUPPORTED
from interlock.connectors.budget import calls_for, current_purpose
from interlock.connectors.memory.calls import Call
from interlock.errors import BudgetSpentError
from interlock.governance.budget import BudgetLimits, Purpose
from interlock.governance.rules import Side
from interlock.model import Schema
from interlock.store import budgets
from interlock.store.database import Store
from interlock.sync.budget import SharedBudget
from interlock.sync.observe import observe_side
from interlock.sync.progress import Run
from interlock.testing.faults import answer_status

from .company import Company
from .test_orders import Shop

T0 = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    found = Store.open(store_url, Schema())
    yield found
    found.close()


class Workers:
    """Workers on one store, with one clock that only sleeping moves."""

    def __init__(self, store: Store, limits: BudgetLimits) -> None:
        self.store, self.limits = store, limits
        self.now, self.ids = T0, itertools.count()
        self.at_once = self.most_at_once = 0
        self.pair = asyncio.Barrier(2)

    def worker(self) -> SharedBudget:
        return SharedBudget(
            self.store, "erp", "the ERP", self.limits,
            clock=lambda: self.now, sleep=self.sleep, new_id=lambda: str(next(self.ids)),
        )  # fmt: skip

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    async def call(self, budget: SharedBudget, purpose: Purpose = Purpose.ORDERS) -> bool:
        """Make a call; says whether it might be made."""
        try:
            with calls_for(purpose):
                async with budget.call():
                    self.at_once += 1
                    self.most_at_once = max(self.most_at_once, self.at_once)
                    if self.limits.slots == 2:
                        await self.pair.wait()
                    self.at_once -= 1
        except BudgetSpentError:
            return False
        return True


async def test_workers_together_stay_within_a_day(store: Store) -> None:
    workers = Workers(store, BudgetLimits(per_day=100, reserve=0.2))
    mine = [workers.worker() for _ in range(3)]
    made = [await workers.call(mine[n % 3]) for n in range(120)]
    for worker in mine:
        await worker.close()
    made += [await workers.call(workers.worker()) for _ in range(120)]
    assert made.count(True) == 80, "what one took and did not use, another gets"


async def test_a_rate_slows_and_does_not_fail(store: Store) -> None:
    workers = Workers(store, BudgetLimits(per_window=10, window=timedelta(seconds=1)))
    budget = workers.worker()
    assert all([await workers.call(budget) for _ in range(50)])
    assert workers.now >= T0 + timedelta(seconds=4)


async def test_slots_are_those_of_all_workers(store: Store) -> None:
    workers = Workers(store, BudgetLimits(slots=2))
    calls = [workers.call(workers.worker()) for _ in range(8)]
    assert all(await asyncio.gather(*calls))
    assert workers.most_at_once == 2


async def test_a_slot_of_a_worker_that_died_comes_back(store: Store) -> None:
    workers = Workers(store, BudgetLimits(slots=1))
    until = T0 + timedelta(minutes=5)
    taken = store.run(budgets.take_slot, "erp", "dead", most=1, now=T0, until=until)
    assert taken is None
    assert not await workers.call(workers.worker())
    workers.now = until
    assert await workers.call(workers.worker())


async def test_a_pause_asked_for_holds_every_worker_and_outlives_them(store: Store) -> None:
    workers = Workers(store, BudgetLimits())
    first = workers.worker()
    assert await workers.call(first)
    await first.block(T0 + timedelta(hours=1))
    assert not await workers.call(first)
    with pytest.raises(BudgetSpentError, match="asked us to wait; calls for customers go on at"):
        await workers.worker().ready()
    workers.now = T0 + timedelta(hours=1)
    assert await workers.call(workers.worker())


async def test_a_pause_lasts_no_longer_than_a_day(store: Store) -> None:
    workers = Workers(store, BudgetLimits())
    await workers.worker().block(T0 + timedelta(days=9999))
    workers.now = T0 + timedelta(days=1)
    assert await workers.call(workers.worker())


async def test_what_the_system_said_last_holds_until_a_process_has_asked_again(
    store: Store,
) -> None:
    workers = Workers(store, BudgetLimits(reserve=0.5))
    first = workers.worker()
    await workers.call(first)
    first.learn(60, 100)
    await first.close()
    assert not await workers.call(first)
    deaf, told = workers.worker(), workers.worker()
    assert [await workers.call(deaf) for _ in range(5)] == [True] * 3 + [False] * 2
    assert await workers.call(told)
    told.learn(60, 1000)
    assert all([await workers.call(told) for _ in range(30)]), "somebody raised the quota"


class TestSync:
    """A day's calls run out in the middle of a sync."""

    def state(self, company: Company, *lines: str) -> None:
        file = company.root / "interlock.yaml"
        text = re.sub(r"\n  budget:(\n    per_day.*|\n    reserve.*)+", "", file.read_text())
        head, _, rest = text.partition("\nerp:")
        budget = "".join(f"\n    {line}" for line in lines)
        file.write_text(f"{head}\nerp:\n  budget:{budget}{rest}")

    async def test_sync_says_so_loses_nothing_and_goes_on_the_next_day(
        self, company: Company
    ) -> None:
        for number in range(40):
            company.crm.add("customer", {"Name": f"Customer {number}"})
        await company.plan()
        company.approve()
        self.state(company, "per_day: 1", "reserve: 0")
        report = await company.sync()
        said = [p.message for p in report.problems if p.code == "budget"]
        assert any("calls for customers go on at" in message for message in said)
        assert company.erp.all("customer") == {}
        company.advance(days=1, minutes=1)
        self.state(company, "per_day: 1000", "reserve: 0")
        for _ in range(3):
            await company.sync()
        assert len(company.erp.all("customer")) == 40
        assert company.pending() == []

    async def test_orders_and_holds_are_looked_at_as_what_they_are(self, company: Company) -> None:
        asked: list[tuple[str, str, Purpose]] = []

        def note(call: Call, do: Callable[[], Any]) -> Any:
            asked.append((call.operation, call.entity, current_purpose()))
            return do()

        shop = await Shop.open(company)
        [partner] = company.erp.all("customer")
        for faults in (company.crm_faults, company.erp_faults):
            faults.arm(note, operation="fetched", times=None)
        shop.deal()
        await company.sync()
        assert len(shop.orders) == 1
        looked = {(entity, purpose) for _, entity, purpose in asked}
        assert {("deal", Purpose.ORDERS), ("customer", Purpose.ORDERS)} <= looked
        assert Purpose.CUSTOMERS not in {purpose for _, purpose in looked}
        company.erp.edit("customer", partner, {"on_hold": True})
        await company.rest()
        company.erp.edit("customer", partner, {"on_hold": False})
        await company.sync()
        company.advance(minutes=20)
        asked.clear()
        await company.sync()
        assert company.events("hold released")
        assert ("fetched", "customer", Purpose.CREDIT) in asked

    async def test_a_pause_the_system_asks_for_outlives_the_process(self, company: Company) -> None:
        await company.go()
        company.erp_faults.arm(answer_status(429, retry_after=3600), times=1)
        company.erp.add("customer", {"name": "New"})
        await company.sync()
        asked = []
        company.erp_faults.arm(lambda call, do: (asked.append(call.operation), do())[1])
        company.advance(minutes=30)
        report = await company.sync()
        assert asked == []
        assert "asked us to wait" in " ".join(p.message for p in report.problems)
        company.advance(minutes=31)
        await company.sync()
        assert asked

    async def test_what_has_no_feed_is_read_no_more_often_than_its_connector_says(
        self, company: Company
    ) -> None:
        await company.go()
        async with company.session() as session:
            connector = session.pair.erp.connector
            known = connector.capabilities.entities
            daily = msgspec.structs.replace(
                known["product"], changes=UNSUPPORTED, read_every=timedelta(days=1)
            )
            connector.capabilities = msgspec.structs.replace(
                connector.capabilities, entities={**known, "product": daily}
            )
            company.erp.add("product", {"sku": "NEW", "title": "New"})
            read = []
            for hours in (20, 5):
                company.advance(hours=hours)
                run = Run(id=str(hours))
                await observe_side(session.pair, Side.ERP, run, entities={"product"})
                read.append(run.counts["new"])
            assert read == [0, 1]

    async def test_a_long_read_stops_in_between_and_what_changed_is_seen_first(
        self, company: Company
    ) -> None:
        for number in range(30):
            company.crm.add("customer", {"Name": f"Customer {number}"})
        await company.go()
        file = company.root / "interlock.yaml"
        file.write_text(file.read_text().replace("settings:\n", "settings:\n    page_size: 5\n"))
        edited = next(iter(company.crm.all("customer")))
        async with company.session() as session:
            first = Run(id="1", until=company.clock())
            await observe_side(session.pair, Side.CRM, first, full=True, entities={"customer"})
            assert first.unfinished == {(Side.CRM, "customer")}
            company.crm.edit("customer", edited, {"Phone": "+32 2 555 0001"})
            second = Run(id="2", until=company.clock())
            await observe_side(session.pair, Side.CRM, second, full=True, entities={"customer"})
            assert second.counts["changed"] == 1
            runs = 0
            while second.unfinished:
                runs += 1
                second = Run(id="3", until=company.clock())
                await observe_side(session.pair, Side.CRM, second, full=True, entities={"customer"})
            assert runs > 1


async def test_calls_given_back_by_a_pause_are_given_back_once(store: Store) -> None:
    workers = Workers(store, BudgetLimits(per_day=1000))
    budget = workers.worker()
    assert await workers.call(budget)
    # 19 calls are left of the handful; a pause and a call beside it both give back what is left
    until = T0 + timedelta(seconds=1)
    _, made = await asyncio.gather(budget.block(until), workers.call(budget))
    await budget.close()
    assert made
    assert store.run(budgets.load, "erp", T0).calls == 2
