"""A deal that changes before its order is made, or before the draft is confirmed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from interlock.connectors.memory.calls import ApiError
from interlock.service.letters import retry_letters
from interlock.testing.faults import answer_status, lose_lines, refuse_inside_answer

from .company import Company
from .conftest import Founding
from .test_orders import Shop, item

NINETY_NINE = {
    "Lines": [item(1, "9", "11.00")],
    "Amount": {"Amount": "99.00", "CurrencyIsoCode": "EUR"},
}


@pytest.fixture
async def shop(company: Company) -> Shop:
    return await Shop.open(company)


async def waiting_order(company: Company) -> tuple[Shop, str]:
    """An order that is decided, and waits until the create of its customer is approved."""
    shop = Shop(company)
    company.erp.add("product", {"sku": "SKU-1", "title": "Thing"})
    shop.account = company.crm.add("customer", {"Name": "New", "PaymentTerms": "Net 30"})
    deal = shop.deal()
    await company.sync()
    await company.sync()
    assert "order" in {w.entity for w in company.pending()}
    company.advance(hours=5)
    return shop, deal


def pending_orders(shop: Shop) -> list[Any]:
    return [w for w in shop.company.pending() if w.entity == "order"]


class TestBeforeTheOrder:
    @pytest.mark.parametrize("stage", ["Closed Lost", "Proposal"])
    async def test_a_deal_no_longer_won_is_not_ordered(self, company: Company, stage: str) -> None:
        shop, deal = await waiting_order(company)
        shop.edit(deal, StageName=stage)
        await company.sync()
        assert pending_orders(shop) == []
        await company.go()
        await company.rest()
        assert len(company.erp.all("customer")) == 1
        assert shop.orders == []
        assert company.letters() == []
        assert company.cases()[deal].state == "ignored"
        shop.edit(deal, StageName="Closed Won")
        await company.rest()
        assert [o["net_total"] for o in shop.orders] == ["10.00"], "won again"

    async def test_the_lines_it_has_now_are_ordered(self, company: Company) -> None:
        shop, deal = await waiting_order(company)
        shop.edit(deal, **NINETY_NINE)
        await company.sync()
        await company.go()
        await company.rest()
        assert [(o["net_total"], o["state"]) for o in shop.orders] == [("99.00", "confirmed")]
        assert company.cases()[deal].state == "ordered"

    async def test_it_settles_again_first(self, found: Founding) -> None:
        company = found(quiet_time="0s")
        shop, deal = await waiting_order(company)
        company.write("interlock.yaml", {"quiet_time:": "  quiet_time: 2m"})
        shop.edit(deal, **NINETY_NINE)
        await company.go()
        assert shop.orders == []
        assert company.cases()[deal].state == "settling"
        company.advance(minutes=3)
        await company.rest()
        assert [o["net_total"] for o in shop.orders] == ["99.00"]

    async def test_a_quote_accepted_meanwhile_is_what_is_ordered(self, company: Company) -> None:
        shop, deal = await waiting_order(company)
        company.crm.add("quote", {
            "OpportunityId": deal, "CurrencyIsoCode": "EUR", "QuoteNumber": "Q-9",
            "IsAccepted": True, "Lines": [item(1, "1", "10.00")]})  # fmt: skip
        await company.go()
        await company.rest()
        assert [(o["quote_no"], o["rows"][0]["qty"]) for o in shop.orders] == [("Q-9", "1")]

    async def test_the_customers_terms_of_now_are_on_it(self, company: Company) -> None:
        shop, deal = await waiting_order(company)
        link = company.cases()[deal].link_id
        company.crm.edit("customer", shop.account, {"PaymentTerms": "Net 60"})
        await company.go()
        await company.rest()
        assert [o["terms"] for o in shop.orders] == ["N60"]
        assert company.cases()[deal].link_id == link, "the deal itself did not change"

    async def test_another_name_changes_nothing(self, company: Company) -> None:
        shop, deal = await waiting_order(company)
        before = company.cases()[deal]
        shop.edit(deal, Name="Renamed")
        await company.sync()
        after = company.cases()[deal]
        assert (after.link_id, after.snapshot) == (before.link_id, before.snapshot)

    async def test_it_is_looked_at_once_more_before_it_is_sent(self, company: Company) -> None:
        """The feed of changes is late; the order is about to go out."""
        shop, deal = await waiting_order(company)
        await company.plan()
        company.approve()
        company.crm_faults.arm(lambda _call, _do: [], operation="changed", entity="deal")
        shop.edit(deal, StageName="Closed Lost")
        await company.sync()
        assert len(company.erp.all("customer")) == 1
        assert shop.orders == []

    async def test_a_refused_order_is_taken_back_with_its_letter(self, shop: Shop) -> None:
        def refuse(call: Any, carry_out: Any) -> Any:
            if any(op.cells.get("customer_po") == "BAD" for op in call.ops):
                raise ApiError(400, "no such PO", code="invalid_value")
            return carry_out()

        shop.company.erp_faults.arm(refuse, operation="write", entity="order", times=None)
        deal = shop.deal(PoNumber="BAD")
        await shop.company.rest()
        assert len(shop.company.letters()) == 1
        shop.edit(deal, StageName="Closed Lost")
        await shop.company.rest()
        assert shop.company.letters() == []
        assert pending_orders(shop) == []
        shop.edit(deal, StageName="Closed Won", PoNumber="GOOD")
        await shop.company.rest()
        assert [o["customer_po"] for o in shop.orders] == ["GOOD"]
        assert shop.company.letters() == []

    async def test_nothing_is_taken_back_that_may_have_arrived(self, found: Founding) -> None:
        shop = await Shop.open(found(erp_settings={"settle_time": 60.0}))
        company = shop.company
        finish = company.erp_faults.finish_late("order")
        deal = shop.deal()
        await company.sync()
        shop.edit(deal, **NINETY_NINE)
        company.advance(seconds=5)
        await company.sync()
        finish()
        for _ in range(3):
            company.advance(seconds=60)
            await company.sync()
        assert [(o["net_total"], o["state"]) for o in shop.orders] == [("10.00", "quotation")]
        assert company.cases()[deal].state == "changed"
        assert [d.cause for d in company.letters()] == ["deal_changed"]

    @pytest.mark.parametrize("stays", ["refused", "away"])
    @pytest.mark.parametrize("change", [{"StageName": "Closed Lost"}, NINETY_NINE])
    async def test_an_order_begun_without_its_lines_is_never_left_behind(
        self, shop: Shop, change: dict[str, Any], stays: str
    ) -> None:
        company, faults = shop.company, shop.company.erp_faults
        faults.arm(lose_lines("rows"), operation="write", entity="order")
        act = refuse_inside_answer() if stays == "refused" else answer_status(503)
        faults.arm(act, operation="write", entity="order", skip=1, times=None)
        deal = shop.deal()
        await company.rest()
        shop.edit(deal, **change)
        await company.rest()
        assert [o["rows"] for o in shop.orders] == [[]]
        assert company.cases()[deal].state == "changed"
        assert len(pending_orders(shop)) == 1, "nothing is taken back that has begun"
        faults.clear()
        if stays == "refused":
            [letter] = company.letters()
            assert letter.record_id == shop.ids[0]
            assert f"order {letter.record_id} was begun in the ERP" in letter.message
            with company.store() as store:
                retry_letters(store, [letter.id], by="tester", now=company.clock())
        company.advance(hours=2)
        await company.rest()
        # as it was sold, and a person is asked whether that still holds
        assert [(o["net_total"], o["state"]) for o in shop.orders] == [("10.00", "quotation")]
        lost = change.get("StageName") == "Closed Lost"
        assert [d.cause for d in company.letters()] == ["deal_lost" if lost else "deal_changed"]
        assert company.cases()[deal].state == "changed"

    async def test_an_order_begun_and_deleted_by_a_person_is_made_anew(self, shop: Shop) -> None:
        company, faults = shop.company, shop.company.erp_faults
        faults.arm(lose_lines("rows"), operation="write", entity="order")
        faults.arm(refuse_inside_answer(), operation="write", entity="order", skip=1)
        deal = shop.deal()
        await company.rest()
        [letter] = company.letters()
        company.erp.delete("order", shop.ids[0])
        with company.store() as store:
            retry_letters(store, [letter.id], by="tester", now=company.clock())
        await company.rest()
        assert [(o["net_total"], o["state"]) for o in shop.orders] == [("10.00", "confirmed")]
        assert company.letters() == []
        assert company.cases()[deal].state == "ordered"

    async def test_a_deal_lost_while_a_person_is_asked_asks_nobody_any_more(
        self, shop: Shop
    ) -> None:
        deal = shop.deal(item(1, ProductCode="NOPE"))
        await shop.company.rest()
        assert len(shop.company.letters()) == 1
        shop.edit(deal, StageName="Closed Lost")
        await shop.company.rest()
        assert shop.company.letters() == []
        assert shop.company.cases()[deal].state == "ignored"


class TestBeforeTheConfirmation:
    async def draft(self, shop: Shop) -> tuple[str, str]:
        """A deal and its order, left as a draft because its total is wrong."""

        def reprice(call: Any, carry_out: Any) -> Any:
            for op in call.ops:
                for row in op.cells.get("rows") or ():
                    row["price"] = "6.00"
            return carry_out()

        shop.company.erp_faults.arm(reprice, operation="write", entity="order", times=1)
        deal = shop.deal()
        await shop.company.rest()
        [order] = shop.company.erp.all("order")
        return deal, order

    def correct(self, shop: Shop, order: str) -> None:
        [shown] = shop.orders
        rows = [{**row, "price": "5.00"} for row in shown["rows"]]
        shop.company.erp.edit("order", order, {"rows": rows})

    @pytest.mark.parametrize("change", [{"StageName": "Closed Lost"}, NINETY_NINE])
    async def test_a_draft_of_a_changed_deal_is_left_to_a_person(
        self, shop: Shop, change: dict[str, Any]
    ) -> None:
        deal, order = await self.draft(shop)
        shop.edit(deal, **change)
        await shop.company.rest()
        self.correct(shop, order)
        await shop.company.rest()
        assert [o["state"] for o in shop.orders] == ["quotation"]
        [letter] = shop.company.letters()
        lost = change.get("StageName") == "Closed Lost"
        assert letter.cause == ("deal_lost" if lost else "deal_changed")
        assert letter.source_id == deal
        shop.company.erp.edit("order", order, {"state": "canceled"})
        await shop.company.rest()
        # a deal that is still won has no order now
        assert [d.cause for d in shop.company.letters()] == ([] if lost else ["order_cancelled"])

    async def test_nor_one_of_a_deal_that_is_gone(self, shop: Shop) -> None:
        deal, order = await self.draft(shop)
        shop.company.crm.delete("deal", deal)
        self.correct(shop, order)
        for _ in range(3):
            await shop.company.sync(full=True)
            shop.company.advance(hours=2)
        assert [o["state"] for o in shop.orders] == ["quotation"]
        assert [d.cause for d in shop.company.letters()] == ["deal_changed"]

    async def test_it_is_confirmed_once_the_deal_is_as_it_was(self, shop: Shop) -> None:
        deal, order = await self.draft(shop)
        shop.edit(deal, StageName="Proposal")
        self.correct(shop, order)
        await shop.company.rest()
        assert [o["state"] for o in shop.orders] == ["quotation"]
        shop.edit(deal, StageName="Closed Won")
        await shop.company.rest()
        assert [o["state"] for o in shop.orders] == ["confirmed"]
        assert shop.company.letters() == []


class TestLooking:
    async def test_two_products_with_one_sku_are_for_a_person_to_tell_apart(
        self, shop: Shop
    ) -> None:
        second = shop.company.erp.add("product", {"sku": "sku-1 ", "title": "Another thing"})
        deal = shop.deal()
        await shop.company.rest()
        assert shop.orders == []
        [letter] = shop.company.letters()
        assert (letter.cause, letter.source_id) == ("ambiguous_product", deal)
        assert "line 1 (SKU-1)" in letter.message
        shop.company.erp.edit("product", second, {"discontinued": True})
        await shop.company.rest()
        assert len(shop.orders) == 1
        assert shop.company.letters() == []

    async def test_lines_that_move_without_their_deals_change_time(self, found: Founding) -> None:
        shop = await Shop.open(found(quiet_time="2m"))
        company = shop.company
        deal = shop.deal()
        await company.sync()
        company.advance(seconds=119)
        before = company.crm.row("deal", deal)
        assert before is not None
        shop.edit(deal, Lines=[item(2, "1", "10.00")])
        after = company.crm.row("deal", deal)
        assert after is not None
        company.crm.shelf("deal").put(
            msgspec.structs.replace(after, modified=before.modified, version=before.version)
        )
        company.advance(seconds=2)
        await company.sync()
        await company.sync()
        assert shop.orders == [], "two minutes from when the lines were seen to move"
        company.advance(minutes=2)
        await company.rest()
        assert [o["rows"][0]["sku"] for o in shop.orders] == ["SKU-2"]

    async def test_many_waiting_deals_are_fetched_together(self, shop: Shop) -> None:
        for n in range(12):
            shop.deal(Name=f"Deal {n}", amount="11.00")
        await shop.company.rest()
        fetches: list[str] = []

        def count(call: Any, carry_out: Any) -> Any:
            fetches.append(call.entity)
            return carry_out()

        shop.company.crm_faults.arm(count, operation="fetched", times=None)
        await shop.company.sync()
        assert {c.state for c in shop.company.cases().values()} == {"waiting"}
        assert fetches.count("deal") == 1
        assert fetches.count("customer") == 1
