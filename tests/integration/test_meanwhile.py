"""What other workers, people and the systems do between two steps of one delivery."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from interlock.connectors.base import Outcome, Receipt
from interlock.connectors.memory.calls import ConnectionLost
from interlock.connectors.memory.connector import MemoryConnector
from interlock.errors import RejectedError, UnknownOutcomeError
from interlock.governance.rules import Side
from interlock.store import creations, epochs, links, outbox
from interlock.store.outbox import WriteState
from interlock.testing.faults import answer_status, fail_before

from .company import Company
from .conftest import Founding
from .test_delivery import TAX, approved, begun, names
from .test_edits import link


def before_the_call(company: Company, do: Any) -> None:
    """Let something happen while the ERP is asked what it has already."""

    def act(_call: Any, carry_out: Any) -> Any:
        do()
        return carry_out()

    company.erp_faults.arm(act, operation="searched", entity="customer")


class TestTheLookBeforeACreate:
    @pytest.mark.parametrize("skip", [0, 1], ids=["for our reference", "for what is alike"])
    async def test_a_system_away_just_then_costs_no_patience(
        self, company: Company, skip: int
    ) -> None:
        await approved(company, "Acme", "Bolt")
        company.erp_faults.arm(
            answer_status(503), operation="searched", entity="customer", skip=skip
        )
        report = await company.sync()
        assert [p.code for p in report.problems] == ["unreachable"]
        assert names(company) == []
        assert {(w.state, w.attempts) for w in company.pending()} == {(WriteState.READY, 0)}
        company.advance(minutes=1)
        await company.rest()
        assert names(company) == ["Acme", "Bolt"]

    async def test_a_create_in_doubt_stays_so_while_nobody_can_look(self, found: Founding) -> None:
        company = found(erp_settings={"settle_time": 60.0})
        await approved(company, "Acme")

        def _done_and_away(_call: Any, carry_out: Any) -> Any:
            carry_out()
            company.erp_faults.arm(answer_status(503), operation="searched", times=None)
            raise ConnectionLost

        company.erp_faults.arm(_done_and_away, operation="write", entity="customer")
        await company.sync()
        assert names(company) == ["Acme"]
        company.advance(seconds=61)
        await company.sync()
        assert [w.state for w in company.pending()] == [WriteState.IN_DOUBT]
        company.erp_faults.clear()
        company.advance(minutes=1)
        await company.rest()
        assert names(company) == ["Acme"]
        assert len(company.linked("customer")) == 1

    async def test_what_was_made_and_has_gone_is_not_made_again(self, company: Company) -> None:
        """A worker that lost its lease stored that it made it; somebody deleted it at once."""
        await approved(company, "Acme")
        [create] = company.pending()

        def _made(tx: Any) -> None:
            creations.issue(tx, [create], company.clock())
            creations.finish(tx, [(create.reference, "77")], company.clock())

        company.ask(_made)
        await company.rest()
        assert names(company) == []
        assert [x.cause for x in company.letters()] == ["already_created"]

    async def test_an_archived_one_like_it_is_for_a_person(self, company: Company) -> None:
        await begun(company)
        old = company.erp.add("customer", {"name": "Kestrel", "vat_no": TAX})
        company.erp.archive("customer", old)
        company.crm.add("customer", {"Name": "Kestrel", "VatNumber": TAX})
        await company.rest()
        assert [x.cause for x in company.letters()] == ["like_archived"]
        assert old in company.letters()[0].message
        assert names(company) == ["First", "Kestrel"]

    async def test_a_worker_that_lost_its_claim_says_nothing(self, company: Company) -> None:
        await begun(company)
        old = company.erp.add("customer", {"name": "Kestrel", "vat_no": TAX})
        company.erp.archive("customer", old)
        company.crm.add("customer", {"Name": "Kestrel", "VatNumber": TAX})

        def _another() -> None:
            company.advance(hours=1)
            claimed = company.ask(
                lambda tx: outbox.claim(
                    tx, Side.ERP, "customer", now=company.clock(), lease="another",
                    lease_for=timedelta(hours=1), limit=10,
                )
            )  # fmt: skip
            assert len(claimed) == 1

        before_the_call(company, _another)
        await company.sync()
        assert company.letters() == []
        assert [(w.state, w.lease) for w in company.pending()] == [(WriteState.READY, "another")]

    async def test_nothing_is_sent_once_the_store_is_held(self, company: Company) -> None:
        await approved(company, "Acme")
        before_the_call(
            company,
            lambda: company.ask(lambda tx: epochs.begin(tx, why="restored", now=company.clock())),
        )
        await company.sync()
        assert names(company) == []
        assert company.erp.written["customer"] == 0


class TestAfterTheClaim:
    async def test_a_link_taken_apart_takes_its_write_along(
        self, company: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await begun(company)
        account = company.crm.add("customer", {"Name": "Acme", "Website": "acme.example"})
        claim = outbox.claim

        def _and_apart(tx: Any, *args: Any, **kw: Any) -> Any:
            claimed = claim(tx, *args, **kw)
            for w in claimed:
                links.forget_link(tx, w.link_id, reason="undone", now=company.clock())
            return claimed

        monkeypatch.setattr(outbox, "claim", _and_apart)
        await company.sync()
        assert names(company) == ["First"]
        assert company.pending() == []
        assert account not in company.linked("customer")

    @pytest.mark.parametrize("version_check", [True, False])
    async def test_a_parent_whose_link_was_undone_is_replaced_all_the_same(
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
        await company.plan()
        company.ask(
            lambda tx: links.forget_link(
                tx,
                links.members_of(tx, Side.CRM, [("customer", old)])["customer", old],
                reason="undone",
                now=company.clock(),
            )
        )
        for _ in range(3):
            await company.sync()
            company.advance(seconds=10)
        [row] = company.erp.all("contact").values()
        assert row["partner_id"] == company.linked("customer")[new]
        assert company.pending() == []


class TestAnswers:
    async def test_an_answer_that_names_somebody_elses_record_is_no_success(
        self, company: Company
    ) -> None:
        """A system that takes a create for an update of a record it has."""
        await begun(company)
        [first] = company.erp.all("customer")
        company.crm.add("customer", {"Name": "Acme", "Website": "acme.example"})

        def _upsert(call: Any, carry_out: Any) -> Any:
            return [
                msgspec.structs.replace(a, row=company.erp.row("customer", first))
                for a in carry_out()
            ]

        company.erp_faults.arm(_upsert, operation="write", entity="customer")
        await company.sync()
        assert [x.cause for x in company.letters()] == ["linked_elsewhere"]
        assert first in company.letters()[0].message
        assert list(company.linked("customer").values()) == [first]

    async def test_a_passing_failure_of_one_record_is_tried_later(
        self, company: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = MemoryConnector.write
        failing = True

        async def _write(self: Any, entity: str, writes: Any) -> Any:
            if not failing or entity != "customer" or "order" not in self.capabilities.entities:
                return await write(self, entity, writes)
            good = [w for w in writes if w.fields.get("name") != "Bad"]
            done = list(await write(self, entity, good)) if good else []
            return [*done, *(Receipt(write_id=w.id, outcome=Outcome.TRANSIENT)
                             for w in writes if w not in good)]  # fmt: skip

        monkeypatch.setattr(MemoryConnector, "write", _write)
        await approved(company, "Bad", "Good")
        await company.sync()
        assert names(company) == ["Good"]
        [left] = company.pending()
        assert (left.state, left.attempts) == (WriteState.READY, 1)
        assert left.due_at > company.clock()
        failing = False
        company.advance(minutes=1)
        await company.rest()
        assert names(company) == ["Bad", "Good"]

    async def test_it_is_given_up_in_the_end(
        self, company: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def _write(_self: Any, _entity: str, writes: Any) -> Any:
            return [Receipt(write_id=w.id, outcome=Outcome.TRANSIENT) for w in writes]

        monkeypatch.setattr(MemoryConnector, "write", _write)
        await approved(company, "Acme")
        for _ in range(12):
            await company.sync()
            company.advance(hours=2)
        [letter] = company.letters()
        assert letter.cause == "exhausted"

    async def test_a_connector_that_cannot_tell_is_recovered_from(
        self, company: Company, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        write = MemoryConnector.write
        calls = 0

        async def _write(self: Any, entity: str, writes: Any) -> Any:
            nonlocal calls
            calls += 1
            receipts = await write(self, entity, writes)
            if calls == 1:
                raise UnknownOutcomeError("no answer", system="erp")
            return receipts

        await approved(company, "Acme", "Bolt")
        monkeypatch.setattr(MemoryConnector, "write", _write)
        await company.sync()
        company.advance(minutes=1)
        await company.rest()
        assert names(company) == ["Acme", "Bolt"]
        assert len(company.linked("customer")) == 2
        assert company.pending() == []

    async def test_without_a_look_nothing_is_agreed_on(
        self, found: Founding, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The answer to an update is lost, and the record itself is not shown just then."""
        company = found(erp_settings={"settle_time": 30.0})
        pair = await link(company)
        company.erp_faults.arm(fail_before, operation="write", entity="customer")
        pair.edit_crm(Phone="2")
        await company.sync()
        fetched: list[str] = []

        async def _refuse(_self: Any, _entity: str, ids: Any) -> Any:
            fetched.extend(ids)
            raise RejectedError("it is locked", code="locked")

        with monkeypatch.context() as patched:
            patched.setattr(MemoryConnector, "fetch", _refuse)
            company.advance(seconds=31)
            await company.sync()
        assert fetched == [pair.erp_id]
        company.advance(minutes=1)
        await company.rest()
        assert pair.erp["tel"] == "2"
        assert company.open_fields() == {}
