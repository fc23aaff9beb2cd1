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
            "--set", f"erp.path={root / 'erp.db'}",
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

    def map(self, entity: str, field: str, path: str) -> None:
        """Keep a field in another property of HubSpot's."""
        text = (
            f"schema_version: 1\n{entity}:\n  fields:\n    {field}: {{path: {path}, type: text}}\n"
        )
        (self.root / "mappings" / "crm.yaml").write_text(text, encoding="utf-8")

    def company(self, name: str) -> dict[str, Any]:
        return next(dict(row) for row in self.twin.shown("companies") if row["name"] == name)


@pytest.fixture
def company(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    twin = make(seed="small")
    # every command starts to count its searches anew; the calls are counted in the store
    twin.configure({"searches_a_second": 1_000})
    with running(twin) as served:
        monkeypatch.setenv("CRM_ACCESS_TOKEN", twin.token)
        yield Company(tmp_path / "project", served)


def test_from_an_empty_folder_to_agreement(company: Company) -> None:
    twin = company.twin
    assert company.init.code == 0
    assert "interlock provision" in company.do("check").flat
    assert company.do("provision", "--yes").code == 0
    assert company.do("check").code == 0
    assert company.go().code == 0
    assert len(company.all("customer")) == 12
    assert all(row["interlock_other_id"] for row in twin.shown("companies"))
    won = [row for row in twin.shown("deals") if row["dealstage"] == "closedwon"]
    assert won
    assert len(company.all("order")) == len(won)
    assert all(row["interlock_order_number"] for row in twin.shown("deals")
               if row["dealstage"] == "closedwon")  # fmt: skip
    assert "Nothing to do" in company.do("sync", "--once").flat
    assert not [entry for entry in twin.log.entries() if entry.status == 429]


def test_what_hubspot_refuses_is_a_dead_letter_that_names_the_choices(company: Company) -> None:
    tiers = [{"label": word, "value": word} for word in ("net 30", "net 60")]
    terms = {"type": "enumeration", "fieldType": "select", "options": tiers}
    company.twin.configure({"properties": {"companies.terms": terms}})
    company.map("customer", "payment_terms", "terms")
    company.do("provision", "--yes")
    assert company.go().code == 0
    with company.erp() as erp:
        key = next(iter(erp.all("customer")))
        name = erp.all("customer")[key]["name"]
        erp.edit("customer", key, {"terms": "N14"})
    company.do("sync", "--once")
    assert "net 30, net 60" in company.do("dead-letters", "show", 1).flat
    assert company.company(name)["terms"] is None


def test_a_name_longer_than_the_erp_holds_is_never_cut_in_hubspot(company: Company) -> None:
    company.do("provision", "--yes")
    assert company.go().code == 0
    row = company.twin.shown("companies")[0]
    name = f"{row['name']} " + "and Sons " * 60
    company.twin.update("companies", row["id"], {"name": name.strip()})
    assert company.do("sync", "--once").code == 0
    held = company.all("customer")[row["interlock_other_id"]]["name"]
    assert 20 < len(held) < len(name.strip())
    assert name.startswith(held.rstrip("…"))
    assert "Nothing to do" in company.do("sync", "--once").flat
    assert company.twin.shown("companies")[0]["name"] == name.strip()


def test_what_is_never_read_is_nowhere_afterwards(company: Company) -> None:
    planted = {
        "companies": ("description", "annualrevenue"), "contacts": ("message", "date_of_birth"),
        "deals": ("description", "closed_lost_reason"), "products": ("description",),
    }  # fmt: skip
    texts = []
    for table, names in planted.items():
        for row in company.twin.shown(table):
            for name in names:
                text = "987654321987" if name == "annualrevenue" else f"planted-{len(texts)}-zqx"
                texts.append(text)
                company.twin.update(table, row["id"], {name: text})
    company.do("provision", "--yes")
    assert company.go().code == 0
    company.do("explain", next(iter(company.all("customer"))))
    kept = b"".join(file.read_bytes() for file in company.root.rglob("*") if file.is_file())
    assert b"Vertbois" in kept
    assert not [text for text in texts if text.encode() in kept]
    asked = "".join(entry.body + str(entry.query) for entry in company.twin.log.entries())
    assert not [name for names in planted.values() for name in names if f'"{name}"' in asked]
