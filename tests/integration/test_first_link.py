"""Two lists that were never joined: what is linked, created and written, and only after a plan."""

from __future__ import annotations

from decimal import Decimal

from interlock.governance.rules import Side
from interlock.model import WriteKind
from interlock.store import feeds, links
from interlock.testing.faults import answer_status

from .company import Company
from .conftest import Founding

ULM_CRM = {"BillingStreet": "1 Main St", "BillingCity": "Ulm", "BillingPostalCode": "89073",
           "BillingCountryCode": "DE"}  # fmt: skip
ULM_ERP = {"addr1": "1 Main St", "town": "Ulm", "zip": "89073", "iso": "DE"}
TAX = "DE136695976"


async def test_nothing_is_written_before_a_person_approved_the_plan(company: Company) -> None:
    company.crm.add("customer", {"Name": "Alone"})
    company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX, "Phone": "1"})
    company.erp.add("customer", {"name": "ACME", "vat_no": TAX})
    for _ in range(2):
        report = await company.sync()
        assert report.writes == 0
    assert len(company.erp.all("customer")) == 1
    plan = await company.plan()
    assert plan.linked == {"customer": 1}
    assert plan.to_approve == len(plan.writes) == 3
    assert {(w.system, w.kind) for w in plan.writes} == {
        ("erp", WriteKind.CREATE), ("erp", WriteKind.UPDATE), ("crm", WriteKind.UPDATE),
    }  # fmt: skip
    assert company.erp.written == {}
    assert company.approve() == 3
    await company.sync()
    assert len(company.erp.all("customer")) == 2


async def test_rule_two_field_by_field(company: Company) -> None:
    """Equal: base; one blank: filled; owned: the owner's; shared: ``first_link``."""
    acme = company.crm.add("customer", {
        "Name": "Acme Inc", "VatNumber": TAX, "Phone": "+49 1", "Website": "https://acme.com",
        "BillingAddress": ULM_CRM, "PaymentTerms": "Net 14",
    })  # fmt: skip
    partner = company.erp.add("customer", {
        "name": "ACME Incorporated", "vat_no": TAX, "mail": "info@acme.com", "web": "acme.org",
        "bill_to": ULM_ERP, "terms": "N30", "tel": "+49 2", "credit_limit": "500.00",
    })  # fmt: skip
    await company.go()
    crm, erp = company.crm.get("customer", acme), company.erp.get("customer", partner)
    assert crm is not None
    assert erp is not None
    # shared, first_link crm
    assert erp["name"] == crm["Name"] == "Acme Inc"
    assert erp["tel"] == crm["Phone"] == "+49 1"
    # owned by one side
    assert erp["web"] == "https://acme.com"
    assert crm["PaymentTerms"] == "Net 30"
    # filled where it was blank
    assert crm["Email"] == "info@acme.com"
    assert crm["CreditLimit"] == {"Amount": "500.00", "CurrencyIsoCode": "EUR"}
    # equal: nothing to write
    assert not any(e.field == "billing_address" for e in company.events("written", "overruled"))
    # each shows the other's id
    assert (crm["ErpId__c"], erp["crm_id"]) == (partner, acme)
    # whatever gave way can be read afterwards
    lost = {e.field: e.old for e in company.events("overruled")}
    assert lost == {"name": "ACME Incorporated", "phone": "+49 2", "website": "acme.org",
                    "payment_terms": "net 14"}  # fmt: skip


async def test_a_field_without_a_first_link_rule_waits_for_a_person(company: Company) -> None:
    company.own("customer", {"phone": "{owner: shared}"})
    acme = company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX, "Phone": "1"})
    company.erp.add("customer", {"name": "Acme", "vat_no": TAX, "tel": "2"})
    await company.go()
    assert company.open_fields() == {"phone": "conflict"}
    assert (await company.sync()).writes == 0
    company.crm.edit("customer", acme, {"Phone": "2"})
    await company.sync()
    assert company.open_fields() == {}


async def test_a_create_carries_what_the_map_says(company: Company) -> None:
    acme = company.crm.add("customer", {
        "Name": "Acme", "Phone": "1", "PaymentTerms": "Net 14", "BillingAddress": ULM_CRM,
        "CreditLimit": {"Amount": "900.00", "CurrencyIsoCode": "EUR"},
    })  # fmt: skip
    await company.go()
    [partner] = company.erp.all("customer").values()
    assert partner["name"] == "Acme"
    assert partner["bill_to"]["town"] == "Ulm"
    assert partner["terms"] == "N14", "on_create: seed"
    assert partner["credit_limit"] is None, "on_create: omit"
    assert partner["crm_id"] == acme
    assert partner["ext_ref"].startswith("il-test01-")


async def test_what_a_create_omits_is_shown_and_filled_by_its_owner_only(company: Company) -> None:
    limit = {"Amount": "900.00", "CurrencyIsoCode": "EUR"}
    acme = company.crm.add("customer", {"Name": "Acme", "CreditLimit": limit})
    await company.go()
    await company.rest()
    assert company.open_fields() == {"credit_limit": "flagged"}
    [partner] = company.erp.all("customer")
    company.erp.edit("customer", partner, {"credit_limit": "100.00"})
    await company.rest()
    shown = company.crm.all("customer")[acme]["CreditLimit"]
    assert Decimal(shown["Amount"]) == Decimal(100)
    assert company.open_fields() == {}


async def test_a_default_on_create_is_the_owners_value_from_then_on(company: Company) -> None:
    company.own("customer", {"payment_terms": "{owner: erp, on_create: default, default: net 60}"})
    acme = company.crm.add("customer", {"Name": "Acme", "PaymentTerms": "Net 14"})
    await company.go()
    await company.rest()
    [partner] = company.erp.all("customer").values()
    assert partner["terms"] == "N60"
    assert company.crm.all("customer")[acme]["PaymentTerms"] == "Net 60"


async def test_the_second_sync_writes_nothing(company: Company) -> None:
    for i in range(3):
        company.crm.add("customer", {"Name": f"Acme {i}", "Phone": f" {i} 1 "})
        company.erp.add("product", {"sku": f"S{i}", "title": f"Thing {i}"})
    await company.go()
    written = dict(company.crm.written), dict(company.erp.written)
    for full in (False, True):
        report = await company.sync(full=full)
        assert report.writes == 0
        assert company.pending() == []
    assert (dict(company.crm.written), dict(company.erp.written)) == written


async def test_a_large_first_sync_goes_in_pages_and_batches(found: Founding) -> None:
    small = {"page_size": 7, "batch_size": 5}
    company = found(crm_settings=small, erp_settings=small)
    for i in range(40):
        company.crm.add("customer", {"Name": f"Customer {i}"})
        company.erp.add("customer", {"name": f"Born in the ERP {i}"})
    await company.go()
    assert len(company.erp.all("customer")) == 80
    assert len(company.crm.all("customer")) == 40, "customers are born in the CRM only"
    assert (await company.sync()).writes == 0


class TestBothListsFirst:
    async def test_no_create_while_the_other_list_cannot_be_read(self, company: Company) -> None:
        company.crm.add("customer", {"Name": "Acme"})
        company.erp_faults.arm(
            answer_status(503), operation="listed", entity="customer", times=None
        )
        plan = await company.plan()
        assert list(plan.writes) == []
        assert [w.why for w in plan.waiting if w.subject == "customer"] == [
            "both lists must be read in full before anything is matched or created"
        ]
        assert plan.problems, "and it says what is wrong"
        company.approve()
        await company.sync()
        assert company.erp.all("customer") == {}
        company.erp_faults.clear()
        await company.go()
        assert len(company.erp.all("customer")) == 1

    async def test_no_create_after_half_a_list(self, found: Founding) -> None:
        """The second page fails: the counterpart may well be on it."""
        company = found(erp_settings={"page_size": 2})
        company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX})
        for i in range(3):
            company.erp.add("customer", {"name": f"Other {i}"})
        company.erp.add("customer", {"name": "ACME", "vat_no": TAX})
        company.erp_faults.arm(answer_status(503), operation="listed", entity="customer", skip=1)
        await company.plan()
        assert company.ask(lambda tx: feeds.get(tx, Side.ERP, "customer")).complete_at is None
        assert company.pending() == []
        await company.go()
        assert len(company.erp.all("customer")) == 4
        assert len(company.linked("customer")) == 1

    async def test_each_entity_waits_for_its_own_lists(self, company: Company) -> None:
        company.erp.add("product", {"sku": "S", "title": "Thing"})
        company.crm.add("customer", {"Name": "Acme"})
        company.erp_faults.arm(
            answer_status(403), operation="listed", entity="customer", times=None
        )
        await company.go()
        assert len(company.crm.all("product")) == 1
        assert company.erp.all("customer") == {}


class TestMatching:
    async def test_a_possible_counterpart_keeps_a_record_from_being_created(
        self, company: Company
    ) -> None:
        company.crm.add("customer", {"Name": "Acme", "Phone": "0711 1234567"})
        company.erp.add("customer", {"name": "Acme Holding", "tel": "+49 711 1234567"})
        plan = await company.plan()
        assert list(plan.writes) == []
        assert any("unmatched" in w.why for w in plan.waiting)
        await company.go()
        assert len(company.erp.all("customer")) == 1

    async def test_what_makes_it_unambiguous_links_it(self, company: Company) -> None:
        acme = company.crm.add("customer", {"Name": "Acme"})
        partner = company.erp.add("customer", {"name": "Acme"})
        await company.go()
        assert company.linked("customer") == {}
        company.crm.edit("customer", acme, {"VatNumber": TAX})
        company.erp.edit("customer", partner, {"vat_no": TAX})
        await company.go()
        assert company.linked("customer") == {acme: partner}

    async def test_a_record_typed_in_while_the_plan_lay_there_is_found_before_the_create(
        self, company: Company
    ) -> None:
        """Rule 12: a live look-up in the target at delivery."""
        company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX})
        await company.plan()
        company.approve()
        company.erp_faults.arm(
            answer_status(403), operation="changed", entity="customer", times=None
        )
        company.erp.add("customer", {"name": "Acme", "vat_no": TAX})
        await company.sync()
        assert len(company.erp.all("customer")) == 1

    async def test_an_undone_link_is_not_made_again(self, company: Company) -> None:
        acme = company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX})
        partner = company.erp.add("customer", {"name": "Acme", "vat_no": TAX})
        await company.go()
        [link_id] = company.ask(
            lambda tx: links.members_of(tx, Side.CRM, [("customer", acme)])
        ).values()
        company.ask(lambda tx: links.forget_link(tx, link_id, reason="no", now=company.clock()))
        company.crm.edit("customer", acme, {"Phone": "1"})
        company.erp.edit("customer", partner, {"tel": "2"})
        for _ in range(2):
            await company.go()
        assert company.linked("customer") == {}
        assert len(company.erp.all("customer")) == 1
        assert company.erp.all("customer")[partner]["tel"] == "2"

    async def test_records_of_both_sides_are_never_linked_twice(self, company: Company) -> None:
        for i in range(2):
            company.crm.add("customer", {"Name": f"Acme {i}", "VatNumber": TAX})
        company.erp.add("customer", {"name": "Acme", "vat_no": TAX})
        await company.go()
        assert company.linked("customer") == {}
        assert len(company.erp.all("customer")) == 1


async def test_records_made_after_the_first_matching_need_no_approval(company: Company) -> None:
    await company.go()
    company.advance(minutes=1)
    company.crm.add("customer", {"Name": "New"})
    report = await company.sync()
    assert report.created == 1
    assert len(company.erp.all("customer")) == 1


async def test_an_approval_is_for_what_was_shown(company: Company) -> None:
    """A value edited after the plan needs another look."""
    acme = company.crm.add("customer", {"Name": "Acme", "Phone": "1"})
    await company.plan()
    company.crm.edit("customer", acme, {"Phone": "2"})
    assert company.approve() == 1
    report = await company.sync()
    assert company.erp.all("customer") == {}
    assert report.to_approve == 1
    await company.go()
    assert [r["tel"] for r in company.erp.all("customer").values()] == ["2"]


async def test_a_create_is_never_repeated_for_a_linked_record_that_lost_its_partner(
    company: Company,
) -> None:
    company.crm.add("customer", {"Name": "Acme"})
    await company.go()
    [partner] = company.erp.all("customer")
    company.erp.delete("customer", partner)
    for _ in range(3):
        company.advance(hours=2)
        await company.go()
    assert company.erp.all("customer") == {}


async def test_products_are_created_where_the_map_says(company: Company) -> None:
    company.erp.add("product", {"sku": "S-1", "title": "Thing"})
    company.crm.add("product", {"ProductCode": "C-1", "Name": "Only here"})
    company.crm.add("product", {"ProductCode": "s-2", "Name": "Two", "IsActive": True})
    company.erp.add("product", {"sku": "S-2", "title": "Zwei", "discontinued": True})
    await company.go()
    products = {p["ProductCode"]: p for p in company.crm.all("product").values()}
    assert set(products) == {"S-1", "C-1", "S-2"}
    assert (products["S-2"]["Name"], products["S-2"]["IsActive"]) == ("Zwei", False)
    assert len(company.erp.all("product")) == 2


async def test_money_reaches_the_other_side_to_the_cent(company: Company) -> None:
    acme = company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX})
    company.erp.add("customer", {"name": "Acme", "vat_no": TAX, "credit_limit": "1234567.89"})
    await company.go()
    limit = company.crm.all("customer")[acme]["CreditLimit"]
    assert Decimal(limit["Amount"]) == Decimal("1234567.89")
