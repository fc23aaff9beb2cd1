"""A CRM and QuickBooks' twin kept in step, from an empty folder to a released hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from interlock.connectors.memory import MemorySystem
from interlock.twins.quickbooks import QuickBooksTwin, make
from interlock.twins.serving import Running, running

from .shop import Ran, ran


class Company:
    """A CRM in a file, a company of QuickBooks, and Interlock between them."""

    def __init__(self, root: Path, served: Running) -> None:
        self.root = root
        twin = served.twin
        assert isinstance(twin, QuickBooksTwin)
        self.twin = twin
        known = twin.credentials()
        self.init = ran(
            "init", "--project", root, "--crm", "memory_crm", "--erp", "quickbooks",
            "--set", f"crm.path={root / 'crm.db'}", "--set", f"erp.url={served.url}",
            "--set", f"erp.realm_id={known['realm_id']}",
            "--set", f"erp.client_id={known['client_id']}", "--set", "erp.currency=USD",
        )  # fmt: skip
        config = root / "interlock.yaml"
        text = config.read_text(encoding="utf-8")
        text = text.replace("go_live:", "go_live: 2020-01-01T00:00:00Z")
        text = re.sub(r"  quiet_time: .*", "  quiet_time: 0s", text)
        config.write_text(text + "\nholds:\n  days_overdue: 30\n", encoding="utf-8")

    def crm(self) -> closing[MemorySystem]:
        return closing(MemorySystem("crm", path=self.root / "crm.db"))

    def do(self, *arguments: object) -> Ran:
        return ran(*arguments, "--project", self.root)

    def go(self) -> Ran:
        self.do("plan")
        self.do("approve")
        return self.do("sync", "--once")

    def shown(self, table: str) -> list[Mapping[str, Any]]:
        return [row for row in self.twin.shown(table) if row.get("status") != "Deleted"]

    def account(self, name: str, **fields: Any) -> str:
        with self.crm() as crm:
            return str(crm.add("customer", {"Name": name, **fields}))

    def win(self, account: str, amount: str = "960.00") -> str:
        """Win a deal on two gear pumps."""
        line = {"Id": "a", "Product2Id": None, "ProductCode": "PU-100", "Description": None,
                "Quantity": "2", "UnitPrice": "480.00"}  # fmt: skip
        with self.crm() as crm:
            return str(crm.add("deal", {
                "Name": "Pumps", "AccountId": account, "StageName": "Closed Won",
                "PoNumber": "PO 4711", "Lines": [line],
                "Amount": {"Amount": amount, "CurrencyIsoCode": "USD"},
            }))  # fmt: skip

    def row(self, entity: str, key: str) -> Mapping[str, Any]:
        with self.crm() as crm:
            found: Mapping[str, Any] = crm.all(entity)[key]
            return found


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    twin = make(seed="empty")
    twin.insert("Item", {"Name": "Gear pump", "Sku": "PU-100", "UnitPrice": 480,
                         "IncomeAccountRef": {"value": "1"}})  # fmt: skip
    with running(twin) as served:
        monkeypatch.setenv("ERP_CLIENT_SECRET", twin.app.client_secret)
        monkeypatch.setenv("ERP_REFRESH_TOKEN", twin.app.refresh_token)
        yield Company(tmp_path / "project", served)


def test_from_an_empty_folder_to_a_released_hold(company: Company) -> None:
    twin = company.twin
    # every command that signs in gets another refresh token, which ends the one before
    twin.configure({"rotate_after": 0})
    assert company.init.code == 0, company.init
    acme = company.account("Acme Inc.", PaymentTerms="Net 30", Phone="+1 555 0100")
    deal = company.win(acme)
    assert company.do("check").code == 0
    assert company.go().code == 0
    (customer,) = company.shown("Customer")
    assert (customer["DisplayName"], customer["SalesTermRef"]["name"]) == ("Acme Inc.", "Net 30")
    company.do("sync", "--once")
    (estimate,) = company.shown("Estimate")
    assert (estimate["TxnStatus"], estimate["TotalAmt"]) == ("Accepted", 960)
    assert "po:PO%204711" in estimate["PrivateNote"]
    company.do("sync", "--once")
    shown = company.row("deal", deal)
    assert (shown["OrderNumber__c"], shown["OrderStatus__c"]) == (estimate["DocNumber"], "open")
    assert "Nothing to do" in company.do("sync", "--once").flat
    assert twin.app.refreshed >= 5
    kept = [file for file in (company.root / "secrets" / "erp").iterdir() if file.is_file()]
    assert not [file for file in kept if twin.app.refresh_token.encode() in file.read_bytes()]

    # the bookkeeper bills the estimate, and nobody pays
    past = (twin.clock() - timedelta(days=45)).date().isoformat()
    invoice = twin.insert("Invoice", {
        "CustomerRef": estimate["CustomerRef"], "Line": estimate["Line"], "TxnDate": past,
        "DueDate": past, "LinkedTxn": [{"TxnId": estimate["Id"], "TxnType": "Estimate"}],
    })  # fmt: skip
    for _ in range(2):
        assert company.do("sync", "--once").code == 0
    shown, account = company.row("deal", deal), company.row("customer", acme)
    assert shown["OrderStatus__c"] == "fulfilled"
    assert shown["PaymentStatus__c"] == "overdue"
    assert account["Overdue__c"] == {"Amount": "960.00", "CurrencyIsoCode": "USD"}
    assert (account["DaysOverdue__c"], account["CreditHold__c"]) == ("45", True)

    # money comes, and the hold goes
    twin.insert("Payment", {"CustomerRef": estimate["CustomerRef"], "TotalAmt": 960, "Line": [
        {"Amount": 960, "LinkedTxn": [{"TxnId": invoice, "TxnType": "Invoice"}]},
    ]})  # fmt: skip
    for _ in range(2):
        assert company.do("sync", "--once").code == 0
    assert company.row("deal", deal)["PaymentStatus__c"] == "paid"
    assert company.row("customer", acme)["CreditHold__c"] is False


def test_what_quickbooks_does_not_take_is_a_letter_to_a_person(company: Company) -> None:
    company.twin.insert("Vendor", {"DisplayName": "Both Ways Ltd"})
    company.account("Both Ways Ltd")
    company.account("Odd Terms Ltd", PaymentTerms="Net 14")
    company.account("Fine Ltd", PaymentTerms="Net 30")
    company.go()
    assert {row["DisplayName"] for row in company.shown("Customer")} == {"Fine Ltd"}
    letters = company.do("dead-letters", "list").flat
    assert "Net 15, Net 30, Net 60" in letters
    assert "link the two records" in letters


def test_a_long_name_keeps_its_end_in_the_crm_and_another_currency_makes_nothing(
    company: Company,
) -> None:
    name = "Association of " + "very " * 20 + "patient bookkeepers"
    account = company.account(name)
    line = {"Id": "a", "Product2Id": None, "ProductCode": "PU-100", "Description": None,
            "Quantity": "2", "UnitPrice": "480.00"}  # fmt: skip
    with company.crm() as crm:
        crm.add("deal", {
            "Name": "In euros", "AccountId": account, "StageName": "Closed Won", "Lines": [line],
            "Amount": {"Amount": "960.00", "CurrencyIsoCode": "EUR"},
        })  # fmt: skip
    company.go()
    (customer,) = company.shown("Customer")
    assert customer["DisplayName"] == name[:97].rstrip() + "..."
    # the bookkeeper's own edit comes back, the cut name does not
    company.twin.update("Customer", customer["Id"], {"PrimaryPhone": {"FreeFormNumber": "1"}})
    company.do("sync", "--once")
    shown = company.row("customer", account)
    assert (shown["Name"], shown["Phone"]) == (name, "1")
    assert company.shown("Estimate") == []
    letters = company.do("dead-letters", "list").flat
    assert "CurrencyRef" in letters
