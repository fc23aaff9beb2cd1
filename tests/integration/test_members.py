"""One CRM account with several ERP customers: attached by a person, read, rolled up, never made."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from interlock.connectors.memory.invoicing import issue_invoice, register_payment
from interlock.errors import ConfigurationError
from interlock.governance.rules import Side
from interlock.processes.hold_gate import why_held
from interlock.processes.hold_rules import Members
from interlock.service.customers import run_matching
from interlock.service.decisions import export_attached, import_decisions
from interlock.service.drift import run_drift
from interlock.service.explaining import explain
from interlock.service.forgetting import forget_record
from interlock.service.linking import list_links, show_link, undo_link
from interlock.service.observed import look
from interlock.service.review import Decided, decide, read_queue, take_back
from interlock.service.timetravel import back_up, rebuild_links, restore
from interlock.store import alerts, attached, epochs, holds, links, observations
from interlock.store.attached import Attached
from interlock.store.database import Tx
from interlock.store.tables import metadata
from interlock.sync.observe import observe_side
from interlock.sync.progress import Run
from interlock.testing.faults import answer_status

from .company import Company
from .conftest import Founding
from .test_orders import Shop

TAX = "DE136695976"


def euro(amount: str) -> dict[str, str]:
    return {"Amount": amount, "CurrencyIsoCode": "EUR"}


class Group:
    """A linked customer, and a branch of it in the ERP that waits for a person."""

    def __init__(self, company: Company, *, policy: str = "adopt") -> None:
        self.company = company
        company.own("customer", {"born_elsewhere": policy})
        self.account = company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX})
        self.main = company.erp.add("customer", {"name": "Acme", "vat_no": TAX})
        self.branch = ""

    @classmethod
    async def open(cls, company: Company, *, policy: str = "adopt") -> Group:
        group = cls(company, policy=policy)
        paid = group.bill("100.00", due_in=10)
        register_payment(company.erp, paid)
        await company.go()
        await company.rest()
        group.branch = company.erp.add("customer", {"name": "Acme, Lyon branch", "vat_no": TAX})
        await company.rest()
        return group

    @classmethod
    async def joined(cls, company: Company, *, policy: str = "adopt") -> Group:
        group = await cls.open(company, policy=policy)
        group.decide("accept")
        await company.rest()
        return group

    def decide(self, what: Any, erp_id: str = "") -> Decided:
        with self.company.store() as store:
            return decide(
                self.company.project(), store, self.account, erp_id or self.branch, what,
                by="ann", now=self.company.clock(),
            )  # fmt: skip

    def bill(self, net: str, *, due_in: int = 30, partner: str = "", **more: Any) -> str:
        today = self.company.clock().date()
        return issue_invoice(self.company.erp, partner or self.main, net,
                             due_on=today + timedelta(days=due_in), **more)  # fmt: skip

    def hold(self, partner: str, *, on: bool = True) -> None:
        note = "2 invoices overdue" if on else None
        self.company.erp.edit("customer", partner, {"on_hold": on, "hold_note": note})

    @property
    def shown(self) -> dict[str, Any]:
        """What the CRM's account shows."""
        return {n.removesuffix("__c"): v for n, v in self.company.crm.all("customer")[
            self.account].items()}  # fmt: skip

    def attached(self) -> list[Attached]:
        found = self.company.ask(lambda tx: attached.pairs(tx, "customer"))
        assert all(crm_id == self.account for crm_id, _ in found)
        return [one for _, one in found]

    def seen(self, erp_id: str) -> observations.Observation:
        found = self.company.ask(lambda tx: observations.load(tx, Side.ERP, "customer", [erp_id]))
        return found[erp_id]  # type: ignore[no-any-return]

    def open_holds(self) -> list[holds.Episode]:
        return self.company.ask(holds.open_episodes)  # type: ignore[no-any-return]

    def writes(self) -> int:
        systems = (self.company.crm, self.company.erp)
        return sum(system.written["customer"] for system in systems)


@pytest.fixture
async def group(company: Company) -> Group:
    return await Group.joined(company)


class TestAttaching:
    async def test_a_further_customer_waits_for_a_person_and_is_then_attached(
        self, company: Company
    ) -> None:
        group = await Group.open(company)
        with company.store() as store:
            [pair] = read_queue(company.project(), store).pairs
        assert (pair.crm.id, pair.crm.linked_with, pair.erp.id) == (
            group.account, group.main, group.branch,
        )  # fmt: skip
        made = group.decide("accept")
        assert (made.state, made.changed) == ("attached", True)
        assert company.linked("customer") == {group.account: group.main}, "the primary stays"
        [one] = group.attached()
        assert (one.id, one.by, one.away) == (group.branch, "ann", "")
        assert "tax" in one.evidence.lower()
        with company.store() as store:
            assert read_queue(company.project(), store).total == 0
        again = group.decide("accept")
        assert (again.state, again.changed) == ("attached", False)
        [event] = company.events("attached")
        assert (event.record_id, event.link_id) == (group.branch, one.link_id)

    @pytest.mark.parametrize("policy", ["adopt", "flag"])
    async def test_it_is_never_created_in_the_crm_nor_matched_again(
        self, found: Founding, policy: str
    ) -> None:
        company = found()
        group = await Group.joined(company, policy=policy)
        company.erp.edit("customer", group.branch, {"name": "Another name", "vat_no": "X"})
        for _ in range(3):
            await company.sync(full=True)
            company.advance(hours=2)
        assert list(company.crm.all("customer")) == [group.account]
        plan = await company.plan()
        assert not any("only in" in one.why for one in plan.waiting)
        with company.store() as store:
            assert read_queue(company.project(), store).total == 0

    async def test_a_second_sync_writes_nothing(self, group: Group) -> None:
        before = group.writes()
        for _ in range(3):
            await group.company.sync(full=True)
        assert group.writes() == before

    async def test_fields_go_to_the_primary_alone(self, group: Group) -> None:
        company = group.company
        company.crm.edit("customer", group.account, {"Phone": "0123"})
        await company.rest()
        assert company.erp.all("customer")[group.main]["tel"] == "0123"
        assert company.erp.all("customer")[group.branch].get("tel") is None
        company.erp.edit("customer", group.branch, {"tel": "999"})
        await company.rest()
        assert group.shown["Phone"] == "0123"
        assert company.erp.all("customer")[group.main]["tel"] == "0123"

    @pytest.mark.parametrize("version_check", [True, False])
    async def test_a_contact_of_a_branch_is_the_accounts_and_can_move_on(
        self,
        found: Founding,
        version_check: bool,
    ) -> None:
        """What the write expects to replace is what the contact itself shows: the branch."""
        company = found(erp_settings={"version_check": version_check})
        group = await Group.joined(company)
        person = {"PersonName": {"FirstName": "Jo", "LastName": "Doe"}, "Email": "jo@acme.com"}
        contact = company.crm.add("contact", {"AccountId": group.account, **person})
        await company.rest()
        [(partner, shown)] = company.erp.all("contact").items()
        assert shown["partner_id"] == group.main
        company.erp.edit("contact", partner, {"partner_id": group.branch})
        before = company.crm.written["contact"] + company.erp.written["contact"]
        await company.rest()
        assert company.crm.written["contact"] + company.erp.written["contact"] == before
        assert company.erp.all("contact")[partner]["partner_id"] == group.branch
        other = company.crm.add("customer", {"Name": "Other", "VatNumber": "DE129273398"})
        await company.rest()
        company.crm.edit("contact", contact, {"AccountId": other})
        report = await company.sync()
        assert "conflict" not in report.counts
        moved_to = company.linked("customer")[other]
        assert company.erp.all("contact")[partner]["partner_id"] == moved_to
        assert company.open_fields() == {}

    async def test_one_that_waits_to_be_made_in_the_crm_is_attached_instead(
        self, company: Company
    ) -> None:
        group = Group(company, policy="adopt")
        await company.go()
        await company.rest()
        stranger = company.erp.add("customer", {"name": "Quite another firm"})
        company.crm_faults.arm(answer_status(503), operation="write", times=None)
        await company.sync()
        company.crm_faults.clear()
        group.decide("accept", stranger)
        await company.rest()
        assert list(company.crm.all("customer")) == [group.account]

    async def test_what_cannot_be_attached_is_refused_with_the_reason(self, group: Group) -> None:
        company = group.company
        other = company.crm.add("customer", {"Name": "Other", "VatNumber": "DE129273398"})
        await company.rest()
        taken = company.linked("customer")[other]
        with pytest.raises(ConfigurationError, match="is linked with"):
            group.decide("accept", taken)
        with company.store() as store, pytest.raises(ConfigurationError, match="is attached to"):
            decide(company.project(), store, other, group.branch, "accept", by="ann",
                   now=company.clock())  # fmt: skip
        with pytest.raises(ConfigurationError, match="are linked"):
            group.decide("reject")

    async def test_two_accounts_of_one_customer_stay_a_duplicate(self, group: Group) -> None:
        company = group.company
        double = company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX})
        await company.rest()
        with company.store() as store:
            project = company.project()
            assert {p.crm.id for p in read_queue(project, store).pairs} == {double}
            with pytest.raises(ConfigurationError, match="is linked with") as told:
                decide(project, store, double, group.main, "accept", by="ann", now=company.clock())
        assert "duplicates" in (told.value.fix or "")


class TestRolledUp:
    async def test_figures_are_those_of_all_together(self, group: Group) -> None:
        company = group.company
        late = group.bill("40.00", due_in=-10, partner=group.branch)
        group.bill("7.00", due_in=-2)
        await company.sync()
        shown = group.shown
        assert shown["Balance"] == shown["Overdue"] == euro("47.00")
        assert shown["DaysOverdue"] == "10"
        assert shown["LifetimeRevenue"] == euro("147.00")
        assert (
            f"ERP customers {', '.join(sorted((group.main, group.branch)))} together"
            in (shown["FiguresFrom"])
        )
        [told] = [a for a in company.ask(alerts.opened) if a.kind == "overdue"]
        assert told.customer_id == group.account
        register_payment(company.erp, late)
        await company.sync()
        assert group.shown["Overdue"] == euro("7.00")
        before = group.writes()
        await company.sync(full=True)
        assert group.writes() == before

    async def test_attaching_alone_brings_the_figures_up_to_date(self, company: Company) -> None:
        group = await Group.open(company)
        group.bill("40.00", partner=group.branch)
        await company.rest()
        assert group.shown["Balance"] == euro("0.00")
        group.decide("accept")
        await company.sync()
        assert group.shown["Balance"] == euro("40.00")
        with company.store() as store:
            take_back(company.project(), store, group.account, group.branch, by="ann",
                      now=company.clock())  # fmt: skip
        await company.sync()
        assert group.shown["Balance"] == euro("0.00")

    async def test_a_currency_without_a_rate_leaves_the_balance_unknown(self, group: Group) -> None:
        (group.company.root / "rules.yaml").write_text(
            "schema_version: 1\ncompany:\n  currency: EUR\n"
        )
        group.bill("40.00", partner=group.branch, currency="USD")
        report = await group.company.sync()
        assert any("no rate for USD" in p.message for p in report.problems)
        assert group.shown["Balance"] == euro("0.00"), "what was known is not made up"

    async def test_any_member_on_hold_puts_the_account_on_hold(self, group: Group) -> None:
        company = group.company
        group.hold(group.branch)
        await company.rest()
        assert group.shown["CreditHold"] is True
        assert group.shown["HoldReason"] == f"ERP customer {group.branch}: 2 invoices overdue"
        [episode] = group.open_holds()
        assert episode.erp_id == group.main
        group.hold(group.main)
        await company.rest()
        assert group.shown["HoldReason"] == "2 invoices overdue"
        group.hold(group.branch, on=False)
        await company.sync()
        company.advance(minutes=11)
        await company.rest()
        assert group.shown["CreditHold"] is True, "the other is on hold still"
        assert len(group.open_holds()) == 1
        group.hold(group.main, on=False)
        await company.sync()
        company.advance(minutes=11)
        await company.rest()
        assert not group.shown["CreditHold"]
        assert group.open_holds() == []

    async def test_a_members_hold_counts_from_the_moment_it_is_seen(self, group: Group) -> None:
        """Before the figures that would publish it are worked out, and before there is an episode."""
        company = group.company
        group.hold(group.branch)
        async with company.session() as session:
            await observe_side(session.pair, Side.ERP, Run(id="1"), entities={"customer"})
        [link_id] = company.ask(
            lambda tx: links.members_of(tx, Side.ERP, [("customer", group.main)]).values()
        )
        assert company.ask(lambda tx: why_held(tx, link_id, "1", Members.ANY)) is not None
        assert company.ask(lambda tx: why_held(tx, link_id, "1", Members.PRIMARY)) is None

    async def test_only_the_primary_holds_where_that_is_set(self, found: Founding) -> None:
        company = found()
        company.write("interlock.yaml", {"orders:": "holds:\n  members: primary\norders:"})
        group = await Group.joined(company)
        group.hold(group.branch)
        await company.rest()
        assert not group.shown["CreditHold"]
        assert group.open_holds() == []
        group.hold(group.main)
        await company.rest()
        assert group.shown["CreditHold"] is True
        assert len(group.open_holds()) == 1

    async def test_a_members_hold_that_cannot_be_read_releases_nothing(self, group: Group) -> None:
        company = group.company
        group.hold(group.branch)
        await company.rest()

        def hide(call: Any, carry_out: Any) -> Any:
            answer = carry_out()
            for row in answer if isinstance(answer, list) else ():
                if call.entity == "customer" and row.id == group.branch:
                    row.cells.pop("on_hold", None)
            return answer

        company.erp_faults.arm(hide, operation=None, entity="customer", times=None)
        group.hold(group.branch, on=False)
        for _ in range(3):
            await company.sync(full=True)
            company.advance(minutes=11)
        assert len(group.open_holds()) == 1
        assert group.shown["CreditHold"] is True

    @pytest.mark.parametrize("members", ["any", "primary"])
    async def test_holds_by_rule_look_at_the_invoices_of_all(
        self, found: Founding, members: str
    ) -> None:
        company = found()
        company.write(
            "interlock.yaml",
            {"orders:": f"holds:\n  overdue: 30 EUR\n  members: {members}\norders:"},
        )
        mapping = company.root / "mappings" / "erp.yaml"
        mapping.write_text(
            mapping.read_text() + "\ncustomer: {fields: {credit_hold: off, hold_reason: off}}\n"
        )
        group = await Group.joined(company)
        group.bill("20.00", due_in=-3)
        late = group.bill("20.00", due_in=-10, partner=group.branch)
        await company.rest()
        assert group.shown["Overdue"] == euro("40.00")
        assert group.shown["CreditHold"] is (members == "any")
        assert len(group.open_holds()) == (members == "any")
        register_payment(company.erp, late)
        await company.sync()
        company.advance(minutes=11)
        await company.rest()
        assert group.open_holds() == []
        assert group.shown["CreditHold"] is False

    async def test_all_members_are_read_again_right_before_an_order(self, found: Founding) -> None:
        company = found()
        shop = await Shop.open(company)
        branch = company.erp.add("customer", {"name": "Acme, Lyon branch", "vat_no": TAX})
        await company.rest()
        with company.store() as store:
            decide(company.project(), store, shop.account, branch, "accept", by="ann",
                   now=company.clock())  # fmt: skip
        await company.rest()
        deal = shop.deal()
        company.erp.edit("customer", branch, {"on_hold": True, "hold_note": "late"})
        # the list of changed customers does not say so yet
        company.erp_faults.arm(
            lambda _call, _do: [], operation="changed", entity="customer", times=1
        )
        await company.sync()
        assert shop.orders == []
        await company.sync()
        assert company.cases()[deal].state == "held"

    async def test_drift_does_not_take_a_rolled_up_hold_for_a_difference(
        self, group: Group
    ) -> None:
        group.hold(group.branch)
        await group.company.rest()
        async with group.company.session() as session:
            report = await run_drift(session, Run(id="drift"))
        assert [d for d in report.differences if d.field in ("credit_hold", "hold_reason")] == []

    async def test_reports_count_its_orders_as_the_accounts(self, group: Group) -> None:
        company = group.company
        group.bill("40.00", partner=group.branch)
        await company.sync()
        seen = company.ask(lambda tx: look(tx, company.project(), today=company.clock().date()))
        assert {i.customer_id for i in seen.invoices} == {group.main}
        assert group.branch not in seen.customers[Side.ERP]


class TestDetaching:
    async def test_taken_back_it_is_matched_anew(self, group: Group) -> None:
        company = group.company
        with company.store() as store:
            made = take_back(company.project(), store, group.account, group.branch, by="ann",
                             now=company.clock())  # fmt: skip
        assert made.state == "detached"
        assert group.attached() == []
        await company.rest()
        with company.store() as store:
            assert [p.erp.id for p in read_queue(company.project(), store).pairs] == [group.branch]

    async def test_undone_by_its_id_it_alone_leaves_the_link_for_good(self, group: Group) -> None:
        company = group.company
        with company.store() as store:
            project = company.project()
            view = show_link(project, store, key=["customer", group.branch])
            assert [one.id for one in view.attached] == [group.branch]
            undone = undo_link(project, store, ["customer", group.branch], by="ann",
                               reason="sold", now=company.clock())  # fmt: skip
            assert undone.detached == group.branch
            [left] = list_links(project, store, entity="customer").links
            assert (left.id, left.attached) == (view.id, ())
        await company.rest()
        assert list(company.crm.all("customer")) == [group.account], "parked, not adopted"
        assert group.seen(group.branch).unlinked == "parked"
        with company.store() as store:
            assert read_queue(company.project(), store).total == 0

    async def test_with_its_link_it_is_parked(self, group: Group) -> None:
        company = group.company
        with company.store() as store:
            undone = undo_link(company.project(), store, ["customer", group.account], by="ann",
                               reason="wrong", now=company.clock())  # fmt: skip
        assert list(undone.attached) == [group.branch]
        await company.rest()
        assert list(company.crm.all("customer")) == [group.account]
        assert group.attached() == []

    async def test_an_account_is_forgotten_with_all_of_it(self, group: Group) -> None:
        company = group.company
        with company.store() as store:
            told = forget_record(company.project(), store, "customer", group.account,
                                 system="crm", by="ann", now=company.clock())  # fmt: skip
        assert {r.id for r in told.records} == {group.account, group.main, group.branch}
        assert group.attached() == []
        assert group.seen(group.branch).fields == {}

    async def test_forgotten_by_itself_it_leaves_the_account_alone(self, group: Group) -> None:
        company = group.company
        with company.store() as store:
            told = forget_record(company.project(), store, "customer", group.branch,
                                 system="erp", by="ann", now=company.clock())  # fmt: skip
        assert [r.id for r in told.records] == [group.branch]
        assert group.attached() == []
        assert company.linked("customer") == {group.account: group.main}
        await company.rest()
        assert list(company.crm.all("customer")) == [group.account]
        assert not any(e.erased for e in company.events("linked"))

    async def test_explain_says_whose_it_is(self, group: Group) -> None:
        company = group.company
        with company.store() as store:
            told = explain(company.project(), store, "customer", group.branch, system="erp")
        assert told.link is None
        assert "attached to link" in told.unlinked
        assert [r.id for r in told.records] == [group.branch]


class TestGoneOrMerged:
    async def test_an_archived_one_counts_no_more_until_it_is_back(self, group: Group) -> None:
        company = group.company
        group.bill("40.00", partner=group.branch)
        group.hold(group.branch)
        await company.rest()
        assert group.shown["Balance"] == euro("40.00")
        company.erp.archive("customer", group.branch)
        await company.sync()
        [one] = group.attached()
        assert one.away == "archived"
        assert group.shown["Balance"] == euro("0.00")
        company.advance(minutes=11)
        await company.rest()
        assert group.open_holds() == []
        assert not group.shown["CreditHold"]
        [event] = company.events("member away")
        assert event.record_id == group.branch
        company.erp.archive("customer", group.branch, back=True)
        await company.rest()
        assert [one.away for one in group.attached()] == [""]
        assert group.shown["Balance"] == euro("40.00")
        assert len(company.events("member back")) == 1

    async def test_a_deleted_one_counts_no_more(self, group: Group) -> None:
        company = group.company
        company.erp.delete("customer", group.branch)
        for _ in range(3):
            await company.sync()
            company.advance(hours=2)
        assert [one.away for one in group.attached()] == ["gone"]
        assert len(company.events("member away")) == 1
        assert company.linked("customer") == {group.account: group.main}

    async def test_merged_into_the_primary_it_is_a_part_of_it(self, group: Group) -> None:
        company = group.company
        company.erp.merge("customer", group.branch, group.main)
        await company.rest()
        assert group.attached() == []
        assert company.linked("customer") == {group.account: group.main}
        assert company.open_fields() == {}

    async def test_merged_into_a_free_one_that_one_is_attached(self, group: Group) -> None:
        company = group.company
        survivor = company.erp.add("customer", {"name": "Acme Paris", "vat_no": TAX})
        await company.rest()
        company.erp.merge("customer", group.branch, survivor)
        await company.rest()
        assert [one.id for one in group.attached()] == [survivor]
        assert list(company.crm.all("customer")) == [group.account]

    async def test_merged_into_one_that_is_gone_it_counts_no_more(self, group: Group) -> None:
        company = group.company
        survivor = company.erp.add("customer", {"name": "Acme Paris", "vat_no": TAX})
        company.erp.merge("customer", group.branch, survivor)
        company.erp.delete("customer", survivor)
        for _ in range(2):
            await company.sync(full=True)
            company.advance(hours=2)
        assert [(one.id, one.away) for one in group.attached()] == [(group.branch, "merged")]
        assert len(company.events("member away")) == 1

    async def test_merged_into_what_was_said_not_to_be_the_same_it_is_detached(
        self, company: Company
    ) -> None:
        group = await Group.joined(company, policy="flag")
        survivor = company.erp.add("customer", {"name": "Acme Paris", "vat_no": TAX})
        await company.rest()
        group.decide("reject", survivor)
        company.erp.merge("customer", group.branch, survivor)
        await company.rest()
        assert group.attached() == []
        assert company.linked("customer") == {group.account: group.main}

    async def test_the_primary_merged_into_it_leaves_it_the_link(self, group: Group) -> None:
        company = group.company
        company.erp.merge("customer", group.main, group.branch)
        await company.sync()
        assert group.attached() == []
        assert company.linked("customer") == {group.account: group.branch}
        await company.go()
        await company.rest()
        assert company.open_fields() == {}
        assert group.shown["ErpId"] == group.branch
        assert list(company.crm.all("customer")) == [group.account]


class TestAStoreMadeAnew:
    async def test_decisions_are_exported_and_taken_back(
        self, group: Group, tmp_path: Path
    ) -> None:
        company = group.company
        file = tmp_path / "members.csv"
        with company.store() as store:
            project = company.project()
            assert export_attached(project, store, file) == 1
            take_back(project, store, group.account, group.branch, by="ann", now=company.clock())
            done = import_decisions(project, store, file, by="bob", now=company.clock())
            assert (done.accepted, done.attached, done.known) == (1, 1, 0)
            assert import_decisions(project, store, file, by="bob", now=company.clock()).known == 1
        assert [one.by for one in group.attached()] == ["bob"]

    async def test_what_was_attached_is_never_linked_in_place_of_the_primary(
        self, group: Group, tmp_path: Path
    ) -> None:
        company = group.company
        file = tmp_path / "members.csv"
        with company.store() as store:
            project = company.project()
            export_attached(project, store, file)
            undo_link(project, store, ["customer", group.account], by="ann", reason="x",
                      now=company.clock())  # fmt: skip
            with pytest.raises(ConfigurationError, match="no ERP customer of its own"):
                import_decisions(project, store, file, by="bob", now=company.clock())

    async def test_a_store_made_of_the_systems_alone_takes_them_back(
        self, group: Group, tmp_path: Path
    ) -> None:
        company = group.company
        group.bill("40.00", partner=group.branch)
        await company.rest()
        file = tmp_path / "members.csv"
        with company.store() as store:
            export_attached(company.project(), store, file)

        def lose(tx: Tx) -> None:
            for table in reversed(metadata.sorted_tables):
                tx.conn.execute(delete(table))

        company.ask(lose)
        company.close()
        async with company.session() as session:
            await rebuild_links(session, Run(id="rebuild"), by="tester")
        await company.plan()
        assert company.linked("customer") == {group.account: group.main}, "members are decisions"
        with company.store() as store:
            import_decisions(company.project(), store, file, by="bob", now=company.clock())
        company.advance(minutes=5)
        await company.go()
        await company.rest()
        assert [one.id for one in group.attached()] == [group.branch]
        assert group.shown["Balance"] == euro("40.00")
        assert list(company.crm.all("customer")) == [group.account]

    async def test_a_backup_holds_them(self, group: Group, tmp_path: Path) -> None:
        company = group.company
        with company.store() as store:
            back_up(company.project(), store, tmp_path / "copy.db", now=company.clock())
            take_back(company.project(), store, group.account, group.branch, by="ann",
                      now=company.clock())  # fmt: skip
        company.close()
        restore(company.project(), tmp_path / "copy.db", by="ann", now=company.clock())
        assert [one.id for one in group.attached()] == [group.branch]

    async def test_a_restored_store_keeps_them(self, group: Group) -> None:
        company = group.company
        company.ask(lambda tx: epochs.begin(tx, why="restored", now=company.clock()))
        await company.go()
        await company.rest()
        assert [one.id for one in group.attached()] == [group.branch]
        assert company.linked("customer") == {group.account: group.main}
        assert list(company.crm.all("customer")) == [group.account]

    async def test_an_account_with_another_main_one_by_then_takes_them_along(
        self, group: Group
    ) -> None:
        company = group.company
        main = company.erp.add("customer", {"name": "Acme", "vat_no": TAX})
        await company.rest()
        company.crm.edit("customer", group.account, {"ErpId__c": main})
        company.erp.edit("customer", main, {"crm_id": group.account})
        company.erp.delete("customer", group.main)
        group.bill("40.00", partner=group.branch)
        company.ask(lambda tx: epochs.begin(tx, why="restored", now=company.clock()))
        await company.go()
        company.advance(minutes=5)
        await company.go()
        await company.rest()
        assert company.linked("customer") == {group.account: main}
        assert [one.id for one in group.attached()] == [group.branch]
        assert group.shown["Balance"] == euro("40.00")

    async def test_what_has_an_account_of_its_own_by_then_is_linked_with_it(
        self, group: Group
    ) -> None:
        company = group.company
        other = company.crm.add("customer", {"Name": "Lyon", "ErpId__c": group.branch})
        company.erp.edit("customer", group.branch, {"crm_id": other})
        company.ask(lambda tx: epochs.begin(tx, why="restored", now=company.clock()))
        await company.go()
        await company.rest()
        assert company.linked("customer") == {group.account: group.main, other: group.branch}
        assert group.attached() == []


async def test_matching_counts_no_attached_one_as_alone(group: Group) -> None:
    async with group.company.session() as session:
        report = await run_matching(session, Run(id="match"))
    assert report.alone == {"crm": 0, "erp": 0}
    assert group.company.ask(lambda tx: links.counts(tx)["customer"]) == {"linked": 1}
