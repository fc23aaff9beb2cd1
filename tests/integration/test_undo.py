"""A run is undone: values come back where nothing changed since, the rest is listed."""

from __future__ import annotations

import pytest

from interlock.errors import ConfigurationError
from interlock.service.undoing import Undoing, undo_run
from interlock.store import plans
from interlock.testing.faults import answer_status

from .company import Company
from .conftest import Founding
from .test_edits import Linked, link
from .test_orders import Shop


async def undo(company: Company, run_id: str, *, dry_run: bool = False) -> Undoing:
    async with company.session() as session:
        return await undo_run(session, run_id, by="tester", dry_run=dry_run)


async def undo_without_writing(linked: Linked, run_id: str) -> None:
    """Undo while the ERP takes nothing; afterwards it does again."""
    linked.company.erp_faults.arm(answer_status(503), operation="write", times=None)
    await undo(linked.company, run_id)
    linked.company.erp_faults.clear()
    linked.company.advance(hours=1)


@pytest.fixture
async def linked(company: Company) -> Linked:
    found = await link(company)
    await company.rest()
    return found


class TestValues:
    async def test_they_come_back_and_stay(self, linked: Linked) -> None:
        before = linked.erp["web"]
        linked.edit_crm(Website="other.example")
        report = await linked.company.sync()
        assert linked.erp["web"] == "other.example"
        result = await undo(linked.company, report.run_id)
        assert [(r.field, r.then) for r in result.restored] == [("website", before)]
        await linked.company.rest()
        assert linked.erp["web"] == before
        assert linked.crm["Website"] == "other.example", "the source keeps what was typed there"
        assert linked.company.open_fields()["website"] == "undone"

    async def test_a_later_edit_goes_on_as_ever(self, linked: Linked) -> None:
        linked.edit_crm(Website="other.example")
        report = await linked.company.sync()
        await undo(linked.company, report.run_id)
        linked.edit_crm(Website="third.example")
        await linked.company.rest()
        assert linked.erp["web"] == "third.example"
        assert "website" not in linked.company.open_fields()

    async def test_a_dry_run_writes_nothing(self, linked: Linked) -> None:
        linked.edit_crm(Website="other.example")
        report = await linked.company.sync()
        written = linked.written()
        result = await undo(linked.company, report.run_id, dry_run=True)
        assert len(result.restored) == 1
        await linked.company.rest()
        assert linked.written() == written
        assert linked.erp["web"] == "other.example"

    async def test_what_changed_since_is_kept_and_listed(self, linked: Linked) -> None:
        linked.edit_crm(Phone="111", Website="other.example")
        report = await linked.company.sync()
        linked.edit_erp(tel="222")
        result = await undo(linked.company, report.run_id)
        assert {r.field for r in result.restored} == {"website"}
        assert [(x.field, x.why) for x in result.left] == [("phone", "changed since")]
        await linked.company.rest()
        assert linked.erp["tel"] == linked.crm["Phone"] == "222"

    async def test_the_undo_can_be_undone(self, linked: Linked) -> None:
        linked.edit_crm(Website="other.example")
        report = await linked.company.sync()
        first = await undo(linked.company, report.run_id)
        assert first.report is not None
        await undo(linked.company, first.report.run_id)
        await linked.company.rest()
        assert linked.erp["web"] == "other.example"
        assert "website" not in linked.company.open_fields()

    async def test_history_tells_who_undid_it(self, linked: Linked) -> None:
        linked.edit_crm(Website="other.example")
        report = await linked.company.sync()
        await undo(linked.company, report.run_id)
        assert "tester undid run" in linked.company.events("written", "overruled")[-1].why


class TestWhileItWaits:
    """The value is on its way back, and the world goes on meanwhile."""

    async def test_a_field_nobody_may_read_waits_until_it_shows(self, linked: Linked) -> None:
        before = linked.erp["web"]
        linked.edit_crm(Website="other.example")
        report = await linked.company.sync()
        await undo_without_writing(linked, report.run_id)
        linked.company.erp_faults.hide("customer", "web")
        await linked.company.sync(full=True)
        assert linked.erp["web"] == "other.example", "nothing goes to what cannot be read"
        linked.company.erp_faults.show()
        await linked.company.sync(full=True)
        await linked.company.rest()
        assert linked.erp["web"] == before

    async def test_an_edit_there_stands_and_travels(self, linked: Linked) -> None:
        linked.edit_crm(Phone="111")
        report = await linked.company.sync()
        await undo_without_writing(linked, report.run_id)
        linked.edit_erp(tel="222")
        await linked.company.rest()
        assert linked.erp["tel"] == linked.crm["Phone"] == "222"
        assert "phone" not in linked.company.open_fields()

    async def test_put_back_by_hand_it_is_done(self, linked: Linked) -> None:
        """Together with another field that both sides agree on just then."""
        linked.edit_crm(Website="other.example")
        report = await linked.company.sync()
        await undo_without_writing(linked, report.run_id)
        linked.edit_erp(web="acme.com", tel="2")
        linked.edit_crm(Phone="2")
        before = linked.written()
        await linked.company.rest()
        assert linked.written() == before
        assert linked.company.open_fields() == {"website": "undone"}
        linked.edit_crm(Phone="3", Website="third.example")
        await linked.company.rest()
        assert (linked.erp["tel"], linked.erp["web"]) == ("3", "third.example")

    async def test_it_is_agreed_on_although_the_answer_showed_nothing(
        self, found: Founding
    ) -> None:
        linked = await link(found(erp_settings={"answers_with_values": False}))
        linked.edit_crm(Website="other.example")
        report = await linked.company.sync()
        await linked.company.rest()
        await undo(linked.company, report.run_id)
        await linked.company.rest()
        assert linked.erp["web"] == "acme.com"
        assert linked.crm["Website"] == "other.example"
        assert linked.company.open_fields()["website"] == "undone"

    async def test_what_the_source_does_not_show_stays_as_agreed(self, linked: Linked) -> None:
        linked.edit_crm(Website="other.example")
        report = await linked.company.sync()
        await undo_without_writing(linked, report.run_id)
        linked.company.crm_faults.hide("customer", "Website")
        await linked.company.sync(full=True)
        await linked.company.rest()
        assert linked.erp["web"] == "acme.com"
        linked.company.crm_faults.show()
        await linked.company.sync(full=True)
        await linked.company.rest()
        assert linked.erp["web"] == "acme.com"
        assert linked.crm["Website"] == "other.example"


class TestWhatIsLeft:
    async def test_orders_are_never_touched(self, company: Company) -> None:
        shop = await Shop.open(company)
        shop.deal()
        report = await company.sync()
        [order] = shop.orders
        result = await undo(company, report.run_id)
        assert result.restored == []
        assert any(x.entity == "order" and "never undone" in x.why for x in result.left)
        assert shop.orders == [order]

    async def test_a_customer_no_system_can_archive_is_listed(self, company: Company) -> None:
        company.crm.add("customer", {"Name": "Acme"})
        await company.plan()
        company.approve()
        report = await company.sync()
        result = await undo(company, report.run_id)
        assert result.restored == []
        assert ["cannot take it out of use" in x.why for x in result.left] == [True]

    async def test_a_run_nobody_knows_is_refused(self, company: Company) -> None:
        with pytest.raises(ConfigurationError, match="no run begins"):
            await undo(company, "feedbeef")

    async def test_runs_are_listed_the_latest_first(self, company: Company) -> None:
        one = await company.sync()
        two = await company.sync()
        found = company.ask(plans.recent_runs)
        assert [r.id for r in found] == [two.run_id, one.run_id]
