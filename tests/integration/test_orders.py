"""A won deal becomes exactly one order, or says why not."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from interlock.testing.faults import answer_status, fail_before, lose_answer

from .company import Company
from .conftest import Founding

TAX = "DE136695976"


def item(n: int = 1, quantity: str = "2", price: str = "5.00", **cells: Any) -> dict[str, Any]:
    return {"Id": f"L{n}", "Product2Id": None, "ProductCode": f"SKU-{n}", "Description": None,
            "Quantity": quantity, "UnitPrice": price, **cells}  # fmt: skip


class Shop:
    """A company with one linked customer, two products and what it sold."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self.account = ""

    @classmethod
    async def open(cls, company: Company) -> Shop:
        shop = cls(company)
        shop.account = company.crm.add("customer", {
            "Name": "Acme", "VatNumber": TAX, "PaymentTerms": "Net 30"})  # fmt: skip
        company.erp.add("customer", {"name": "Acme", "vat_no": TAX, "terms": "N30"})
        for n in (1, 2):
            company.erp.add("product", {"sku": f"SKU-{n}", "title": f"Thing {n}"})
        await company.go()
        await company.rest()
        return shop

    def deal(self, *lines: dict[str, Any], amount: str = "10.00", **cells: Any) -> str:
        return self.company.crm.add("deal", {
            "Name": "Big deal", "AccountId": self.account, "StageName": "Closed Won",
            "Amount": {"Amount": amount, "CurrencyIsoCode": "EUR"}, "PoNumber": "PO-7",
            "Lines": list(lines) or [item()], **cells,
        })  # fmt: skip

    def edit(self, deal: str, **cells: Any) -> None:
        self.company.crm.edit("deal", deal, cells)

    def shown(self, deal: str) -> dict[str, Any]:
        return self.company.crm.all("deal")[deal]

    @property
    def orders(self) -> list[dict[str, Any]]:
        return list(self.company.erp.all("order").values())

    @property
    def ids(self) -> list[str]:
        return list(self.company.erp.all("order"))


@pytest.fixture
async def shop(company: Company) -> Shop:
    return await Shop.open(company)


class TestTheOrder:
    async def test_exactly_one_with_everything_on_it(self, shop: Shop) -> None:
        deal = shop.deal(item(1), item(2, "1", "3.50"), amount="13.50")
        await shop.company.rest()
        [order] = shop.orders
        [partner] = shop.company.erp.all("customer")
        assert order["partner_id"] == partner
        assert order["net_total"] == "13.50"
        assert order["currency"] == "EUR"
        assert order["customer_po"] == "PO-7"
        assert order["terms"] == "N30"
        assert order["crm_id"] == deal
        assert [(r["sku"], r["qty"], Decimal(r["price"])) for r in order["rows"]] == [
            ("SKU-1", "2", Decimal("5.00")), ("SKU-2", "1", Decimal("3.50")),
        ]  # fmt: skip
        assert order["state"] == "confirmed", "the draft came to the deal's amount"

    async def test_the_deal_gets_number_and_state_back(self, shop: Shop) -> None:
        deal = shop.deal()
        await shop.company.rest()
        [order] = shop.orders
        shown = shop.shown(deal)
        assert shown["OrderNumber__c"] == order["number"]
        assert shown["OrderStatus__c"] == "open"
        [order_id] = shop.company.erp.all("order")
        assert shown["ErpId__c"] == order_id
        shop.company.erp.edit("order", order_id, {"state": "shipped"})
        await shop.company.rest()
        assert shop.shown(deal)["OrderStatus__c"] == "fulfilled"

    async def test_once_however_often_it_is_looked_at(self, shop: Shop) -> None:
        deal = shop.deal()
        for full in (False, True, False):
            await shop.company.sync(full=full)
            shop.edit(deal, Name=f"Renamed {full}")
            shop.company.advance(minutes=5)
        await shop.company.rest()
        assert len(shop.orders) == 1
        assert shop.company.letters() == []

    async def test_the_accepted_quote_is_what_is_ordered(self, shop: Shop) -> None:
        deal = shop.deal(item(1), amount="9.00")
        quote = {"OpportunityId": deal, "CurrencyIsoCode": "EUR"}
        shop.company.crm.add(
            "quote",
            {**quote, "QuoteNumber": "Q-1", "IsAccepted": False, "Lines": [item(1, "9", "9.00")]},
        )
        shop.company.crm.add(
            "quote",
            {**quote, "QuoteNumber": "Q-2", "IsAccepted": True, "Lines": [item(2, "2", "4.50")]},
        )
        await shop.company.rest()
        [order] = shop.orders
        assert order["quote_no"] == "Q-2"
        assert [r["sku"] for r in order["rows"]] == ["SKU-2"]

    async def test_drafts_stay_drafts_where_a_person_confirms(self, found: Founding) -> None:
        company = found()
        company.write("interlock.yaml", {"confirm:": "  confirm: false"})
        shop = await Shop.open(company)
        shop.deal()
        await company.rest()
        assert [o["state"] for o in shop.orders] == ["quotation"]

    async def test_a_new_customers_first_order_waits_for_the_customer(self, shop: Shop) -> None:
        shop.company.advance(minutes=1)
        new = shop.company.crm.add("customer", {"Name": "New"})
        shop.deal(AccountId=new)
        for _ in range(4):
            await shop.company.sync()
            shop.company.advance(seconds=40)
        [order] = shop.orders
        names = {i: c["name"] for i, c in shop.company.erp.all("customer").items()}
        assert names[order["partner_id"]] == "New"
        assert shop.company.letters() == []

    async def test_many_deals_at_once(self, shop: Shop) -> None:
        deals = [shop.deal(Name=f"Deal {n}") for n in range(12)]
        await shop.company.rest()
        assert sorted(o["crm_id"] for o in shop.orders) == sorted(deals)


class TestNot:
    @pytest.mark.parametrize("stage", ["Proposal", "Closed Lost"])
    async def test_a_deal_that_is_not_won(self, shop: Shop, stage: str) -> None:
        shop.deal(StageName=stage)
        await shop.company.rest()
        assert shop.orders == []
        assert shop.company.letters() == []

    async def test_a_deal_won_before_go_live(self, found: Founding) -> None:
        shop = await Shop.open(found(go_live="2026-03-02T10:00:00Z"))
        deal = shop.deal()
        await shop.company.rest()
        assert shop.orders == []
        assert shop.company.cases()[deal].why == "won before go-live"
        shop.company.advance(hours=2)
        shop.edit(deal, Name="Renamed after go-live")
        await shop.company.rest()
        assert shop.orders == []
        shop.deal(Name="Won after go-live")
        await shop.company.rest()
        assert len(shop.orders) == 1
        waiting = (await shop.company.plan()).waiting
        assert any("before go-live" in w.why for w in waiting)

    async def test_without_a_go_live_none(self, found: Founding) -> None:
        shop = await Shop.open(found(go_live=""))
        deal = shop.deal()
        await shop.company.rest()
        assert shop.orders == []
        assert "go-live" in shop.company.cases()[deal].why

    async def test_a_deal_that_is_still_being_edited(self, found: Founding) -> None:
        shop = await Shop.open(found(quiet_time="2m"))
        deal = shop.deal()
        await shop.company.sync()
        shop.company.advance(seconds=90)
        shop.edit(deal, PoNumber="PO-8")
        await shop.company.sync()
        shop.company.advance(seconds=90)
        await shop.company.sync()
        assert shop.orders == [], "two minutes from the last change, not from the first"
        shop.company.advance(seconds=40)
        await shop.company.sync()
        await shop.company.rest()
        [order] = shop.orders
        assert order["customer_po"] == "PO-8"

    async def test_lines_that_do_not_add_up_yet(self, shop: Shop) -> None:
        deal = shop.deal(item(1), amount="13.50")
        await shop.company.rest()
        assert shop.orders == []
        assert shop.company.letters() == [], "half-saved is no error"
        case = shop.company.cases()[deal]
        assert case.state == "waiting"
        assert "13.50" in case.why
        shop.edit(deal, Lines=[item(1), item(2, "1", "3.50")])
        await shop.company.rest()
        assert len(shop.orders) == 1

    async def test_an_unknown_product_names_its_line(self, shop: Shop) -> None:
        deal = shop.deal(item(1), item(9, "1", "1.00", ProductCode="NOPE"), amount="11.00")
        await shop.company.rest()
        assert shop.orders == []
        [letter] = shop.company.letters()
        assert letter.cause == "unknown_product"
        assert "line 2 (NOPE)" in letter.message
        assert letter.source_id == deal
        shop.company.erp.add("product", {"sku": "NOPE", "title": "Now it is there"})
        await shop.company.rest()
        assert len(shop.orders) == 1
        assert shop.company.letters() == []

    async def test_a_discontinued_product(self, shop: Shop) -> None:
        [first, *_] = shop.company.erp.all("product")
        shop.company.erp.edit("product", first, {"discontinued": True})
        shop.deal()
        await shop.company.rest()
        assert shop.orders == []
        assert len(shop.company.letters()) == 1

    async def test_a_currency_the_erp_does_not_have(self, shop: Shop) -> None:
        shop.deal(Amount={"Amount": "10.00", "CurrencyIsoCode": "SEK"})
        await shop.company.rest()
        assert shop.orders == []
        assert len(shop.company.letters()) == 1

    async def test_a_deal_without_lines(self, shop: Shop) -> None:
        shop.deal(Lines=[])
        await shop.company.rest()
        [letter] = shop.company.letters()
        assert letter.cause == "no_lines"


class TestTotals:
    async def test_another_total_leaves_the_draft_and_shows_it(self, shop: Shop) -> None:
        """The ERP puts its own price on a line."""
        meddled: list[Any] = []

        def reprice(call: Any, carry_out: Any) -> Any:
            for op in call.ops:
                for row in op.cells.get("rows") or ():
                    row["price"] = "6.00"
                    meddled.append(row)
            return carry_out()

        shop.company.erp_faults.arm(reprice, operation="write", entity="order", times=1)
        deal = shop.deal()
        await shop.company.rest()
        assert meddled
        [order] = shop.orders
        assert (order["state"], order["net_total"]) == ("quotation", "12.00")
        [letter] = shop.company.letters()
        assert letter.cause == "wrong_total"
        assert "12.00" in letter.message
        assert "10.00" in letter.message
        [order_id] = shop.company.erp.all("order")
        rows = [{**r, "price": "5.00"} for r in order["rows"]]
        shop.company.erp.edit("order", order_id, {"rows": rows})
        await shop.company.rest()
        assert [o["state"] for o in shop.orders] == ["confirmed"]
        assert shop.company.letters() == []
        assert shop.shown(deal)["OrderStatus__c"] == "open"

    async def test_odd_cents(self, shop: Shop) -> None:
        shop.deal(item(1, "3", "0.33"), item(2, "7", "1.11"), amount="8.76")
        await shop.company.rest()
        assert [(o["net_total"], o["state"]) for o in shop.orders] == [("8.76", "confirmed")]


class TestLostAnswers:
    @pytest.mark.parametrize(
        "act",
        [lose_answer, fail_before, answer_status(500), answer_status(503)],
        ids=["lost after", "lost before", "500", "503"],
    )
    @pytest.mark.parametrize("skip", [0, 1], ids=["create", "confirm"])
    async def test_one_order(self, shop: Shop, act: Any, skip: int) -> None:
        shop.company.erp_faults.arm(act, operation="write", entity="order", skip=skip)
        deal = shop.deal()
        for _ in range(5):
            await shop.company.sync()
            shop.company.advance(seconds=40)
        assert [o["state"] for o in shop.orders] == ["confirmed"]
        assert shop.shown(deal)["OrderNumber__c"] == shop.orders[0]["number"]
        assert shop.company.letters() == []

    async def test_the_deal_lost_again_while_in_doubt_makes_no_second(
        self, found: Founding
    ) -> None:
        shop = await Shop.open(found(erp_settings={"settle_time": 60.0}))
        finish = shop.company.erp_faults.finish_late("order")
        deal = shop.deal()
        await shop.company.sync()
        shop.edit(deal, StageName="Proposal")
        shop.company.advance(seconds=30)
        await shop.company.sync()
        finish()
        shop.edit(deal, StageName="Closed Won")
        for _ in range(4):
            shop.company.advance(seconds=60)
            await shop.company.sync()
        assert len(shop.orders) == 1


class TestAfterwards:
    """Rules 24 and 25: the order is the ERP's, and there is never a second one."""

    async def test_a_changed_amount_is_shown_not_written(self, shop: Shop) -> None:
        deal = shop.deal()
        await shop.company.rest()
        before = dict(shop.orders[0])
        shop.edit(deal, Amount={"Amount": "99.00", "CurrencyIsoCode": "EUR"},
                  Lines=[item(1, "9", "11.00")], PoNumber="PO-99")  # fmt: skip
        await shop.company.rest()
        assert shop.orders == [before]
        case = shop.company.cases()[deal]
        assert case.state == "changed"
        assert "amount and lines and PO number" in case.why
        assert any("changed" in w.why for w in (await shop.company.plan()).waiting)

    async def test_changed_lines_of_the_same_amount_are_shown(self, shop: Shop) -> None:
        deal = shop.deal()
        await shop.company.rest()
        shop.edit(deal, Lines=[item(2, "1", "10.00")])
        await shop.company.rest()
        assert [r["sku"] for r in shop.orders[0]["rows"]] == ["SKU-1"]
        assert "lines" in shop.company.cases()[deal].why
        shop.edit(deal, Lines=[item(1)], Name="Another name")
        await shop.company.rest()
        assert shop.company.cases()[deal].state == "ordered", "as it was sold, under another name"

    @pytest.mark.parametrize("stage", ["Closed Lost", "Proposal"])
    async def test_a_deal_reopened_and_won_again_makes_no_second(
        self, shop: Shop, stage: str
    ) -> None:
        deal = shop.deal()
        await shop.company.rest()
        shop.edit(deal, StageName=stage)
        await shop.company.rest()
        assert shop.company.cases()[deal].state == "changed"
        assert [o["state"] for o in shop.orders] == ["confirmed"], "never cancelled by itself"
        shop.edit(deal, StageName="Closed Won")
        await shop.company.rest()
        assert len(shop.orders) == 1

    async def test_a_cancelled_order_is_shown_on_the_deal_and_not_made_again(
        self, shop: Shop
    ) -> None:
        deal = shop.deal()
        await shop.company.rest()
        [order] = shop.company.erp.all("order")
        shop.company.erp.edit("order", order, {"state": "canceled"})
        for _ in range(2):
            await shop.company.rest()
        assert len(shop.orders) == 1
        assert shop.shown(deal)["OrderStatus__c"] == "cancelled"

    async def test_a_deleted_order_is_not_made_again(self, shop: Shop) -> None:
        deal = shop.deal()
        await shop.company.rest()
        [order] = shop.company.erp.all("order")
        shop.company.erp.delete("order", order)
        for _ in range(3):
            shop.company.advance(hours=2)
            await shop.company.go()
            shop.edit(deal, Name="Touched")
        assert shop.orders == []

    async def test_an_edited_draft_stays_as_the_erp_people_want_it(self, found: Founding) -> None:
        company = found()
        company.write("interlock.yaml", {"confirm:": "  confirm: false"})
        shop = await Shop.open(company)
        deal = shop.deal()
        await company.rest()
        [order] = company.erp.all("order")
        company.erp.edit("order", order, {"customer_po": "CHANGED", "terms": "COD"})
        shop.edit(deal, PoNumber="PO-X")
        await company.rest()
        [row] = shop.orders
        assert (row["customer_po"], row["terms"]) == ("CHANGED", "COD")

    async def test_a_clone_of_an_ordered_deal_gets_its_own_order_and_number(
        self, shop: Shop
    ) -> None:
        deal = shop.deal()
        await shop.company.rest()
        shop.company.advance(minutes=1)
        copied = shop.shown(deal)
        clone = shop.company.crm.add("deal", {
            **{k: v for k, v in copied.items() if k not in ("StageKind", "WonAt")},
            "Name": "Clone"})  # fmt: skip
        await shop.company.rest()
        assert sorted(o["crm_id"] for o in shop.orders) == sorted([deal, clone])
        numbers = {shop.shown(d)["OrderNumber__c"] for d in (deal, clone)}
        assert len(numbers) == 2

    async def test_numbers_typed_over_in_the_crm_are_put_back(self, shop: Shop) -> None:
        deal = shop.deal()
        await shop.company.rest()
        shop.edit(deal, OrderNumber__c="SO-FAKE")
        await shop.company.rest()
        assert shop.shown(deal)["OrderNumber__c"] == shop.orders[0]["number"]
