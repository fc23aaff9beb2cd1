"""Nothing of `never` anywhere; nothing of `local` on the other side."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select

from interlock.connectors.memory import MemorySystem
from interlock.connectors.memory.calls import ApiError, Call
from interlock.connectors.memory.config import MemorySettings
from interlock.connectors.memory.facts import capabilities
from interlock.mapping.overrides import MappingOverrides
from interlock.service.audit import export, forgotten_file, head_file
from interlock.store import dead_letters
from interlock.store.database import Tx
from interlock.store.tables import metadata
from interlock.testing.faults import answer_status, lose_answer

from .company import Company
from .conftest import Founding
from .test_orders import Shop, item

MARK = "Xq7never"
"""Stands in every value that must not be found again."""


def never_columns(system: MemorySystem) -> dict[str, list[str]]:
    """Entity -> columns the connector says are never read."""
    declared = capabilities(system.kind, MemorySettings(system="x"), MappingOverrides()).never
    return {
        entity: [c for c in table.columns if c in declared]
        for entity, table in system.tables.items()
    }


def plant(system: MemorySystem) -> int:
    """Write a secret into every never column of every record."""
    planted = 0
    for entity, columns in never_columns(system).items():
        for record_id in list(system.all(entity)):
            cells = {column: f"{MARK}-{entity}-{column}" for column in columns}
            if cells:
                system.edit(entity, record_id, cells)
                planted += len(cells)
    return planted


def everything_stored(company: Company) -> bytes:
    """Every value of every row of every table, and the store's files as they lie on the disk."""

    def _rows(tx: Tx) -> bytes:
        found = []
        for table in metadata.tables.values():
            for row in tx.conn.execute(select(table)):
                found += [v if isinstance(v, bytes) else str(v).encode() for v in row]
        return b"\0".join(found)

    stored: bytes = company.ask(_rows)
    for file in Path(company.root).parent.rglob("*"):
        # the project folder too: nothing is kept beside the store
        if file.is_file():
            stored += file.read_bytes()
    return stored


async def busy(company: Company) -> tuple[Shop, list[bytes]]:
    """Have all that can be shown or stored: plans, conflicts, refusals, lost answers, orders."""
    shop = await Shop.open(company)
    said: list[bytes] = []
    contact = company.crm.add(
        "contact",
        {"AccountId": shop.account, "PersonName": {"LastName": "Doe"}, "call_notes": MARK},
    )
    company.crm.add("customer", {"Name": "Bolt", "email_log": MARK, "call_notes": MARK})
    deals = [
        shop.deal(Name="Zt5local deal", qualification=MARK, email_log=MARK),
        shop.deal(item(9, "1", "1.00", ProductCode="NOPE"), amount="1.00", Name="Zt5local refused",
                  qualification=MARK),
        shop.deal(Name="Zt5local open", StageName="Negotiation", qualification=MARK),
    ]  # fmt: skip
    for system in (company.crm, company.erp):
        assert plant(system)
    company.erp_faults.arm(lose_answer, operation="write", entity="order")
    company.erp_faults.arm(answer_status(422), operation="write", entity="contact")
    company.crm_faults.arm(answer_status(500, html=True), operation="changed", entity="quote")
    for _ in range(5):
        plan = await company.plan()
        said.append(msgspec.json.encode(plan))
        company.approve()
        report = await company.sync(full=True)
        said.append(msgspec.json.encode(report))
        company.advance(minutes=1)
        plant(company.erp)
    company.crm.edit("deal", deals[0], {"qualification": f"{MARK} again"})
    company.crm.edit("contact", contact, {"call_notes": f"{MARK} again"})
    said.append(msgspec.json.encode(await company.sync()))
    assert len(shop.orders) == 1
    assert company.letters()
    return shop, said


@pytest.fixture
def forgetful(found: Founding) -> Company:
    """Old pages of a store's file are part of it: all are looked at."""
    return found()


async def test_never_values_are_found_nowhere(
    forgetful: Company, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    company = forgetful
    _, said = await busy(company)
    everything = everything_stored(company)
    assert b"Acme" in everything, "the search does find what is stored"
    assert MARK.encode() not in everything
    for text in said:
        assert MARK.encode() not in text
    letters = company.ask(lambda tx: [*dead_letters.opened(tx), *dead_letters.closed(tx)])
    assert letters
    for letter in letters:
        assert MARK not in repr(letter)
    assert MARK not in repr(company.events())
    out = company.root / "export.jsonl"
    with company.store() as store:
        # decrypted: what the store's bytes would not show
        exported = export(company.project(), store, out)
    assert exported.events == len(company.events())
    assert "Bolt" in out.read_text()
    assert MARK not in out.read_text()
    for name in (head_file(company.project()), forgotten_file(company.project())):
        assert not name.exists() or MARK.encode() not in name.read_bytes()
    assert MARK not in caplog.text
    company.close()
    assert MARK.encode() not in b"".join(
        f.read_bytes() for f in company.root.parent.rglob("*") if f.is_file()
    )


async def test_a_refusal_that_quotes_a_body_is_cleaned_everywhere(found: Founding) -> None:
    company = found()
    company.crm.add("customer", {"Name": "Acme", "Email": "jo@acme.example"})
    await company.plan()
    company.approve()

    def quote(_call: Call, _carry_out: Callable[[], Any]) -> Any:
        raise ApiError(422, f'{{"email_log": "{MARK}@acme.example"}}', code="status_422")

    company.erp_faults.arm(quote, operation="write", entity="customer")
    report = await company.sync()
    assert company.letters() or report.problems
    out = company.root / "export.jsonl"
    with company.store() as store:
        export(company.project(), store, out)
    assert f"{MARK}@acme.example" not in out.read_text() + repr(company.letters())
    assert f"{MARK}@acme.example" not in repr(report)


async def test_never_columns_are_not_even_asked_for(forgetful: Company) -> None:
    company = forgetful
    await busy(company)
    for system, faults in ((company.crm, company.crm_faults), (company.erp, company.erp_faults)):
        barred = {c for columns in never_columns(system).values() for c in columns}
        assert barred
        for call in faults.seen:
            assert not barred & set(call.columns), call.operation
            for op in call.ops:
                assert not barred & set(op.cells)


async def test_never_values_do_not_cross(forgetful: Company) -> None:
    company = forgetful
    await busy(company)
    own = never_columns(company.crm) | {}
    for system, columns in ((company.crm, own), (company.erp, never_columns(company.erp))):
        for entity in system.tables:
            for row in system.all(entity).values():
                mapped = {k: v for k, v in row.items() if k not in columns.get(entity, ())}
                assert MARK not in repr(mapped)


async def test_local_values_are_never_on_the_other_side(forgetful: Company) -> None:
    company = forgetful
    shop, _ = await busy(company)
    other = {e: company.erp.all(e) for e in company.erp.tables}
    assert "Acme" in repr(other)
    assert "Zt5local" not in repr(other), "the deal's name is the CRM's own"
    for stage in ("Negotiation", "Closed Won"):
        assert stage not in repr(other)
    assert shop.orders[0]["customer_po"] == "PO-7", "but an order carries what it was made of"


async def test_a_field_put_on_the_never_list_is_not_read_any_more(found: Founding) -> None:
    company = found()
    company.crm.add("customer", {"Name": "Acme", "Phone": f"{MARK}"})
    company.own("customer", {"phone": ""})
    text = (company.root / "ownership.yaml").read_text()
    lines = [line for line in text.splitlines() if line.strip() != "phone:"]
    # contacts have a phone as well; this is about the customer's
    (company.root / "ownership.yaml").write_text("\n".join(lines) + "\n")
    await company.go()
    await company.rest()
    assert MARK.encode() not in everything_stored(company)
    [partner] = company.erp.all("customer").values()
    assert partner["tel"] is None


def test_both_systems_have_something_to_hide() -> None:
    for kind in ("crm", "erp"):
        columns: dict[str, Any] = never_columns(MemorySystem(kind))
        assert sum(map(len, columns.values())) >= 3
