"""A credit hold in the ERP: told in the CRM, its deals paused, and let go on afterwards."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from interlock.cli.app import run
from interlock.connectors.memory.invoicing import cancel_invoice, issue_invoice, register_payment
from interlock.service.holds import override_hold
from interlock.store import alerts, holds
from interlock.store.holds import Episode, Pause, PauseState
from interlock.testing.faults import lose_answer

from .company import Company
from .conftest import Founding
from .test_orders import Shop

LINE = [{"Id": "L1", "Product2Id": None, "ProductCode": "SKU-1", "Description": None,
         "Quantity": "2", "UnitPrice": "5.00"}]  # fmt: skip


class Firm(Shop):
    """A shop whose customer may be put on hold."""

    def hold(self, *, on: bool = True, note: str | None = "2 invoices overdue") -> None:
        [partner] = self.company.erp.all("customer")
        self.company.erp.edit(
            "customer", partner, {"on_hold": on, "hold_note": note if on else None}
        )

    def renewal(self, **cells: Any) -> str:
        return self.deal(**{"StageName": "Proposal", "Type": "Renewal", "Lines": LINE} | cells)

    def episodes(self) -> list[Episode]:
        return self.company.ask(lambda tx: holds.episodes(tx, ended=True))  # type: ignore[no-any-return]

    def pauses(self) -> dict[str, Pause]:
        found = self.company.ask(
            lambda tx: holds.pauses(tx, episode_ids=[e.id for e in holds.episodes(tx, ended=True)])
        )
        return {p.deal_id: p for p in found}

    def mark(self, deal: str) -> tuple[Any, Any, Any]:
        shown = self.shown(deal)
        return shown.get("HoldPaused__c"), shown.get("HoldStage__c"), shown["StageName"]

    def flag(self) -> tuple[Any, Any]:
        shown = self.company.crm.all("customer")[self.account]
        return shown["CreditHold__c"], shown["HoldReason__c"]

    def bill(self, net: str, *, days: int, **more: Any) -> str:
        """Bill the customer, due that many days from now."""
        [partner] = self.company.erp.all("customer")
        due = self.company.clock().date() + timedelta(days=days)
        return issue_invoice(self.company.erp, partner, net, due_on=due, **more)

    async def release(self) -> None:
        """Take the hold off and let the time pass in which it must stay off."""
        self.hold(on=False)
        await self.company.sync()
        self.company.advance(minutes=11)
        await self.company.rest()


@pytest.fixture
async def firm(company: Company) -> Firm:
    await Firm.open(company)
    firm = Firm(company)
    [firm.account] = company.crm.all("customer")
    company.crm.edit("customer", firm.account, {"OwnerId": "005ADA"})
    await company.rest()
    return firm


PAUSED = (True, "Proposal", "Proposal")
STAGED = (True, "Proposal", "On Hold")


def use(company: Company, *lines: str) -> None:
    """State settings of holds."""
    text = "\n".join(["holds:", *(f"  {line}" for line in lines), "orders:"])
    company.write("interlock.yaml", {"orders:": text})


class TestPlaced:
    async def test_the_account_shows_it_and_open_renewals_wait(self, firm: Firm) -> None:
        renewal, upsell = firm.renewal(), firm.renewal(Type="Upsell")
        new, lost = firm.renewal(Type="New Business"), firm.renewal(StageName="Closed Lost")
        await firm.company.rest()
        firm.hold()
        await firm.company.sync()
        shown = firm.company.crm.all("customer")[firm.account]
        assert (shown["CreditHold__c"], shown["HoldReason__c"]) == (True, "2 invoices overdue")
        assert firm.mark(renewal) == firm.mark(upsell) == PAUSED
        assert not firm.shown(new).get("HoldPaused__c")
        assert not firm.shown(lost).get("HoldPaused__c")

    async def test_a_configured_stage_is_where_they_wait(self, firm: Firm) -> None:
        use(firm.company, "paused_stage: On Hold")
        deal = firm.renewal()
        firm.hold()
        await firm.company.rest()
        assert firm.mark(deal) == STAGED
        await firm.release()
        assert firm.mark(deal) == (False, None, "Proposal")

    async def test_words_of_the_crm_are_mapped_to_kinds(self, firm: Firm) -> None:
        use(firm.company, "deal_kind: {Existing Business: upsell, Renewal: other}")
        mapped, other = firm.renewal(Type="Existing Business"), firm.renewal()
        firm.hold()
        await firm.company.rest()
        assert firm.mark(mapped) == PAUSED
        assert not firm.shown(other).get("HoldPaused__c")

    async def test_a_deal_that_is_opened_later_waits_too(self, firm: Firm) -> None:
        firm.hold()
        await firm.company.rest()
        deal = firm.renewal()
        await firm.company.rest()
        assert firm.mark(deal) == PAUSED

    async def test_people_are_told_and_the_owner_has_a_task(self, firm: Firm) -> None:
        firm.company.write("interlock.yaml", {"orders:": "roles: {sales_manager: 005BOB}\norders:"})
        firm.hold()
        await firm.company.rest()
        told = {a.role: a.user for a in firm.company.ask(alerts.opened)}
        assert told == {
            "owner": "005ADA", "customer_success": "005ADA", "sales_manager": "005BOB",
        }  # fmt: skip
        [task] = firm.company.crm.all("task").values()
        assert (task["AccountId"], task["OwnerId"]) == (firm.account, "005ADA")
        assert not task["IsDone"]
        await firm.release()
        [task] = firm.company.crm.all("task").values()
        assert task["IsDone"]
        assert firm.company.ask(alerts.opened) == []

    async def test_the_answer_to_the_task_is_lost_and_there_still_is_one(self, firm: Firm) -> None:
        firm.company.crm_faults.arm(lose_answer, operation="write", entity="task", times=1)
        firm.hold()
        for _ in range(4):
            await firm.company.sync()
            firm.company.advance(minutes=2)
        assert len(firm.company.crm.all("task")) == 1


class TestReleased:
    async def test_not_before_it_has_been_off_for_long_enough(self, firm: Firm) -> None:
        deal = firm.renewal()
        firm.hold()
        await firm.company.rest()
        firm.hold(on=False)
        await firm.company.rest()
        assert firm.mark(deal) == PAUSED
        firm.company.advance(minutes=11)
        await firm.company.rest()
        assert firm.mark(deal) == (False, None, "Proposal")
        [episode] = firm.episodes()
        assert episode.ended_at is not None
        assert firm.pauses()[deal].state is PauseState.RESUMED

    async def test_one_that_comes_and_goes_is_one_hold(self, firm: Firm) -> None:
        deal = firm.renewal()
        for on in (True, False, True, False, True):
            firm.hold(on=on)
            await firm.company.sync()
            firm.company.advance(minutes=6)
        assert len(firm.episodes()) == 1
        assert firm.mark(deal) == PAUSED
        await firm.release()
        assert firm.mark(deal)[0] is False
        assert len(firm.episodes()) == 1

    async def test_placed_again_right_before_the_release(self, firm: Firm) -> None:
        """The feed is late; only the second look shows that the hold is on again."""
        deal = firm.renewal()
        firm.hold()
        await firm.company.rest()
        firm.hold(on=False)
        await firm.company.rest()
        firm.company.advance(minutes=11)
        firm.company.erp_faults.arm(
            lambda _call, _do: [], operation="changed", entity="customer", times=1
        )
        firm.hold()
        await firm.company.sync()
        assert firm.mark(deal) == PAUSED
        [episode] = firm.episodes()
        assert episode.ended_at is None

    async def test_a_field_that_cannot_be_read_any_more_releases_nothing(self, firm: Firm) -> None:
        deal = firm.renewal()
        firm.hold()
        await firm.company.rest()
        firm.hold(on=False)

        def hide(call: Any, carry_out: Any) -> Any:
            answer = carry_out()
            for row in answer if isinstance(answer, list) else ():
                if call.entity == "customer":
                    row.cells.pop("on_hold", None)
            return answer

        firm.company.erp_faults.arm(hide, operation=None, entity="customer", times=None)
        for _ in range(3):
            await firm.company.sync(full=True)
            firm.company.advance(minutes=20)
        assert firm.mark(deal) == PAUSED
        assert [e.ended_at for e in firm.episodes()] == [None]

    async def test_a_deal_that_somebody_moved_stays_where_it_is(self, firm: Firm) -> None:
        use(firm.company, "paused_stage: On Hold")
        moved, stayed = firm.renewal(), firm.renewal()
        firm.hold()
        await firm.company.rest()
        firm.edit(moved, StageName="Negotiation")
        await firm.release()
        assert firm.mark(moved) == (False, None, "Negotiation")
        assert firm.mark(stayed) == (False, None, "Proposal")

    async def test_a_pause_that_somebody_took_off_is_not_set_again(self, firm: Firm) -> None:
        deal = firm.renewal()
        firm.hold()
        await firm.company.rest()
        firm.edit(deal, HoldPaused__c=False, StageName="Negotiation")
        await firm.company.rest()
        assert firm.mark(deal)[0] is False
        assert firm.pauses()[deal].state is PauseState.LEFT
        await firm.release()
        assert firm.mark(deal)[2] == "Negotiation"

    async def test_a_deal_somebody_moves_while_it_is_released(self, firm: Firm) -> None:
        """Between the last look and the write: the move stands."""
        use(firm.company, "paused_stage: On Hold")
        deal = firm.renewal()
        firm.hold()
        await firm.company.rest()
        firm.hold(on=False)
        await firm.company.sync()
        firm.company.advance(minutes=11)

        def move_first(call: Any, carry_out: Any) -> Any:
            if any(op.id == deal for op in call.ops):
                firm.edit(deal, StageName="Negotiation")
            return carry_out()

        firm.company.crm_faults.arm(move_first, operation="write", entity="deal", times=1)
        await firm.company.rest()
        assert firm.mark(deal) == (False, None, "Negotiation")

    async def test_a_copy_of_a_paused_deal_goes_on_too(self, firm: Firm) -> None:
        use(firm.company, "paused_stage: On Hold")
        deal = firm.renewal()
        firm.hold()
        await firm.company.rest()
        shown = firm.shown(deal)
        copied = {k: v for k, v in shown.items() if k not in ("StageKind", "WonAt")}
        during = firm.company.crm.add("deal", copied)
        await firm.release()
        assert firm.mark(during) == (False, None, "Proposal")
        after = firm.company.crm.add("deal", copied)
        await firm.company.sync()
        firm.company.advance(minutes=11)
        await firm.company.rest()
        assert firm.mark(after) == (False, None, "Proposal")
        assert firm.mark(deal) == (False, None, "Proposal")


class TestKilled:
    """The process dies around the write that pauses a deal."""

    @pytest.mark.parametrize("arrived", [True, False])
    async def test_between_the_write_and_its_record(self, firm: Firm, arrived: bool) -> None:
        use(firm.company, "paused_stage: On Hold")
        deal = firm.renewal()
        await firm.company.rest()

        class Killed(BaseException):
            pass

        def die(_call: Any, carry_out: Any) -> Any:
            if arrived:
                carry_out()
            raise Killed

        firm.company.crm_faults.arm(die, operation="write", entity="deal", times=1)
        firm.hold()
        with pytest.raises(Killed):
            await firm.company.sync()
        kept = firm.pauses()[deal]
        assert (kept.stage, kept.mark_stage) == ("Proposal", "On Hold")
        firm.company.advance(minutes=2)
        await firm.company.rest()
        assert firm.mark(deal) == STAGED
        await firm.release()
        assert firm.mark(deal) == (False, None, "Proposal")

    async def test_and_the_hold_ends_before_anybody_looks_again(self, firm: Firm) -> None:
        use(firm.company, "paused_stage: On Hold", "release_after: 1s")
        deal = firm.renewal()
        await firm.company.rest()

        class Killed(BaseException):
            pass

        def die(_call: Any, carry_out: Any) -> Any:
            carry_out()
            raise Killed

        firm.company.crm_faults.arm(die, operation="write", entity="deal", times=1)
        firm.hold()
        with pytest.raises(Killed):
            await firm.company.sync()
        firm.hold(on=False)
        for _ in range(4):
            firm.company.advance(minutes=2)
            await firm.company.sync()
        assert firm.mark(deal) == (False, None, "Proposal")


class TestOrders:
    async def test_a_deal_won_during_a_hold_waits_visibly(self, firm: Firm) -> None:
        firm.hold()
        await firm.company.rest()
        deal = firm.deal()
        await firm.company.rest()
        assert firm.orders == []
        case = firm.company.cases()[deal]
        assert (case.state, "credit hold" in case.why) == ("held", True)
        await firm.release()
        assert [o["net_total"] for o in firm.orders] == ["10.00"]

    async def test_the_hold_is_read_right_before_the_order(self, firm: Firm) -> None:
        """Placed after the last look: nothing that was observed shows it."""
        firm.company.erp_faults.arm(
            lambda _call, _do: [], operation="changed", entity="customer", times=1
        )
        firm.hold()
        deal = firm.deal()
        await firm.company.sync()
        assert firm.orders == []
        await firm.company.rest()
        assert firm.company.cases()[deal].state == "held"
        assert firm.orders == []
        await firm.release()
        assert len(firm.orders) == 1

    async def test_an_order_decided_before_the_hold_waits(self, firm: Firm) -> None:
        firm.company.erp_faults.arm(
            lambda call, carry_out: (firm.hold(), carry_out())[1],
            operation="searched", entity="order", times=1,
        )  # fmt: skip
        firm.deal()
        await firm.company.rest()
        assert firm.orders == []
        await firm.release()
        assert len(firm.orders) == 1

    async def test_one_customers_hold_keeps_back_no_others_order(self, firm: Firm) -> None:
        company = firm.company
        [held] = company.erp.all("customer")
        other = company.crm.add("customer", {"Name": "Solid", "VatNumber": "BE0403170701"})
        await company.go()
        company.erp_faults.arm(
            lambda call, carry_out: (
                company.erp.edit("customer", held, {"on_hold": True}), carry_out(),
            )[1],
            operation="searched", entity="order", times=1,
        )  # fmt: skip
        waits, goes = firm.deal(), firm.deal(AccountId=other)
        await company.rest()
        assert [o["crm_id"] for o in firm.orders] == [goes]
        assert company.cases()[waits].state == "held"

    async def test_off_for_a_moment_lets_no_order_through(self, firm: Firm) -> None:
        firm.hold()
        await firm.company.rest()
        firm.deal()
        firm.hold(on=False)
        await firm.company.rest()
        assert firm.orders == []
        await firm.release()
        assert len(firm.orders) == 1


class TestByRule:
    """An ERP without holds: they follow from what its invoices say is overdue."""

    @pytest.fixture
    async def ruled(self, found: Founding) -> Firm:
        company = found()
        use(company, "overdue: 1000 EUR")
        mapping = company.root / "mappings" / "erp.yaml"
        mapping.write_text(
            mapping.read_text() + "\ncustomer: {fields: {credit_hold: off, hold_reason: off}}\n"
        )
        await Firm.open(company)
        firm = Firm(company)
        [firm.account] = company.crm.all("customer")
        firm.bill("0.01", days=-1)
        await company.plan()
        company.approve()
        await company.rest()
        return firm

    async def test_the_crm_is_told_and_told_again(self, ruled: Firm) -> None:
        deal = ruled.renewal()
        invoice = ruled.bill("1500.00", days=-34)
        await ruled.company.sync()
        assert ruled.flag() == (True, "1,500.01 EUR overdue, 34 days late")
        assert ruled.mark(deal) == PAUSED
        won = ruled.deal()
        await ruled.company.rest()
        assert ruled.orders == []
        assert ruled.company.cases()[won].state == "held"
        # the same day and still in arrears: what is owed moves daily, the hold at once
        register_payment(ruled.company.erp, invoice, "1000.00")
        await ruled.company.sync()
        assert ruled.flag() == (False, None)
        ruled.company.advance(minutes=11)
        await ruled.company.rest()
        assert ruled.mark(deal) == (False, None, "Proposal")
        assert len(ruled.orders) == 1

    async def test_the_health_score_knows_of_it(self, ruled: Firm) -> None:
        ruled.bill("1500.00", days=-34)
        await ruled.company.rest()
        shown = ruled.company.crm.all("customer")[ruled.account]
        assert "-30 on credit hold" in shown["HealthReasons__c"]

    async def test_what_cannot_be_told_holds_and_releases_nobody(self, ruled: Firm) -> None:
        invoice = ruled.bill("1500.00", days=-34)
        await ruled.company.rest()
        ruled.company.erp.edit("invoice", invoice, {"state": "canceled"})
        dollars = ruled.bill("1.00", days=-34, currency="USD")
        await ruled.company.rest()
        ruled.company.advance(minutes=11)
        await ruled.company.rest()
        assert ruled.flag()[0] is True
        [episode] = ruled.episodes()
        assert episode.ended_at is None
        cancel_invoice(ruled.company.erp, dollars)
        await ruled.company.rest()
        ruled.company.advance(minutes=11)
        await ruled.company.rest()
        assert ruled.flag()[0] is False

    async def test_invoices_are_read_again_right_before_an_order(self, ruled: Firm) -> None:
        invoice = ruled.bill("1500.00", days=-34)
        register_payment(ruled.company.erp, invoice)
        await ruled.company.rest()
        deal = ruled.deal()
        self.bounce(ruled, invoice)
        await ruled.company.sync()
        assert ruled.orders == []
        await ruled.company.rest()
        assert ruled.company.cases()[deal].state == "held"

    async def test_invoices_are_read_again_right_before_a_release(self, ruled: Firm) -> None:
        invoice = ruled.bill("1500.00", days=-34)
        await ruled.company.rest()
        register_payment(ruled.company.erp, invoice)
        await ruled.company.rest()
        ruled.company.advance(minutes=11)
        self.bounce(ruled, invoice)
        await ruled.company.sync()
        [episode] = ruled.episodes()
        assert episode.ended_at is None
        assert ruled.flag()[0] is True

    def bounce(self, ruled: Firm, invoice: str) -> None:
        """A payment is taken back, and the list of changed invoices does not say so yet."""
        ruled.company.erp.edit("invoice", invoice, {"paid_amount": "0.00"})
        ruled.company.erp_faults.arm(
            lambda _call, _do: [], operation="changed", entity="invoice", times=1
        )

    async def test_a_rule_taken_back_holds_nobody(self, ruled: Firm) -> None:
        ruled.bill("1500.00", days=-34)
        await ruled.company.rest()
        assert ruled.flag()[0] is True
        ruled.company.write("interlock.yaml", {"overdue:": "  release_after: 10m"})
        await ruled.company.rest()
        ruled.company.advance(minutes=11)
        await ruled.company.rest()
        assert ruled.flag() == (False, None)
        [episode] = ruled.episodes()
        assert episode.ended_at is not None


class TestOverride:
    async def test_the_deal_alone_is_let_through_and_only_this_time(self, firm: Firm) -> None:
        firm.hold()
        await firm.company.rest()
        one, two = firm.deal(), firm.deal(Name="Other deal")
        await firm.company.rest()
        with firm.company.store() as store:
            override_hold(store, one, by="cfo", reason="paid by wire", now=firm.company.clock())
        await firm.company.rest()
        assert [o["crm_id"] for o in firm.orders] == [one]
        assert firm.company.cases()[two].state == "held"
        [event] = firm.company.events("hold overridden")
        assert (event.record_id, event.why) == (one, "cfo: paid by wire")
        await firm.release()
        assert len(firm.orders) == 2
        firm.hold()
        await firm.company.rest()
        again = firm.deal(Name="Third deal")
        await firm.company.rest()
        assert firm.company.cases()[again].state == "held"

    async def test_the_command_says_what_it_did_or_why_not(
        self, firm: Firm, capsys: pytest.CaptureFixture[str]
    ) -> None:
        deal = firm.deal()
        renewal = firm.renewal()
        await firm.company.rest()
        firm.hold()
        await firm.company.rest()
        late = firm.deal(Name="Late deal")
        await firm.company.rest()
        firm.company.close()
        folder = ["--project", str(firm.company.root)]
        assert run(["holds", "list", "--json", *folder]) == 0
        [hold] = json.loads(capsys.readouterr().out)["holds"]
        states = {d["deal"]: d["state"] for d in hold["deals"]}
        assert states == {renewal: "paused", late: "held"}
        assert run(["holds", "show", str(hold["id"]), *folder]) == 0
        assert "2 invoices overdue" in capsys.readouterr().out
        assert run(["status", *folder]) in (0, 3)
        assert "placed on credit hold" in capsys.readouterr().out
        assert run(["holds", "override", late, "--reason", "agreed", "--by", "cfo", *folder]) == 0
        assert run(["holds", "list", *folder]) == 0
        assert "let through by cfo: agreed" in capsys.readouterr().out
        for wrong in (
            ["holds", "override", "006-none", "--reason", "x"],
            ["holds", "override", late, "--reason", "  "],
            ["holds", "override", late],
            ["holds", "show", "99"],
        ):
            assert run([*wrong, *folder]) == 2, wrong
        assert len(firm.orders) == 1, f"deal {deal} was ordered before the hold"
