"""By rule a won deal becomes an order, a project or both: each exactly once."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.service.checking import check
from interlock.service.timetravel import back_up, restore
from interlock.store import cases, purging
from interlock.store.database import Tx
from interlock.testing.faults import fail_before, lose_answer

from .company import Company
from .conftest import Founding
from .test_orders import Shop, item

BY_KIND = """\
schema_version: 1
order_targets:
  - {where: {kind: Consulting}, target: project}
  - {where: {kind: [Retainer, Bundle]}, target: both}
"""


def rule(company: Company, text: str) -> Company:
    (company.root / "rules.yaml").write_text(text)
    return company


def projects(shop: Shop) -> list[dict[str, Any]]:
    return list(shop.company.erp.all("project").values())


def project_cases(company: Company) -> dict[str, cases.Case]:
    found: dict[str, cases.Case] = company.ask(lambda tx: cases.load(tx, "quote_to_project"))
    return found


@pytest.fixture
async def shop(company: Company) -> Shop:
    return await Shop.open(rule(company, BY_KIND))


class TestAProject:
    async def test_in_place_of_an_order(self, shop: Shop) -> None:
        deal = shop.deal(item(1), item(2, "1", "3.50"), amount="13.50", Type="Consulting")
        await shop.company.rest()
        assert shop.orders == []
        [project] = projects(shop)
        [partner] = shop.company.erp.all("customer")
        assert project["partner_id"] == partner
        assert project["title"] == f"Acme {deal}", "a deal's name is the CRM's own business"
        assert (project["sold_for"], project["currency"]) == ("13.50", "EUR")
        assert project["customer_po"] == "PO-7"
        assert project["crm_id"] == deal
        assert project["state"] == "running", "what it was sold for came to the deal's amount"
        assert shop.company.letters() == []

    async def test_called_after_its_deal_where_that_name_may_leave_the_crm(
        self, shop: Shop
    ) -> None:
        shop.company.own("deal", {"name": "{owner: crm}"})
        await shop.company.go()
        shop.deal(Type="Consulting")
        await shop.company.rest()
        assert [p["title"] for p in projects(shop)] == ["Big deal"]

    async def test_its_number_and_state_stand_on_the_deal(self, shop: Shop) -> None:
        deal = shop.deal(Type="Consulting")
        await shop.company.rest()
        [(project_id, project)] = shop.company.erp.all("project").items()
        assert shop.shown(deal)["ProjectNumber__c"] == project["number"]
        assert shop.shown(deal)["ProjectStatus__c"] == "open"
        shop.company.erp.edit("project", project_id, {"state": "closed"})
        await shop.company.rest()
        assert shop.shown(deal)["ProjectStatus__c"] == "fulfilled"
        shop.edit(deal, ProjectNumber__c="my own")
        await shop.company.rest()
        assert shop.shown(deal)["ProjectNumber__c"] == project["number"]

    async def test_beside_an_order(self, shop: Shop) -> None:
        deal = shop.deal(Type="Bundle")
        await shop.company.rest()
        [order], [project] = shop.orders, projects(shop)
        assert order["crm_id"] == project["crm_id"] == deal
        assert order["ext_ref"] != project["ext_ref"]
        shown = shop.shown(deal)
        assert shown["OrderNumber__c"] == order["number"]
        assert shown["ProjectNumber__c"] == project["number"]

    async def test_not_where_no_rule_says_so(self, shop: Shop) -> None:
        shop.deal(Type="License")
        shop.deal()
        await shop.company.rest()
        assert len(shop.orders) == 2
        assert projects(shop) == []
        assert project_cases(shop.company) == {}

    async def test_once_though_its_answer_was_lost(self, shop: Shop) -> None:
        shop.company.erp_faults.arm(lose_answer, operation="write", entity="project")
        deal = shop.deal(Type="Bundle")
        await shop.company.rest()
        [project], [_] = projects(shop), shop.orders
        assert shop.shown(deal)["ProjectNumber__c"] == project["number"]
        assert shop.company.letters() == []

    async def test_once_though_it_is_deleted_there(self, shop: Shop) -> None:
        shop.deal(Type="Consulting")
        await shop.company.rest()
        [project_id] = shop.company.erp.all("project")
        shop.company.erp.delete("project", project_id)
        await shop.company.sync(full=True)
        await shop.company.rest()
        assert projects(shop) == []
        assert shop.orders == []

    async def test_not_for_a_customer_on_hold(self, shop: Shop) -> None:
        [partner] = shop.company.erp.all("customer")
        shop.company.erp.edit("customer", partner, {"on_hold": True})
        deal = shop.deal(Type="Bundle")
        await shop.company.sync()
        assert projects(shop) == shop.orders == []
        assert project_cases(shop.company)[deal].state == "held"
        shop.company.erp.edit("customer", partner, {"on_hold": False})
        await shop.company.sync()
        shop.company.advance(minutes=20)
        await shop.company.sync()
        await shop.company.rest()
        assert (len(projects(shop)), len(shop.orders)) == (1, 1)

    async def test_lines_that_do_not_add_up_make_neither(self, shop: Shop) -> None:
        shop.deal(item(1), amount="11.00", Type="Bundle")
        await shop.company.rest()
        assert projects(shop) == shop.orders == []


class TestAfterwards:
    async def test_a_changed_deal_is_flagged_for_each(self, shop: Shop) -> None:
        deal = shop.deal(Type="Bundle")
        await shop.company.rest()
        shop.edit(deal, Amount={"Amount": "5.00", "CurrencyIsoCode": "EUR"},
                  Lines=[item(1, "1")])  # fmt: skip
        await shop.company.rest()
        letters = {letter.entity: letter for letter in shop.company.letters()}
        assert letters.keys() == {"order", "project"}
        assert "the deal changed: " in letters["project"].message
        assert "amend the project in the ERP" in letters["project"].fix
        shop.edit(deal, Amount={"Amount": "10.00", "CurrencyIsoCode": "EUR"}, Lines=[item(1)])
        await shop.company.rest()
        assert shop.company.letters() == []

    async def test_a_lost_deal_is_flagged_for_its_project(self, shop: Shop) -> None:
        deal = shop.deal(Type="Consulting")
        await shop.company.rest()
        shop.edit(deal, StageName="Closed Lost")
        await shop.company.rest()
        [letter] = shop.company.letters()
        assert letter.message.endswith("the deal was lost")
        [project] = projects(shop)
        assert project["state"] == "running"

    async def test_a_draft_follows_its_deal_where_that_is_the_policy(self, found: Founding) -> None:
        company = rule(found(), BY_KIND)
        company.write("interlock.yaml", {"confirm:": "  confirm: false",
                                         "deal_changed:": "    deal_changed: amend_if_open",
                                         "deal_lost:": "    deal_lost: amend_if_open"})  # fmt: skip
        shop = await Shop.open(company)
        deal = shop.deal(Type="Consulting")
        await company.rest()
        shop.edit(deal, Amount={"Amount": "5.00", "CurrencyIsoCode": "EUR"}, Lines=[item(1, "1")])
        await company.rest()
        assert [p["sold_for"] for p in projects(shop)] == ["5.00"]
        shop.edit(deal, StageName="Closed Lost")
        await company.rest()
        assert [p["state"] for p in projects(shop)] == ["dropped"]
        assert company.letters() == []

    async def test_a_project_changed_there_is_flagged(self, shop: Shop) -> None:
        shop.deal(Type="Consulting")
        await shop.company.rest()
        [project_id] = shop.company.erp.all("project")
        shop.company.erp.edit("project", project_id, {"sold_for": "99.00"})
        await shop.company.rest()
        [letter] = shop.company.letters()
        assert "the project was changed in the ERP: net total 10.00 → 99.00" in letter.message

    async def test_what_was_decided_stays_whatever_the_deal_is_called_then(
        self, shop: Shop
    ) -> None:
        deal = shop.deal(Type="License")
        await shop.company.rest()
        shop.edit(deal, Type="Bundle")
        await shop.company.rest()
        assert (len(shop.orders), projects(shop)) == (1, [])

    async def test_before_anything_is_made_the_deal_may_still_become_something_else(
        self, found: Founding
    ) -> None:
        shop = await Shop.open(rule(found(quiet_time="2m"), BY_KIND))
        deal = shop.deal(Type="License")
        await shop.company.sync()
        shop.edit(deal, Type="Consulting")
        for _ in range(3):
            shop.company.advance(minutes=3)
            await shop.company.sync()
        assert (shop.orders, len(projects(shop))) == ([], 1)
        assert shop.shown(deal)["ProjectNumber__c"]

    async def test_what_was_decided_on_both_still_becomes_only_one_of_them(
        self, found: Founding
    ) -> None:
        shop = await Shop.open(rule(found(), BY_KIND))
        # nothing can be made yet: both wait for the customer
        account = shop.company.crm.add("customer", {"Name": "New"})
        shop.company.erp_faults.arm(fail_before, operation="write", entity="customer", times=1)
        shop.company.advance(minutes=1)
        deal = shop.deal(Type="Bundle", AccountId=account)
        await shop.company.sync()
        assert {w.entity for w in shop.company.pending()} >= {"order", "project"}
        assert (shop.orders, projects(shop)) == ([], [])
        shop.edit(deal, Type="Consulting")
        for _ in range(4):
            shop.company.advance(minutes=3)
            await shop.company.sync()
        assert (shop.orders, len(projects(shop))) == ([], 1)


class TestTheStoreWentBack:
    async def test_no_project_is_made_twice(self, shop: Shop) -> None:
        company = shop.company
        early = shop.deal(Name="Early", Type="Consulting")
        await company.rest()
        kept = company.root / "yesterday.backup"
        with company.store() as store:
            back_up(company.project(), store, kept, now=company.clock())
        company.advance(hours=1)
        late, ended = (shop.deal(Name=n, Type="Bundle") for n in ("Late", "Ended"))
        await company.rest()
        shop.edit(ended, StageName="Closed Lost")
        await company.rest()
        before = company.erp.all("project")
        company.close()
        restore(company.project(), kept, by="tester", now=company.clock())
        for _ in range(3):
            await company.go()
            company.advance(minutes=1)
        await company.rest()
        assert company.erp.all("project") == before
        assert len(shop.orders) == 2
        found = project_cases(company)
        assert {found[d].state for d in (early, late, ended)} == {"ordered"}
        # they are told of again
        for project_id in before:
            company.erp.edit("project", project_id, {"state": "closed"})
        await company.rest()
        for deal in (early, late, ended):
            assert shop.shown(deal)["ProjectStatus__c"] == "fulfilled"

    async def test_what_was_decided_before_stays_decided(self, shop: Shop) -> None:
        company = shop.company
        renamed = shop.deal(Type="Consulting")
        changed = shop.deal(Name="Later", Type="Consulting")
        await company.rest()
        shop.edit(renamed, Type="License")
        await company.rest()
        company.erp_faults.arm(fail_before, operation="write", entity="project")
        shop.deal(Name="Decided", Type="Consulting")
        await company.sync()
        assert (shop.orders, len(projects(shop))) == ([], 2)
        assert [w.entity for w in company.pending()] == ["project"]
        kept = company.root / "yesterday.backup"
        with company.store() as store:
            back_up(company.project(), store, kept, now=company.clock())
        company.advance(hours=1)
        company.close()
        restore(company.project(), kept, by="tester", now=company.clock())
        for _ in range(3):
            await company.go()
            company.advance(minutes=1)
        await company.rest()
        assert (shop.orders, len(projects(shop))) == ([], 3)
        shop.edit(changed, Amount={"Amount": "20.00", "CurrencyIsoCode": "EUR"},
                  Lines=[item(1, "4")])  # fmt: skip
        await company.rest()
        [letter] = company.letters()
        assert "the deal changed" in letter.message


class TestTheNeverList:
    async def test_both_snapshots_of_one_deal_lose_a_field(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(purging, "BATCH", 1)
        shop.deal(Type="Bundle", PoNumber="Vk8po")
        await shop.company.rest()

        def _kept(tx: Tx) -> list[bytes]:
            found = [cases.load(tx, p) for p in ("quote_to_order", "quote_to_project")]
            return [c.snapshot for known in found for c in known.values() if c.snapshot]

        def _purge(tx: Tx) -> list[bytes]:
            purging.purge(tx, ["deal.po_number", "order.po_number", "project.po_number"],
                          shop.company.clock())  # fmt: skip
            return _kept(tx)

        assert [b"Vk8po" in kept for kept in shop.company.ask(_kept)] == [True, True]
        assert [b"Vk8po" in kept for kept in shop.company.ask(_purge)] == [False, False]


class TestNot:
    async def test_an_erp_without_projects_says_so_once(self, found: Founding) -> None:
        shop = await Shop.open(rule(found(erp_settings={"projects": False}), BY_KIND))
        shop.deal(Type="Bundle")
        await shop.company.rest()
        [letter] = shop.company.letters()
        assert "takes no projects" in letter.message
        assert "order_targets" in letter.fix
        assert len(shop.orders) == 1

    async def test_a_deal_that_does_not_show_what_decides(self, shop: Shop) -> None:
        shop.company.crm_faults.hide("deal", "Type")
        deal = shop.deal(Type="Bundle")
        await shop.company.rest()
        assert projects(shop) == shop.orders == []
        assert "does not show its kind" in shop.company.cases()[deal].why
        shop.company.crm_faults.show()
        shop.edit(deal, PoNumber="PO-8")
        await shop.company.rest()
        assert (len(projects(shop)), len(shop.orders)) == (1, 1)


class TestTheCheck:
    async def _said(self, company: Company) -> dict[str, str]:
        async with company.session() as session:
            found = (await check(session)).project
        return {f.message: f.fix for f in found if f.subject == "order_targets"}

    async def test_names_what_the_rules_ask_in_vain(self, found: Founding) -> None:
        rules = """\
schema_version: 1
order_targets:
  - {where: {custom.region: EMEA}, target: estimate}
  - {target: both}
"""
        company = rule(found(erp_settings={"projects": False}), rules)
        (company.root / "mappings/erp.yaml").write_text(
            "schema_version: 1\ndeal: {fields: {custom.region: {path: region, type: text}}}\n"
        )
        with (company.root / "ownership.yaml").open("r+") as file:
            text = file.read().replace(
                "    paused_stage: {owner: local}",
                "    paused_stage: {owner: local}\n    custom.region: {owner: local}",
            )
            file.seek(0)
            file.write(text)
        said = await self._said(company)
        assert sorted(message.partition(":")[0] for message in said) == [
            "crm has no place for deal.custom.region",
            "erp makes no estimates",
            "erp takes no projects",
        ]
        assert "change the rules; it makes: order" in said.values()

    async def test_is_silent_where_all_can_be_made(self, company: Company) -> None:
        assert await self._said(rule(company, BY_KIND)) == {}


class TestWithoutOrders:
    """An ERP that takes estimates or invoices."""

    @pytest.fixture
    def founded(self, found: Founding) -> Any:
        def _found(documents: list[str], rules: str) -> Company:
            return rule(found(erp_settings={"orders_as": documents}), rules)

        return _found

    async def test_the_first_it_takes_stands_for_an_order(self, founded: Any) -> None:
        shop = await Shop.open(founded(["estimate", "invoice"], "schema_version: 1\n"))
        deal = shop.deal()
        await shop.company.rest()
        [estimate] = shop.orders
        assert (estimate["doc_type"], estimate["state"]) == ("estimate", "confirmed")
        assert shop.shown(deal)["OrderNumber__c"] == estimate["number"]

    async def test_the_rule_says_which(self, founded: Any) -> None:
        rules = """\
schema_version: 1
order_targets:
  - {where: {kind: Service}, target: draft_invoice}
  - {target: [estimate, project]}
"""
        shop = await Shop.open(founded(["estimate", "invoice"], rules))
        service, other = shop.deal(Type="Service"), shop.deal(Type="Machine")
        await shop.company.rest()
        made = {o["crm_id"]: (o["doc_type"], o["state"]) for o in shop.orders}
        assert made == {service: ("invoice", "quotation"), other: ("estimate", "confirmed")}
        assert [p["crm_id"] for p in projects(shop)] == [other]
        assert shop.company.letters() == []
        # the accountants post it
        [invoice] = [i for i, o in shop.company.erp.all("order").items() if o["crm_id"] == service]
        shop.company.erp.edit("order", invoice, {"state": "confirmed"})
        await shop.company.rest()
        assert shop.shown(service)["OrderStatus__c"] == "open"
        assert len(shop.orders) == 2

    async def test_one_it_does_not_make(self, founded: Any) -> None:
        rules = "schema_version: 1\norder_targets: [{target: estimate}]\n"
        shop = await Shop.open(founded(["order"], rules))
        shop.deal()
        await shop.company.rest()
        [letter] = shop.company.letters()
        assert "makes no estimates" in letter.message
        assert letter.fix.endswith("it makes: order")
        assert shop.orders == []
