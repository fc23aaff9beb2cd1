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
from interlock.testing.faults import refuse_inside_answer

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


class TestWhatIsNoDifference:
    async def test_what_the_target_cannot_hold(self, pair: Linked) -> None:
        pair.edit_crm(Name="Acme " + "x" * 200)
        await pair.company.rest()
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
