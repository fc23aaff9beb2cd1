"""Two processes on one store and one pair of systems (rule 17)."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

from interlock.service.session import connect
from interlock.service.syncing import SyncReport, sync_once
from interlock.testing.faults import fail_before, lose_answer

from .company import Company
from .conftest import Founding
from .test_orders import Shop


async def work(company: Company) -> SyncReport:
    """Sync with a store and connections of one's own."""
    project = company.project()
    async with connect(project, clock=company.clock, new_id=company.new_id) as session:
        return await sync_once(session, wait=timedelta(0))


async def together(company: Company, workers: int = 2) -> None:
    await asyncio.gather(*(work(company) for _ in range(workers)))


async def test_they_create_everything_once(found: Founding) -> None:
    company = found(erp_settings={"batch_size": 3}, crm_settings={"batch_size": 3})
    company.allow(create=100)
    await company.go()
    company.advance(minutes=1)
    names = [f"Customer {n}" for n in range(25)]
    for name in names:
        account = company.crm.add("customer", {"Name": name})
        company.crm.add("contact", {"AccountId": account, "PersonName": {"LastName": name}})
    for _ in range(4):
        await together(company)
        company.advance(minutes=1)
    await company.rest()
    assert Counter(r["name"] for r in company.erp.all("customer").values()) == Counter(names)
    people = Counter(r["full_name"] for r in company.erp.all("contact").values())
    assert people == Counter(names)
    assert company.letters() == []
    assert company.open_fields() == {}


async def test_with_answers_lost_on_the_way(found: Founding) -> None:
    company = found(erp_settings={"batch_size": 4})
    shop = await Shop.open(company)
    company.advance(minutes=1)
    for skip in range(0, 12, 3):
        company.erp_faults.arm(lose_answer, operation="write", skip=skip)
        company.erp_faults.arm(fail_before, operation="write", skip=skip + 1)
    deals = []
    for n in range(10):
        account = company.crm.add("customer", {"Name": f"Customer {n}"})
        deals.append(shop.deal(Name=f"Deal {n}", AccountId=account))
    for _ in range(6):
        await together(company, 3)
        company.advance(minutes=1)
    await company.rest()
    assert Counter(o["crm_id"] for o in shop.orders) == Counter(deals)
    assert {o["state"] for o in shop.orders} == {"confirmed"}
    assert len(company.erp.all("customer")) == 11
    assert company.letters() == []


async def test_edits_reach_the_other_side_once(found: Founding) -> None:
    company = found()
    for n in range(10):
        company.crm.add("customer", {"Name": f"Customer {n}"})
    await company.go()
    await company.rest()
    before = company.erp.written["customer"]
    for record_id in company.crm.all("customer"):
        company.crm.edit("customer", record_id, {"Phone": "7"})
    await together(company)
    await company.rest()
    assert {r["tel"] for r in company.erp.all("customer").values()} == {"7"}
    assert company.erp.written["customer"] == before + 10
