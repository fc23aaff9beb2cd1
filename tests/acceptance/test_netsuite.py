"""A CRM and NetSuite's twin kept in step, from an empty folder to paid orders, by the command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from interlock.connectors.memory import MemorySystem
from interlock.twins.faults import Fault, FaultKind
from interlock.twins.netsuite import NetSuiteTwin, make
from interlock.twins.serving import Running, running

from .shop import Ran, ran

_FIELDS = ("custentity_interlock_id", "custbody_interlock_id", "custcol_interlock_key")
_SECRETS = ("consumer_secret", "token_secret")


class Company:
    """A CRM in a file, an account of NetSuite, and Interlock between them."""

    def __init__(self, root: Path, served: Running) -> None:
        self.root = root
        assert isinstance(served.twin, NetSuiteTwin)
        self.twin = served.twin
        known = self.twin.credentials()
        settings = {
            "account": known["account"], "url": served.url, "currency": "EUR", "subsidiary": "1",
            "consumer_key": known["consumer_key"], "token_id": known["token_id"],
        }  # fmt: skip
        stated = [part for k, v in settings.items() for part in ("--set", f"erp.{k}={v}")]
        self.init = ran(
            "init", "--project", root, "--crm", "memory_crm", "--erp", "netsuite",
            "--set", f"crm.path={root / 'crm.db'}", *stated,
        )  # fmt: skip
        config = root / "interlock.yaml"
        text = config.read_text(encoding="utf-8")
        text = text.replace("go_live:", "go_live: 2020-01-01T00:00:00Z")
        text = re.sub(r"  quiet_time: .*", "  quiet_time: 0s", text)
        config.write_text(text, encoding="utf-8")
        with self.crm() as crm:
            self.account = crm.add("customer", {
                "Name": "Acme Inc.", "Website": "https://acme.example", "PaymentTerms": "Net 30",
                "BillingAddress": {"BillingStreet": "1 Main St", "BillingCity": "Springfield",
                                   "BillingPostalCode": "12345", "BillingCountryCode": "US"},
            })  # fmt: skip
            crm.add("contact", {
                "AccountId": self.account, "Email": "jo@acme.example",
                "PersonName": {"FirstName": "Jo", "LastName": "Doe"},
            })  # fmt: skip

    def crm(self) -> closing[MemorySystem]:
        return closing(MemorySystem("crm", path=self.root / "crm.db"))

    def do(self, *arguments: object) -> Ran:
        return ran(*arguments, "--project", self.root)

    def go(self) -> Ran:
        self.do("plan")
        self.do("approve")
        return self.do("sync", "--once")

    def win(self, currency: str = "EUR", name: str = "Pumps") -> str:
        """Win a deal of two products; its id."""
        with self.crm() as crm:
            lines = [
                {"Id": f"{name}/{n}", "ProductCode": sku, "Quantity": quantity, "UnitPrice": price,
                 "TotalPrice": total}
                for n, (sku, quantity, price, total) in enumerate(
                    (("PU-100", "2", "450.00", "900.00"), ("FI-103", "10", "24.95", "249.50")))
            ]  # fmt: skip
            return crm.add("deal", {
                "Name": name, "AccountId": self.account, "StageName": "Closed Won",
                "StageKind": "won", "WonAt": "2026-05-01T12:00:00+00:00", "PoNumber": "PO 7",
                "Amount": {"Amount": "1149.50", "CurrencyIsoCode": currency}, "Lines": lines,
            })  # fmt: skip

    def deal(self, key: str) -> dict[str, Any]:
        with self.crm() as crm:
            return dict(crm.all("deal")[key])

    def ours(self) -> list[dict[str, Any]]:
        """The orders Interlock made."""
        return [dict(r) for r in self.twin.shown("salesOrder") if r.get("externalId")]


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    twin = make(seed="small")
    twin.configure({"fields": {name: {"kind": "text"} for name in _FIELDS}})
    with running(twin) as served:
        for name in _SECRETS:
            monkeypatch.setenv(f"ERP_{name.upper()}", twin.credentials()[name])
        yield Company(tmp_path / "project", served)


def test_from_an_empty_folder_to_a_paid_order(company: Company) -> None:
    twin = company.twin
    assert company.init.code == 0, company.init
    checked = company.do("check")
    assert checked.code == 0, checked.flat
    assert (
        "nothing to do here (custom fields cannot be made" in company.do("provision", "--yes").flat
    )
    deal = company.win()
    assert company.go().code == 0
    assert len(twin.shown("customer")) == 13
    made = next(r for r in twin.shown("customer") if r["companyName"] == "Acme Inc.")
    assert (made["terms"], made["subsidiary"]) == ("3", "1")
    with company.crm() as crm:
        assert crm.all("customer")[company.account]["ErpId__c"] == made["id"]
    company.do("sync", "--once")
    (order,) = company.ours()
    assert (order["entity"], order["otherRefNum"], order["status"]) == (made["id"], "PO 7", "B")
    assert [(x["quantity"], x["rate"]) for x in order["item"]] == [
        (2, 450),
        (10, Decimal("24.95")),
    ]
    assert str(order["subtotal"]) == "1149.50"
    shown = company.deal(deal)
    assert (shown["OrderNumber__c"], shown["OrderStatus__c"]) == (order["tranId"], "open")
    twin.update("salesOrder", order["id"], {"!transform": "itemFulfillment"})
    twin.update("salesOrder", order["id"], {"!transform": "invoice"})
    company.do("sync", "--once")
    shown = company.deal(deal)
    assert shown["OrderStatus__c"] == "fulfilled"
    assert shown["PaymentStatus__c"] == "open"
    bill = next(r for r in twin.shown("invoice") if r.get("createdFrom") == order["id"])
    assert shown["InvoiceNumbers__c"] == bill["tranId"]
    twin.update("invoice", bill["id"], {"!transform": "customerPayment"})
    company.do("sync", "--once")
    assert company.deal(deal)["PaymentStatus__c"] == "paid"
    assert "Nothing to do" in company.do("sync", "--once").flat
    assert len(company.ours()) == 1


def test_a_currency_switched_off_waits_and_follows_when_it_is_back(company: Company) -> None:
    twin = company.twin
    pound = next(r for r in twin.shown("currency") if r["symbol"] == "GBP")["id"]
    twin.update("currency", pound, {"isInactive": True})
    company.go()
    company.win("GBP")
    company.do("sync", "--once")
    company.do("sync", "--once")
    assert company.ours() == []
    letters = company.do("dead-letters", "list")
    assert "GBP is not in use in NetSuite (in use: EUR, USD)" in company.do(
        "dead-letters", "show", re.findall(r"\b(\d+)\b", letters.flat)[0]
    ).flat + letters.flat  # fmt: skip
    twin.update("currency", pound, {"isInactive": False})
    company.do("dead-letters", "retry", "--all")
    company.do("sync", "--once")
    assert [order["currency"] for order in company.ours()] == [pound]


def test_an_answer_lost_in_the_middle_makes_one_order(company: Company) -> None:
    company.go()
    company.win()
    company.twin.faults.arm(
        Fault(kind=FaultKind.LOST_ANSWER, method="POST", path="/record/v1/salesOrder", times=1)
    )
    company.do("sync", "--once")
    assert len(company.ours()) == 1
    company.do("sync", "--once")
    assert len(company.ours()) == 1


def test_what_does_not_fit_is_handled_as_stated(company: Company) -> None:
    """A name too long, terms NetSuite has not, and what is never to be known."""
    twin = company.twin
    long = "Vereinigte Werkstätten für Filtration und Pumpentechnik " * 2 + "Ltd"
    with company.crm() as crm:
        key = crm.add("customer", {"Name": long, "Website": "https://long.example"})
        other = crm.add("customer", {"Name": "Fourteen Days Ltd", "PaymentTerms": "Net 14",
                                     "Website": "https://fourteen.example"})  # fmt: skip
    seen = next(row["id"] for row in twin.shown("customer"))
    twin.update("customer", seen, {"comments": "planted-comment-4711"})
    item = next(row["id"] for row in twin.shown("inventoryItem"))
    twin.update("inventoryItem", item, {"averageCost": "4711.47", "cost": "4711.48"})
    assert f"cut to 83 of its {len(long)} characters there, ending in …" in company.do(
        "plan", "--all"
    ).flat  # fmt: skip
    company.do("approve")
    company.do("sync", "--once")
    company.do("sync", "--once")
    made = next(r for r in twin.shown("customer") if r["companyName"].startswith("Vereinigte"))
    assert len(made["companyName"]) <= 83
    assert made["companyName"].endswith("…")
    with company.crm() as crm:
        assert crm.all("customer")[key]["Name"] == long, "never written back over the longer one"
    twin.update("customer", made["id"], {"phone": "+49 30 1"})
    company.do("sync", "--once")
    with company.crm() as crm:
        cells = crm.all("customer")[key]
        assert (cells["Name"], cells["Phone"]) == (long, "+49 30 1")
        assert not crm.all("customer")[other].get("ErpId__c")
    letters = company.do("dead-letters", "list").flat
    assert "Due on receipt, Net 15, Net 30, Net 60" in letters + "".join(
        company.do("dead-letters", "show", number).flat
        for number in re.findall(r"\b(\d+)\b", letters)[:5]
    )
    texts = b"".join(path.read_bytes() for path in company.root.rglob("*") if path.is_file())
    for planted in (b"planted-comment-4711", b"4711.47", b"4711.48"):
        assert planted not in texts
