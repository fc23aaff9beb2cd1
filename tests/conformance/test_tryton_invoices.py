"""Invoices of a Tryton 8.2 running for real: open, paid in part, paid, overdue, credited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from interlock.connectors.base import Connector, ConnectorContext
from interlock.connectors.tryton import plugin
from interlock.connectors.tryton.config import TrytonSettings
from interlock.governance.signals import SignalRules
from interlock.model import ENTITIES, Fields, Money, Ref
from interlock.processes.receivables import figures_of
from tests.real.erp import Erp
from tests.real.finance import Finance
from tests.real.systems.tryton import TrytonServer, start_tryton
from tests.real.systems.tryton_rpc import TrytonFault, TrytonRpc

pytestmark = pytest.mark.real


class Ledger:
    """What the accountants of one company do and see, past the connector."""

    def __init__(self, server: TrytonServer) -> None:
        self.server = server
        self.rpc: TrytonRpc = server.rpc(admin=True)
        self.ids: dict[str, Any] = dict(server.ids)

    def customer(self, name: str) -> int:
        [party] = self.rpc.model("party.party", "create", [{
            "name": name, "addresses": [["create", [{"street": "1 Main Street", "invoice": True}]]],
        }])  # fmt: skip
        return int(party)

    def bill(self, party: int, price: str, *, due: date | None = None) -> tuple[int, int]:
        """Sell one Widget at a price and post its invoice: (invoice, sale)."""
        [address] = self.rpc.model("party.address", "search", [["party", "=", party]])
        [sale] = self.rpc.model("sale.sale", "create", [{
            "party": party, "company": self.ids["company"],
            "currency": self.ids["currencies"]["USD"], "invoice_address": address,
            "shipment_address": address, "invoice_method": "order",
            "payment_term": self.ids["payment_terms"]["Net 30"],
            "lines": [["create", [{
                "product": self.ids["products"]["W-001"], "quantity": 1.0,
                "unit": self.ids["unit"], "unit_price": _decimal(price),
                "taxes": [["add", [self.ids["tax"]]]]}]]],
        }])  # fmt: skip
        self.rpc.model("sale.sale", "quote", [sale])
        self._accepting("sale.sale", "confirm", [sale])
        [row] = self.rpc.model("sale.sale", "read", [sale], ["invoices"])
        [invoice] = row["invoices"]
        if due is not None:
            begin = due - timedelta(days=30)
            self.rpc.model("account.invoice", "write", [invoice],
                           {"payment_term_date": _day(begin)})  # fmt: skip
        self._accepting("account.invoice", "post", [invoice])
        return invoice, sale

    def pay(self, invoice: int, amount: str, *, part: bool) -> None:
        wizard, context = "wizard.account.invoice.pay", {
            "active_model": "account.invoice", "active_id": invoice, "active_ids": [invoice]}  # fmt: skip
        context = {**self.rpc.context, **context}
        session, start, _end = self.rpc.call(f"{wizard}.create", context)
        answer = self.rpc.call(f"{wizard}.execute", session, {}, start, context)
        form = {**answer["view"]["defaults"], "amount": _decimal(amount),
                "date": _day(date.today()),  # noqa: DTZ011
            "payment_method": self.ids["payment_method"]}  # fmt: skip
        data: dict[str, Any] = {"start": {k: v for k, v in form.items() if not k.endswith(".")}}
        answer = self.rpc.call(f"{wizard}.execute", session, data, "choice", context)
        if part:
            ask = {k: v for k, v in answer["view"]["defaults"].items() if not k.endswith(".")}
            self.rpc.call(f"{wizard}.execute", session, {**data, "ask": {**ask, "type": "partial"}},
                          "pay", context)  # fmt: skip
        self.rpc.call(f"{wizard}.delete", session, context)

    def _accepting(self, model: str, method: str, ids: list[int]) -> None:
        """Press a button; say yes to what it asks."""
        for _ in range(4):
            try:
                self.rpc.model(model, method, ids)
            except TrytonFault as fault:
                if fault.error[0] != "UserWarning":
                    raise
                self.rpc.model("res.user.warning", "skip", fault.error[1][0], False)
            else:
                return

    def receivable(self, party: int) -> Decimal:
        [row] = self.rpc.model("party.party", "read", [party], ["receivable"])
        return Decimal(row["receivable"]["decimal"])


def _decimal(value: str) -> dict[str, str]:
    return {"__class__": "Decimal", "decimal": value}


def _day(day: date) -> dict[str, Any]:
    return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}


def dollars(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    server = start_tryton(tmp_path_factory.mktemp("tryton"))
    yield Ledger(server)
    server.stop()


@pytest.fixture
async def connector(ledger: Ledger) -> Any:
    """A connection of the user with the least rights."""
    server = ledger.server
    settings = TrytonSettings.model_validate({
        "url": server.url, "database": server.database, "login": server.login,
        "password": server.password, "commit_delay": 1})  # fmt: skip
    wanted = {name: frozenset(kind.__struct_fields__) for name, kind in ENTITIES.items()}
    context = ConnectorContext(connection="erp", installation="4k2m9x", clock=lambda: datetime.now(UTC),
                               wanted=wanted, other="crm")  # fmt: skip
    async with plugin.connect(settings, context) as made:
        yield made


async def shown(connector: Connector, invoice: int) -> Fields:
    [record] = await connector.fetch("invoice", [str(invoice)])
    assert record.problems is None
    return record.fields


async def test_from_open_to_paid(ledger: Ledger, connector: Connector) -> None:
    party = ledger.customer("Payer")
    invoice, sale = ledger.bill(party, "100")
    today = date.today()  # noqa: DTZ011  Tryton's own idea of today
    fields = await shown(connector, invoice)
    assert fields.pop("number")
    assert fields == {
        "customer": Ref("customer", str(party)), "status": "open", "issued_on": today,
        "due_on": today + timedelta(days=30), "net": dollars("100"), "total": dollars("120"),
        "open": dollars("120"), "paid_on": None, "order": Ref("order", str(sale)),
    }  # fmt: skip
    cursor = None
    while (page := await connector.changes("invoice", cursor)).more:
        cursor = page.cursor
    ledger.pay(invoice, "50", part=True)
    fields = await shown(connector, invoice)
    assert (fields["status"], fields["open"]) == ("open", dollars("70"))
    assert fields["paid_on"] == today
    page = await connector.changes("invoice", page.cursor)
    assert str(invoice) in {r.id for r in page.records}, "a payment is a change of the invoice"
    ledger.pay(invoice, "70", part=False)
    fields = await shown(connector, invoice)
    assert (fields["status"], fields["open"]) == ("paid", dollars("0"))
    assert fields["paid_on"] == today


async def test_figures_are_the_ledgers_own(ledger: Ledger, connector: Connector) -> None:
    """Balance and arrears worked out from invoices are what Tryton's ledger says."""
    today = date.today()  # noqa: DTZ011
    party = ledger.customer("Debtor")
    overdue, _ = ledger.bill(party, "33.33", due=today - timedelta(days=34))
    ledger.bill(party, "10.01")
    ledger.pay(overdue, "0.99", part=True)
    mine = [r.fields for r in (await connector.sweep("invoice", None)).records
            if r.fields["customer"] == Ref("customer", str(party))]  # fmt: skip
    found = figures_of(mine, today, "USD", SignalRules()).fields
    assert found["balance"] == Money(ledger.receivable(party), "USD")
    assert found["overdue"] == dollars("39.01")
    assert found["days_overdue"] == 34
    assert found["lifetime_revenue"] == dollars("43.34")


async def test_a_due_date_that_is_moved_is_a_change_of_the_invoice(
    ledger: Ledger, connector: Connector
) -> None:
    """Only the line to be paid moves: the invoice's own row stands still."""
    invoice, _ = ledger.bill(ledger.customer("Late"), "10")
    finance = Finance(Erp(ledger.server))
    cursor = await ahead(connector, "invoice")
    due = date.today() - timedelta(days=40)  # noqa: DTZ011
    finance.make_due(invoice, due)
    page = await connector.changes("invoice", cursor)
    assert [r.fields["due_on"] for r in page.records if r.id == str(invoice)] == [due]


async def test_dunning_that_stops_the_credit_is_a_hold(
    ledger: Ledger, connector: Connector
) -> None:
    """As Tryton's own check has it; it ends when the money comes, which moves no dunning."""
    finance = Finance(Erp(ledger.server))
    party = ledger.customer("Held")
    category = ledger.ids["party_categories"]["Customer"]
    ledger.rpc.model("party.party", "write", [party], {"categories": [["add", [category]]]})
    invoice, _ = ledger.bill(party, "100", due=date.today() - timedelta(days=40))  # noqa: DTZ011
    finance.dun_by(party)

    async def hold() -> tuple[object, object]:
        [record] = await connector.fetch("customer", [str(party)])
        return record.fields["credit_hold"], record.fields["hold_reason"]

    async def changed(cursor: str) -> bool:
        page = await connector.changes("customer", cursor)
        while page.more and str(party) not in {r.id for r in page.records}:
            page = await connector.changes("customer", page.cursor)
        return str(party) in {r.id for r in page.records}

    finance.dun()
    assert await hold() == (False, None), "the first level does not stop the credit"
    cursor = await ahead(connector, "customer")
    finance.dun()
    assert await changed(cursor)
    on, why = await hold()
    assert on is True
    assert "120.00 USD due since" in str(why)
    cursor = await ahead(connector, "customer")
    ledger.pay(invoice, "120", part=False)
    assert await changed(cursor)
    assert await hold() == (False, None)


async def ahead(connector: Connector, entity: str) -> str:
    """Read on until what happened so far is behind the feed."""
    cursor = (await connector.changes(entity, None)).cursor
    while True:
        await asyncio.sleep(0.5)
        page = await connector.changes(entity, cursor)
        cursor = page.cursor
        if not page.records and not page.more:
            return cursor


async def test_programs_only_read_them(connector: Connector) -> None:
    declared = connector.capabilities.entities["invoice"]
    assert not declared.create
    assert not declared.update
