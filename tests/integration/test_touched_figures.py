"""Figures worked out from what changed are the figures worked out from everything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import select

from interlock.connectors.memory import Refused
from interlock.connectors.memory.invoicing import cancel_invoice, issue_invoice, register_payment
from interlock.model import Fields
from interlock.processes import order_to_cash
from interlock.processes.receivables import Figures
from interlock.store import alerts, billed, feeds, signals
from interlock.store.database import Tx
from interlock.store.tables import alert

from .company import Company
from .conftest import Founding

TAX = "DE136695976"
RULES = """\
schema_version: 1
rates: {source: test, USD: 0.9}
company: {currency: EUR, time_zone: Europe/Berlin}
tiers: [{tier: A, revenue_12m: 500}, {tier: B}]
"""


class Bookkeeping:
    """What happens in a company, one thing after the other, as a seed says."""

    def __init__(self, company: Company, seed: int) -> None:
        self.company, self.rng = company, Random(seed)
        self.erp = company.erp
        for n in range(4):
            company.crm.add("customer", {"Name": f"Firm {n}", "VatNumber": f"AT{n:08}"})
            self.erp.add("customer", {"name": f"Firm {n}", "vat_no": f"AT{n:08}"})
        self.erp.add("product", {"sku": "S", "title": "Thing"})

    def pick(self, entity: str, **cells: Any) -> str:
        rows = [
            i
            for i, row in self.erp.all(entity).items()
            if all(row.get(c) == v for c, v in cells.items())
        ]
        return self.rng.choice(rows) if rows else ""

    def act(self) -> None:
        rng, erp = self.rng, self.erp
        today = self.company.clock().date()
        customer, number = self.pick("customer"), str(rng.randint(1, 400))
        match rng.choice(("bill", "bill", "pay", "pay", "draft", "move", "post", "cancel", "due",
                          "dispute", "order", "link", "balance", "archive", "old",
                          "currency", "delete")):  # fmt: skip
            case "bill":
                sign = rng.choice(("", "", "-"))
                issue_invoice(erp, customer, sign + number, order=self.pick("order") or None,
                              due_on=today + timedelta(days=rng.choice((-70, -1, 0, 1, 20))))  # fmt: skip
            case "old":
                issued = today - timedelta(days=rng.choice((364, 365, 366, 729, 730, 731)))
                paid = issue_invoice(erp, customer, number, issued_on=issued, due_on=issued)
                register_payment(erp, paid, on=issued + timedelta(days=rng.randint(0, 20)))
            case "currency":
                issue_invoice(erp, customer, number, currency=rng.choice(("USD", "CHF")))
            case "pay" if invoice := self.pick("invoice", state="posted"):
                credit = erp.all("invoice")[invoice]["open"]["amt"].startswith("-")
                register_payment(erp, invoice, None if credit else rng.choice((None, "0.01")))
            case "draft":
                erp.add("invoice", {"partner_id": customer, "currency": "EUR", "net_amount": number,
                                    "invoice_date": today.isoformat()})  # fmt: skip
            case "move" if invoice := self.pick("invoice", state="draft"):
                erp.edit("invoice", invoice, {"partner_id": customer})
            case "post" if invoice := self.pick("invoice", state="draft"):
                erp.edit("invoice", invoice, {"state": "posted", "due_date": today.isoformat()})
            case "cancel" if invoice := self.pick("invoice", state="posted"):
                cancel_invoice(erp, invoice)
            case "due" if invoice := self.pick("invoice", state="posted"):
                due = today + timedelta(days=rng.randint(-95, 20))
                erp.edit("invoice", invoice, {"due_date": due.isoformat()})
                erp.edit("invoice", invoice, {"order_id": self.pick("order") or None})
            case "delete" if invoice := self.pick("invoice"):
                erp.delete("invoice", invoice)
            case "dispute" if invoice := self.pick("invoice", state="posted"):
                erp.edit("invoice", invoice, {"disputed": rng.random() < 0.7})
            case "order":
                line = {"line_ref": "1", "sku": "S", "qty": "1", "price": number}
                erp.add("order", {"partner_id": customer, "currency": "EUR", "rows": [line]})
            case "link":
                tax = f"FR{rng.randint(1, 99):08}"
                owner = erp.add("customer", {"name": f"Firm {tax}", "vat_no": tax})
                issue_invoice(erp, owner, number, due_on=today - timedelta(days=9))
                if rng.random() < 0.5:
                    self.company.crm.add("customer", {"Name": f"Firm {tax}", "VatNumber": tax})
            case "balance":
                erp.edit("customer", customer, {"open_balance": rng.choice((None, number))})
            case "archive":
                erp.archive("customer", customer, back=rng.random() < 0.5)
        self.company.advance(hours=rng.choice((0, 0, 1, 5, 24, 24 * 30)))


def made_public(company: Company) -> dict[str, Any]:
    """All signals, but for when they were worked out; and all alerts."""

    def read(tx: Tx) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for entity in ("customer", "order"):
            for row in signals.shown(tx, entity):
                shown = row.signals or {}
                found[f"{entity} {row.id}"] = {f: v for f, v in shown.items() if f != "figures_at"}
        raised = tx.conn.execute(select(alert).order_by(alert.c.id)).all()
        found["alerts"] = sorted(
            (a.kind, a.customer_id, a.message, a.ended_at is None, a.ended_why) for a in raised
        )
        found["problems"] = [billed.notes(tx, kind) for kind in ("unknown", "differs")]
        return found

    got: dict[str, Any] = company.ask(read)
    return got


async def look(company: Company, *, from_scratch: bool) -> None:
    """Sync; ``from_scratch``: with nothing known of any earlier look."""
    if from_scratch:
        company.ask(lambda tx: feeds.set_meta(tx, "order_to_cash", ""))
    await company.plan()
    company.approve()
    await company.sync()


@pytest.mark.parametrize("seed", range(3))
async def test_the_same_as_from_scratch(found: Founding, tmp_path: Path, seed: int) -> None:
    folder = tmp_path / "scratch"
    folder.mkdir()
    company, other = found(), Company(folder)
    books = [Bookkeeping(company, seed), Bookkeeping(other, seed)]
    for one in (company, other):
        # two currencies of which no rate is known, and a rule that was changed, come later
        (one.root / "rules.yaml").write_text("schema_version: 1\n")
    try:
        for number in range(24):
            if number == 12:
                for one in (company, other):
                    (one.root / "rules.yaml").write_text(RULES)
            for book in books:
                for _ in range(book.rng.randint(1, 4)):
                    try:
                        book.act()
                    except Refused:
                        continue
            await look(company, from_scratch=False)
            await look(other, from_scratch=True)
            assert made_public(company) == made_public(other), f"after step {number}"
    finally:
        other.close()


async def test_only_what_changed_is_read_again(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    worked_out: list[int] = []
    figures_of = order_to_cash.figures_of

    def _count(invoices: Sequence[Fields], *args: Any) -> Figures:
        worked_out.append(len(invoices))
        return figures_of(invoices, *args)

    monkeypatch.setattr(order_to_cash, "figures_of", _count)
    books = Bookkeeping(company, 1)
    for customer in list(company.erp.all("customer")):
        issue_invoice(company.erp, customer, "100.00")
    await company.go()
    await company.rest()
    worked_out.clear()
    company.advance(minutes=5)
    issue_invoice(company.erp, books.pick("customer"), "1.00", due_on=date(2026, 2, 1))
    await company.sync()
    assert worked_out == [2]
    await company.sync(full=True)
    assert worked_out == [2], "seen again is not changed"
    company.advance(days=1)
    await company.sync()
    assert sorted(worked_out[1:]) == [1, 1, 1, 2], "what is open ages"


async def test_an_alert_waits_until_the_crm_has_the_customer(found: Founding) -> None:
    company = found()
    # nothing is written to the customer that would make it look changed
    (company.root / "mappings/erp.yaml").write_text(
        "schema_version: 1\ncustomer: {fields: {other_id: off}}\n"
    )
    owner = company.erp.add("customer", {"name": "Late", "vat_no": TAX})
    issue_invoice(company.erp, owner, "50.00", due_on=date(2026, 2, 1))
    await company.go()
    await company.rest()
    assert company.ask(alerts.opened) == []
    company.advance(minutes=5)
    account = company.crm.add("customer", {"Name": "Late", "VatNumber": TAX})
    await company.go()
    await company.rest()
    [told] = company.ask(alerts.opened)
    assert (told.kind, told.customer_id) == ("overdue", account)
