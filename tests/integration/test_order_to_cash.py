"""What customers owe and how orders are paid reaches the CRM: once, in time, explained."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from interlock.connectors.memory.invoicing import cancel_invoice, issue_invoice, register_payment
from interlock.store import alerts

from .company import Company
from .conftest import Founding

TAX = "DE136695976"


class Books:
    """A company with one linked customer whose invoices are watched."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.account = company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX})
        self.partner = company.erp.add("customer", {"name": "Acme", "vat_no": TAX})

    @classmethod
    async def open(cls, company: Company) -> Books:
        """Go live with a paid invoice, so that the figures are known and approved."""
        books = cls(company)
        invoice = books.bill("100.00", tax="19.00", due_in=10)
        register_payment(company.erp, invoice)
        await company.go()
        await company.rest()
        return books

    def bill(self, net: str, *, due_in: int = 30, partner: str = "", **more: Any) -> str:
        today = self.company.clock().date()
        return issue_invoice(self.company.erp, partner or self.partner, net,
                             due_on=today + timedelta(days=due_in), **more)  # fmt: skip

    def pay(self, invoice: str, amount: str | None = None) -> None:
        register_payment(self.company.erp, invoice, amount)

    @property
    def shown(self) -> dict[str, Any]:
        """What the CRM's account shows of the figures."""
        return {n.removesuffix("__c"): v for n, v in self.company.crm.all("customer")[
            self.account].items()}  # fmt: skip

    def alerts(self) -> list[alerts.Alert]:
        return self.company.ask(alerts.opened)  # type: ignore[no-any-return]

    def rules(self, text: str) -> None:
        (self.company.root / "rules.yaml").write_text("schema_version: 1\n" + text)


def euro(amount: str) -> dict[str, str]:
    return {"Amount": amount, "CurrencyIsoCode": "EUR"}


@pytest.fixture
async def books(company: Company) -> Books:
    return await Books.open(company)


class TestFigures:
    async def test_all_of_them_with_their_time(self, books: Books) -> None:
        shown = books.shown
        assert shown["Balance"] == euro("0.00")
        assert shown["Overdue"] == euro("0.00")
        assert shown["LifetimeRevenue"] == euro("100.00"), "revenue is without tax"
        assert shown["Revenue12m"] == euro("100.00")
        assert shown["LastPayment"] == books.company.clock().date().isoformat()
        assert (shown["DaysToPay"], shown["DaysOverdue"]) == ("0", "0")
        assert (shown["HealthScore"], shown["HealthReasons"]) == ("100", "nothing to complain of")
        assert shown["FiguresFrom"] == "worked out from the ERP's invoices"
        assert shown["FiguresAt"] is not None

    async def test_nothing_of_them_without_an_approved_plan(self, company: Company) -> None:
        books = Books(company)
        books.bill("100.00")
        await company.plan()
        await company.sync()
        assert books.shown["Balance"] is None

    async def test_an_invoice_and_its_payment_are_told_at_once(self, books: Books) -> None:
        invoice = books.bill("50.00", tax="9.50")
        await books.company.sync()
        assert books.shown["Balance"] == euro("59.50")
        books.pay(invoice)
        await books.company.sync()
        assert books.shown["Balance"] == euro("0.00")

    async def test_only_what_the_map_names(self, found: Founding) -> None:
        company = found()
        file = company.root / "ownership.yaml"
        lines = file.read_text().splitlines()
        names = ("lifetime_revenue", "health_score", "health_reasons")
        file.write_text("\n".join(s for s in lines if not s.strip().startswith(names)) + "\n")
        books = await Books.open(company)
        assert books.shown["LifetimeRevenue"] is None
        assert books.shown["HealthScore"] is None
        assert books.shown["Balance"] == euro("0.00")

    async def test_a_value_typed_over_in_the_crm_is_put_back(self, books: Books) -> None:
        books.company.crm.edit("customer", books.account, {"Balance__c": euro("7.00")})
        await books.company.rest()
        assert books.shown["Balance"] == euro("0.00")

    async def test_credit_notes_are_shown_apart_and_deducted(self, books: Books) -> None:
        books.bill("80.00")
        books.bill("-30.00")
        await books.company.sync()
        assert books.shown["Balance"] == euro("50.00")
        assert books.shown["CreditBalance"] == euro("30.00")
        assert books.shown["LifetimeRevenue"] == euro("150.00")

    async def test_cancelled_and_draft_ones_are_none(self, books: Books) -> None:
        cancel_invoice(books.company.erp, books.bill("80.00"))
        books.company.erp.add("invoice", {"partner_id": books.partner, "currency": "EUR",
                                          "net_amount": "12.00"})  # fmt: skip
        await books.company.rest()
        assert books.shown["Balance"] == euro("0.00")
        assert books.shown["LifetimeRevenue"] == euro("100.00")


class TestOverdue:
    async def test_by_the_calendar_alone(self, books: Books) -> None:
        books.bill("200.00", due_in=10)
        await books.company.rest()
        books.company.advance(days=10)
        await books.company.sync()
        assert books.shown["DaysOverdue"] == "0", "due today is not overdue"
        assert books.alerts() == []
        books.company.advance(days=1)
        await books.company.sync()
        shown = books.shown
        assert (shown["DaysOverdue"], shown["Overdue"]) == ("1", euro("200.00"))
        assert shown["OldestDue"] is not None
        assert (shown["HealthScore"], shown["HealthReasons"]) == ("85", "-15 overdue since 1 day")
        [alert] = books.alerts()
        assert (alert.role, alert.customer_id) == ("customer_success", books.account)
        assert "200.00 EUR" in alert.message

    async def test_alerts_once_an_episode(self, books: Books) -> None:
        first, second = books.bill("200.00", due_in=1), books.bill("20.00", due_in=5)
        for _ in range(8):
            books.company.advance(days=1)
            await books.company.sync()
        assert len(books.alerts()) == 1, "the second invoice belongs to the same episode"
        books.pay(first)
        await books.company.sync()
        assert len(books.alerts()) == 1
        books.pay(second)
        await books.company.sync()
        assert books.alerts() == []
        assert books.shown["OldestDue"] is None
        assert books.shown["HealthScore"] == "100"
        books.bill("10.00", due_in=-2)
        await books.company.sync()
        assert len(books.alerts()) == 1, "another episode"

    async def test_a_day_costs_one_write(self, books: Books) -> None:
        books.bill("200.00", due_in=1)
        books.company.advance(days=2)
        await books.company.rest()
        written = books.company.crm.written["customer"]
        for _ in range(12):
            books.bill("1.00")  # the balance grows, which is no other band
            books.company.advance(hours=1)
            await books.company.sync()
        assert books.company.crm.written["customer"] == written
        books.company.advance(hours=12)
        await books.company.rest()
        assert books.company.crm.written["customer"] == written + 1
        assert books.shown["Balance"] == euro("212.00")
        assert books.shown["DaysOverdue"] == "2"

    async def test_another_band_is_told_at_once(self, books: Books) -> None:
        books.bill("200.00", due_in=1)
        books.company.advance(days=31)
        await books.company.rest()
        written = books.company.crm.written["customer"]
        books.bill("50.00", due_in=-60)
        await books.company.sync()
        assert books.shown["DaysOverdue"] == "60"
        assert books.company.crm.written["customer"] == written + 1

    async def test_signals_are_beyond_no_limit(self, found: Founding) -> None:
        company = found()
        books = Books(company)
        partners = [company.erp.add("customer", {"name": f"C{n}"}) for n in range(30)]
        for n in range(30):
            company.crm.add("customer", {"Name": f"C{n}", "VatNumber": f"DE{n:09d}"})
            company.erp.edit("customer", partners[n], {"vat_no": f"DE{n:09d}"})
        for partner in partners:
            books.bill("10.00", due_in=1, partner=partner)
        await company.go()
        await company.rest()
        company.advance(days=3)
        await company.rest()
        overdue = [c["DaysOverdue__c"] for c in company.crm.all("customer").values()]
        assert overdue.count("2") == 30


class TestWhoIsTold:
    async def test_the_owner_unless_customer_success_is_stated(self, books: Books) -> None:
        books.company.crm.edit("customer", books.account, {"OwnerId": "005ADA"})
        await books.company.sync()
        books.bill("200.00", due_in=-1)
        await books.company.sync()
        assert [a.user for a in books.alerts()] == ["005ADA"]

    async def test_whom_the_settings_name(self, books: Books) -> None:
        roles = "roles: {customer_success: 005CS, finance: 005FIN}\norders:"
        books.company.write("interlock.yaml", {"orders:": roles})
        books.company.crm.edit("customer", books.account, {"OwnerId": "005ADA"})
        books.bill("200.00", due_in=-1)
        books.company.erp.edit("customer", books.partner, {"open_balance": "12.00"})
        await books.company.sync()
        told = {a.role: a.user for a in books.alerts()}
        assert told == {"customer_success": "005CS", "finance": "005FIN"}

    async def test_a_customer_just_created_shows_them_in_the_same_sync(self, books: Books) -> None:
        account = books.company.crm.add("customer", {"Name": "Newcomer", "PaymentTerms": "Net 30"})
        first, second = await books.company.sync(), await books.company.sync()
        assert first.counts["created"] == 1
        assert books.company.crm.all("customer")[account]["Balance__c"] == euro("0.00")
        assert second.writes == 0


class TestNotKnown:
    async def test_another_currency_without_a_rate(self, books: Books) -> None:
        books.rules("company: {currency: EUR}\n")
        books.bill("10.00", currency="USD")
        report = await books.company.sync()
        assert any("no rate for USD" in p.message for p in report.problems)
        assert books.shown["Balance"] == euro("0.00"), "what was known last stays"

    async def test_with_a_rate_whose_source_is_named(self, books: Books) -> None:
        books.rules('company: {currency: EUR}\nrates: {source: "ECB, 2 March", USD: "0.90"}\n')
        books.bill("10.00", currency="USD")
        await books.company.sync()
        assert books.shown["Balance"] == euro("9.00")
        assert books.shown["FiguresFrom"].endswith("USD at 0.90 (ECB, 2 March)")

    async def test_two_currencies_and_nobody_says_which_is_ours(self, books: Books) -> None:
        books.bill("10.00", currency="USD")
        report = await books.company.sync()
        assert any("which currency" in p.message for p in report.problems)
        assert books.shown["Balance"] == euro("0.00")

    async def test_a_cancelled_invoice_is_in_no_currency(self, books: Books) -> None:
        invoice = books.bill("10.00", currency="USD")
        await books.company.sync()
        cancel_invoice(books.company.erp, invoice)
        report = await books.company.sync()
        assert not report.problems

    async def test_an_invoice_that_cannot_be_read_in_full(self, books: Books) -> None:
        books.company.erp_faults.hide("invoice", "open")
        books.bill("10.00")
        await books.company.sync()
        assert books.shown["Balance"] == euro("0.00"), "not known, so as it was"
        assert books.shown["LifetimeRevenue"] == euro("110.00")


class TestTwoBalances:
    async def test_a_difference_is_told_until_it_is_gone(self, books: Books) -> None:
        books.bill("10.00")
        books.company.erp.edit("customer", books.partner, {"open_balance": "12.00"})
        report = await books.company.sync()
        [told] = [p for p in report.problems if p.code == "balance_differs"]
        assert "12.00" in told.message
        assert "10.00" in told.message
        assert books.shown["Balance"] == euro("12.00")
        [alert] = books.alerts()
        assert alert.role == "finance"
        books.company.erp.edit("customer", books.partner, {"open_balance": "10.00"})
        books.company.advance(days=1)
        report = await books.company.sync()
        assert [p for p in report.problems if p.code == "balance_differs"] == []
        assert books.alerts() == []
        assert books.shown["Balance"] == euro("10.00")


class TestRules:
    async def test_points_and_tiers(self, books: Books) -> None:
        books.rules(
            "health:\n  overdue: [{from_days: 1, points: 40}]\n  dispute: 7\n"
            "tiers:\n  - {tier: A, revenue_12m: 1000}\n  - {tier: B, lifetime_revenue: 150}\n"
            "  - {tier: C}\n"
        )
        await books.company.rest()
        assert books.shown["Tier"] is None, "a field that had no value waits for a plan"
        await books.company.go()
        assert books.shown["Tier"] == "C"
        invoice = books.bill("60.00", due_in=-1)
        books.company.erp.edit("invoice", invoice, {"disputed": True})
        await books.company.rest()
        assert books.shown["Tier"] == "B"
        assert books.shown["HealthScore"] == "53"
        reasons = books.shown["HealthReasons"]
        assert reasons == "-40 overdue since 1 day; -7 an invoice is disputed"


class TestDeals:
    async def _sold(self, books: Books) -> tuple[str, str]:
        company = books.company
        company.erp.add("product", {"sku": "SKU-1", "title": "Thing"})
        deal = company.crm.add("deal", {
            "Name": "Big deal", "AccountId": books.account, "StageName": "Closed Won",
            "Amount": euro("10.00"),
            "Lines": [{"Id": "L1", "Product2Id": None, "ProductCode": "SKU-1", "Description": None,
                       "Quantity": "2", "UnitPrice": "5.00"}],
        })  # fmt: skip
        await company.rest()
        [order] = company.erp.all("order")
        return deal, order

    def _told(self, books: Books, deal: str) -> tuple[Any, ...]:
        shown = books.company.crm.all("deal")[deal]
        return tuple(shown[f"{n}__c"] for n in (
            "InvoiceNumbers", "InvoiceTotal", "InvoiceDue", "PaymentStatus"))  # fmt: skip

    async def test_billed_paid_in_part_overdue_and_paid(self, books: Books) -> None:
        deal, order = await self._sold(books)
        assert self._told(books, deal) == (None, None, None, None)
        invoice = books.bill("10.00", tax="1.90", due_in=5, order=order)
        due = (books.company.clock().date() + timedelta(days=5)).isoformat()
        await books.company.sync()
        number = books.company.erp.all("invoice")[invoice]["number"]
        assert self._told(books, deal) == (number, euro("11.90"), due, "open")
        books.pay(invoice, "1.90")
        await books.company.sync()
        assert self._told(books, deal)[3] == "partly paid"
        books.company.advance(days=6)
        await books.company.sync()
        assert self._told(books, deal)[3] == "overdue"
        books.pay(invoice)
        await books.company.sync()
        assert self._told(books, deal) == (number, euro("11.90"), None, "paid")
        assert len(books.company.erp.all("order")) == 1

    async def test_a_cancelled_invoice_is_taken_back(self, books: Books) -> None:
        deal, order = await self._sold(books)
        invoice = books.bill("10.00", order=order)
        await books.company.sync()
        cancel_invoice(books.company.erp, invoice)
        await books.company.sync()
        assert self._told(books, deal) == (None, None, None, None)


async def test_the_figures_are_the_ledgers_to_the_cent(books: Books) -> None:
    amounts = [Decimal(n * 37 + 1) / 100 for n in range(40)]
    for n, amount in enumerate(amounts):
        invoice = books.bill(format(amount, "f"), tax=format((amount / 5).quantize(amount), "f"))
        if n % 3:
            books.pay(invoice, "0.01")
    books.company.advance(days=1)
    await books.company.rest()
    ledger = books.company.erp.all("invoice").values()
    opened = sum(Decimal(i["open"]["amt"]) for i in ledger)
    net = sum(Decimal(i["net_amount"]) for i in ledger)
    assert books.shown["Balance"] == euro(format(opened, "f"))
    assert books.shown["LifetimeRevenue"] == euro(format(net, "f"))
