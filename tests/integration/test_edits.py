"""What people type after two records are linked, and what becomes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from interlock.sync.progress import Run
from interlock.testing.faults import change_cells, drop_column

from .company import Company
from .conftest import Founding

TAX = "DE136695976"


@dataclass
class Linked:
    """A company with one customer that agrees on both sides."""

    company: Company
    crm_id: str
    erp_id: str

    @property
    def crm(self) -> dict[str, Any]:
        return self.company.crm.all("customer")[self.crm_id]

    @property
    def erp(self) -> dict[str, Any]:
        return self.company.erp.all("customer")[self.erp_id]

    def edit_crm(self, **cells: Any) -> None:
        self.company.crm.edit("customer", self.crm_id, cells)

    def edit_erp(self, **cells: Any) -> None:
        self.company.erp.edit("customer", self.erp_id, cells)

    def written(self) -> int:
        return self.company.crm.written["customer"] + self.company.erp.written["customer"]


async def link(company: Company) -> Linked:
    crm_id = company.crm.add("customer", {
        "Name": "Acme", "VatNumber": TAX, "Phone": "1", "Website": "acme.com", "Email": "a@acme.com",
        "PaymentTerms": "Net 30",
    })  # fmt: skip
    erp_id = company.erp.add("customer", {
        "name": "Acme", "vat_no": TAX, "tel": "1", "web": "acme.com", "mail": "a@acme.com",
        "terms": "N30",
    })  # fmt: skip
    await company.go()
    await company.rest()
    assert company.pending() == []
    return Linked(company, crm_id, erp_id)


@pytest.fixture
async def pair(company: Company) -> Linked:
    return await link(company)


async def test_one_changed_phone_is_one_write(pair: Linked) -> None:
    before = pair.written()
    pair.edit_crm(Phone="+49 2")
    reports = await pair.company.rest()
    assert pair.erp["tel"] == "+49 2"
    assert pair.written() == before + 1
    assert [r.writes for r in reports] == [1, 0]
    [event] = [e for e in pair.company.events("written") if e.new == "+49 2"]
    assert (event.field, event.old, event.record_id) == ("phone", "1", pair.erp_id)


async def test_it_sends_only_what_changed(pair: Linked) -> None:
    pair.company.erp_faults.seen.clear()
    pair.edit_crm(Phone="2")
    await pair.company.sync()
    [call] = [c for c in pair.company.erp_faults.seen if c.operation == "write"]
    assert [op.cells for op in call.ops] == [{"tel": "2"}]


async def test_both_sides_may_edit_different_fields(pair: Linked) -> None:
    pair.edit_crm(Phone="2")
    pair.edit_erp(mail="b@acme.com")
    await pair.company.rest()
    assert (pair.crm["Phone"], pair.crm["Email"]) == ("2", "b@acme.com")
    assert (pair.erp["tel"], pair.erp["mail"]) == ("2", "b@acme.com")
    assert pair.company.open_fields() == {}


async def test_a_foreign_edit_is_put_back_and_recorded(pair: Linked) -> None:
    pair.edit_erp(web="acme.org")
    await pair.company.rest()
    assert pair.erp["web"] == "acme.com"
    [event] = pair.company.events("overruled")
    assert (event.field, event.old, event.new) == ("website", "acme.org", "acme.com")
    pair.edit_crm(PaymentTerms="Net 60")
    await pair.company.rest()
    assert pair.crm["PaymentTerms"] == "Net 30"


async def test_a_foreign_edit_may_be_shown_instead(found: Founding) -> None:
    company = found()
    company.own("customer", {"website": "{owner: crm, on_foreign_edit: flag}"})
    pair = await link(company)
    before = pair.written()
    pair.edit_erp(web="acme.org")
    await company.rest()
    assert pair.erp["web"] == "acme.org"
    assert pair.written() == before
    assert company.open_fields() == {"website": "flagged"}
    await company.sync()
    assert company.open_fields() == {"website": "flagged"}, "shown until it is settled"
    assert len(company.events("opened")) == 1, "but told once"
    pair.edit_crm(Website="acme.net")
    await company.rest()
    assert pair.erp["web"] == "acme.net"
    assert company.open_fields() == {}


async def test_a_manual_conflict_stays_open_until_a_person_makes_both_the_same(
    found: Founding,
) -> None:
    company = found()
    company.own("customer", {"phone": "{owner: shared, conflict: manual, first_link: crm}"})
    pair = await link(company)
    before = pair.written()
    pair.edit_crm(Phone="2")
    pair.edit_erp(tel="3")
    for _ in range(2):
        await company.sync()
        assert company.open_fields() == {"phone": "conflict"}
    assert pair.written() == before
    assert any(w.subject == "fields" for w in (await company.plan()).waiting), "plan shows it"
    pair.edit_erp(mail="other@acme.com")
    await company.rest()
    assert pair.crm["Email"] == "other@acme.com", "other fields go on"
    assert company.open_fields() == {"phone": "conflict"}
    pair.edit_crm(Phone="3")
    await company.rest()
    assert company.open_fields() == {}
    pair.edit_crm(Phone="4")
    await company.rest()
    assert pair.erp["tel"] == "4"


async def test_a_conflict_with_a_rule_is_decided_and_recorded(pair: Linked) -> None:
    pair.edit_crm(Phone="2", Name="Acme CRM")
    pair.edit_erp(tel="3", name="Acme ERP")
    await pair.company.rest()
    assert pair.crm["Phone"] == pair.erp["tel"] == "2"
    assert pair.crm["Name"] == pair.erp["name"] == "Acme ERP"
    lost = {(e.field, e.old) for e in pair.company.events("overruled")}
    assert lost == {("phone", "3"), ("name", "Acme CRM")}


class TestBlanks:
    async def test_a_blank_in_a_shared_field_is_filled_again(self, pair: Linked) -> None:
        pair.edit_erp(tel=None)
        await pair.company.rest()
        assert pair.erp["tel"] == pair.crm["Phone"] == "1"

    async def test_unless_the_map_lets_it_erase(self, found: Founding) -> None:
        company = found()
        company.own("customer", {"phone": "{owner: shared, first_link: crm, may_blank: true}"})
        pair = await link(company)
        pair.edit_erp(tel="")
        await company.rest()
        assert not pair.crm["Phone"]

    async def test_the_owners_blank_erases(self, pair: Linked) -> None:
        pair.edit_crm(Website=None)
        await pair.company.rest()
        assert not pair.erp["web"]

    async def test_a_foreign_blank_is_filled_again(self, pair: Linked) -> None:
        pair.edit_erp(web=None)
        await pair.company.rest()
        assert pair.erp["web"] == "acme.com"


class TestWhatASystemDoesToAValue:
    async def test_a_longer_name_is_kept_although_the_other_side_cuts_it(
        self, pair: Linked
    ) -> None:
        long = "Acme " + "x" * 200
        pair.edit_crm(Name=long)
        await pair.company.rest()
        assert pair.erp["name"] == long[:100]
        assert pair.crm["Name"] == long
        pair.edit_erp(tel="9")
        await pair.company.rest()
        assert pair.crm["Name"] == long

    async def test_a_respelling_is_not_fought(self, pair: Linked) -> None:
        pair.company.erp_faults.arm(
            change_cells(lambda c: {k: v.upper() if k == "name" else v for k, v in c.items()}),
            operation="write", times=None,
        )  # fmt: skip
        before = pair.written()
        pair.edit_crm(Name="Acme International")
        await pair.company.rest()
        assert pair.erp["name"] == "ACME INTERNATIONAL"
        assert pair.crm["Name"] == "Acme International"
        assert pair.written() == before + 1
        assert pair.company.open_fields() == {}

    @pytest.mark.parametrize("answers", [True, False])
    @pytest.mark.parametrize("more", [{}, {"Email": "b@acme.com"}])
    async def test_a_silent_drop_is_shown_and_not_repeated(
        self, found: Founding, answers: bool, more: dict[str, str]
    ) -> None:
        company = found(erp_settings={"answers_with_values": answers})
        pair = await link(company)
        sent: list[Any] = []

        def drop(call: Any, carry_out: Any) -> Any:
            sent.extend(op.cells.pop("tel") for op in call.ops if "tel" in op.cells)
            return carry_out()

        company.erp_faults.arm(drop, operation="write", times=None)
        pair.edit_crm(Phone="2", **more)
        for _ in range(3):
            await company.sync(full=True)
            company.advance(minutes=1)
        assert sent == ["2"]
        assert pair.erp["tel"] == "1"
        assert pair.erp["mail"] == more.get("Email", "a@acme.com")
        assert company.open_fields() == {"phone": "not taken"}

    async def test_without_values_in_the_answer_all_is_as_well(self, found: Founding) -> None:
        company = found(
            erp_settings={"answers_with_values": False}, crm_settings={"answers_with_values": False}
        )
        pair = await link(company)
        pair.edit_crm(Phone="2")
        await company.rest()
        assert pair.erp["tel"] == "2"
        pair.edit_erp(tel="3")
        await company.rest()
        assert pair.crm["Phone"] == "3"
        assert company.open_fields() == {}


class TestEditsInBetween:
    @pytest.mark.parametrize("version_check", [True, False])
    async def test_an_edit_between_our_look_and_our_write_is_not_lost(
        self, found: Founding, version_check: bool
    ) -> None:
        company = found(erp_settings={"version_check": version_check})
        company.own("customer", {"phone": "{owner: shared, first_link: crm}"})
        pair = await link(company)
        pair.edit_crm(Phone="2")
        await company.plan()  # decided, not sent
        pair.edit_erp(tel="3")
        # the feed does not show it yet: only the write finds out
        company.erp_faults.arm(lambda _c, _do: [], operation="changed", times=None)
        await company.sync()
        assert pair.erp["tel"] == "3"
        company.erp_faults.clear()
        await company.sync()
        assert company.open_fields() == {"phone": "conflict"}
        assert (pair.crm["Phone"], pair.erp["tel"]) == ("2", "3")

    async def test_an_edit_of_another_field_in_between_does_not_stop_ours(
        self, pair: Linked
    ) -> None:
        company = pair.company
        pair.edit_crm(Phone="2")
        await company.plan()
        pair.edit_erp(mail="c@acme.com")
        company.erp_faults.arm(lambda _c, _do: [], operation="changed", times=1)
        await company.rest()
        assert (pair.erp["tel"], pair.erp["mail"]) == ("2", "c@acme.com")
        assert pair.crm["Email"] == "c@acme.com"

    async def test_a_record_that_keeps_changing_is_given_up_not_hammered(
        self, found: Founding
    ) -> None:
        company = found()
        pair = await link(company)
        pair.edit_crm(Phone="2")
        moves = iter(range(1000))

        def meddle(_call: Any, carry_out: Any) -> Any:
            pair.edit_erp(mail=f"m{next(moves)}@acme.com")
            return carry_out()

        company.erp_faults.arm(meddle, operation="write", times=None)
        await company.sync()
        assert next(moves) < 60
        company.erp_faults.clear()
        await company.rest()

    async def test_a_stale_read_after_our_write_does_not_undo_it(self, found: Founding) -> None:
        company = found(erp_settings={"read_lag": 5.0})
        pair = await link(company)
        company.erp_faults.freeze("customer", pair.erp_id)
        pair.edit_crm(Phone="2")
        await company.sync()
        await company.sync(full=True)
        assert pair.crm["Phone"] == pair.erp["tel"] == "2"
        company.erp_faults.thaw()
        company.advance(minutes=1)
        await company.rest()
        assert pair.crm["Phone"] == pair.erp["tel"] == "2"
        assert not company.events("overruled")


class TestHiddenFields:
    """Rule 1: what is not shown is not blank."""

    async def test_a_field_that_turns_hidden_erases_nothing(self, pair: Linked) -> None:
        pair.company.crm_faults.hide("customer", "Phone")
        before = pair.written()
        await pair.company.sync(full=True)
        await pair.company.rest()
        assert pair.erp["tel"] == "1"
        assert pair.written() == before

    async def test_edits_of_it_wait_until_it_is_shown_again(self, pair: Linked) -> None:
        pair.company.crm_faults.hide("customer", "Phone")
        pair.edit_crm(Phone="2")
        await pair.company.rest()
        assert pair.erp["tel"] == "1"
        pair.company.crm_faults.clear()
        await pair.company.sync(full=True)
        await pair.company.rest()
        assert pair.erp["tel"] == "2"

    async def test_what_was_written_while_it_was_hidden_was_not_refused(self, pair: Linked) -> None:
        """The answer to our write leaves it out as well: that says nothing about the value."""
        pair.company.erp_faults.hide("customer", "tel")
        pair.edit_crm(Phone="2")
        await pair.company.sync()
        assert pair.erp["tel"] == "2"
        assert pair.company.open_fields() == {}
        pair.company.erp_faults.show()
        pair.edit_crm(Phone="3")
        await pair.company.rest()
        assert pair.erp["tel"] == pair.crm["Phone"] == "3"

    async def test_what_is_dropped_beside_it_is_not_taken_for_the_owners_blank(
        self, company: Company
    ) -> None:
        """One answer leaves out a field we wrote, and shows another one blank that we filled."""
        company.own("customer", {"email": "{owner: erp, on_create: seed}"})
        company.erp.add("customer", {"name": "Somebody else"})
        await company.go()
        account = company.crm.add("customer", {"Name": "Acme", "Phone": "1", "Email": "a@acme.com"})
        company.erp_faults.hide("customer", "tel")
        company.erp_faults.arm(drop_column("mail"), operation="write", entity="customer")
        await company.go()
        await company.rest()
        assert company.crm.all("customer")[account]["Email"] == "a@acme.com"
        assert company.open_fields()["email"] == "not taken"


async def test_clocks_of_the_systems_are_no_matter(found: Founding) -> None:
    company = found()
    ours = company.clock
    from datetime import timedelta

    company.crm.clock = lambda: ours() - timedelta(hours=5)
    company.erp.clock = lambda: ours() + timedelta(hours=5)
    pair = await link(company)
    pair.edit_crm(Phone="2")
    await company.rest()
    pair.edit_erp(tel="3")
    await company.rest()
    assert pair.crm["Phone"] == pair.erp["tel"] == "3"


async def test_a_system_without_a_change_feed_is_swept(found: Founding) -> None:
    company = found(crm_settings={"changes": False}, erp_settings={"changes": False})
    pair = await link(company)
    pair.edit_crm(Phone="2")
    await company.rest()
    assert pair.erp["tel"] == "2"


async def test_a_change_committed_late_is_not_missed(found: Founding) -> None:
    company = found(crm_settings={"commit_delay": 5.0})
    pair = await link(company)
    commit = company.crm.begin_late("customer", {"Phone": "2"}, pair.crm_id)
    company.advance(seconds=3)
    await company.sync()
    commit()
    await company.rest()
    assert pair.erp["tel"] == "2"


async def test_the_plan_says_old_and_new_and_why(pair: Linked) -> None:
    pair.edit_crm(Phone="2")
    plan = await pair.company.plan()
    [write] = plan.writes
    assert (write.system, write.record, write.label) == ("erp", pair.erp_id, "Acme")
    [change] = write.fields
    assert (change.field, change.old, change.new) == ("phone", "1", "2")
    assert change.why == "changed in the CRM"
    assert not write.needs_approval
    assert plan.calls["erp"] >= 1
    assert pair.erp["tel"] == "1", "a plan writes nothing"
    assert Run(id="x").writes == 0


async def test_a_newly_mapped_rule_takes_effect(pair: Linked) -> None:
    """Owner changes hands: the new owner's edits travel, the old one's are put back."""
    pair.company.own("customer", {"website": "{owner: erp}"})
    await pair.company.go()
    pair.edit_erp(web="acme.org")
    await pair.company.rest()
    assert pair.crm["Website"] == "acme.org"
    pair.edit_crm(Website="acme.net")
    await pair.company.rest()
    assert pair.crm["Website"] == "acme.org"
