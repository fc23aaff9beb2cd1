"""Cross-references, copies of them, and records that point to other records."""

from __future__ import annotations

from typing import Any

import pytest

from interlock.testing.faults import answer_status

from .company import Company
from .conftest import Founding
from .test_edits import link

TAX = "DE136695976"


def person(account: str, last: str = "Doe", **cells: Any) -> dict[str, Any]:
    return {"AccountId": account, "PersonName": {"FirstName": "Jo", "LastName": last}, **cells}


class TestClones:
    """Rule 13: our keys get copied."""

    async def test_a_clone_is_cleaned_and_becomes_a_customer_of_its_own(
        self, company: Company
    ) -> None:
        original = company.crm.add("customer", {"Name": "Acme"})
        await company.go()
        [first] = company.erp.all("customer")
        copied = company.crm.all("customer")[original]
        assert copied["ErpId__c"] == first
        clone = company.crm.add("customer", {**copied, "Name": "Bolt"})
        await company.rest()
        rows = company.erp.all("customer")
        assert len(rows) == 2
        [second] = set(rows) - {first}
        assert rows[second]["name"] == "Bolt"
        assert company.crm.all("customer")[clone]["ErpId__c"] == second
        assert company.crm.all("customer")[original]["ErpId__c"] == first
        assert rows[first]["name"] == "Acme"
        assert company.linked("customer") == {original: first, clone: second}

    async def test_a_clone_of_the_same_name_waits_for_a_person(self, company: Company) -> None:
        original = company.crm.add("customer", {"Name": "Acme"})
        await company.go()
        copied = company.crm.all("customer")[original]
        company.crm.add("customer", {**copied, "Phone": "9"})
        await company.rest()
        assert len(company.erp.all("customer")) == 1
        [partner] = company.erp.all("customer").values()
        assert partner["tel"] is None, "the copy's values do not reach the original's partner"

    async def test_a_clone_in_the_erp_is_no_second_partner(self, company: Company) -> None:
        original = company.crm.add("customer", {"Name": "Acme"})
        await company.go()
        [first] = company.erp.all("customer")
        copied = {k: v for k, v in company.erp.all("customer")[first].items() if k != "number"}
        company.erp.add("customer", {**copied, "name": "Copy", "tel": "9"})
        await company.rest()
        assert company.linked("customer") == {original: first}
        assert company.crm.all("customer")[original]["Phone"] is None

    async def test_a_clone_made_while_the_answer_was_lost_is_told_from_the_original(
        self, company: Company
    ) -> None:
        """Two records carry our reference: a person decides, none is made."""
        company.crm.add("customer", {"Name": "Acme"})
        await company.plan()
        company.approve()

        def lose_and_clone(call: Any, carry_out: Any) -> Any:
            carry_out()
            [row] = company.erp.all("customer").values()
            company.erp.add("customer", {**{k: v for k, v in row.items() if k != "number"},
                                         "name": "Copy"})  # fmt: skip
            return answer_status(500)(call, carry_out)

        company.erp_faults.arm(lose_and_clone, operation="write", entity="customer")
        await company.sync()
        [letter] = company.letters()
        assert letter.cause == "several_found"
        for _ in range(3):
            await company.go()
            company.advance(seconds=40)
        assert len(company.erp.all("customer")) == 2
        assert any("unmatched" in w.why for w in (await company.plan()).waiting)


class TestOtherIds:
    async def test_a_wrong_cross_reference_is_put_right(self, company: Company) -> None:
        pair = await link(company)
        pair.edit_erp(crm_id="001-9999999")
        pair.edit_crm(ErpId__c=None)
        await company.rest()
        assert pair.erp["crm_id"] == pair.crm_id
        assert pair.crm["ErpId__c"] == pair.erp_id

    async def test_a_system_without_a_place_for_it_is_joined_all_the_same(
        self, found: Founding
    ) -> None:
        company = found(crm_options={"provisioned": False})
        (company.root / "mappings" / "crm.yaml").write_text(
            "schema_version: 1\ncustomer:\n  fields:\n    other_id: off\n"
        )
        pair = await link(company)
        pair.edit_crm(Phone="2")
        await company.rest()
        assert pair.erp["tel"] == "2"
        assert pair.erp["crm_id"] == pair.crm_id
        assert not pair.crm["ErpId__c"]


class TestPointers:
    """Rule 20."""

    async def test_a_contact_follows_its_customer_in_one_sync(self, company: Company) -> None:
        account = company.crm.add("customer", {"Name": "Acme"})
        company.crm.add("contact", person(account))
        await company.go()
        [partner] = company.erp.all("customer")
        [contact] = company.erp.all("contact").values()
        assert contact["partner_id"] == partner
        assert contact["full_name"] == "Jo Doe"

    async def test_a_contact_waits_for_its_customer_and_is_no_dead_letter(
        self, company: Company
    ) -> None:
        account = company.crm.add("customer", {"Name": "Acme"})
        company.crm.add("contact", person(account))
        await company.plan()
        company.approve()
        company.erp_faults.arm(answer_status(422), operation="write", entity="customer", times=1)
        report = await company.sync()
        assert company.erp.all("contact") == {}
        assert report.waiting == 1
        [waiting] = [w for w in company.pending() if w.entity == "contact"]
        assert waiting.waits_for is not None
        assert "customer" in waiting.waits_for
        assert [d.entity for d in company.letters()] == ["customer"]
        company.crm.edit("customer", account, {"Phone": "1"})
        company.advance(minutes=1)
        await company.go()
        assert len(company.erp.all("contact")) == 1
        assert company.letters() == []

    async def test_a_contact_whose_customer_is_not_to_be_created_waits(
        self, company: Company
    ) -> None:
        """The customer has a possible counterpart: nobody knows yet which one it is."""
        account = company.crm.add("customer", {"Name": "Acme", "Phone": "0711 1234567"})
        company.crm.add("contact", person(account))
        company.erp.add("customer", {"name": "Acme Holding", "tel": "0711 1234567"})
        await company.go()
        await company.rest()
        assert company.erp.all("contact") == {}
        assert company.letters() == []

    async def test_contacts_are_matched_at_their_linked_customers(self, company: Company) -> None:
        account = company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX})
        partner = company.erp.add("customer", {"name": "Acme", "vat_no": TAX})
        other = company.erp.add("customer", {"name": "Bolt"})
        ours = company.crm.add("contact", person(account, Email="jo@acme.com"))
        theirs = company.erp.add("contact", {
            "partner_id": partner, "full_name": "J. Doe", "mail": "JO@acme.com"})  # fmt: skip
        company.erp.add("contact", {"partner_id": other, "full_name": "Jo Else"})
        await company.go()
        await company.go()
        assert company.linked("contact") == {ours: theirs}
        assert company.erp.all("contact")[theirs]["full_name"] == "Jo Doe", "the CRM owns the name"

    async def test_a_contact_that_changes_its_customer(self, company: Company) -> None:
        one = company.crm.add("customer", {"Name": "Acme"})
        two = company.crm.add("customer", {"Name": "Bolt"})
        contact = company.crm.add("contact", person(one))
        await company.go()
        await company.rest()
        partners = company.linked("customer")
        company.crm.edit("contact", contact, {"AccountId": two})
        await company.rest()
        [row] = company.erp.all("contact").values()
        assert row["partner_id"] == partners[two]

    async def test_a_foreign_edit_of_a_pointer_is_put_back(self, company: Company) -> None:
        one = company.crm.add("customer", {"Name": "Acme"})
        company.crm.add("customer", {"Name": "Bolt"})
        company.crm.add("contact", person(one))
        await company.go()
        await company.rest()
        partners = company.linked("customer")
        [contact] = company.erp.all("contact")
        [other] = set(partners.values()) - {partners[one]}
        company.erp.edit("contact", contact, {"partner_id": other})
        await company.rest()
        assert company.erp.all("contact")[contact]["partner_id"] == partners[one]

    @pytest.mark.parametrize("answers", [True, False])
    async def test_the_second_sync_writes_nothing(self, found: Founding, answers: bool) -> None:
        company = found(
            erp_settings={"answers_with_values": answers},
            crm_settings={"answers_with_values": answers},
        )
        account = company.crm.add("customer", {"Name": "Acme"})
        company.crm.add("contact", person(account))
        await company.go()
        await company.rest()
        before = dict(company.erp.written), dict(company.crm.written)
        for full in (False, True):
            assert (await company.sync(full=full)).writes == 0
        assert (dict(company.erp.written), dict(company.crm.written)) == before
        assert company.open_fields() == {}
