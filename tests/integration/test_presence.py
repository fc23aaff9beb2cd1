"""Deleted, hidden, archived and merged records: nothing is recreated, nothing believed too soon."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from interlock.connectors.memory.storage import State
from interlock.governance.rules import Side
from interlock.model import Presence
from interlock.store import observations, refusals
from interlock.store.outbox import WriteState
from interlock.testing.faults import answer_status, lose_answer

from .company import Company
from .conftest import Founding
from .test_delivery import begun
from .test_edits import Linked, link


def seen(company: Company, side: Side, record_id: str) -> observations.Observation:
    found = company.ask(lambda tx: observations.load(tx, side, "customer", [record_id]))
    return found[record_id]  # type: ignore[no-any-return]


async def test_a_deleted_record_is_neither_recreated_nor_deleted_on_the_other_side(
    company: Company,
) -> None:
    pair = await link(company)
    company.erp.delete("customer", pair.erp_id)
    pair.edit_crm(Phone="2")
    for _ in range(3):
        await company.go()
        company.advance(hours=2)
    assert company.erp.all("customer") == {}
    assert pair.crm["Phone"] == "2"
    assert company.open_fields() == {"(erp)": "gone"}, "a person sees it"
    assert company.pending() == []


class TestWithoutTombstones:
    """A system that just no longer shows a record: hidden first, gone after two looks."""

    @pytest.fixture
    async def pair(self, found: Founding) -> Linked:
        company = found(erp_settings={"changes": False})
        # rights are proven on another record
        company.erp.add("customer", {"name": "Another"})
        return await link(company)

    async def test_hidden_then_gone_after_two_looks_an_hour_apart(self, pair: Linked) -> None:
        company = pair.company
        company.erp.delete("customer", pair.erp_id)
        await company.sync()
        assert seen(company, Side.ERP, pair.erp_id).presence is Presence.PRESENT
        assert company.open_fields() == {"(erp)": "missing"}
        company.advance(minutes=50)
        await company.sync()
        assert seen(company, Side.ERP, pair.erp_id).presence is Presence.PRESENT
        company.advance(minutes=70)
        await company.sync()
        assert seen(company, Side.ERP, pair.erp_id).presence is Presence.GONE
        assert company.open_fields() == {"(erp)": "gone"}
        for _ in range(2):
            company.advance(hours=2)
            await company.go()
        assert len(company.erp.all("customer")) == 1, "never created again"

    async def test_nothing_is_written_to_either_side_meanwhile(self, pair: Linked) -> None:
        company = pair.company
        company.erp.delete("customer", pair.erp_id)
        before = pair.written()
        pair.edit_crm(Phone="2")
        await company.go()
        assert pair.written() == before

    async def test_one_that_comes_back_goes_on_where_it_was(self, pair: Linked) -> None:
        company = pair.company

        def veil(_call: Any, carry_out: Any) -> Any:
            return [row for row in carry_out() if row.id != pair.erp_id]

        company.erp_faults.arm(veil, operation="listed", entity="customer", times=None)
        company.erp_faults.arm(veil, operation="fetched", entity="customer", times=None)
        pair.edit_crm(Phone="2")
        await company.sync()
        assert company.open_fields() == {"(erp)": "missing"}
        company.erp_faults.clear()
        await company.rest()
        assert company.open_fields() == {}
        assert pair.erp["tel"] == "2"

    async def test_lost_rights_are_not_a_thousand_deletions(self, pair: Linked) -> None:
        company = pair.company
        company.erp_faults.arm(
            lambda _c, _do: [], operation="listed", entity="customer", times=None
        )
        company.erp_faults.arm(
            lambda _c, _do: [], operation="fetched", entity="customer", times=None
        )
        for _ in range(4):
            await company.sync()
            company.advance(hours=2)
        assert seen(company, Side.ERP, pair.erp_id).presence is Presence.PRESENT
        company.erp_faults.clear()
        await company.rest()
        assert company.open_fields() == {}


async def test_a_list_that_shows_far_too_little_is_raised_not_believed(found: Founding) -> None:
    company = found(erp_settings={"changes": False})
    for i in range(60):
        company.erp.add("customer", {"name": f"Partner {i}"})
    await company.go()
    company.erp_faults.arm(
        lambda _c, do: do()[:10], operation="listed", entity="customer", times=None
    )
    report = await company.sync()
    assert [p.code for p in report.problems] == ["shortfall"]
    [problem] = report.problems
    assert "50 of 60" in problem.message
    company.erp_faults.clear()
    report = await company.sync()
    assert list(report.problems) == []


async def test_an_archived_record_is_left_alone(company: Company) -> None:
    pair = await link(company)
    company.erp.archive("customer", pair.erp_id)
    before = pair.written()
    pair.edit_crm(Phone="2")
    await company.rest()
    assert pair.written() == before
    assert company.open_fields() == {"(erp)": "archived"}
    company.erp.archive("customer", pair.erp_id, back=True)
    await company.rest()
    assert pair.erp["tel"] == "2"
    assert company.open_fields() == {}


async def test_a_record_merged_into_one_that_has_a_partner_is_shown(company: Company) -> None:
    pair = await link(company)
    other = company.crm.add("customer", {"Name": "Kestrel Pumps", "VatNumber": "DE129273398"})
    winner = company.erp.add("customer", {"name": "Kestrel Pumps", "vat_no": "DE129273398"})
    await company.go()
    assert company.linked("customer")[other] == winner
    company.erp.merge("customer", pair.erp_id, winner)
    before = dict(company.erp.all("customer"))
    pair.edit_crm(Phone="2")
    await company.rest()
    assert company.erp.all("customer") == before
    assert company.open_fields() == {"(erp)": "merged"}


async def test_the_survivor_of_a_merge_takes_the_link_over_and_waits_for_a_plan(
    company: Company,
) -> None:
    pair = await link(company)
    winner = company.erp.add("customer", {"name": "Winner", "tel": "7"})
    company.erp.merge("customer", pair.erp_id, winner)
    pair.edit_crm(Phone="2")
    await company.rest()
    assert company.linked("customer") == {pair.crm_id: winner}
    assert company.erp.all("customer")[winner]["tel"] == "7", "nothing was agreed with this one"
    assert company.open_fields() == {}


async def test_so_does_the_survivor_of_a_record_the_engine_made(company: Company) -> None:
    """Its link came from a create, and yet these two have never been seen together."""
    acme = company.crm.add("customer", {"Name": "Acme", "Phone": "1"})
    await company.go()
    await company.rest()
    (made,) = company.erp.all("customer")
    winner = company.erp.add("customer", {"name": "Winner", "tel": "7"})
    company.erp.merge("customer", made, winner)
    await company.rest()
    assert company.linked("customer") == {acme: winner}
    assert company.erp.all("customer")[winner]["tel"] == "7"
    assert company.erp.all("customer")[winner]["name"] == "Winner"
    assert company.crm.all("customer")[acme]["Phone"] == "1"
    assert [w.needs_approval for w in company.pending()] == [True] * len(company.pending())
    assert company.pending()


class TestSurvivors:
    """Rule 10: the link goes to what a record was merged into, where that can be said."""

    async def test_not_while_a_write_may_still_take_effect(self, found: Founding) -> None:
        company = found(erp_settings={"settle_time": 60.0})
        pair = await link(company)
        winner = company.erp.add("customer", {"name": "Winner", "tel": "7"})
        company.erp_faults.arm(lose_answer, operation="write", entity="customer")
        pair.edit_crm(Phone="2")
        await company.sync()
        assert [w.state for w in company.pending()] == [WriteState.IN_DOUBT]
        company.erp.merge("customer", pair.erp_id, winner)
        await company.sync()
        assert [w.state for w in company.pending()] == [WriteState.IN_DOUBT]
        assert company.linked("customer") == {pair.crm_id: pair.erp_id}
        company.advance(seconds=61)
        await company.sync()
        await company.rest()
        assert company.linked("customer") == {pair.crm_id: winner}

    async def test_one_that_was_not_created_yet_is_not_any_more(self, company: Company) -> None:
        await begun(company)
        loser, winner = (
            company.crm.add("customer", {"Name": n, "Website": f"{n.lower()}.example"})
            for n in ("Acme", "Bolt")
        )
        await company.plan()
        assert len(company.pending()) == 2
        company.crm.merge("customer", loser, winner)
        await company.go()
        await company.rest()
        assert sorted(r["name"] for r in company.erp.all("customer").values()) == ["Bolt", "First"]
        assert company.pending() == []
        assert company.open_fields() == {}

    async def test_not_to_one_a_person_said_is_another(self, company: Company) -> None:
        pair = await link(company)
        winner = company.erp.add("customer", {"name": "Winner"})
        company.ask(
            lambda tx: refusals.add(
                tx, "customer", pair.crm_id, winner, reason="another", now=company.clock()
            )
        )
        company.erp.merge("customer", pair.erp_id, winner)
        await company.rest()
        assert company.linked("customer") == {pair.crm_id: pair.erp_id}
        assert company.open_fields() == {"(erp)": "merged"}

    async def test_merges_one_after_the_other_are_followed_to_the_end(
        self, company: Company
    ) -> None:
        pair = await link(company)
        middle, last = (company.erp.add("customer", {"name": n}) for n in ("Middle", "Last"))
        company.erp.merge("customer", pair.erp_id, middle)
        company.erp.merge("customer", middle, last)
        await company.rest()
        assert company.linked("customer") == {pair.crm_id: last}

    async def test_a_survivor_that_is_gone_takes_nothing_over(self, company: Company) -> None:
        pair = await link(company)
        winner = company.erp.add("customer", {"name": "Winner"})
        company.erp.merge("customer", pair.erp_id, winner)
        company.erp.delete("customer", winner)
        await company.rest()
        assert company.linked("customer") == {pair.crm_id: pair.erp_id}
        assert company.open_fields() == {"(erp)": "merged"}

    async def test_a_circle_of_merges_ends(self, company: Company) -> None:
        """No system should show one; a read that lags behind may."""
        pair = await link(company)
        winner = company.erp.add("customer", {"name": "Winner"})
        company.erp.merge("customer", pair.erp_id, winner)

        def circle(_call: Any, carry_out: Any) -> Any:
            return [
                msgspec.structs.replace(row, state=State.MERGED, merged_into=pair.erp_id, cells={})
                if row.id == winner
                else row
                for row in carry_out()
            ]

        for operation in ("changed", "fetched"):
            company.erp_faults.arm(circle, operation=operation, entity="customer", times=None)
        await company.sync()
        assert seen(company, Side.ERP, winner).presence is Presence.MERGED
        assert company.linked("customer") == {pair.crm_id: pair.erp_id}
        assert company.open_fields() == {"(erp)": "merged"}


async def test_a_deleted_source_withdraws_its_create(company: Company) -> None:
    acme = company.crm.add("customer", {"Name": "Acme"})
    await company.plan()
    company.approve()
    company.crm.delete("customer", acme)
    await company.sync()
    await company.rest()
    assert company.erp.all("customer") == {}
    assert company.pending() == []


async def test_a_record_without_any_partner_may_come_and_go(company: Company) -> None:
    born = company.erp.add("customer", {"name": "Born in the ERP"})
    await company.go()
    company.erp.delete("customer", born)
    report = await company.sync()
    assert report.writes == 0
    assert company.open_fields() == {}


async def test_a_system_down_at_the_second_look_proves_nothing(found: Founding) -> None:
    company = found(erp_settings={"changes": False})
    company.erp.add("customer", {"name": "Another"})
    pair = await link(company)
    company.erp.delete("customer", pair.erp_id)
    await company.sync()
    company.advance(hours=2)
    company.erp_faults.arm(answer_status(503), operation="fetched", times=None)
    await company.sync()
    assert seen(company, Side.ERP, pair.erp_id).presence is Presence.PRESENT
