"""HubSpot's twin and an ERP kept in step, from an empty folder to an order, by the command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from interlock.connectors.memory import MemorySystem
from interlock.twins.hubspot import HubSpotTwin, make
from interlock.twins.serving import Running, running

from .shop import Ran, ran


class Company:
    """A portal of HubSpot, an ERP in a file, and Interlock between them."""

    def __init__(self, root: Path, served: Running) -> None:
        self.root = root
        twin = served.twin
        assert isinstance(twin, HubSpotTwin)
        self.twin = twin
        self.init = ran(
            "init", "--project", root, "--crm", "hubspot", "--erp", "memory_erp",
            "--set", f"crm.url={served.url}", "--set", "crm.currency=EUR",
            "--set", "crm.calls_in_10_seconds=100000", "--set", f"erp.path={root / 'erp.db'}",
        )  # fmt: skip
        config = root / "interlock.yaml"
        text = config.read_text(encoding="utf-8")
        text = text.replace("go_live:", "go_live: 2020-01-01T00:00:00Z")
        text = re.sub(r"  quiet_time: .*", "  quiet_time: 0s", text)
        config.write_text(text, encoding="utf-8")
        with self.erp() as erp:
            for row in twin.shown("products"):
                erp.add("product", {"sku": row["hs_sku"], "title": row["name"]})

    def erp(self) -> closing[MemorySystem]:
        return closing(MemorySystem("erp", path=self.root / "erp.db"))

    def do(self, *arguments: object) -> Ran:
        return ran(*arguments, "--project", self.root)

    def go(self) -> Ran:
        self.do("plan")
        self.do("approve")
        return self.do("sync", "--once")

    def all(self, entity: str) -> dict[str, Any]:
        with self.erp() as erp:
            return dict(erp.all(entity))

    def company(self, name: str) -> dict[str, Any]:
        return next(dict(row) for row in self.twin.shown("companies") if row["name"] == name)


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    twin = make(seed="small")
    twin.configure({"calls_in_10_seconds": 100_000})
    with running(twin) as served:
        monkeypatch.setenv("CRM_ACCESS_TOKEN", twin.token)
        yield Company(tmp_path / "project", served)


def test_from_an_empty_folder_to_agreement(company: Company) -> None:
    twin = company.twin
    assert company.init.code == 0, company.init
    assert "interlock provision" in company.do("check").flat
    assert company.do("provision", "--yes").code == 0
    checked = company.do("check")
    assert checked.code == 0, checked
    ran_ = company.go()
    assert ran_.code == 0, ran_
    assert len(company.all("customer")) == 12
    assert all(row["interlock_other_id"] for row in twin.shown("companies"))
    won = [row for row in twin.shown("deals") if row["dealstage"] == "closedwon"]
    assert won
    assert len(company.all("order")) == len(won)
    assert all(row["interlock_order_number"] for row in twin.shown("deals")
               if row["dealstage"] == "closedwon")  # fmt: skip
    assert "Nothing to do" in company.do("sync", "--once").flat
