"""A verdict on an open quote is made again when what it rests on changes, and only then."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from interlock.connectors.memory.connector import MemoryConnector

from .company import Company
from .conftest import Founding
from .test_quotes import Shop

TENTH = "rules: [{name: all, max_discount: 10}]\n"


def verdicts(company: Company) -> int:
    return len(company.events("quote_checked"))


async def test_a_price_that_moves_later_is_told_on_open_quotes(company: Company) -> None:
    shop = await Shop.open(company, TENTH)
    deal = shop.deal("90.00")
    quote = shop.quote(deal, "95.00")
    await company.rest()
    assert (shop.shown(deal)[0], shop.shown(quote, "quote")[0]) == ("ok", "ok")
    first = company.crm.all("deal")[deal]["QuoteCheckedAt__c"]
    company.advance(hours=1)
    company.erp.edit("product", shop.item, {"list_price": "110.0000"})
    await company.rest()
    assert shop.shown(deal) == (
        "stop", "A-1 at 90 EUR is below the lowest price of 99 (rule all)"
    )  # fmt: skip
    assert shop.shown(quote, "quote")[0] == "stop"
    assert company.crm.all("deal")[deal]["QuoteCheckedAt__c"] > first
    assert verdicts(company) == 4
    company.erp.edit("product", shop.item, {"list_price": "100.0000"})
    await company.rest()
    assert (shop.shown(deal)[0], shop.shown(quote, "quote")[0]) == ("ok", "ok")


async def test_figures_that_change_no_verdict_write_nothing(company: Company) -> None:
    shop = await Shop.open(company, TENTH)
    shop.deal("95.00")
    await company.rest()
    told, written = verdicts(company), company.crm.written["deal"]
    for on_hand, price in (("49", "100.0000"), ("40", "101.0000"), ("2", "99.5000")):
        company.erp.edit("product", shop.item, {"on_hand": on_hand, "list_price": price})
        company.erp.edit("customer", shop.partner, {"tel": on_hand})
        company.advance(hours=25)
        await company.rest()
    assert (verdicts(company), company.crm.written["deal"]) == (told, written)


async def test_stock_that_runs_out_and_a_hold_are_told_and_taken_back(company: Company) -> None:
    shop = await Shop.open(company)
    deal = shop.deal("100.00")
    await company.rest()
    company.erp.edit("product", shop.item, {"on_hand": "1"})
    await company.rest()
    assert shop.shown(deal)[0] == "warn"
    company.advance(days=3)
    await company.rest()
    assert verdicts(company) == 2, "a day on which it could ship moves on by itself"
    company.erp.edit("customer", shop.partner, {"on_hold": True, "hold_note": "no cheques"})
    await company.rest()
    verdict, reason = shop.shown(deal)
    assert verdict == "stop"
    assert "on credit hold: no cheques" in str(reason)
    company.erp.edit("customer", shop.partner, {"on_hold": False, "hold_note": None})
    company.erp.edit("product", shop.item, {"on_hand": "9"})
    for _ in range(3):
        company.advance(hours=2)
        await company.rest()
    assert shop.shown(deal)[0] == "ok"


async def test_what_is_won_lost_or_accepted_keeps_the_verdict_it_had(company: Company) -> None:
    shop = await Shop.open(company, TENTH, "{before_order: pass}")
    won, lost, opened = shop.deal("95.00"), shop.deal("95.00"), shop.deal("95.00")
    accepted = shop.quote(opened, "95.00")
    await company.rest()
    shop.win(won)
    company.crm.edit("deal", lost, {"StageName": "Closed Lost"})
    company.crm.edit("quote", accepted, {"IsAccepted": True})
    await company.rest()
    company.erp.edit("product", shop.item, {"list_price": "200.0000"})
    await company.rest()
    assert [shop.shown(deal)[0] for deal in (won, lost, opened)] == ["ok", "ok", "stop"]
    assert shop.shown(accepted, "quote")[0] == "ok"


async def test_another_rule_is_applied_to_open_quotes(company: Company) -> None:
    shop = await Shop.open(company, TENTH)
    deal = shop.deal("90.00")
    await company.rest()
    assert shop.shown(deal)[0] == "ok"
    (company.root / "pricing.yaml").write_text(
        "schema_version: 1\nrules: [{name: all, max_discount: 5}]\n"
    )
    await company.rest()
    assert shop.shown(deal)[0] == "stop"


async def test_an_override_is_for_the_findings_it_was_given_for(company: Company) -> None:
    shop = await Shop.open(company, TENTH)
    deal = shop.deal("80.00")
    await company.rest()
    shop.override(deal)
    await company.rest()
    company.erp.edit("product", shop.item, {"list_price": "105.0000"})
    await company.rest()
    assert shop.shown(deal) == ("ok", "approved by Ann: first order"), "still below the floor"
    company.erp.edit("customer", shop.partner, {"on_hold": True, "hold_note": "no cheques"})
    await company.rest()
    verdict, reason = shop.shown(deal)
    assert verdict == "stop"
    assert "on credit hold: no cheques" in str(reason)
    shop.override(deal, reason="they will pay")
    await company.rest()
    assert shop.shown(deal) == ("ok", "approved by Ann: they will pay")


async def test_a_verdict_made_without_the_erp_is_made_again_once_it_answers(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await Shop.open(company, quotes="{time_budget: 0.05}")
    answers = MemoryConnector.prices

    async def never(*_: Any, **__: Any) -> Sequence[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(MemoryConnector, "prices", never)
    deal = shop.deal("100.00")
    await company.rest()
    assert "did not answer within 0.05 s" in str(shop.shown(deal)[1])
    told, written = verdicts(company), company.crm.written["deal"]
    company.advance(hours=3)
    await company.rest()
    assert (verdicts(company), company.crm.written["deal"]) == (told, written)
    monkeypatch.setattr(MemoryConnector, "prices", answers)
    await company.rest()
    assert shop.shown(deal) == ("ok", "prices, stock and credit are fine")
    assert verdicts(company) == told + 1


async def test_a_price_the_erp_took_back_unseen_leaves_no_wrong_verdict(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await Shop.open(company, TENTH)
    deal = shop.deal("95.00")
    answers = MemoryConnector.prices

    async def meanwhile(self: MemoryConnector, *asked: Any, **more: Any) -> Sequence[Any]:
        company.erp.edit("product", shop.item, {"list_price": "120.0000"})
        offers = await answers(self, *asked, **more)
        company.erp.edit("product", shop.item, {"list_price": "100.0000"})
        return offers

    monkeypatch.setattr(MemoryConnector, "prices", meanwhile)
    await company.sync()
    monkeypatch.setattr(MemoryConnector, "prices", answers)
    assert shop.shown(deal)[0] == "stop"
    await company.rest()
    assert shop.shown(deal)[0] == "ok"


async def test_an_erp_that_tells_no_prices_is_quoted_by_its_lists_and_says_so(
    found: Founding,
) -> None:
    """Everything else is the ERP's of now; the price lists are as last read, with their age."""
    company = found(erp_settings={"prices": False})
    shop = await Shop.open(company)
    company.erp.add("price", {"item_id": shop.item, "currency": "EUR", "price": "95.0000"})
    await company.sync()
    company.advance(hours=3)
    answer = await shop.ask()
    assert (answer.live, answer.answered) == (False, True)
    assert answer.note == (
        "the ERP cannot be asked for prices: its price lists as last seen 3 hours ago"
    )
    assert answer.lines[0].price_source == "the general price list"
    company.erp.edit("product", shop.item, {"on_hand": "1"})
    assert {f.code for f in (await shop.ask()).findings} == {"not_in_stock"}, "of now"
    deal = shop.deal("95.00", "1")
    await company.rest()
    told = verdicts(company)
    company.advance(hours=3)
    await company.rest()
    assert shop.shown(deal)[0] == "ok"
    assert verdicts(company) == told, "its age alone asks for no other verdict"
