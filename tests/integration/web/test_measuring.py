"""Metrics: how things stand, in numbers that add up over runs and processes."""

from __future__ import annotations

from interlock.observability.metrics import Figures
from interlock.service.measuring import measure
from interlock.testing.faults import answer_status
from tests.integration.company import Company
from tests.integration.test_many_letters import fill
from tests.integration.test_orders import Shop


def figures(company: Company) -> Figures:
    with company.store() as store:
        return measure(company.project(), store, company.clock())


async def test_writes_add_up_over_runs_by_system_entity_and_outcome(company: Company) -> None:
    for name in ("Acme", "Beta"):
        company.crm.add("customer", {"Name": name})
        await company.go()
    written = figures(company).writes
    assert written["erp", "customer", "created"] == 2
    company.crm.edit("customer", next(iter(company.crm.all("customer"))), {"Phone": "1"})
    company.erp_faults.arm(answer_status(503), operation="write", entity="customer")
    await company.sync()
    company.advance(hours=1)
    await company.rest()
    written = figures(company).writes
    assert written["erp", "customer", "updated"] == 1


async def test_the_oldest_change_ages_until_it_is_delivered(company: Company) -> None:
    await Shop.open(company)
    assert figures(company).oldest_change == {"crm": 0.0, "erp": 0.0}
    company.crm.add("customer", {"Name": "Nova"})
    await company.plan()
    company.advance(minutes=5)
    assert 300 <= figures(company).oldest_change["erp"] < 302
    assert figures(company).undelivered == {"crm": 0, "erp": 1}
    await company.sync()
    assert figures(company).oldest_change["erp"] == 0.0


async def test_the_lag_of_a_stream_is_since_its_last_look_that_ended(company: Company) -> None:
    await company.sync()
    await company.sync()
    assert figures(company).lag["crm", "customer"] < 1
    company.advance(minutes=7)
    assert 420 <= figures(company).lag["crm", "customer"] < 422
    company.crm_faults.arm(answer_status(503), times=99)
    await company.sync()
    late = figures(company).lag
    assert late["crm", "customer"] > 420
    assert late["erp", "customer"] < 1


async def test_dead_letters_are_counted_by_system_and_class(company: Company) -> None:
    fill(company, 6)
    assert figures(company).dead_letters == {
        ("erp", "missing"): 2, ("erp", "invalid"): 2, ("erp", "refused"): 1,
        ("erp", "duplicate"): 1,
    }  # fmt: skip
