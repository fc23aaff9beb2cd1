"""The store goes back, or is lost: nothing is doubled, nothing is overwritten (rule 28)."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from interlock.errors import ConfigurationError, StoreError
from interlock.governance.rules import Side
from interlock.service.status import read_status
from interlock.service.timetravel import Rebuilt, back_up, rebuild_links, restore
from interlock.store import backup, epochs, links
from interlock.store.database import Store, Tx
from interlock.store.mark import Position
from interlock.store.tables import metadata
from interlock.sync.identity import reference_of
from interlock.sync.progress import Run
from interlock.testing.faults import lose_answer

from .company import Company
from .conftest import Founding
from .test_orders import Shop, item

Rows = dict[str, dict[str, dict[str, Any]]]


class Year:
    """A shop with a day of business that its backup does not know of."""

    def __init__(self, shop: Shop) -> None:
        self.shop, self.company = shop, shop.company
        self.backup = self.company.root / "yesterday.backup"
        self.accounts: list[str] = []

    @classmethod
    async def open(cls, company: Company) -> Year:
        year = cls(await Shop.open(company))
        crm = company.crm
        year.accounts = [
            crm.add(
                "customer", {"Name": f"Firm {n}", "VatNumber": f"AT{n:08}", "Phone": f"+43 {n}"}
            )
            for n in range(6)
        ]
        year.shop.deal(Name="Before")
        await company.go()
        await company.rest()
        year.back_up()
        return year

    def back_up(self) -> None:
        with self.company.store() as store:
            back_up(self.company.project(), store, self.backup, now=self.company.clock())

    async def business(self) -> None:
        """A day of which the backup knows nothing."""
        crm, erp = self.company.crm, self.company.erp
        self.company.advance(hours=8)
        for n in range(4):
            crm.add("customer", {"Name": f"New {n}", "VatNumber": f"FR{n:08}", "Phone": f"+33 {n}"})
        crm.add("customer", {"Name": "No tax id at all"})
        crm.edit("customer", self.accounts[0], {"Phone": "+43 555"})
        crm.edit("customer", self.accounts[1], {"Name": "Firm 1 renamed", "VatNumber": "AT99"})
        both = {"Name": "Twice", "VatNumber": "ES1"}
        crm.add("customer", both)
        erp.add("customer", {"name": "Twice", "vat_no": "ES1", "tel": "+34 1"})
        erp.add("customer", {"name": "Only in the ERP", "vat_no": "IT1"})
        partner = self.company.linked("customer")[self.accounts[2]]
        erp.edit("customer", partner, {"terms": "N30"})
        for n in range(3):
            self.shop.deal(item(1, str(n + 1)), amount=f"{(n + 1) * 5}.00", Name=f"Deal {n}")
        await self.company.go()
        await self.company.rest()
        crm.delete("customer", self.accounts[3])
        self.company.advance(hours=8)
        await self.company.sync()
        self.company.advance(hours=8)
        await self.company.rest()

    def shown(self) -> Rows:
        """All that stands in both systems."""
        return {
            f"{system.kind} {entity}": system.all(entity)
            for system in (self.company.crm, self.company.erp)
            for entity in ("customer", "contact", "product", "deal", "order")
            if (system.kind, entity) not in (("crm", "order"), ("erp", "deal"))
        }

    def restore(self) -> None:
        self.company.close()
        restore(self.company.project(), self.backup, by="tester", now=self.company.clock())

    def lose_store(self) -> None:
        """Delete the store altogether; its mark goes with the disk."""
        self.company.close()
        url = self.company.project().store_url
        if url.startswith("sqlite"):
            for part in self.company.root.parent.glob("store.db*"):
                part.unlink()
        else:
            with self.company.store() as store, store.begin() as tx:
                for table in reversed(metadata.sorted_tables):
                    tx.conn.execute(table.delete())
            self.company.close()
            (self.company.root / "interlock.mark").unlink()

    async def rebuild(self) -> Rebuilt:
        async with self.company.session() as session:
            return await rebuild_links(session, Run(id="rebuild"), by="tester")

    async def release(self, *, plan: bool = True) -> None:
        """Approve the plan, once nothing that was on its way can take effect any more."""
        if plan:
            await self.company.plan()
        self.company.approve()
        self.company.advance(minutes=5)

    async def assert_nothing_is_written_unreleased(self) -> None:
        before = self.shown()
        for _ in range(3):
            report = await self.company.sync()
            assert report.writes == 0
            assert "held" in {p.code for p in report.problems}
            self.company.advance(minutes=10)
        assert self.shown() == before
        with self.company.store() as store:
            status = read_status(self.company.project(), store)
        assert status.hold is not None
        assert status.needs_person


@pytest.fixture
async def year(company: Company) -> Year:
    return await Year.open(company)


class TestABackup:
    async def test_restored_a_day_later_doubles_and_overwrites_nothing(self, year: Year) -> None:
        await year.business()
        before = year.shown()
        assert len(before["erp order"]) == 4
        year.restore()
        await year.assert_nothing_is_written_unreleased()
        plan = await year.company.plan()
        assert len(plan.writes) == 0, [(w.record, w.fields) for w in plan.writes]
        await year.release(plan=False)
        await year.company.rest()
        assert year.shown() == before, "both agreed, so nothing was to be written"

    async def test_its_history_says_that_it_went_back(self, year: Year) -> None:
        await year.business()
        year.restore()
        report = await year.company.sync()
        assert "history" not in {p.code for p in report.problems}
        (accepted,) = year.company.events("accepted")
        assert "tester restored the backup" in accepted.why

    async def test_released_it_goes_on_as_ever(self, year: Year) -> None:
        await year.business()
        year.restore()
        await year.release()
        await year.company.rest()
        year.company.crm.edit("customer", year.accounts[0], {"Phone": "+43 777"})
        year.company.crm.add("customer", {"Name": "Later", "VatNumber": "PT1"})
        year.shop.deal(Name="Later")
        await year.company.rest()
        assert len(year.shop.orders) == 5
        phones = {c["name"]: c["tel"] for c in year.company.erp.all("customer").values()}
        assert phones["Firm 0"] == "+43 777"
        assert "Later" in phones

    async def test_what_differs_is_shown_and_written_only_when_approved(self, year: Year) -> None:
        await year.business()
        crm, erp = year.company.crm, year.company.erp
        crm.edit("customer", year.accounts[4], {"Phone": "+43 444"})
        crm.add("customer", {"Name": "Not there yet", "VatNumber": "PT9"})
        deal = year.shop.deal(Name="Won meanwhile")
        year.restore()
        plan = await year.company.plan()
        shown = {(w.entity, w.kind.value) for w in plan.writes}
        assert shown == {("customer", "update"), ("customer", "create"), ("order", "create")}
        assert all(w.needs_approval for w in plan.writes)
        before = len(erp.all("customer"))
        await year.release(plan=False)
        await year.company.rest()
        assert len(erp.all("customer")) == before + 1
        assert [o["crm_id"] for o in year.shop.orders].count(deal) == 1
        assert {c["tel"] for c in erp.all("customer").values()} >= {"+43 444"}

    async def test_an_order_deleted_by_hand_is_not_made_again(self, year: Year) -> None:
        await year.business()
        [order] = [i for i, o in year.company.erp.all("order").items() if o["net_total"] == "15.00"]
        year.company.erp.delete("order", order)
        year.restore()
        plan = await year.company.plan()
        assert [w for w in plan.writes if w.entity == "order"] == []
        assert any("was not found after the store went back" in w.why for w in plan.waiting)
        await year.release(plan=False)
        await year.company.rest()
        assert len(year.shop.orders) == 3

    async def test_a_customer_deleted_meanwhile_is_not_made_again(self, year: Year) -> None:
        await year.business()
        linked = year.company.linked("customer")
        [late] = [i for i, c in year.company.crm.all("customer").items() if c["Name"] == "New 1"]
        year.company.erp.delete("customer", linked[late])
        year.restore()
        await year.release()
        await year.company.rest()
        assert "New 1" not in {c["name"] for c in year.company.erp.all("customer").values()}

    async def test_copies_that_carry_our_keys_stay_apart(self, year: Year) -> None:
        await year.business()
        linked = year.company.linked("customer")
        original = year.accounts[0]
        row = year.company.crm.all("customer")[original]
        year.company.crm.add("customer", {**row, "Name": "A copy of Firm 0", "VatNumber": None})
        year.restore()
        await year.company.plan()
        again = year.company.linked("customer")
        assert again[original] == linked[original]
        assert {k: v for k, v in again.items() if k in linked} == {
            k: v for k, v in linked.items() if k != year.accounts[3] or k in again
        }

    async def test_an_answer_that_was_on_its_way_is_found_not_sent_again(self, year: Year) -> None:
        year.company.erp_faults.arm(lose_answer, operation="write", entity="order")
        year.shop.deal(Name="On its way")
        await year.company.sync()
        assert len(year.shop.orders) == 2
        year.restore()
        await year.release()
        await year.company.rest()
        assert len(year.shop.orders) == 2

    async def test_of_another_installation_or_damaged_it_is_refused(
        self, year: Year, tmp_path: Path
    ) -> None:
        await year.business()
        before = year.company.ask(epochs.position)
        year.company.close()
        damaged = tmp_path / "damaged.backup"
        content = bytearray(year.backup.read_bytes())
        content[len(content) // 2] ^= 0xFF
        damaged.write_bytes(content)
        with pytest.raises(StoreError):
            restore(year.company.project(), damaged, by="tester", now=year.company.clock())
        year.company.write("interlock.yaml", {"installation:": 'installation: "other1"'})
        with pytest.raises(ConfigurationError, match="installation"):
            restore(year.company.project(), year.backup, by="tester", now=year.company.clock())
        assert year.company.ask(epochs.position) == before

    async def test_a_wrong_byte_anywhere_is_no_traceback(self, year: Year, tmp_path: Path) -> None:
        year.company.close()
        whole = year.backup.read_bytes()
        refused = 0
        offsets = range(0, len(whole), max(1, len(whole) // 80))
        for offset in offsets:
            damaged = tmp_path / f"{offset}.backup"
            damaged.write_bytes(
                whole[:offset] + bytes([whole[offset] ^ 0xFF]) + whole[offset + 1 :]
            )
            try:
                backup.read_manifest(damaged)
                restore(year.company.project(), damaged, by="tester", now=year.company.clock())
            except (StoreError, ConfigurationError):
                refused += 1
        assert refused > len(offsets) // 2

    async def test_the_replaced_store_is_kept(self, year: Year) -> None:
        await year.business()
        before = year.company.ask(links.counts)
        year.company.close()
        result = restore(year.company.project(), year.backup, by="tester", now=year.company.clock())
        assert result.replaced is not None
        kept = Path(result.replaced)
        if year.company.project().store_url.startswith("sqlite"):
            store = Store.open(f"sqlite:///{kept}", year.company.project().schema)
            assert store.run(links.counts) == before
            store.close()
        else:
            assert backup.read_manifest(kept).rows["link"] > 0


class TestSignsInTheSystems:
    """What both systems say of their records counts more than what the backup says."""

    async def test_links_changed_since_are_taken_apart(self, year: Year) -> None:
        await year.business()
        crm, erp = year.company.crm, year.company.erp
        a, b = year.accounts[4:6]
        before = year.company.linked("customer")
        for account, partner in ((a, before[b]), (b, before[a])):
            crm.edit("customer", account, {"ErpId__c": partner})
            erp.edit("customer", partner, {"crm_id": account})
        shown = year.shown()
        year.restore()
        await year.company.plan()
        again = year.company.linked("customer")
        assert (again[a], again[b]) == (before[b], before[a])
        whys = [e.why for e in year.company.events("unlinked")]
        assert whys.count("both records name others now") == 2
        await year.assert_nothing_is_written_unreleased()
        assert year.shown() == shown

    async def test_one_name_is_enough_where_the_other_says_nothing(self, year: Year) -> None:
        await year.business()
        crm, erp = year.company.crm, year.company.erp
        before = year.company.linked("customer")
        a, b = year.accounts[4:6]
        crm.edit("customer", a, {"ErpId__c": None})
        erp.edit("customer", before[a], {"ext_ref": None})
        erp.edit("customer", before[b], {"ext_ref": None, "crm_id": None})
        year.lose_store()
        await year.rebuild()
        again = year.company.linked("customer")
        assert (again[a], again[b]) == (before[a], before[b])
        whys = {e.why for e in year.company.events("linked")}
        assert {"found again: named in the CRM", "found again: named in the ERP"} <= whys

    async def test_the_latest_of_several_made_from_one_record_is_its_own(self, year: Year) -> None:
        """A person had it made anew: the earlier one still carries its reference."""
        company = year.company
        account = year.accounts[4]
        first = company.linked("customer")[account]
        async with company.session() as session:
            again = reference_of(session.pair, Side.ERP, "customer", account, "customer", 2)
        name = {"name": "Firm 4 anew", "ext_ref": again}
        second = company.erp.add("customer", name)
        company.crm.edit("customer", account, {"ErpId__c": None})
        company.erp.edit("customer", first, {"crm_id": None})
        year.lose_store()
        await year.rebuild()
        assert company.linked("customer")[account] == second


class TestALostStore:
    async def test_it_is_rebuilt_from_the_systems(self, year: Year) -> None:
        await year.business()
        before, linked = year.shown(), year.company.linked("customer")
        year.lose_store()
        result = await year.rebuild()
        assert result.hold is not None
        assert result.hold.stage is epochs.Stage.APPROVAL
        await year.assert_nothing_is_written_unreleased()
        assert [(w.entity, w.kind) for w in (await year.company.plan()).writes] == []
        again = year.company.linked("customer")
        assert again == {k: v for k, v in linked.items() if k in again}
        assert set(linked) - set(again) <= {year.accounts[3]}
        await year.release(plan=False)
        await year.company.rest()
        assert year.shown() == before

    async def test_nobody_need_ask_for_it(self, year: Year) -> None:
        await year.business()
        before = year.shown()
        year.lose_store()
        await year.assert_nothing_is_written_unreleased()
        await year.release()
        await year.company.rest()
        assert year.shown() == before

    async def test_a_renamed_system_is_still_the_same(self, year: Year) -> None:
        await year.business()
        before = year.shown()
        year.lose_store()
        text = (year.company.root / "interlock.yaml").read_text()
        (year.company.root / "interlock.yaml").write_text(
            text.replace("name: crm", "name: sales").replace("name: erp", "name: books")
        )
        for old, new in (("crm", "sales"), ("erp", "books")):
            file = year.company.root / "mappings" / f"{old}.yaml"
            if file.exists():
                file.rename(file.with_name(f"{new}.yaml"))
        await year.rebuild()
        await year.release(plan=False)
        await year.company.rest()
        assert year.shown() == before


class TestAStoreThatSilentlyGoesBack:
    async def test_a_copied_file_is_noticed_by_the_mark(
        self, found: Founding, store_url: str
    ) -> None:
        if not store_url.startswith("sqlite"):
            pytest.skip("a file is copied")
        year = await Year.open(found())
        file = Path(store_url.removeprefix("sqlite:///"))
        year.company.close()
        shutil.copy(file, file.with_name("copy.db"))
        await year.business()
        before = year.shown()
        year.company.close()
        shutil.copy(file.with_name("copy.db"), file)
        await year.assert_nothing_is_written_unreleased()
        await year.release()
        await year.company.rest()
        assert year.shown() == before

    async def test_even_by_one_write_sent(self, year: Year) -> None:
        rows = _dump(year.company)
        year.company.crm.edit("customer", year.accounts[0], {"Phone": "+43 9"})
        await year.company.sync()
        _load(year.company, rows)
        report = await year.company.sync()
        assert "held" in {p.code for p in report.problems}

    async def test_without_a_mark_a_key_it_never_issued_gives_it_away(self, year: Year) -> None:
        rows = _dump(year.company)
        year.company.crm.add("customer", {"Name": "Made since", "VatNumber": "PT1"})
        await year.company.rest()
        customers = len(year.company.erp.all("customer"))
        _load(year.company, rows)
        with year.company.store() as store:
            assert store.mark is not None
            here = store.run(epochs.position)
            assert here is not None
            store.mark = _Mark(here)
        report = await year.company.sync()
        assert "held" in {p.code for p in report.problems}
        year.company.advance(hours=1)
        await year.release()
        await year.company.rest()
        assert len(year.company.erp.all("customer")) == customers

    async def test_in_the_middle_of_a_run_nothing_more_is_sent(self, year: Year) -> None:
        rows = _dump(year.company)
        year.company.crm.edit("customer", year.accounts[0], {"Phone": "+43 9"})
        await year.company.sync()
        _load(year.company, rows)
        with year.company.store() as store, pytest.raises(StoreError, match="went back"):
            store.run(epochs.advance)

    async def test_another_database_server_is_noticed(self, year: Year) -> None:
        year.company.ask(
            lambda tx: tx.conn.execute(
                metadata.tables["meta"].update()
                .where(metadata.tables["meta"].c.key == "database")
                .values(value="elsewhere/1")
            )
        )  # fmt: skip
        report = await year.company.sync()
        assert "another database server" in report.problems[0].message


class TestDying:
    """Whenever the process dies, the next one goes on, and nothing is doubled."""

    @pytest.mark.parametrize("lost", [False, True])
    async def test_between_any_two_transactions(self, year: Year, lost: bool) -> None:
        await year.business()
        before = year.shown()
        if lost:
            year.lose_store()
        else:
            year.restore()
        at = 0
        while await _dies(year.company, at):
            at += 1
        assert at > 10
        await year.release(plan=False)
        await year.company.rest()
        assert year.shown() == before

    async def test_while_restoring_leaves_the_old_store_or_one_on_hold(
        self, found: Founding, store_url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if not store_url.startswith("sqlite"):
            pytest.skip("on a server it is one transaction")
        year = await Year.open(found())
        await year.business()
        before, rows = year.shown(), year.company.ask(links.counts)
        for name in ("_extract", "_facts_of_file", "_close_log", "_keep_aside", "flush_folder"):
            year.company.close()
            with monkeypatch.context() as patch:
                patch.setattr(backup, name, _dead)
                with pytest.raises(Killed):
                    year.restore()
            hold = year.company.ask(epochs.hold_of)
            assert (hold is None) == (year.company.ask(links.counts) == rows), name
            if name != "flush_folder":
                assert hold is None, name
        await year.assert_nothing_is_written_unreleased()
        await year.release()
        await year.company.rest()
        assert year.shown() == before


class _Mark:
    """A mark that never was further than the store."""

    def __init__(self, position: Position) -> None:
        self.position = position

    def read(self) -> Position:
        return self.position

    def reach(self, position: Position) -> None:
        self.position = position


class Killed(BaseException):
    """The process dies."""


def _dead(*_: object, **__: object) -> None:
    raise Killed


async def _dies(company: Company, at: int) -> bool:
    """Plan in a process that dies after some transactions; false when it got to the end."""
    with company.store() as store:
        run: Callable[..., Any] = store.run
        left = at

        def counted(work: Callable[..., Any], *args: Any, **kw: Any) -> Any:
            nonlocal left
            if left == 0:
                raise Killed
            left -= 1
            return run(work, *args, **kw)

        store.run = counted  # type: ignore[method-assign]
        try:
            plan = await company.plan()
            assert [p.code for p in plan.problems] == ["held"], plan.problems
        except Killed:
            others = asyncio.all_tasks() - {asyncio.current_task()}
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)
            return True
        finally:
            del store.run
    return False


def _dump(company: Company) -> dict[str, list[dict[str, Any]]]:
    def _read(tx: Tx) -> dict[str, list[dict[str, Any]]]:
        return {
            t.name: [r._asdict() for r in tx.conn.execute(t.select())]
            for t in metadata.sorted_tables
        }

    found: dict[str, list[dict[str, Any]]] = company.ask(_read)
    return found


def _load(company: Company, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Set the store back behind everybody's back."""

    def _write(tx: Tx) -> None:
        for table in reversed(metadata.sorted_tables):
            tx.conn.execute(table.delete())
        for name, values in rows.items():
            if values:
                tx.conn.execute(metadata.tables[name].insert(), values)

    company.ask(_write)
