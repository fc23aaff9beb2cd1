"""A won deal that becomes a sale and a project in a real Tryton; the CRM is one in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from interlock.connectors.memory import MemorySystem, crm_plugin, register
from interlock.connectors.tryton import plugin as erp_plugin
from interlock.project.load import CONFIG_FILE, RULES_FILE, open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.plan import approve, make_plan
from interlock.service.session import connect
from interlock.service.syncing import SyncReport, sync_once
from interlock.sync.progress import Run
from interlock.testing.proxy import Fault, FaultKind, FaultProxy
from tests.real.erp import Erp
from tests.real.systems.tryton import TrytonServer

pytestmark = pytest.mark.real

RULES = """\
schema_version: 1
company: {currency: USD}
order_targets:
  - {where: {kind: Bundle}, target: both}
"""
Row = dict[str, Any]


@dataclass
class Shop:
    """One customer in both systems, and deals in the CRM."""

    root: Path
    erp: Erp
    proxy: FaultProxy
    crm: MemorySystem = field(default_factory=lambda: MemorySystem("crm"))
    account: str = ""

    async def open(self) -> None:
        register(str(self.root), self.crm)
        server = self.erp.server
        scaffold(
            self.root, installation="real01",
            crm=Answers(plugin=crm_plugin, name="crm", settings={"system": str(self.root)}),
            erp=Answers(plugin=erp_plugin, name="tryton", settings={
                "url": self.proxy.url, "database": server.database, "login": server.login,
                "password": server.password}),
        )  # fmt: skip
        self._configure("  quiet_time: 2m\n", "  quiet_time: 0s\n")
        live = datetime.now(UTC) - timedelta(minutes=1)
        self._configure("\ngo_live:\n", f"\ngo_live: {live.isoformat()}\n")
        # nobody wants to wait two minutes for the end of a call that was broken off
        name = f"    database: {server.database}\n"
        self._configure(name, f"{name}    projects: true\n    timeout: 30\n    settle_time: 31\n")
        (self.root / RULES_FILE).write_text(RULES, encoding="utf-8")
        name = "Acme Fleet"
        self.erp.add_relation_types(("Primary contact of", "Billing contact of"))
        self.erp.add_customer(name=name, country="DE", tax_id="DE136695976", street="Weg 1",
                              city="Berlin", postcode="10115")  # fmt: skip
        self.account = self.crm.add("customer", {"Name": name, "VatNumber": "DE136695976"})
        async with connect(open_project(self.root, environment={})) as session:
            plan = await make_plan(session, Run(id=session.pair.new_id()))
            approve(session.store, plan.id, by="tester", now=datetime.now(UTC))
        await self.sync()

    def _configure(self, old: str, new: str) -> None:
        file = self.root / CONFIG_FILE
        text = file.read_text(encoding="utf-8")
        assert old in text, text
        file.write_text(text.replace(old, new), encoding="utf-8")

    def win(self, kind: str) -> str:
        line = {"Id": "L1", "Product2Id": None, "ProductCode": "W-001", "Description": None,
                "Quantity": "2", "UnitPrice": "5.00"}  # fmt: skip
        return str(self.crm.add("deal", {
            "Name": "Roll-out", "AccountId": self.account, "StageName": "Closed Won",
            "Amount": {"Amount": "10.00", "CurrencyIsoCode": "USD"}, "PoNumber": "PO-7",
            "Lines": [line], "Type": kind}))  # fmt: skip

    def shown(self, deal: str) -> Row:
        return dict(self.crm.all("deal")[deal])

    def projects(self) -> list[Row]:
        columns = ["name", "number", "party", "type", "comment", "last_modified_at", "status.name"]
        return list(self.erp.rpc.model("project.work", "search_read", [], 0, None, None, columns))

    async def sync(self) -> SyncReport:
        async with connect(open_project(self.root, environment={})) as session:
            return await sync_once(session)

    async def rest(self) -> None:
        """Sync until there is nothing left to write."""
        for _ in range(5):
            if (await self.sync()).writes == 0:
                return
        raise AssertionError("still writing")


@pytest.fixture
async def shop(own_tryton: TrytonServer, tmp_path: Path) -> AsyncIterator[Shop]:
    async with FaultProxy(own_tryton.url) as proxy:
        shop = Shop(tmp_path / "project", Erp(own_tryton), proxy)
        await shop.open()
        yield shop


async def test_a_won_deal_becomes_one_sale_and_one_project(shop: Shop) -> None:
    deal = shop.win("Bundle")
    await shop.rest()
    [sale], [project] = shop.erp.sales().values(), shop.projects()
    [party] = shop.erp.customers()
    assert (sale.party, project["party"], project["type"]) == (party, party, "project")
    assert project["name"] == f"Acme Fleet {deal}"
    assert f"crm:{deal}" in project["comment"].split()
    shown = shop.shown(deal)
    assert sale.number
    assert project["number"]
    assert (shown["OrderNumber__c"], shown["ProjectNumber__c"]) == (sale.number, project["number"])
    assert shown["ProjectStatus__c"] == "open"
    before = (shop.erp.everything(), shop.projects(), shop.crm.all("deal"))
    assert (await shop.sync()).writes == 0
    assert (shop.erp.everything(), shop.projects(), shop.crm.all("deal")) == before
    [done] = shop.erp.rpc.model("project.work.status", "search", [["progress", "=", 1.0]])
    shop.erp.rpc.model("project.work", "write", [project["id"]], {"status": done, "progress": 1.0})
    await shop.rest()
    assert shop.shown(deal)["ProjectStatus__c"] == "fulfilled"


async def test_a_lost_answer_makes_no_second_project(shop: Shop) -> None:
    create = '"method":"model.project.work.create"'
    shop.proxy.add(Fault(kind=FaultKind.LOSE_ANSWER, body=create))
    deal = shop.win("Bundle")
    await shop.sync()
    assert FaultKind.LOSE_ANSWER in {seen.fault for seen in shop.proxy.seen}
    assert len(shop.projects()) == 1, "the answer was lost, not the project"
    await shop.rest()
    assert shop.proxy.count(body=create) == 1
    [project], [_sale] = shop.projects(), shop.erp.sales().values()
    assert shop.shown(deal)["ProjectNumber__c"] == project["number"]


async def test_a_deal_of_another_kind_becomes_a_sale_alone(shop: Shop) -> None:
    shop.win("License")
    await shop.rest()
    assert len(shop.erp.sales()) == 1
    assert shop.projects() == []
