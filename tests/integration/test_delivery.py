"""Delivery under pressure: slow calls, lost leases, refused look-ups, answers that never come."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from interlock.connectors.base import UNSUPPORTED, EntityCapabilities
from interlock.connectors.bottlecrm.config import BottleCrmSettings
from interlock.connectors.memory.calls import ConnectionLost
from interlock.connectors.memory.connector import MemoryConnector
from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.customers import PartyDesk
from interlock.errors import RejectedError
from interlock.governance.rules import Side
from interlock.store import outbox
from interlock.store.outbox import WriteState
from interlock.sync.deliver import deliver
from interlock.sync.pair import Connection
from interlock.sync.progress import Run
from interlock.testing.faults import answer_status, fail_before, lose_answer

from .company import Company
from .conftest import Founding
from .test_edits import link

TAX = "DE136695976"


def names(company: Company) -> list[str]:
    return sorted(str(row["name"]) for row in company.erp.all("customer").values())


async def approved(company: Company, *customers: str) -> None:
    for name in customers:
        company.crm.add("customer", {"Name": name, "Website": f"{name.lower()}.example"})
    await company.plan()
    company.approve()


async def begun(company: Company) -> None:
    """Have both lists matched, so that later records need no approval."""
    company.crm.add("customer", {"Name": "First", "Website": "first.example"})
    await company.go()
    await company.rest()


class TestSlowCalls:
    """Rules 17 and 19: nobody takes over, or believes in absence, while the system may work."""

    async def test_the_settle_time_begins_when_nobody_waits_any_more(self, found: Founding) -> None:
        company = found(erp_settings={"settle_time": 30.0})
        await approved(company, "Acme")
        late: list[Any] = []

        def _times_out(_call: Any, carry_out: Any) -> Any:
            company.advance(seconds=60)
            late.append(carry_out)
            raise ConnectionLost

        company.erp_faults.arm(_times_out, operation="write", entity="customer")
        await company.sync()
        assert names(company) == [], "the first call may still take effect"
        late[0]()
        for _ in range(3):
            company.advance(seconds=31)
            await company.sync()
        assert names(company) == ["Acme"]
        assert len(company.linked("customer")) == 1

    async def test_a_lease_is_renewed_while_the_call_lasts(
        self, found: Founding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        company = found(erp_settings={"settle_time": 30.0})
        await approved(company, "Acme")
        slept: list[float] = []
        over = asyncio.Event()
        write = MemoryConnector.write

        async def _slow(self: Any, entity: str, writes: Any) -> Any:
            await asyncio.wait_for(over.wait(), 5)
            return await write(self, entity, writes)

        async def _sleep(seconds: float) -> None:
            slept.append(seconds)
            if sum(slept) > 300:
                over.set()
                await asyncio.Event().wait()
            company.advance(seconds=seconds)

        monkeypatch.setattr(MemoryConnector, "write", _slow)
        free_at: list[Any] = []
        renew = outbox.renew

        def _watch(tx: Any, *args: Any, **kw: Any) -> None:
            free_at.append(outbox.claimable(tx, company.clock()))
            renew(tx, *args, **kw)

        monkeypatch.setattr(outbox, "renew", _watch)
        async with company.session() as session:
            await deliver(replace(session.pair, sleep=_sleep), Run(id="slow"))
        assert len(free_at) > 20
        assert set().union(*free_at) == set(), "another worker could have taken it"
        assert names(company) == ["Acme"]
        assert len(company.linked("customer")) == 1

    async def test_a_second_record_made_after_a_lost_lease_is_told(self, found: Founding) -> None:
        """The call blocks the whole process, so that it cannot renew its lease."""
        company = found(erp_settings={"settle_time": 30.0})
        await approved(company, "Acme")

        def _hangs(_call: Any, carry_out: Any) -> Any:
            company.advance(seconds=61)
            company.close()
            other = threading.Thread(target=lambda: asyncio.run(_work(company)))
            other.start()
            other.join()
            return carry_out()

        company.erp_faults.arm(_hangs, operation="write", entity="customer")
        await _work(company)
        assert names(company) == ["Acme", "Acme"]
        [letter] = company.letters()
        assert letter.cause == "created_twice"
        assert all(record_id in letter.message for record_id in company.erp.all("customer"))


async def _work(company: Company) -> None:
    """Sync with a store and connections of one's own."""
    from interlock.service.session import connect
    from interlock.service.syncing import sync_once

    async with connect(company.project(), clock=company.clock, new_id=company.new_id) as session:
        await sync_once(session, wait=timedelta(0))


class TestLiveLookUp:
    """Rule 12."""

    async def test_a_record_judged_before_may_be_the_counterpart_now(
        self, company: Company
    ) -> None:
        other = company.erp.add("customer", {"name": "Foo"})
        await begun(company)
        company.crm.add(
            "customer", {"Name": "Kestrel", "VatNumber": TAX, "Website": "kestrel.example"}
        )
        await company.plan()
        # the feed is late by one look
        company.erp_faults.arm(lambda *_: [], operation="changed", entity="customer")
        company.erp.edit("customer", other, {"name": "Kestrel", "vat_no": TAX})
        await company.sync()
        assert [r["vat_no"] for r in company.erp.all("customer").values()].count(TAX) == 1

    async def test_a_refused_look_up_is_the_affair_of_that_record(
        self, company: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await begun(company)
        lookup = MemoryConnector.lookup

        async def _refuse(self: Any, entity: str, probe: Any) -> Any:
            if probe.get("name") == "Bad":
                raise RejectedError("no such search", code="invalid_value", field="name")
            return await lookup(self, entity, probe)

        monkeypatch.setattr(MemoryConnector, "lookup", _refuse)
        for name in ("Bad", "Good", "Fine"):
            company.crm.add("customer", {"Name": name, "Website": f"{name.lower()}.example"})
        report = await company.sync()
        assert names(company) == ["Fine", "First", "Good"]
        assert [(d.cause, d.field) for d in company.letters()] == [("invalid_value", "name")]
        assert not report.problems

    async def test_a_refused_search_for_references_is_split(
        self, company: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await approved(company, "Bad", "Good", "Fine")
        [bad] = [w.reference for w in company.pending() if w.fields["name"] == "Bad"]
        find = MemoryConnector.find

        async def _refuse(self: Any, entity: str, references: Any) -> Any:
            if bad in references:
                raise RejectedError("no such search", code="invalid_value")
            return await find(self, entity, references)

        monkeypatch.setattr(MemoryConnector, "find", _refuse)
        report = await company.sync()
        assert names(company) == ["Fine", "Good"]
        assert [d.source_id for d in company.letters()] == [
            i for i, row in company.crm.all("customer").items() if row["Name"] == "Bad"
        ]
        assert not report.problems

    async def test_a_refused_resumption_is_the_affair_of_that_record(
        self, company: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await approved(company, "Acme", "Bolt")
        company.erp_faults.arm(lose_answer, operation="write", entity="customer")
        find = MemoryConnector.find

        async def _incomplete(self: Any, entity: str, references: Any) -> Any:
            found = await find(self, entity, references)
            return {
                k: [msgspec.structs.replace(f, complete=f.record.fields["name"] != "Acme")
                    for f in v]
                for k, v in found.items()
            }  # fmt: skip

        async def _refuse(*_args: Any) -> Any:
            raise RejectedError("it is locked", code="locked")

        monkeypatch.setattr(MemoryConnector, "find", _incomplete)
        monkeypatch.setattr(MemoryConnector, "resume", _refuse)
        report = await company.sync()
        assert [d.cause for d in company.letters()] == ["locked"]
        assert len(company.linked("customer")) == 1
        assert not report.problems


class TestReferences:
    """Rule 18: what a reference replaces is compared like any other value."""

    @pytest.mark.parametrize("version_check", [True, False])
    async def test_a_contact_moves_to_another_customer(
        self, found: Founding, version_check: bool
    ) -> None:
        company = found(erp_settings={"version_check": version_check})
        old, new = (
            company.crm.add("customer", {"Name": n, "Website": f"{n.lower()}.example"})
            for n in ("Acme", "Bolt")
        )
        person = company.crm.add(
            "contact", {"AccountId": old, "PersonName": {"FirstName": "Jo", "LastName": "Doe"}}
        )
        await company.go()
        await company.rest()
        company.crm.edit("contact", person, {"AccountId": new})
        report = await company.sync()
        assert "conflict" not in report.counts
        [row] = company.erp.all("contact").values()
        assert row["partner_id"] == company.linked("customer")[new]
        assert company.pending() == []
        assert company.letters() == []


class TestAnswersThatNeverCome:
    """Rule 22: patience is limited, and grows with each try."""

    async def test_an_update_is_given_up_in_the_end(self, company: Company) -> None:
        pair = await link(company)
        company.erp_faults.arm(fail_before, operation="write", entity="customer", times=None)
        pair.edit_crm(Phone="2")
        company.erp_faults.seen.clear()
        await company.sync()
        in_one_run = sum(c.operation == "write" for c in company.erp_faults.seen)
        assert in_one_run <= 2
        for _ in range(25):
            company.advance(hours=1)
            await company.sync()
        assert sum(c.operation == "write" for c in company.erp_faults.seen) == 8
        [letter] = company.letters()
        assert letter.cause == "exhausted"
        # a person mends the connection and asks for another try
        company.erp_faults.clear()
        pair.edit_crm(Phone="3")
        await company.rest()
        assert pair.erp["tel"] == "3"
        assert company.letters() == []

    async def test_a_create_is_given_up_in_the_end(self, company: Company) -> None:
        await approved(company, "Acme")
        company.erp_faults.arm(fail_before, operation="write", entity="customer", times=None)
        for _ in range(25):
            await company.sync()
            company.advance(hours=1)
        assert sum(c.operation == "write" for c in company.erp_faults.seen) == 8
        [letter] = company.letters()
        assert letter.cause == "exhausted"
        assert [w.state for w in company.pending()] == [WriteState.DEAD]

    async def test_a_missing_right_is_no_records_fault(self, company: Company) -> None:
        await approved(company, "Acme", "Bolt")
        company.erp_faults.arm(answer_status(403), operation="write", entity="customer", times=None)
        for _ in range(10):
            report = await company.sync()
            company.advance(hours=1)
        assert [p.code for p in report.problems] == ["not_permitted"]
        assert company.letters() == []
        assert {(w.state, w.attempts) for w in company.pending()} == {(WriteState.READY, 0)}
        company.erp_faults.clear()
        await company.sync()
        assert names(company) == ["Acme", "Bolt"]


class TestUncertain:
    """Rule 19: without a way to find a reference a person decides, never the engine."""

    @pytest.fixture
    def unsearchable(self, found: Founding, monkeypatch: pytest.MonkeyPatch) -> Company:
        entity = Connection.entity

        def _without_find(self: Connection, name: str) -> EntityCapabilities | None:
            caps = entity(self, name)
            if caps is None or self.side is Side.CRM:
                return caps
            return msgspec.structs.replace(caps, find=UNSUPPORTED, lookup=UNSUPPORTED)

        monkeypatch.setattr(Connection, "entity", _without_find)
        return found(erp_settings={"settle_time": 30.0})

    async def test_what_arrived_is_linked_by_what_it_is(self, unsearchable: Company) -> None:
        company = unsearchable
        company.crm.add("customer", {"Name": "Acme", "VatNumber": TAX})
        await company.plan()
        company.approve()
        company.erp_faults.arm(lose_answer, operation="write", entity="customer")
        await company.sync()
        assert company.letters() == [], "the call may still take effect"
        company.advance(seconds=31)
        company.erp_faults.arm(lambda *_: [], operation="changed", entity="customer")
        await company.sync()
        [letter] = company.letters()
        assert letter.cause == "uncertain"
        assert "retry" in letter.fix
        await company.sync()
        assert len(company.linked("customer")) == 1
        assert names(company) == ["Acme"]
        assert company.letters() == []

    async def test_what_did_not_is_sent_again_when_a_person_says_so(
        self, unsearchable: Company
    ) -> None:
        from interlock.service.letters import retry_letters

        company = unsearchable
        await approved(company, "Acme")
        company.erp_faults.arm(fail_before, operation="write", entity="customer")
        for _ in range(4):
            await company.sync()
            company.advance(seconds=31)
        assert names(company) == []
        [letter] = company.letters()
        with company.store() as store:
            retry_letters(store, [letter.id], by="tester", now=company.clock())
        await company.sync()
        assert names(company) == ["Acme"]
        assert company.letters() == []


class TestConnectors:
    async def test_tryton_a_read_back_that_fails_undoes_nothing(self) -> None:
        class Reader:
            async def read(self, *_: Any) -> Any:
                raise RejectedError("no right to read it back")

        nothing: Any = None
        reader: Any = Reader()
        desk = PartyDesk(nothing, nothing, nothing, reader, nothing)
        assert await desk.shown("order", [1]) == {}

    def test_tryton_settles_after_the_timeout(self) -> None:
        settings = {"url": "https://erp.example", "database": "e", "login": "i", "password": "p"}
        TrytonSettings.model_validate({**settings, "timeout": 60, "settle_time": "PT61S"})
        with pytest.raises(ValueError, match="settle_time must be longer than timeout"):
            TrytonSettings.model_validate({**settings, "timeout": 60, "settle_time": "PT60S"})

    @pytest.mark.parametrize("timeout", [5.0, 60.0, 300.0])
    def test_bottlecrm_settles_after_the_timeout(self, timeout: float) -> None:
        settings = BottleCrmSettings.model_validate(
            {"url": "https://crm.example", "token": "bcrm_pat_x", "timeout": timeout}
        )
        assert settings.settle_time > timedelta(seconds=timeout)
