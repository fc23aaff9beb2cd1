"""A customer born in the ERP is shown, adopted or ignored, as the ownership map says."""

from __future__ import annotations

import pytest

from interlock.connectors.memory.invoicing import issue_invoice
from interlock.testing.faults import lose_answer

from .company import Company
from .conftest import Founding


async def live(company: Company, policy: str) -> Company:
    """A company in operation, with a linked customer."""
    company.own("customer", {"born_elsewhere": policy})
    company.crm.add("customer", {"Name": "Acme", "VatNumber": "DE136695976"})
    company.erp.add("customer", {"name": "Acme", "vat_no": "DE136695976"})
    await company.go()
    await company.rest()
    company.advance(minutes=5)
    return company


def born(company: Company) -> str:
    return company.erp.add("customer", {"name": "Walk-in Ltd", "vat_no": "DE811569869",
                                        "terms": "N14"})  # fmt: skip


async def _said(company: Company) -> list[str]:
    return [w.why for w in (await company.plan()).waiting]


async def test_flagged(company: Company) -> None:
    await live(company, "flag")
    born(company)
    await company.rest()
    assert len(company.crm.all("customer")) == 1
    assert any("only in" in why for why in await _said(company))


async def test_ignored(company: Company) -> None:
    await live(company, "ignore")
    born(company)
    await company.rest()
    assert len(company.crm.all("customer")) == 1
    assert not any("only in" in why for why in await _said(company))


async def test_adopted_once_with_what_the_erp_knows(company: Company) -> None:
    await live(company, "adopt")
    partner = born(company)
    issue_invoice(company.erp, partner, "40.00")
    await company.rest()
    await company.sync(full=True)
    [account] = [a for a in company.crm.all("customer").values() if a["Name"] == "Walk-in Ltd"]
    assert account["ErpId__c"] == partner
    assert account["PaymentTerms"] == "Net 14"
    assert account["Balance__c"] == {"Amount": "40.00", "CurrencyIsoCode": "EUR"}
    assert company.erp.all("customer")[partner]["crm_id"]


async def test_adopted_once_though_the_answer_was_lost(company: Company) -> None:
    await live(company, "adopt")
    born(company)
    company.crm_faults.arm(lose_answer, operation="write", entity="customer")
    await company.sync()
    company.advance(minutes=5)
    await company.rest()
    names = [a["Name"] for a in company.crm.all("customer").values()]
    assert names.count("Walk-in Ltd") == 1


async def test_new_ones_of_the_crm_are_created_as_before(company: Company) -> None:
    await live(company, "adopt")
    company.crm.add("customer", {"Name": "Fresh", "VatNumber": "DE129273398"})
    await company.rest()
    assert [c["name"] for c in company.erp.all("customer").values()].count("Fresh") == 1


async def test_what_both_have_is_matched_not_adopted(company: Company) -> None:
    await live(company, "adopt")
    born(company)
    company.crm.add("customer", {"Name": "Walk-in Ltd", "VatNumber": "DE811569869"})
    await company.plan()
    company.approve()
    await company.rest()
    assert len(company.crm.all("customer")) == len(company.erp.all("customer")) == 2


@pytest.mark.parametrize("policy", ["flag", "ignore"])
async def test_adopting_later_waits_for_a_plan(found: Founding, policy: str) -> None:
    company = found()
    await live(company, policy)
    born(company)
    await company.rest()
    company.own("customer", {"born_elsewhere": "adopt"})
    await company.rest()
    assert len(company.crm.all("customer")) == 1
    await company.go()
    await company.rest()
    assert len(company.crm.all("customer")) == 2
