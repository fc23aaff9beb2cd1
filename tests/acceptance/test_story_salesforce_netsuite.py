"""Salesforce's twin and NetSuite's, from an empty folder to a paid order and a deal that leaked.

What is claimed is asked of the twins; what Interlock says of itself is asked only where it speaks.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from interlock.twins.netsuite import NetSuiteTwin
from interlock.twins.netsuite import make as make_netsuite
from interlock.twins.salesforce import SalesforceTwin
from interlock.twins.salesforce import make as make_salesforce
from interlock.twins.serving import running

from .twinned import Pair, founded

_FIELDS = ("custentity_interlock_id", "custbody_interlock_id", "custcol_interlock_key")
_HOLDS = (
    "holds:", "  release_after: 0s", "  pause: [renewal]",
    "  deal_kind: {Existing Business: renewal}",
)  # fmt: skip
_TODAY = datetime.now(UTC).date()


def _ago(days: int) -> str:
    return (_TODAY - timedelta(days=days)).isoformat()


@pytest.fixture
def pair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    """Both twins know the same twelve customers; an administrator has made NetSuite's fields."""
    crm, erp = make_salesforce(seed="small"), make_netsuite(seed="small")
    assert isinstance(crm, SalesforceTwin)
    assert isinstance(erp, NetSuiteTwin)
    erp.configure({"fields": {name: {"kind": "text"} for name in _FIELDS}})
    known = erp.credentials()
    with running(crm) as served_crm, running(erp) as served_erp:
        monkeypatch.setenv("CRM_CLIENT_SECRET", crm.app.client_secret)
        for name in ("consumer_secret", "token_secret"):
            monkeypatch.setenv(f"ERP_{name.upper()}", known[name])
        settings = {
            "crm.url": served_crm.url, "crm.client_id": crm.app.client_id, "crm.currency": "EUR",
            "erp.url": served_erp.url, "erp.account": known["account"], "erp.currency": "EUR",
            "erp.subsidiary": "1", "erp.consumer_key": known["consumer_key"],
            "erp.token_id": known["token_id"], "erp.hold_after_days": "30",
        }  # fmt: skip
        yield founded(tmp_path / "project", served_crm, served_erp, settings, _HOLDS)


def _sell(
    pair: Pair, account: str, name: str, stage: str, closes: str, kind: str = "New Business",
    lines: tuple[tuple[str, str, str], ...] = (),
) -> str:  # fmt: skip
    """Enter an opportunity with its products; its id."""
    book = pair.row(pair.crm, "Pricebook2", IsStandard=True)["Id"]
    key = pair.crm.insert("Opportunity", {
        "AccountId": account, "Name": name, "StageName": stage, "CloseDate": closes, "Type": kind,
        "Pricebook2Id": book, "PO_Number__c": "PO 4711",
    })  # fmt: skip
    for sku, quantity, price in lines:
        product = pair.row(pair.crm, "Product2", ProductCode=sku)["Id"]
        pair.crm.insert("OpportunityLineItem", {
            "OpportunityId": key, "Quantity": quantity, "UnitPrice": price,
            "PricebookEntryId": pair.row(pair.crm, "PricebookEntry", Product2Id=product)["Id"],
        })  # fmt: skip
    return key


def _customer(pair: Pair, name: str) -> tuple[str, str]:
    """The id of a customer in both systems."""
    return (
        pair.row(pair.crm, "Account", Name=name)["Id"],
        pair.row(pair.erp, "customer", companyName=name)["id"],
    )


def test_from_an_empty_folder_to_a_paid_order_and_a_leak(pair: Pair) -> None:
    crm, erp = pair.crm, pair.erp
    names = sorted(row["Name"] for row in crm.shown("Account"))

    # set up: check names what is missing, provision makes it, then nothing is missing
    assert pair.init.code == 0, pair.init
    checked = pair.do("check")
    assert checked.code == 1
    assert "Credit_Hold__c" in checked.flat
    assert "interlock provision" in checked.flat
    assert pair.do("provision", "--yes").code == 0
    assert pair.do("check").code == 0

    # the twelve customers both know are the same ones: linked, none made twice
    assert pair.do("match", "run").code == 0
    assert pair.do("plan").code == 0
    assert not [row for row in crm.shown("Account") if row["ERP_Id__c"]], "a plan writes nothing"
    assert pair.do("approve").code == 0
    pair.sync()
    assert sorted(row["Name"] for row in crm.shown("Account")) == names
    assert sorted(row["companyName"] for row in erp.shown("customer")) == names
    for row in crm.shown("Account"):
        other = pair.row(erp, "customer", id=row["ERP_Id__c"])
        assert other["companyName"] == row["Name"]
        assert other["custentity_interlock_id"] == row["Id"]
        assert row["Payment_Terms__c"] == "Net 30"
    before = {row["id"] for row in erp.shown("salesOrder")}
    assert len(before) == 2, "deals won before go-live are not ordered again"
    assert "Nothing to do" in pair.sync().flat

    # a won opportunity becomes one sales order, and its number stands on the opportunity
    account, customer = _customer(pair, "Vertbois Pumps GmbH")
    renewal = _sell(
        pair, account, "Maintenance, next year", "Negotiation/Review", _ago(-30),
        "Existing Business", (("SE-109", "1", "2400.00"),),
    )  # fmt: skip
    deal = _sell(pair, account, "Pumps and filters", "Closed Won", _TODAY.isoformat(),
                 lines=(("PU-100", "2", "450.00"), ("FI-103", "10", "24.95")))  # fmt: skip
    pair.sync(2)
    (order,) = (row for row in erp.shown("salesOrder") if row["id"] not in before)
    assert (order["entity"], order["otherRefNum"]) == (customer, "PO 4711")
    assert order["custbody_interlock_id"] == deal
    items = {row["id"]: row["itemId"] for row in erp.shown("inventoryItem")}
    assert [(items[x["item"]], x["quantity"], x["rate"]) for x in order["item"]] == [
        ("PU-100", 2, 450),
        ("FI-103", 10, Decimal("24.95")),
    ]
    assert order["subtotal"] == pair.row(crm, "Opportunity", Id=deal)["Amount"] == Decimal("1149.5")
    assert order["status"] == "B", "approved: waiting to be fulfilled"
    assert _shown(pair, deal)[:2] == (order["tranId"], "open")

    # shipped, billed, and nobody pays
    erp.update("salesOrder", order["id"], {"!transform": "itemFulfillment"})
    erp.update("salesOrder", order["id"], {
        "!transform": "invoice", "tranDate": _ago(75), "dueDate": _ago(45),
    })  # fmt: skip
    bill = pair.row(erp, "invoice", createdFrom=order["id"])
    pair.sync(2)
    assert _shown(pair, deal) == (order["tranId"], "fulfilled", "overdue", bill["tranId"])

    # NetSuite holds who is more than 30 days late: the account shows it, its renewal stands still
    shown = pair.row(crm, "Account", Id=account)
    assert shown["Credit_Hold__c"] is True
    assert shown["Hold_Reason__c"]
    assert (shown["Days_Overdue__c"], shown["Overdue__c"]) == (45, bill["total"])
    paused = pair.row(crm, "Opportunity", Id=renewal)
    assert (paused["Paused__c"], paused["Paused_Stage__c"]) == (True, "Negotiation/Review")
    held = [row["Name"] for row in crm.shown("Account") if row["Credit_Hold__c"]]
    assert held == ["Vertbois Pumps GmbH"]
    assert not [r for r in crm.shown("Opportunity") if r["Paused__c"] and r["Id"] != renewal]

    # a deal won meanwhile waits
    waiting = _sell(pair, account, "One more pump", "Closed Won", _TODAY.isoformat(),
                    lines=(("PU-101", "1", "1250.00"),))  # fmt: skip
    pair.sync(2)
    assert len(erp.shown("salesOrder")) == 3

    # paid: released, the renewal goes on, the deal that waited is ordered
    erp.update("invoice", bill["id"], {"!transform": "customerPayment"})
    pair.sync(3)
    assert _shown(pair, deal)[2] == "paid"
    shown = pair.row(crm, "Account", Id=account)
    assert shown["Credit_Hold__c"] is False
    assert shown["Overdue__c"] == 0
    resumed = pair.row(crm, "Opportunity", Id=renewal)
    assert (resumed["Paused__c"], resumed["Paused_Stage__c"]) == (False, None)
    assert resumed["StageName"] == "Negotiation/Review"
    assert len(erp.shown("salesOrder")) == 4
    assert pair.row(erp, "salesOrder", custbody_interlock_id=waiting)["status"] == "B"
    pair.sync()
    assert "Nothing to do" in pair.sync().flat
    assert len(erp.shown("salesOrder")) == 4

    # a deal won before go-live, of which NetSuite knows nothing
    other, unbilled = _customer(pair, "Vertbois Textiles GmbH")
    leaked = _sell(pair, other, "Forgotten valves", "Closed Won", _ago(40),
                   lines=(("VA-104", "10", "64.50"),))  # fmt: skip
    pair.sync()
    assert pair.rows(erp, "salesOrder", entity=unbilled) == []
    report = pair.do("report", "leakage", "--from", _ago(120), "--out", pair.root / "l.html",
                     "--json")  # fmt: skip
    assert report.code == 3
    told = report.json["leakage"]
    assert [(leak["deal"], leak["cause"]) for leak in told["findings"]] == [
        (leaked, "won before go-live")
    ]
    assert Decimal(told["findings"][0]["leaking"]) == 645
    by_hand = {number for one in told["probable"] for number in one["orders"]}
    assert by_hand == {row["tranId"] for row in erp.shown("salesOrder") if row["id"] in before}
    assert "Forgotten valves" in (pair.root / "l.html").read_text(encoding="utf-8")


def _shown(pair: Pair, deal: str) -> tuple[Any, ...]:
    row = pair.row(pair.crm, "Opportunity", Id=deal)
    return tuple(row[f"{name}__c"] for name in (
        "Order_Number", "Order_Status", "Payment_Status", "Invoice_Numbers"))  # fmt: skip
