"""Invoices of the memory ERP: people bill and take payments, programs only read."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from interlock.connectors.base import WriteKind, WriteRequest
from interlock.connectors.memory import MemorySystem
from interlock.connectors.memory.invoicing import cancel_invoice, issue_invoice, register_payment
from interlock.connectors.memory.tables import Refused
from interlock.model import Fields, Money, Ref
from tests.unit.connectors.memory.conftest import Connect


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


@pytest.fixture
def partner(erp: MemorySystem) -> str:
    return erp.add("customer", {"name": "Acme"})


async def shown(erp: MemorySystem, connect: Connect, invoice: str) -> Fields:
    [record] = await connect(erp).fetch("invoice", [invoice])
    return record.fields


async def test_a_payment_in_parts(erp: MemorySystem, connect: Connect, partner: str) -> None:
    issued, due = date(2026, 1, 5), date(2026, 2, 4)
    invoice = issue_invoice(erp, partner, "100.00", tax="19.00", issued_on=issued)
    assert await shown(erp, connect, invoice) == {
        "customer": Ref("customer", partner), "number": "IN00001", "status": "open",
        "issued_on": issued, "due_on": due, "net": euro("100.00"), "total": euro("119.00"),
        "open": euro("119.00"), "paid_on": None, "disputed": False, "order": None,
    }  # fmt: skip
    register_payment(erp, invoice, "19.00", on=date(2026, 1, 20))
    fields = await shown(erp, connect, invoice)
    assert (fields["status"], fields["open"]) == ("open", euro("100.00"))
    register_payment(erp, invoice, on=date(2026, 2, 1))
    fields = await shown(erp, connect, invoice)
    assert (fields["status"], fields["open"], fields["paid_on"]) == (
        "paid", euro("0.00"), date(2026, 2, 1),
    )  # fmt: skip


async def test_a_credit_note(erp: MemorySystem, connect: Connect, partner: str) -> None:
    invoice = issue_invoice(erp, partner, "-50.00")
    fields = await shown(erp, connect, invoice)
    assert (fields["total"], fields["open"]) == (euro("-50.00"), euro("-50.00"))
    with pytest.raises(Refused, match="more is paid"):
        register_payment(erp, invoice, "10.00")
    register_payment(erp, invoice, "-50.00")
    assert (await shown(erp, connect, invoice))["status"] == "paid"


async def test_nothing_is_owed_on_a_cancelled_one(
    erp: MemorySystem, connect: Connect, partner: str
) -> None:
    invoice = issue_invoice(erp, partner, "50.00")
    cancel_invoice(erp, invoice)
    fields = await shown(erp, connect, invoice)
    assert (fields["status"], fields["open"]) == ("cancelled", euro("0.00"))


def test_a_posted_one_keeps_its_amounts(erp: MemorySystem, partner: str) -> None:
    invoice = issue_invoice(erp, partner, "50.00")
    with pytest.raises(Refused, match="fixed"):
        erp.edit("invoice", invoice, {"net_amount": "60.00"})
    with pytest.raises(Refused, match="more is paid"):
        register_payment(erp, invoice, "50.01")


async def test_programs_only_read_them(erp: MemorySystem, connect: Connect, partner: str) -> None:
    invoice = issue_invoice(erp, partner, "50.00")
    write = WriteRequest(id="w1", entity="invoice", kind=WriteKind.UPDATE, record_id=invoice,
                         fields={"number": "X"})  # fmt: skip
    with pytest.raises(NotImplementedError):
        await connect(erp).write("invoice", [write])
