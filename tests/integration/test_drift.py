"""Drift: both systems compared in full, each difference explained, healed through the outbox."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest

from interlock.connectors.memory import MemorySystem
from interlock.governance.rules import Side
from interlock.service.drift import DriftReport, Filter, Healed, heal, last_drift, run_drift
from interlock.store import links
from interlock.sync.drift import Cause
from interlock.sync.progress import Run
from interlock.testing.faults import change_cells, refuse_inside_answer

from .company import Company
from .conftest import Founding
from .test_edits import Linked, link


async def drift(company: Company, rows_to: Any = None) -> DriftReport:
    async with company.session() as session:
        return await run_drift(session, Run(id="drift"), rows_to=rows_to)


async def healed(company: Company, *, dry_run: bool = False, **meant: Any) -> Healed:
    async with company.session() as session:
        return await heal(session, Run(id="heal"), Filter(**meant), dry_run=dry_run)


def causes(report: DriftReport) -> dict[tuple[str, str], str]:
    return {(d.entity, d.field): d.cause.value for d in report.differences}


@pytest.fixture
async def pair(company: Company) -> Linked:
    return await link(company)


def lose_hints(company: Company) -> None:
    """The feeds stay silent about what changes."""
    for faults in (company.crm_faults, company.erp_faults):
        faults.arm(lambda _c, _do: [], operation="changed", times=None)


def believe_agreed(pair: Linked, field: str) -> None:
    """The store takes what each side shows now for what both agreed on, as a fault would leave it."""

    def change(tx: Any) -> None:
        [bundle] = links.some(tx, "customer", None)[0]
        links.save_bases(
            tx,
            [
                (
                    bundle.link.id,
                    msgspec.structs.replace(
                        m, base={**m.base, field: bundle.seen[side].fields[field]}
                    ),
                )
                for side, m in bundle.members.items()
            ],
        )
        links.set_reconciled(tx, [(bundle.link.id, bundle.link.rev)])

    pair.company.ask(change)


async def test_two_that_agree_have_none(pair: Linked) -> None:
    report = await drift(pair.company)
    assert (report.compared, report.total) == (1, 0)
    last = pair.company.ask(last_drift)
    assert last is not None
    assert (last.total, last.at) == (0, report.at)


class TestCauses:
    async def test_a_change_nobody_told_of(self, pair: Linked) -> None:
        company = pair.company
        lose_hints(company)
        pair.edit_crm(Phone="2")
        await company.sync()
        report = await drift(company)
        assert causes(report) == {("customer", "phone"): "not observed"}
        [one] = report.differences
        assert one.values == {"crm": "2", "erp": "1"}
        assert one.records == {"crm": pair.crm_id, "erp": pair.erp_id}
        assert report.alarming == 1

    async def test_a_write_that_waits(self, pair: Linked) -> None:
        pair.edit_crm(Phone="2")
        await pair.company.plan()
        report = await drift(pair.company)
        assert causes(report) == {("customer", "phone"): "pending"}
        assert report.alarming == 0

    async def test_a_dead_letter(self, pair: Linked) -> None:
        company = pair.company
        pair.edit_crm(Phone="2")
        company.erp_faults.arm(refuse_inside_answer(), operation="write", times=None)
        await company.sync()
        assert causes(await drift(company)) == {("customer", "phone"): "dead letter"}

    async def test_a_conflict(self, found: Founding) -> None:
        company = found()
        company.own("customer", {"phone": "{owner: shared, first_link: crm}"})
        pair = await link(company)
        pair.edit_crm(Phone="2")
        pair.edit_erp(tel="3")
        await company.sync()
        assert causes(await drift(company)) == {("customer", "phone"): "open"}

    async def test_a_value_that_was_not_taken(self, pair: Linked) -> None:
        company = pair.company

        def drop(call: Any, carry_out: Any) -> Any:
            for op in call.ops:
                op.cells.pop("tel", None)
            return carry_out()

        company.erp_faults.arm(drop, operation="write", times=None)
        pair.edit_crm(Phone="2")
        for _ in range(3):
            await company.sync(full=True)
            company.advance(minutes=1)
        assert causes(await drift(company)) == {("customer", "phone"): "not taken"}

    async def test_an_edit_that_was_not_put_back(self, pair: Linked) -> None:
        company = pair.company
        pair.edit_erp(web="acme.org")
        await company.plan()

        def forget(tx: Any) -> None:
            from interlock.store.tables import outbox

            tx.conn.execute(outbox.delete())

        company.ask(forget)
        assert causes(await drift(company)) == {("customer", "website"): "not put back"}
        await healed(company, cause=Cause.NOT_PUT_BACK)
        await company.sync()
        assert pair.erp["web"] == "acme.com"
        assert (await drift(company)).total == 0

    async def test_a_record_without_counterpart(self, pair: Linked) -> None:
        pair.company.erp.add("customer", {"name": "Born in the ERP"})
        report = await drift(pair.company)
        assert causes(report) == {("customer", ""): "not observed"}
        await pair.company.sync()
        report = await drift(pair.company)
        assert causes(report) == {("customer", ""): "unlinked"}
        assert report.alarming == 0

    async def test_a_record_that_is_gone(self, pair: Linked) -> None:
        pair.company.erp.delete("customer", pair.erp_id)
        assert causes(await drift(pair.company)) == {("customer", ""): "gone"}

    async def test_what_nothing_explains(self, pair: Linked) -> None:
        company = pair.company
        pair.edit_crm(Phone="2")
        await company.plan()

        def forget(tx: Any) -> None:
            from interlock.store.tables import outbox

            tx.conn.execute(outbox.delete())

        company.ask(forget)
        believe_agreed(pair, "phone")
        report = await drift(company)
        assert causes(report) == {("customer", "phone"): "unexplained"}

        result = await healed(company, cause=Cause.UNEXPLAINED)

        assert (result.healed, result.to_approve) == (1, 1)
        assert causes(await drift(company)) == {("customer", "phone"): "pending"}
        await company.sync()
        assert pair.erp["tel"] == "1", "nothing goes out that nobody approved"
        await company.go()
        assert pair.erp["tel"] == "2"
        assert (await drift(company)).total == 0


class TestWhatIsOnItsWay:
    """Half links, and what was seen but not decided yet."""

    async def test_a_create_that_waits_for_an_approval(self, company: Company) -> None:
        company.crm.add("customer", {"Name": "Acme"})
        await company.plan()
        [one] = (await drift(company)).differences
        assert (one.field, one.cause, one.why) == ("", Cause.PENDING, "waits for an approval")

    async def test_a_create_that_was_switched_off(self, company: Company) -> None:
        company.crm.add("customer", {"Name": "Acme"})
        await company.plan()
        company.own("customer", {"create": "none", "payment_terms": "{owner: erp}",
                                 "credit_limit": "{owner: erp}"})  # fmt: skip
        await company.go()
        assert company.pending() == []
        assert company.erp.all("customer") == {}
        assert causes(await drift(company)) == {("customer", ""): "unlinked"}

    async def test_a_parent_that_is_not_there_yet(self, company: Company) -> None:
        old = company.crm.add("customer", {"Name": "Acme", "Website": "acme.example"})
        person = company.crm.add("contact", {"AccountId": old, "PersonName": {"LastName": "Doe"}})
        await company.go()
        await company.rest()
        new = company.crm.add("customer", {"Name": "Bolt", "Website": "bolt.example"})
        company.erp_faults.arm(
            refuse_inside_answer(), operation="write", entity="customer", times=None
        )
        company.crm.edit("contact", person, {"AccountId": new})
        await company.sync()
        found = {d.entity: d for d in (await drift(company)).differences}
        assert found["customer"].cause is Cause.DEAD_LETTER
        assert found["contact"].cause is Cause.PENDING
        assert found["contact"].why.startswith("waits for customer of link")

    async def test_each_field_has_a_cause_of_its_own(self, company: Company) -> None:
        company.own("customer", {"website": "{owner: crm, on_foreign_edit: flag}"})
        pair = await link(company)
        pair.edit_erp(web="acme.org")
        await company.sync()
        pair.edit_crm(Phone="2")
        await company.plan()
        assert causes(await drift(company)) == {
            ("customer", "website"): "open", ("customer", "phone"): "pending",
        }  # fmt: skip

    async def test_a_rule_that_changed_behind_a_dead_letter(self, company: Company) -> None:
        company.own("customer", {"website": "{owner: crm, on_foreign_edit: flag}"})
        pair = await link(company)
        pair.edit_erp(web="acme.org")
        await company.sync()
        company.crm_faults.arm(refuse_inside_answer(), operation="write", times=None)
        pair.edit_erp(tel="2")
        await company.sync()
        company.own("customer", {"website": "{owner: erp}"})
        await company.sync()
        found = {d.field: d for d in (await drift(company)).differences}
        assert found["phone"].cause is Cause.DEAD_LETTER
        assert found["website"].cause is Cause.PENDING
        assert "its rule changed" in found["website"].why

    async def test_what_a_process_that_died_had_seen(self, pair: Linked) -> None:
        """It had stored what it saw, and decided nothing yet."""
        company = pair.company
        pair.edit_crm(Phone="2")

        def _dies(_tx: Any, *_args: Any) -> Any:
            raise ConnectionError("killed")

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("interlock.sync.reconcile._batch", _dies)
            with pytest.raises(ConnectionError):
                await company.sync()
        [one] = (await drift(company)).differences
        assert (one.cause, one.why) == (Cause.PENDING, "seen, and decided at the next sync")

    async def test_a_link_made_while_it_reads(self, company: Company) -> None:
        company.own("customer", {"create": "none", "payment_terms": "{owner: erp}",
                                 "credit_limit": "{owner: erp}"})  # fmt: skip
        crm_id = company.crm.add("customer", {"Name": "Kestrel"})
        erp_id = company.erp.add("customer", {"name": "Larkspur Foods"})

        def meddle(_call: Any, carry_out: Any) -> Any:
            company.ask(
                lambda tx: links.create(
                    tx, "customer", [(Side.CRM, "customer", crm_id), (Side.ERP, "customer", erp_id)],
                    origin="match", evidence="", now=company.clock(),
                )
            )  # fmt: skip
            return carry_out()

        await company.plan()
        company.erp_faults.arm(meddle, operation="listed", entity="customer")
        whole = [d for d in (await drift(company)).differences if not d.field]
        assert [(d.records, d.cause, d.why) for d in whole] == [
            ({"crm": crm_id}, Cause.PENDING, "linked a moment ago")
        ]

    async def test_a_link_undone_while_it_reads(self, pair: Linked) -> None:
        company = pair.company
        lose_hints(company)
        pair.edit_crm(Phone="2")
        await company.sync()

        def meddle(_call: Any, carry_out: Any) -> Any:
            company.ask(
                lambda tx: links.forget_link(
                    tx,
                    links.members_of(tx, Side.CRM, [("customer", pair.crm_id)])[
                        "customer", pair.crm_id
                    ],
                    reason="another",
                    now=company.clock(),
                )
            )
            return carry_out()

        company.crm_faults.arm(meddle, operation="fetched", entity="customer")
        assert (await drift(company)).total == 0


class TestWhatIsNoDifference:
    async def test_what_the_target_cannot_hold(self, pair: Linked) -> None:
        pair.edit_crm(Name="Acme " + "x" * 200)
        await pair.company.rest()
        assert (await drift(pair.company)).total == 0

    async def test_what_it_cannot_hold_where_less_may_replace_more(self, company: Company) -> None:
        company.own("customer", {"name": "{owner: crm, lossy_ok: true}"})
        pair = await link(company)
        pair.edit_crm(Name="Acme " + "x" * 200)
        await company.rest()
        assert len(pair.erp["name"]) < 200
        assert (await drift(company)).total == 0

    async def test_what_cannot_be_read(self, pair: Linked) -> None:
        company = pair.company
        lose_hints(company)
        pair.edit_crm(Phone="2", Website="acme.org")
        company.erp_faults.hide("customer", "tel")
        assert causes(await drift(company)) == {("customer", "website"): "not observed"}

    async def test_an_archived_record_nobody_linked(self, pair: Linked) -> None:
        old = pair.company.crm.add("customer", {"Name": "Old"})
        pair.company.crm.archive("customer", old)
        assert (await drift(pair.company)).total == 0

    async def test_what_is_local_or_behind_the_boundary(self, company: Company) -> None:
        company.own("customer", {"website": "{owner: local}"})
        pair = await link(company)
        pair.edit_erp(web="elsewhere.example")
        assert (await drift(company)).total == 0

    async def test_an_edit_between_both_reads_that_travelled(self, pair: Linked) -> None:
        company = pair.company

        def meddle(_call: Any, carry_out: Any) -> Any:
            rows = carry_out()
            pair.edit_crm(Phone="2")
            pair.edit_erp(tel="2")
            return rows

        company.crm_faults.arm(meddle, operation="listed", entity="customer", times=1)
        report = await drift(company)
        assert report.total == 0


class TestSpelling:
    async def test_a_system_that_writes_it_in_its_own_way(self, pair: Linked) -> None:
        company = pair.company
        spelt = change_cells(
            lambda cells: (
                {**cells, "web": cells["web"].upper()} if cells.get("web") else dict(cells)
            )
        )
        company.erp_faults.arm(spelt, operation="write", times=None)
        pair.edit_crm(Website="acme-pumps.com")
        for _ in range(3):
            await company.sync(full=True)
            company.advance(minutes=1)
        [one] = (await drift(company)).differences
        assert (one.field, one.cause) == ("website", Cause.NOT_TAKEN)
        assert one.why == "the same but for its spelling"


class TestHealing:
    async def test_heals_what_was_not_observed_through_the_outbox(self, pair: Linked) -> None:
        company = pair.company
        lose_hints(company)
        pair.edit_crm(Phone="2")
        pair.edit_erp(web="acme.org")
        await company.sync()
        before = pair.written()
        result = await healed(company)
        assert (result.healed, result.to_send, pair.written()) == (2, 1, before)
        await company.sync()
        assert (pair.erp["tel"], pair.erp["web"]) == ("2", "acme.com")
        assert (await drift(company)).total == 0

    async def test_a_filter_leaves_the_rest(self, pair: Linked) -> None:
        company = pair.company
        lose_hints(company)
        company.crm.add("product", {"Name": "Widget", "ProductCode": "W1"})
        pair.edit_crm(Phone="2")
        await healed(company, entity="product")
        assert causes(await drift(company))["customer", "phone"] == "not observed"

    async def test_a_dry_run_changes_nothing(self, pair: Linked) -> None:
        company = pair.company
        lose_hints(company)
        pair.edit_crm(Phone="2")
        result = await healed(company, dry_run=True)
        assert (result.healed, result.to_send) == (1, 0)
        assert company.pending() == []
        assert causes(await drift(company)) == {("customer", "phone"): "not observed"}

    async def test_what_waits_for_a_person_is_left(self, found: Founding) -> None:
        company = found()
        company.own("customer", {"phone": "{owner: shared, first_link: crm}"})
        pair = await link(company)
        pair.edit_crm(Phone="2")
        pair.edit_erp(tel="3")
        await company.sync()
        result = await healed(company)
        assert (result.healed, result.left) == (0, 1)
        assert company.open_fields() == {"phone": "conflict"}


async def test_the_table_holds_all_and_no_formula(pair: Linked) -> None:
    lose_hints(pair.company)
    pair.edit_crm(Phone="=HYPERLINK(1)")
    table = io.StringIO()
    await drift(pair.company, table)
    head, row = table.getvalue().splitlines()
    assert head.startswith("entity,field,cause,why,link,crm record,erp record")
    assert "'=HYPERLINK(1)" in row


async def test_memory_does_not_grow_with_the_records(tmp_path: Path) -> None:
    """Ten times the records in the same memory: pages and digests on disk, nothing kept."""

    async def peak(count: int) -> int:
        root = tmp_path / str(count)
        root.mkdir()
        company = Company(root)
        _fill(company, count)
        async with company.session() as session:
            # first once, so that what is made once is not counted
            for entity in ("customer",):
                await session.store.call(_link_all, entity, count)
            tracemalloc.start()
            tracemalloc.reset_peak()
            before = tracemalloc.get_traced_memory()[0]
            report = await run_drift(session, Run(id="drift"))
            most = tracemalloc.get_traced_memory()[1] - before
            tracemalloc.stop()
        assert report.compared == count
        company.close()
        return most

    few, many = await peak(2_000), await peak(20_000)

    assert many < few * 1.5 + 1_000_000


def _fill(company: Company, count: int) -> None:
    for system, name in ((company.crm, "Name"), (company.erp, "name")):
        assert isinstance(system, MemorySystem)
        for n in range(count):
            system.add("customer", {name: f"Kestrel {n:05d} Ltd"})


def _link_all(tx: Any, entity: str, count: int) -> None:
    from datetime import UTC, datetime

    links.create_many(
        tx,
        entity,
        [
            ([(Side.CRM, entity, f"{n}"), (Side.ERP, entity, f"{n}")], "test")
            for n in range(1, count + 1)
        ],
        origin="match",
        now=datetime(2026, 3, 2, tzinfo=UTC),
    )
