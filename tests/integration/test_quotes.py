"""Quotes are checked when they are saved, on demand, and right before they become orders."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from interlock.connectors.memory.connector import MemoryConnector
from interlock.connectors.memory.invoicing import issue_invoice
from interlock.errors import ConfigurationError
from interlock.processes.quote_check import Answer
from interlock.service.quoting import QuoteRequest, RequestLine, check_quote, override_verdict

from .company import Company
from .test_forgetting import MARK, forget, stored

TAX = "DE136695976"


def euro(amount: str) -> dict[str, str]:
    return {"Amount": amount, "CurrencyIsoCode": "EUR"}


class Shop:
    """A company that sells anvils to one linked customer."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.account = company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX})
        self.partner = company.erp.add("customer", {"name": "Acme", "vat_no": TAX})
        self.item = company.erp.add(
            "product",
            {"sku": "A-1", "title": "Anvil", "item_group": "Forge", "list_price": "100.0000",
             "on_hand": "50", "lead_days": "10", "cost_price": "41.17"},
        )  # fmt: skip

    @classmethod
    async def open(cls, company: Company, pricing: str = "", quotes: str = "") -> Shop:
        shop = cls(company)
        if pricing:
            (company.root / "pricing.yaml").write_text("schema_version: 1\n" + pricing)
        if quotes:
            company.write("interlock.yaml", {"orders:": f"quotes: {quotes}\norders:"})
        await company.go()
        await company.rest()
        return shop

    def deal(self, price: str, quantity: str = "2", stage: str = "Proposal", **more: Any) -> str:
        total = Decimal(price) * Decimal(quantity)
        line = {"Id": "1", "ProductCode": "A-1", "Quantity": quantity, "UnitPrice": price}
        return self.company.crm.add(
            "deal",
            {"Name": "Anvils", "AccountId": self.account, "StageName": stage, "Lines": [line],
             "Amount": euro(format(total, "f")), **more},
        )  # fmt: skip

    def quote(self, deal: str, price: str, quantity: str = "2") -> str:
        line = {"Id": "1", "ProductCode": "A-1", "Quantity": quantity, "UnitPrice": price}
        return self.company.crm.add(
            "quote",
            {"OpportunityId": deal, "QuoteNumber": "Q-1", "CurrencyIsoCode": "EUR",
             "Lines": [line]},
        )  # fmt: skip

    def shown(self, record_id: str, entity: str = "deal") -> tuple[str | None, str | None]:
        cells = self.company.crm.all(entity)[record_id]
        return cells["QuoteCheck__c"], cells["QuoteCheckReason__c"]

    def win(self, deal: str) -> None:
        self.company.crm.edit("deal", deal, {"StageName": "Closed Won"})

    async def ask(self, *lines: RequestLine, customer: str | None = None, **more: Any) -> Answer:
        async with self.company.session() as session:
            return await check_quote(
                session,
                QuoteRequest(
                    currency=more.pop("currency", "EUR"), customer=customer or self.account,
                    lines=lines or [line("100.00")], **more,
                ),
            )  # fmt: skip

    def override(self, subject: str, by: str = "Ann", reason: str = "first order") -> None:
        with self.company.store() as store:
            override_verdict(self.company.project(), store, subject, by=by, reason=reason,
                             now=self.company.clock())  # fmt: skip


def line(price: str | None, quantity: str = "2", sku: str = "A-1") -> RequestLine:
    return RequestLine(
        sku=sku, quantity=Decimal(quantity), unit_price=None if price is None else Decimal(price)
    )


def codes(answer: Answer) -> set[str]:
    return {f.code for f in answer.findings}


# ── on demand ────────────────────────────────────────────────────────────────────────────────


async def test_a_price_changed_a_second_ago_counts(company: Company) -> None:
    shop = await Shop.open(company)
    assert (await shop.ask()).verdict == "ok"
    company.erp.edit("product", shop.item, {"list_price": "120.0000"})
    company.advance(seconds=1)
    answer = await shop.ask()
    assert codes(answer) == {"below_price"}
    assert (answer.live, answer.age_seconds, answer.lines[0].price) == (True, 0, Decimal(120))
    assert "41.17" not in str(answer), "cost is no output"


async def test_a_customers_price_list_and_quantities_count(company: Company) -> None:
    shop = await Shop.open(company)
    row = {"item_id": shop.item, "currency": "EUR", "list": "Wholesale"}
    company.erp.add("price", {**row, "price": "90.0000"})
    company.erp.add("price", {**row, "price": "80.0000", "from_qty": "10"})
    company.erp.edit("customer", shop.partner, {"price_list": "Wholesale"})
    answer = await shop.ask(line("85.00"), line("85.00", "10"))
    assert [each.price for each in answer.lines] == [Decimal("90.0000"), Decimal("80.0000")]
    assert [f.line for f in answer.findings] == ["1"]
    dollars = await shop.ask(line("85.00"), currency="USD")
    assert codes(dollars) == {"no_price"}


async def test_discontinued_short_and_unknown_products_are_named(company: Company) -> None:
    shop = await Shop.open(company)
    company.erp.edit("product", shop.item, {"on_hand": "1"})
    answer = await shop.ask(line("100.00"), line("1.00", sku="X-9"))
    assert codes(answer) == {"not_in_stock", "unknown_product"}
    today = company.clock().date()
    assert answer.lines[0].earliest == today + timedelta(days=10)
    company.erp.edit("product", shop.item, {"discontinued": True})
    assert "discontinued" in codes(await shop.ask())


async def test_a_slow_erp_is_not_waited_for(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await Shop.open(company, quotes="{time_budget: 0.05}")
    row = {"item_id": shop.item, "currency": "EUR", "price": "95.0000"}
    company.erp.add("price", row)
    await company.sync()
    company.erp.edit("product", shop.item, {"list_price": "1.0000"})

    async def never(*_: Any, **__: Any) -> Sequence[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(MemoryConnector, "fetch", never)
    company.advance(hours=3)
    answer = await shop.ask()
    assert answer.live is False
    assert 3 * 3600 <= answer.age_seconds < 3 * 3600 + 120
    assert answer.lines[0].price == Decimal("95.0000"), "the price list as last seen"
    assert "did not answer within 0.05 s: as last seen 3 hours ago" in answer.reason
    company.advance(days=2)
    assert "stale" in codes(await shop.ask())


async def test_an_erp_that_is_down_answers_from_memory(company: Company) -> None:
    shop = await Shop.open(company)
    company.erp.token = "changed"
    answer = await shop.ask()
    assert (answer.verdict, answer.live) == ("ok", False)
    assert "the ERP gave no answer" in answer.reason


async def test_a_hold_and_arrears_are_seen(company: Company) -> None:
    shop = await Shop.open(company)
    due = company.clock().date() - timedelta(days=20)
    issue_invoice(company.erp, shop.partner, "500.00", due_on=due)
    await company.rest()
    answer = await shop.ask()
    assert "overdue" in codes(answer)
    company.erp.edit("customer", shop.partner, {"on_hold": True, "hold_note": "no cheques"})
    answer = await shop.ask()
    assert answer.verdict == "stop"
    assert "the customer is on credit hold: no cheques" in answer.reason


async def test_rules_of_the_file_decide_by_group_role_and_family(company: Company) -> None:
    shop = await Shop.open(
        company,
        """
roles: {manager: ["005-9"]}
rules:
  - {name: friends, group: Wholesale, max_discount: 40}
  - {name: bosses, role: manager, max_discount: 30}
  - {name: forge, family: Forge, max_discount: 10}
""",
    )
    assert codes(await shop.ask(line("89.99"))) == {"below_floor"}
    assert codes(await shop.ask(line("90.00"))) == set()
    assert codes(await shop.ask(line("70.00"), user="005-9")) == set()
    company.erp.edit("customer", shop.partner, {"price_list": "Wholesale"})
    assert codes(await shop.ask(line("60.00"))) == set()


# ── saved in the CRM ─────────────────────────────────────────────────────────────────────────


async def test_a_saved_deal_and_quote_show_a_verdict_each_time_once(company: Company) -> None:
    shop = await Shop.open(company, "rules: [{name: all, max_discount: 10}]\n")
    deal = shop.deal("80.00")
    quote = shop.quote(deal, "95.00")
    await company.rest()
    verdict, reason = shop.shown(deal)
    assert verdict == "stop"
    assert reason == "A-1 at 80 EUR is below the lowest price of 90 (rule all)"
    assert shop.shown(quote, "quote")[0] == "ok"
    assert company.crm.all("deal")[deal]["QuoteCheckedAt__c"] is not None
    assert len(company.events("quote_checked")) == 2
    before = company.crm.written["deal"], company.crm.written["quote"]
    company.advance(hours=1)
    await company.rest()
    assert (company.crm.written["deal"], company.crm.written["quote"]) == before
    company.crm.edit("deal", deal, {"Name": "Many anvils"})
    await company.rest()
    assert len(company.events("quote_checked")) == 2, "its name is not what is checked"
    company.crm.edit("deal", deal, {"Lines": [
        {"Id": "1", "ProductCode": "A-1", "Quantity": "2", "UnitPrice": "90.00"}]})  # fmt: skip
    await company.rest()
    assert shop.shown(deal)[0] == "ok"
    assert len(company.events("quote_checked")) == 3


async def test_a_verdict_somebody_overwrites_comes_back(company: Company) -> None:
    shop = await Shop.open(company)
    deal = shop.deal("80.00")
    await company.rest()
    assert shop.shown(deal)[0] == "warn"
    company.crm.edit("deal", deal, {"QuoteCheck__c": "ok"})
    await company.rest()
    assert shop.shown(deal)[0] == "warn"
    assert len(company.events("quote_checked")) == 1


async def test_a_long_reason_is_cut_to_what_the_crm_holds(company: Company) -> None:
    shop = await Shop.open(company)
    rows = [{"Id": str(n), "ProductCode": f"X-{n}", "Quantity": "1", "UnitPrice": "1.00"}
            for n in range(20)]  # fmt: skip
    deal = shop.deal("80.00", Lines=rows)
    await company.rest()
    verdict, reason = shop.shown(deal)
    assert verdict == "stop"
    assert reason is not None
    assert len(reason) == 255
    assert reason.endswith("…")
    calls = company.crm.calls["write"]
    await company.rest()
    await company.sync(full=True)
    assert company.crm.calls["write"] == calls


async def test_deals_saved_before_go_live_and_won_ones_get_none(company: Company) -> None:
    company.write("interlock.yaml", {"go_live:": "go_live: 2026-03-02T10:00:00Z"})
    shop = await Shop.open(company)
    old = shop.deal("80.00")
    company.advance(hours=2)
    won = shop.deal("100.00", stage="Closed Won")
    lost = shop.deal("80.00", stage="Closed Lost")
    await company.rest()
    assert shop.shown(old) == (None, None)
    assert shop.shown(lost) == (None, None)
    assert shop.shown(won)[0] == "ok", "checked before its order"


# ── before an order ──────────────────────────────────────────────────────────────────────────


async def ordered(shop: Shop) -> int:
    await shop.company.rest()
    return len(shop.company.erp.all("order"))


async def test_by_default_an_order_is_made_and_the_stop_shown(company: Company) -> None:
    shop = await Shop.open(company, "rules: [{name: all, max_discount: 10}]\n")
    deal = shop.deal("80.00", stage="Closed Won")
    report = await company.sync()
    assert [p.code for p in report.problems] == ["quote_check"]
    assert "below the lowest price" in report.problems[0].message
    assert await ordered(shop) == 1
    assert shop.shown(deal)[0] == "stop"


async def test_a_stop_blocks_until_an_approver_lets_it_through(company: Company) -> None:
    shop = await Shop.open(
        company,
        "approvers: [Ann]\nrules: [{name: all, max_discount: 10}]\n",
        "{before_order: block}",
    )
    deal = shop.deal("80.00")
    await company.rest()
    shop.win(deal)
    for _ in range(3):
        await company.sync()
        company.advance(minutes=20)
    assert company.erp.all("order") == {}
    [waiting] = [w for w in company.pending() if w.entity == "order"]
    assert "an approver" in str(waiting.waits_for)
    with pytest.raises(ConfigurationError, match="no approver"):
        shop.override(deal, by="Bob")
    shop.override(deal)
    company.advance(minutes=20)
    assert await ordered(shop) == 1
    verdict, reason = shop.shown(deal)
    assert (verdict, reason) == ("ok", "approved by Ann: first order")
    [told] = company.events("quote_overridden")
    assert told.record_id == deal
    assert "Ann: first order" in told.why
    assert "below the lowest price" in told.why


@pytest.mark.parametrize("kind", ["Consulting", "Bundle"])
async def test_a_stop_blocks_a_project_just_so(company: Company, kind: str) -> None:
    (company.root / "rules.yaml").write_text(
        "schema_version: 1\norder_targets:\n"
        "  - {where: {kind: Consulting}, target: project}\n"
        "  - {where: {kind: Bundle}, target: both}\n"
    )
    shop = await Shop.open(
        company, "rules: [{name: all, max_discount: 10}]\n", "{before_order: block}"
    )
    # what a third of comes to no round price is checked as the same by both
    deal = shop.deal("26.67", quantity="3", stage="Closed Won", Type=kind)
    for _ in range(3):
        await company.sync()
        company.advance(minutes=20)
    assert company.erp.all("project") == company.erp.all("order") == {}
    waiting = {w.entity: w.waits_for for w in company.pending()}
    assert set(waiting) == ({"project"} if kind == "Consulting" else {"project", "order"})
    assert all("an approver" in str(why) for why in waiting.values())
    assert len(company.events("quote_checked")) == 1, "one verdict, however many are kept back"
    writes = len(company.events("written"))
    for _ in range(2):
        company.advance(minutes=20)
        await company.sync()
    assert len(company.events("written")) == writes
    shop.override(deal)
    company.advance(minutes=20)
    await company.rest()
    assert len(company.erp.all("project")) == 1
    assert len(company.erp.all("order")) == (kind == "Bundle")


async def test_the_role_of_a_deals_owner_counts_before_its_order_too(company: Company) -> None:
    shop = await Shop.open(
        company,
        """
roles: {manager: ["005-9"]}
rules:
  - {name: bosses, role: manager, max_discount: 30}
  - {name: all, max_discount: 10}
""",
        "{before_order: block}",
    )
    deal = shop.deal("80.00", OwnerId="005-9")
    await company.rest()
    assert shop.shown(deal)[0] == "ok"
    shop.win(deal)
    assert await ordered(shop) == 1
    assert shop.shown(deal)[0] == "ok"


async def test_an_override_is_for_what_was_quoted_only(company: Company) -> None:
    shop = await Shop.open(
        company, "rules: [{name: all, max_discount: 10}]\n", "{before_order: block}"
    )
    deal = shop.deal("80.00")
    await company.rest()
    shop.override(f"deal:{deal}")
    await company.rest()
    assert shop.shown(deal)[0] == "ok"
    company.crm.edit("deal", deal, {"Lines": [
        {"Id": "1", "ProductCode": "A-1", "Quantity": "2", "UnitPrice": "70.00"}],
        "Amount": euro("140.00")})  # fmt: skip
    await company.rest()
    assert shop.shown(deal)[0] == "stop"
    shop.win(deal)
    assert await ordered(shop) == 0


async def test_an_accepted_quotes_override_lets_its_order_through(company: Company) -> None:
    shop = await Shop.open(
        company, "rules: [{name: all, max_discount: 10}]\n", "{before_order: block}"
    )
    deal = shop.deal("80.00")
    quote = shop.quote(deal, "80.00")
    await company.rest()
    shop.override(f"quote:{quote}", reason="agreed")
    company.crm.edit("quote", quote, {"IsAccepted": True})
    shop.win(deal)
    assert await ordered(shop) == 1


async def test_pass_asks_nothing(company: Company) -> None:
    shop = await Shop.open(
        company, "rules: [{name: all, max_discount: 10}]\n", "{before_order: pass}"
    )
    deal = shop.deal("80.00", stage="Closed Won")
    assert await ordered(shop) == 1
    assert shop.shown(deal) == (None, None)


async def test_nothing_is_overridden_that_was_not_stopped(company: Company) -> None:
    shop = await Shop.open(company)
    deal = shop.deal("100.00")
    with pytest.raises(ConfigurationError, match="has not been checked"):
        shop.override(deal)
    await company.rest()
    with pytest.raises(ConfigurationError, match="nothing is to be overridden"):
        shop.override(deal)
    with pytest.raises(ConfigurationError, match="needs a reason"):
        shop.override(deal, reason="  ")


async def test_words_about_a_customer_are_forgotten_with_it(company: Company) -> None:
    shop = await Shop.open(company)
    note = {"on_hold": True, "hold_note": f"{MARK} does not pay"}
    company.erp.edit("customer", shop.partner, note)
    await company.rest()
    deal = shop.deal("80.00")
    await company.rest()
    assert MARK in str(shop.shown(deal)[1])
    shop.override(deal, reason=f"{MARK} promised")
    await company.rest()
    assert MARK.encode() in stored(company)
    forget(company, "customer", shop.account)
    assert MARK.encode() not in stored(company)
