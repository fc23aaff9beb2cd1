"""Writes that wait for another record: they go as soon as it is there, and hold nobody up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.company import Company


def _account(company: Company, name: str, **cells: Any) -> str:
    return company.crm.add("customer", {
        "Name": name, "Website": f"www.{name.lower()}.example", **cells})  # fmt: skip


def _person(company: Company, account: str, last: str) -> None:
    company.crm.add("contact", {
        "AccountId": account, "PersonName": {"FirstName": "Ada", "LastName": last},
        "Email": f"{last.lower()}@people.example"})  # fmt: skip


async def test_an_order_follows_its_new_customer_in_the_same_sync(tmp_path: Path) -> None:
    company = Company(tmp_path)
    company.erp.add("product", {"sku": "A-1", "title": "Gearbox"})
    account = _account(company, "Kestrel")
    company.crm.add("deal", {
        "Name": "Spring", "AccountId": account, "StageName": "Closed Won",
        "Amount": {"Amount": "10.00", "CurrencyIsoCode": "EUR"},
        "Lines": [{"Id": "1", "ProductCode": "A-1", "Quantity": "1", "UnitPrice": "10.00"}],
    })  # fmt: skip
    report = await company.go()
    [order] = company.erp.all("order").values()
    [customer] = company.erp.all("customer")
    assert order["partner_id"] == customer
    assert order["state"] == "confirmed"
    assert report.waiting == 0


async def test_writes_that_wait_hold_up_none_behind_them(tmp_path: Path) -> None:
    company = Company(tmp_path, erp_settings={"batch_size": 2})
    # one more sign in common than none: never linked, never created, so its people wait for ever
    unclear = _account(company, "Harbinger", Phone="+44 20 7946 0001")
    company.erp.add("customer", {"name": "Somebody Else", "tel": "+44 20 7946 0001"})
    for number in range(7):
        _person(company, unclear, f"Waiting{number}")
    clear = _account(company, "Oakhaven")
    for number in range(3):
        _person(company, clear, f"Ready{number}")
    report = await company.go()
    names = {p["full_name"] for p in company.erp.all("contact").values()}
    assert names == {"Ada Ready0", "Ada Ready1", "Ada Ready2"}
    assert report.waiting == 7
