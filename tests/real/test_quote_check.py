"""Quotes of a CRM in memory, checked against a Tryton running for real."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from interlock.connectors.memory import MemorySystem, crm_plugin, register
from interlock.connectors.tryton import plugin
from interlock.processes.quote_check import Answer
from interlock.project.load import open_project
from interlock.project.scaffold import Answers, scaffold
from interlock.service.plan import approve, make_plan
from interlock.service.quoting import QuoteRequest, RequestLine, check_quote
from interlock.service.session import Session, connect
from interlock.service.syncing import sync_once
from interlock.sync.progress import Run
from interlock.testing.proxy import Fault, FaultKind, FaultProxy
from tests.real.erp import Erp
from tests.real.systems.tryton import TrytonServer
from tests.real.test_catalogue import change, decimal

pytestmark = pytest.mark.real


def set_up(root: Path, server: TrytonServer, url: str, crm: MemorySystem) -> None:
    register(f"quotes-{root}", crm)
    scaffold(
        root, installation="test01", store="sqlite:///interlock.db",
        crm=Answers(plugin=crm_plugin, name="crm", settings={"system": f"quotes-{root}"}),
        erp=Answers(plugin=plugin, name="tryton", settings={
            "url": url, "database": server.database, "login": server.login,
            "password": server.password, "contacts": "false"}),
    )  # fmt: skip
    file = root / "interlock.yaml"
    text = "\n".join(
        "quotes: {time_budget: 20}" if line.startswith("quotes:") else line
        for line in file.read_text().splitlines()
    )
    if "time_budget: 20" not in text:
        text += "\nquotes: {time_budget: 20}"
    file.write_text(text + "\n")


def line(price: str, quantity: str, sku: str) -> RequestLine:
    return RequestLine(sku=sku, quantity=Decimal(quantity), unit_price=Decimal(price))


def codes(answer: Answer) -> dict[str | None, str]:
    return {f.line: f.code for f in answer.findings}


def three_hours_on() -> datetime:
    return datetime.now(UTC) + timedelta(hours=3)


async def test_a_quote_is_checked_against_what_tryton_says_now(
    own_tryton: TrytonServer, tmp_path: Path
) -> None:
    erp, crm = Erp(own_tryton), MemorySystem("crm")
    party = erp.add_customer(name="Partner Ltd", country="US", tax_id="04-2103594")
    erp.rpc.model(
        "party.party", "write", [party], {"sale_price_list": own_tryton.ids["price_list"]}
    )
    account = crm.add("customer", {"Name": "Partner Ltd", "VatNumber": "US04-2103594"})
    change(erp, "W-001", {"list_price": decimal("40.00")})
    change(erp, "W-002", {"lead_time": {"__class__": "timedelta", "seconds": 5 * 86400}})
    change(erp, "W-003", {"salable": False})
    root = tmp_path / "project"
    root.mkdir()
    async with FaultProxy(own_tryton.url) as proxy:
        set_up(root, own_tryton, proxy.url, crm)

        async def ask(session: Session, *lines: RequestLine, **more: Any) -> Answer:
            request = QuoteRequest(currency="USD", customer=account, lines=lines, **more)
            return await check_quote(session, request)

        async with connect(open_project(root)) as session:
            await make_plan(session, Run(id="plan"))
            approve(session.store, None, by="tester", now=session.pair.clock())
            await sync_once(session)
            shown = {c["ProductCode"]: c for c in crm.all("product").values()}
            assert shown["W-001"]["Stock__c"] == "in"
            assert shown["W-002"]["LeadTime__c"] == "5"
            assert crm.all("customer")[account]["PriceList__c"] == "Partner 10% off"
            assert "cost" not in str(shown).lower()

            answer = await ask(session, line("36.00", "3", "W-001"))
            assert (answer.verdict, answer.live) == ("ok", True)
            change(erp, "W-001", {"list_price": decimal("50.00")})
            answer = await ask(session, line("36.00", "3", "W-001"))
            assert codes(answer) == {"1": "below_price"}
            assert answer.lines[0].price == Decimal("45.0000")
            assert answer.lines[0].price_source == "price list Partner 10% off"

            answer = await ask(
                session, line("1000", "200", "W-002"), line("1000", "1", "W-003"),
                line("1000", "1", "NONE"),
            )  # fmt: skip
            assert codes(answer) == {
                "1": "not_in_stock", "2": "discontinued", "3": "unknown_product",
            }  # fmt: skip
            in_five = date.today() + timedelta(days=5)  # noqa: DTZ011  Tryton's own today
            assert abs(answer.lines[0].earliest - in_five) <= timedelta(days=1)

        file = root / "interlock.yaml"
        file.write_text(file.read_text().replace("time_budget: 20", "time_budget: 0.3"))
        quick = open_project(root)
        async with connect(quick, clock=three_hours_on) as session:
            proxy.add(Fault(kind=FaultKind.HOLD_ANSWER, times=None, seconds=5))
            change(erp, "W-001", {"list_price": decimal("99.00")})
            answer = await ask(session, line("45.00", "3", "W-001"))
            proxy.clear()
            assert answer.live is False
            assert answer.age_seconds >= 3 * 3600
            assert "did not answer within 0.3 s: as last seen 3 hours ago" in answer.note
            # the price list as it was read at the last sync
            assert answer.lines[0].price == Decimal("36.0000")
