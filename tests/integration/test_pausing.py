"""Pausing: nothing is read from or written to what a person paused, until it is resumed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.service.pausing import pause, rest, resting, resume
from interlock.service.status import read_status
from interlock.store import pauses
from interlock.testing.faults import meddle

from .company import Company
from .conftest import Founding


def stop(company: Company, subject: str, **options: object) -> None:
    with company.store() as store:
        pause(
            company.project(), store, subject,
            by="anna", reason="stocktaking", now=company.clock(), **options,
        )  # fmt: skip


def go_on(company: Company, subject: str) -> None:
    with company.store() as store:
        resume(company.project(), store, subject, by="anna", now=company.clock())


async def started(found: Founding) -> Company:
    company = found()
    company.crm.add("customer", {"Name": "Old"})
    await company.go()
    await company.rest()
    company.erp_faults.seen.clear()
    return company


async def test_a_paused_system_is_not_asked_and_not_written(found: Founding) -> None:
    company = await started(found)
    stop(company, "erp")
    company.crm.add("customer", {"Name": "New"})
    company.advance(minutes=10)
    company.erp_faults.seen.clear()
    report = await company.sync()
    assert company.erp_faults.seen == []
    assert [p.code for p in report.problems] == ["paused"]
    go_on(company, "erp")
    await company.sync()
    assert {r["name"] for r in company.erp.all("customer").values()} == {"Old", "New"}


async def test_a_paused_entity_stands_still_and_the_rest_goes_on(found: Founding) -> None:
    company = await started(found)
    stop(company, "contact")
    (account,) = company.crm.all("customer")
    company.crm.add("contact", {"AccountId": account, "PersonName": {"LastName": "New"}})
    company.crm.edit("customer", account, {"Phone": "7"})
    await company.sync()
    assert [r["tel"] for r in company.erp.all("customer").values()] == ["7"]
    assert company.erp.all("contact") == {}
    go_on(company, "contact")
    await company.rest()
    assert len(company.erp.all("contact")) == 1


async def test_it_ends_by_itself(found: Founding) -> None:
    company = await started(found)
    stop(company, "erp", until=company.clock() + timedelta(hours=1))
    company.crm.add("customer", {"Name": "New"})
    await company.sync()
    assert len(company.erp.all("customer")) == 1
    company.advance(hours=2)
    await company.sync()
    assert len(company.erp.all("customer")) == 2


async def test_said_while_a_sync_runs_the_next_batch_waits(found: Founding) -> None:
    company = found(erp_settings={"batch_size": 1})
    company.crm.add("customer", {"Name": "Old"})
    await company.go()
    await company.rest()
    for n in range(5):
        company.crm.add("customer", {"Name": f"New {n}"})
    company.erp_faults.arm(
        meddle(lambda _: stop(company, "erp")), operation="write", entity="customer"
    )
    await company.sync()
    assert len(company.erp.all("customer")) == 2
    go_on(company, "erp")
    await company.rest()
    assert len(company.erp.all("customer")) == 6


async def test_status_shows_who_when_and_why(found: Founding) -> None:
    company = await started(found)
    stop(company, "order")
    with company.store() as store:
        shown = read_status(company.project(), store)
        # the company's clock stands in the past
        stored = store.run(pauses.active, company.clock())
    assert [(p.subject, p.by, p.reason) for p in shown.paused] == [("order", "anna", "stocktaking")]
    assert [p.subject for p in stored] == ["order"]
    assert [(e.event, e.entity) for e in company.events("paused")] == [("paused", "order")]


async def test_what_is_not_there_cannot_be_paused_or_resumed(found: Founding) -> None:
    company = await started(found)
    with pytest.raises(ConfigurationError, match="neither a system nor an entity"):
        stop(company, "nonsense")
    with pytest.raises(ConfigurationError, match="not paused"):
        go_on(company, "erp")
    with pytest.raises(ConfigurationError, match="in the past"):
        stop(company, "erp", until=company.clock() - timedelta(hours=1))


async def test_failures_of_runs_beside_each_other_are_one_failure(found: Founding) -> None:
    company = await started(found)
    now = company.clock()
    with company.store() as store:
        first = store.run(rest, Side.ERP, "away", now, "unreachable")
        assert store.run(rest, Side.ERP, "away", now, "unreachable") == first
        assert store.run(resting, now) == {Side.ERP: first}
        [one] = store.run(pauses.everything)
        assert one.tries == 1, "two lanes met the same outage"
        assert store.run(rest, Side.ERP, "away", first, "unreachable") - first > first - now
