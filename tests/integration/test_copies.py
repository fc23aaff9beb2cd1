"""Records that were cloned with our key: the copy loses it once, the original never (rule 13)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from interlock.connectors.base import EntityCapabilities
from interlock.governance.rules import CROSS_REFERENCE, Side
from interlock.sync.pair import Connection
from interlock.testing.faults import drop_column, lose_answer

from .company import Company
from .test_edits import Linked, link


@pytest.fixture
async def pair(company: Company) -> Linked:
    return await link(company)


async def test_a_copy_in_the_crm_loses_the_key(pair: Linked) -> None:
    company = pair.company
    clone = company.crm.add("customer", dict(pair.crm))
    await company.rest()
    assert company.crm.all("customer")[clone]["ErpId__c"] is None
    assert pair.crm["ErpId__c"] == pair.erp_id
    assert pair.erp["crm_id"] == pair.crm_id
    assert company.linked("customer") == {pair.crm_id: pair.erp_id}
    assert len(company.erp.all("customer")) == 1, "what may be the same is not created"
    [event] = company.ask(lambda tx: _copies(tx, clone))
    assert pair.crm_id in event.why


def _copies(tx: Any, record_id: str) -> list[Any]:
    from interlock.store import history

    events = history.everything(tx)
    return [e for e in events if e.event == "copy" and e.record_id == record_id]


async def test_a_copy_in_the_erp_loses_the_key(pair: Linked) -> None:
    company = pair.company
    clone = company.erp.add("customer", {k: v for k, v in pair.erp.items() if k != "number"})
    await company.rest()
    assert company.erp.all("customer")[clone]["crm_id"] is None
    assert pair.erp["crm_id"] == pair.crm_id
    assert company.linked("customer") == {pair.crm_id: pair.erp_id}


async def test_edits_of_the_copy_and_the_original_stay_apart(pair: Linked) -> None:
    company = pair.company
    clone = company.crm.add("customer", dict(pair.crm))
    await company.rest()
    company.crm.edit("customer", clone, {"Phone": "9"})
    pair.edit_crm(Phone="2")
    await company.rest()
    assert pair.erp["tel"] == "2"
    assert company.crm.all("customer")[clone]["Phone"] == "9"


async def test_a_key_that_comes_back_is_not_fought_for(pair: Linked) -> None:
    company = pair.company
    clone = company.crm.add("customer", dict(pair.crm))
    company.crm_faults.arm(drop_column("ErpId__c"), operation="write", times=None)
    company.crm_faults.seen.clear()
    for _ in range(5):
        await company.sync(full=True)
        company.advance(minutes=5)
    assert company.crm.all("customer")[clone]["ErpId__c"] == pair.erp_id
    assert len([c for c in company.crm_faults.seen if c.operation == "write"]) <= 3


async def test_many_copies_wait_for_a_person(pair: Linked) -> None:
    company = pair.company
    clones = [company.crm.add("customer", dict(pair.crm)) for _ in range(30)]
    report = await company.sync()
    assert [p.code for p in report.problems] == ["limit"]
    assert {company.crm.all("customer")[c]["ErpId__c"] for c in clones} == {pair.erp_id}
    await company.go()
    assert {company.crm.all("customer")[c]["ErpId__c"] for c in clones} == {None}
    assert pair.crm["ErpId__c"] == pair.erp_id


async def test_where_the_original_is_gone_nothing_is_cleared(pair: Linked) -> None:
    """What carries the key now may be what the original was merged into."""
    company = pair.company
    clone = company.crm.add("customer", dict(pair.crm))
    company.crm.delete("customer", pair.crm_id)
    await company.rest()
    assert company.crm.all("customer")[clone]["ErpId__c"] == pair.erp_id


async def test_a_system_that_does_not_keep_the_cross_reference_is_not_fought(
    company: Company,
) -> None:
    company.crm_faults.arm(drop_column("ErpId__c"), operation="write", times=None)
    pair = await link(company)
    for _ in range(3):
        await company.sync(full=True)
        company.advance(minutes=5)
    assert pair.crm["ErpId__c"] is None
    assert company.open_fields() == {"other_id": "parked"}
    assert len([c for c in company.crm_faults.seen if c.operation == "write"]) == 3
    pair.edit_crm(Phone="2")
    await company.rest()
    assert pair.erp["tel"] == "2"


async def test_a_key_that_may_not_be_written_is_left(
    pair: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    entity = Connection.entity

    def _read_only(self: Connection, name: str) -> EntityCapabilities | None:
        caps = entity(self, name)
        if caps is None or self.side is Side.ERP or CROSS_REFERENCE not in caps.fields:
            return caps
        facts = msgspec.structs.replace(caps.fields[CROSS_REFERENCE], writable=False)
        return msgspec.structs.replace(caps, fields={**caps.fields, CROSS_REFERENCE: facts})

    monkeypatch.setattr(Connection, "entity", _read_only)
    company = pair.company
    clone = company.crm.add("customer", dict(pair.crm))
    await company.rest()
    assert company.crm.all("customer")[clone]["ErpId__c"] == pair.erp_id
    assert company.ask(lambda tx: _copies(tx, clone)) == []
    assert company.linked("customer") == {pair.crm_id: pair.erp_id}
    assert len(company.erp.all("customer")) == 1


async def test_a_key_is_cleared_once_although_the_answer_is_lost(pair: Linked) -> None:
    company = pair.company
    clone = company.crm.add("customer", dict(pair.crm))
    company.crm_faults.arm(lose_answer, operation="write", entity="customer")
    company.crm_faults.seen.clear()
    for _ in range(3):
        await company.sync()
        company.advance(minutes=1)
    assert company.crm.all("customer")[clone]["ErpId__c"] is None
    assert len([c for c in company.crm_faults.seen if c.operation == "write"]) == 1
    assert company.linked("customer") == {pair.crm_id: pair.erp_id}
    assert company.pending() == []
