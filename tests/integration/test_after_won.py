"""A deal and its order that come apart after the order was made: by policy, never in silence."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.service.letters import discard_letters
from interlock.testing.faults import answer_status, lose_answer, refuse_inside_answer

from .company import Company
from .conftest import Founding
from .test_orders import Shop, item

NINETY_NINE = {
    "Lines": [item(1, "9", "11.00")],
    "Amount": {"Amount": "99.00", "CurrencyIsoCode": "EUR"},
}


def policy(company: Company, **policies: str) -> None:
    lines = {f"{kind}:": f"    {kind}: {what}" for kind, what in policies.items()}
    company.write("interlock.yaml", lines)


@pytest.fixture
async def shop(company: Company) -> Shop:
    return await Shop.open(company)


async def drafting(found: Founding, **policies: str) -> Shop:
    """A shop whose orders stay drafts until a person confirms them in the ERP."""
    company = found()
    company.write("interlock.yaml", {"confirm:": "  confirm: false"})
    policy(company, **policies)
    return await Shop.open(company)


async def discard(company: Company) -> None:
    ids = [letter.id for letter in company.letters()]
    with company.store() as store:
        discard_letters(store, ids, by="Kim", reason="agreed by phone", now=company.clock())
    await company.rest()


class TestFlagged:
    """The default: a person is asked once, with both versions."""

    @pytest.mark.parametrize(
        ("change", "cause", "said"),
        [
            (NINETY_NINE, "deal_changed", "amount 10.00 EUR → 99.00 EUR"),
            (NINETY_NINE, "deal_changed", "line SKU-1 2 x 5.00 → 9 x 11.00"),
            ({"PoNumber": "PO-8"}, "deal_changed", "PO number PO-7 → PO-8"),
            ({"StageName": "Closed Lost"}, "deal_lost", "the deal was lost"),
            ({"StageName": "Proposal"}, "deal_reopened", "the deal was reopened"),
        ],
    )
    async def test_a_deal_that_changes(
        self, shop: Shop, change: dict[str, Any], cause: str, said: str
    ) -> None:
        company, deal = shop.company, shop.deal()
        await company.rest()
        before = dict(shop.orders[0])
        shop.edit(deal, **change)
        await company.rest()
        [letter] = company.letters()
        assert (letter.cause, letter.source_id, letter.record_id) == (cause, deal, shop.ids[0])
        assert said in letter.message
        assert before["number"] in letter.message
        assert shop.orders == [before]

    async def test_is_over_when_the_deal_is_as_it_was(self, shop: Shop) -> None:
        deal = shop.deal()
        await shop.company.rest()
        shop.edit(deal, StageName="Proposal")
        await shop.company.rest()
        shop.edit(deal, StageName="Closed Won")
        await shop.company.rest()
        assert shop.company.letters() == []

    async def test_once_left_as_it_is_it_is_asked_again_only_after_another_change(
        self, shop: Shop
    ) -> None:
        company, deal = shop.company, shop.deal()
        await company.rest()
        shop.edit(deal, **NINETY_NINE)
        await company.rest()
        await discard(company)
        assert company.letters() == []
        shop.edit(deal, Name="Renamed")
        await company.rest()
        assert company.letters() == []
        shop.edit(deal, PoNumber="PO-9")
        await company.rest()
        assert [d.cause for d in company.letters()] == ["deal_changed"]

    async def test_an_order_cancelled_in_the_erp(self, shop: Shop) -> None:
        company, deal = shop.company, shop.deal()
        await company.rest()
        company.erp.edit("order", shop.ids[0], {"state": "canceled"})
        await company.rest()
        [letter] = company.letters()
        assert letter.cause == "order_cancelled"
        shop.edit(deal, StageName="Closed Lost")
        await company.rest()
        assert company.letters() == [], "the deal agrees"
        assert len(shop.orders) == 1

    async def test_an_order_confirmed_with_other_lines_in_the_erp(self, found: Founding) -> None:
        shop = await drafting(found)
        company = shop.company
        shop.deal()
        await company.rest()
        assert company.letters() == []
        [shown] = shop.orders
        rows = [{**row, "qty": "3"} for row in shown["rows"]]
        company.erp.edit("order", shop.ids[0], {"rows": rows})
        company.erp.edit("order", shop.ids[0], {"state": "confirmed"})
        await company.rest()
        [letter] = company.letters()
        assert letter.cause == "order_changed"
        assert "line SKU-1 2 x 5.00 → 3 x 5.00" in letter.message
        assert "net total 10.00 → 15.00" in letter.message


class TestIgnored:
    @pytest.mark.parametrize(
        ("kind", "change"),
        [
            ("deal_changed", NINETY_NINE),
            ("deal_lost", {"StageName": "Closed Lost"}),
            ("deal_reopened", {"StageName": "Proposal"}),
        ],
    )
    async def test_nobody_is_asked(
        self, found: Founding, kind: str, change: dict[str, Any]
    ) -> None:
        company = found()
        policy(company, **{kind: "ignore"})
        shop = await Shop.open(company)
        deal = shop.deal()
        await company.rest()
        before = dict(shop.orders[0])
        shop.edit(deal, **change)
        await company.rest()
        assert company.letters() == []
        assert shop.orders == [before]
        case = company.cases()[deal]
        assert case.state == "ordered"
        assert case.why.endswith("which is ignored")

    async def test_a_cancelled_order(self, found: Founding) -> None:
        company = found()
        policy(company, order_cancelled="ignore")
        shop = await Shop.open(company)
        shop.deal()
        await company.rest()
        company.erp.edit("order", shop.ids[0], {"state": "canceled"})
        await company.rest()
        assert company.letters() == []


class TestAmended:
    """The order follows while the ERP leaves it open and nobody touched it there."""

    async def test_the_lines_of_a_draft_follow_the_deal(self, found: Founding) -> None:
        shop = await drafting(found, deal_changed="amend_if_open")
        company, deal = shop.company, shop.deal()
        await company.rest()
        shop.edit(deal, **NINETY_NINE, PoNumber="PO-8")
        await company.rest()
        [order] = shop.orders
        assert (order["net_total"], order["customer_po"], order["state"]) == (
            "99.00", "PO-8", "quotation")  # fmt: skip
        assert company.letters() == []
        assert company.cases()[deal].state == "ordered"
        assert [e.record_id for e in company.events("amended")] == [deal]
        before = len(company.erp.all("order")), company.events("written")
        await company.rest()
        assert (len(company.erp.all("order")), company.events("written")) == before

    @pytest.mark.parametrize("act", [lose_answer, answer_status(503)])
    async def test_whatever_befalls_the_write(self, found: Founding, act: Any) -> None:
        shop = await drafting(found, deal_changed="amend_if_open")
        company, deal = shop.company, shop.deal()
        await company.rest()
        company.erp_faults.arm(act, operation="write", entity="order")
        shop.edit(deal, **NINETY_NINE)
        for _ in range(5):
            await company.rest()
            company.advance(seconds=60)
        assert [o["net_total"] for o in shop.orders] == ["99.00"]
        assert company.letters() == []

    async def test_it_stands_still_first(self, found: Founding) -> None:
        company = found(quiet_time="0s")
        company.write("interlock.yaml", {"confirm:": "  confirm: false"})
        policy(company, deal_changed="amend_if_open")
        shop = await Shop.open(company)
        deal = shop.deal()
        await company.rest()
        company.write("interlock.yaml", {"quiet_time:": "  quiet_time: 2m"})
        shop.edit(deal, **NINETY_NINE)
        await company.sync()
        await company.sync()
        assert [o["net_total"] for o in shop.orders] == ["10.00"]
        assert company.letters() == []
        company.advance(minutes=3)
        await company.rest()
        assert [o["net_total"] for o in shop.orders] == ["99.00"]

    async def test_an_amendment_refused_by_the_erp_is_a_dead_letter(self, found: Founding) -> None:
        shop = await drafting(found, deal_changed="amend_if_open")
        company, deal = shop.company, shop.deal()
        await company.rest()
        company.erp_faults.arm(refuse_inside_answer(), operation="write", entity="order")
        shop.edit(deal, **NINETY_NINE)
        await company.rest()
        assert [o["net_total"] for o in shop.orders] == ["10.00"]
        assert [d.cause for d in company.letters()] == ["locked"]
        shop.edit(deal, Lines=[item(1, "2", "11.00")],
                  Amount={"Amount": "22.00", "CurrencyIsoCode": "EUR"})  # fmt: skip
        await company.rest()
        assert [o["net_total"] for o in shop.orders] == ["22.00"], "the next change reaches it"
        assert company.letters() == []

    async def test_one_the_erp_people_touched_is_flagged(self, found: Founding) -> None:
        shop = await drafting(found, deal_changed="amend_if_open")
        company, deal = shop.company, shop.deal()
        await company.rest()
        rows = [{**row, "qty": "3"} for row in shop.orders[0]["rows"]]
        company.erp.edit("order", shop.ids[0], {"rows": rows})
        shop.edit(deal, **NINETY_NINE)
        await company.rest()
        assert [o["net_total"] for o in shop.orders] == ["15.00"]
        assert len(company.letters()) == 1

    async def test_a_confirmed_one_is_flagged(self, found: Founding) -> None:
        company = found()
        policy(company, deal_changed="amend_if_open")
        shop = await Shop.open(company)
        deal = shop.deal()
        await company.rest()
        shop.edit(deal, **NINETY_NINE)
        await company.rest()
        assert [(o["net_total"], o["state"]) for o in shop.orders] == [("10.00", "confirmed")]
        assert [d.cause for d in company.letters()] == ["deal_changed"]

    @pytest.mark.parametrize("change", ["customer", "currency"])
    async def test_it_never_moves_to_another_customer_or_currency(
        self, found: Founding, change: str
    ) -> None:
        shop = await drafting(found, deal_changed="amend_if_open")
        company, deal = shop.company, shop.deal()
        await company.rest()
        other = company.crm.add("customer", {"Name": "Other"})
        cells: dict[str, Any] = (
            {"AccountId": other}
            if change == "customer"
            else {"Amount": {"Amount": "10.00", "CurrencyIsoCode": "USD"}}
        )
        shop.edit(deal, **cells)
        await company.rest()
        assert [o["net_total"] for o in shop.orders] == ["10.00"]
        assert [d.cause for d in company.letters()] == ["deal_changed"]

    async def test_a_line_the_erp_does_not_know_is_named(self, found: Founding) -> None:
        shop = await drafting(found, deal_changed="amend_if_open")
        company, deal = shop.company, shop.deal()
        await company.rest()
        shop.edit(deal, Lines=[item(1, ProductCode="NOPE")])
        await company.rest()
        assert [o["net_total"] for o in shop.orders] == ["10.00"]
        case = company.cases()[deal]
        assert case.state == "changed"
        assert "its order cannot be amended: line 1 (NOPE)" in case.why
        [letter] = company.letters()
        assert letter.cause == "unknown_product"
        company.erp.add("product", {"sku": "NOPE", "title": "New thing"})
        await company.rest()
        assert [o["rows"][0]["sku"] for o in shop.orders] == ["NOPE"]
        assert company.letters() == []

    @pytest.mark.parametrize("confirm", ["true", "false"])
    async def test_the_order_of_a_lost_deal_is_cancelled(
        self, found: Founding, confirm: str
    ) -> None:
        company = found()
        company.write("interlock.yaml", {"confirm:": f"  confirm: {confirm}"})
        policy(company, deal_lost="amend_if_open")
        shop = await Shop.open(company)
        deal = shop.deal()
        await company.rest()
        shop.edit(deal, StageName="Closed Lost")
        await company.rest()
        assert [o["state"] for o in shop.orders] == ["canceled"]
        assert company.letters() == []
        assert shop.shown(deal)["OrderStatus__c"] == "cancelled"
        shop.edit(deal, StageName="Closed Won")
        await company.rest()
        assert len(shop.orders) == 1, "no second order, whoever cancelled the first"
        assert [d.cause for d in company.letters()] == ["order_cancelled"]

    async def test_a_shipped_one_is_not(self, found: Founding) -> None:
        company = found()
        policy(company, deal_lost="amend_if_open")
        shop = await Shop.open(company)
        deal = shop.deal()
        await company.rest()
        company.erp.edit("order", shop.ids[0], {"state": "shipped"})
        shop.edit(deal, StageName="Closed Lost")
        await company.rest()
        assert [o["state"] for o in shop.orders] == ["shipped"]
        assert [d.cause for d in company.letters()] == ["deal_lost"]
