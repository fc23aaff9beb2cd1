"""Salesforce's twin and an ERP kept in step, from an empty folder to an order, by the command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from interlock.connectors.memory import MemorySystem
from interlock.twins.salesforce import SalesforceTwin, make
from interlock.twins.serving import Running, running

from .shop import Ran, ran


class Company:
    """An org of Salesforce, an ERP in a file, and Interlock between them."""

    def __init__(self, root: Path, served: Running) -> None:
        self.root = root
        twin = served.twin
        assert isinstance(twin, SalesforceTwin)
        self.twin = twin
        self.init = ran(
            "init", "--project", root, "--crm", "salesforce", "--erp", "memory_erp",
            "--set", f"crm.url={served.url}", "--set", f"crm.client_id={twin.app.client_id}",
            "--set", "crm.currency=EUR", "--set", f"erp.path={root / 'erp.db'}",
        )  # fmt: skip
        config = root / "interlock.yaml"
        text = config.read_text(encoding="utf-8")
        text = text.replace("go_live:", "go_live: 2020-01-01T00:00:00Z")
        text = re.sub(r"  quiet_time: .*", "  quiet_time: 0s", text)
        config.write_text(text, encoding="utf-8")
        with self.erp() as erp:
            for row in twin.shown("Product2"):
                erp.add("product", {"sku": row["ProductCode"], "title": row["Name"]})

    def erp(self) -> closing[MemorySystem]:
        return closing(MemorySystem("erp", path=self.root / "erp.db"))

    def do(self, *arguments: object) -> Ran:
        return ran(*arguments, "--project", self.root)

    def go(self) -> Ran:
        self.do("plan")
        self.do("approve")
        return self.do("sync", "--once")

    def orders(self) -> list[object]:
        with self.erp() as erp:
            return list(erp.all("order"))


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    with running(make(seed="small")) as served:
        twin = served.twin
        assert isinstance(twin, SalesforceTwin)
        monkeypatch.setenv("CRM_CLIENT_SECRET", twin.app.client_secret)
        yield Company(tmp_path / "project", served)


def test_from_an_empty_folder_to_agreement(company: Company) -> None:
    twin = company.twin
    assert company.init.code == 0
    assert "interlock provision" in company.do("check").flat
    assert company.do("provision", "--yes").code == 0
    assert company.do("check").code == 0
    assert company.go().code == 0
    with company.erp() as erp:
        assert len(list(erp.all("customer"))) == 12
    assert all(row["ERP_Id__c"] for row in twin.shown("Account"))
    won = [row for row in twin.shown("Opportunity") if row["IsWon"]]
    assert won
    assert len(company.orders()) == len(won)
    assert all(row["Order_Number__c"] for row in twin.shown("Opportunity") if row["IsWon"])
    assert "Nothing to do" in company.do("sync", "--once").flat


def test_the_days_calls_run_out_in_the_middle_and_the_rest_is_left_to_others(
    company: Company,
) -> None:
    twin = company.twin
    company.do("provision", "--yes")
    company.do("plan")
    company.do("approve")
    twin.quota.limit = 1000
    twin.quota.others = 700 - twin.quota.used - 14
    stopped = company.do("sync", "--once")
    assert stopped.code == 3, stopped
    assert "the last tenth of the day's calls is kept for orders and holds" in stopped.flat
    assert 700 <= twin.quota.used <= 800
    waiting = [row for row in twin.shown("Contact") if not row["ERP_Id__c"]]
    assert waiting
    assert "writes for the next sync" in company.do("status").flat
    twin.quota.limit = 15_000
    again = company.do("sync", "--once")
    assert again.code == 0, again.flat
    assert all(row["ERP_Id__c"] for row in twin.shown("Contact"))
    with company.erp() as erp:
        assert len(list(erp.all("customer"))) == 12
        assert len(list(erp.all("contact"))) == 20
    assert len(company.orders()) == 2
