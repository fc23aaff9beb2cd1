"""Forgetting: nothing of a person is left, nothing comes back, and it is no alarm."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from interlock.errors import ConfigurationError, StaleStateError
from interlock.governance.rules import Side
from interlock.service import audit
from interlock.service.explaining import explain
from interlock.service.forgetting import Forgotten, forget_email, forget_record
from interlock.store import alerts, forgotten, observations
from interlock.store.database import Tx
from interlock.store.tables import metadata, outbox
from interlock.testing.faults import answer_status, fail_before

from .company import Company
from .conftest import Founding
from .test_orders import Shop

MARK = "Vk8person"
"""Stands in every personal value of the one to be forgotten."""

ADDRESS = {
    "BillingStreet": f"{MARK} street", "BillingCity": "Ulm", "BillingState": "",
    "BillingPostalCode": "89073", "BillingCountryCode": "DE",
}  # fmt: skip


def forget(company: Company, entity: str, record_id: str, system: str | None = None) -> Forgotten:
    with company.store() as store:
        return forget_record(
            company.project(), store, entity, record_id, system=system, by="anna",
            now=company.clock(),
        )  # fmt: skip


def stored(company: Company) -> bytes:
    """Every value of every table, and every file beside the store."""

    def _rows(tx: Tx) -> bytes:
        found = []
        for table in metadata.tables.values():
            for row in tx.conn.execute(select(table)):
                found += [v if isinstance(v, bytes) else str(v).encode() for v in row]
        return b"\0".join(found)

    everything: bytes = company.ask(_rows)
    for file in files_of(company):
        everything += file.read_bytes()
    return everything + repr(company.events()).encode()


def files_of(company: Company) -> Iterator[Path]:
    for file in company.root.parent.rglob("*"):
        if file.is_file():
            yield file


def holds(company: Company) -> bool:
    with company.store() as store:
        return audit.verify(company.project(), store).holds


async def known(company: Company) -> str:
    """A customer everything knows something of: history, refusals, conflicts, lost answers."""
    mine = company.crm.add(
        "customer",
        {
            "Name": f"{MARK} Ltd", "Phone": f"+49 {MARK}", "Email": f"{MARK}@example.com",
            "BillingAddress": ADDRESS,
        },
    )  # fmt: skip
    company.crm.add("customer", {"Name": "Someone Else", "Email": "else@example.com"})
    await company.go()
    await company.rest()
    company.crm.edit("customer", mine, {"Phone": f"+1 {MARK}"})
    note = {"on_hold": True, "hold_note": f"{MARK} does not pay"}
    company.erp.edit("customer", company.linked("customer")[mine], note)
    await company.rest()
    company.erp_faults.arm(answer_status(422), operation="write", entity="customer")
    company.crm.edit("customer", mine, {"Phone": f"+2 {MARK}"})
    await company.sync()
    assert company.letters(), "a dead letter knows it as well"
    assert MARK.encode() in stored(company)
    return mine


async def test_nothing_is_left_anywhere(found_company: Company) -> None:
    company = found_company
    mine = await known(company)
    theirs = company.linked("customer")[mine]
    result = forget(company, "customer", mine)
    assert {(r.system, r.id) for r in result.records} == {("crm", mine), ("erp", theirs)}
    assert result.swept
    assert MARK.encode() not in stored(company)
    company.close()
    assert MARK.encode() not in b"".join(f.read_bytes() for f in files_of(company))
    assert company.letters() == []
    assert company.ask(alerts.opened) == []
    assert holds(company), "forgetting is no alarm"
    with company.store() as store:
        verdict = audit.verify(company.project(), store).verdict
    assert verdict.erased > 3


async def test_others_are_left_alone(found_company: Company) -> None:
    company = found_company
    mine = await known(company)
    forget(company, "customer", mine)
    told = [e for e in company.events("created") if e.entity == "customer" and not e.erased]
    assert [(e.fields or {})["name"] for e in told] == ["Someone Else"]
    assert len(company.linked("customer")) == 1


async def test_reading_it_again_brings_nothing_back(found_company: Company) -> None:
    company = found_company
    mine = await known(company)
    forget(company, "customer", mine)
    before = (len(company.crm.all("customer")), len(company.erp.all("customer")))
    company.crm.edit("customer", mine, {"Phone": f"+3 {MARK}"})
    await company.plan()
    company.approve()
    await company.rest()
    await company.sync(full=True)
    assert MARK.encode() not in stored(company)
    assert (len(company.crm.all("customer")), len(company.erp.all("customer"))) == before
    assert MARK in repr(company.crm.all("customer")[mine]), "the systems keep what they have"
    assert company.pending() == []
    seen = company.ask(lambda tx: observations.load(tx, Side.CRM, "customer", [mine]))[mine]
    assert (seen.fields, seen.link_id, seen.unlinked) == ({}, None, "parked")


async def test_explain_says_that_it_was_forgotten(found_company: Company) -> None:
    company = found_company
    mine = await known(company)
    forget(company, "customer", mine)
    with company.store() as store:
        told = explain(company.project(), store, "customer", mine, system="crm")
    assert "forgotten" in told.unlinked
    assert MARK not in repr(told)


async def test_an_older_store_forgets_again(found_company: Company) -> None:
    company = found_company
    if not company.store_url.startswith("sqlite"):
        pytest.skip("a file is put back")
    mine = await known(company)
    company.close()
    file = company.store_url.removeprefix("sqlite:///")
    shutil.copy(file, company.root.parent.parent / "older.db")
    forget(company, "customer", mine)
    company.close()
    shutil.copy(company.root.parent.parent / "older.db", file)
    (company.root.parent.parent / "older.db").unlink()
    assert any(MARK.encode() in f.read_bytes() for f in files_of(company))
    report = await company.sync()
    assert "history" in [p.code for p in report.problems], "the store is older than its seal"
    with company.store() as store:
        store.compact()
        audit.accept_head(company.project(), store, by="anna", now=company.clock())
    assert MARK.encode() not in stored(company)
    assert holds(company)


async def test_a_store_made_anew_does_not_learn_it_again(found: Founding, tmp_path: Path) -> None:
    company = found()
    if not company.store_url.startswith("sqlite"):
        pytest.skip("a file is deleted")
    mine = await known(company)
    forget(company, "customer", mine)
    company.close()
    for file in Path(company.store_url.removeprefix("sqlite:///")).parent.glob("store.db*"):
        file.unlink()
    before = len(company.erp.all("customer"))
    await company.go()
    await company.rest()
    assert MARK.encode() not in stored(company)
    assert len(company.erp.all("customer")) == before, "and makes no empty copy of it"


async def test_contacts_and_e_mail_addresses(found_company: Company) -> None:
    company = found_company
    account = company.crm.add("customer", {"Name": "Acme"})
    person = company.crm.add(
        "contact",
        {"AccountId": account, "PersonName": {"FirstName": MARK, "LastName": "Doe"},
         "Email": f"{MARK}@Example.com"},
    )  # fmt: skip
    await company.go()
    await company.rest()
    assert company.linked("contact")
    found = forget(company, "customer", account)
    assert person in [c.id for c in found.contacts], "people are records of their own"
    with company.store() as store:
        result = forget_email(
            company.project(), store, f" {MARK.lower()}@example.COM", by="anna", now=company.clock()
        )
    assert {r.entity for r in result.records} == {"contact"}
    assert len(result.records) == 2
    assert MARK.encode() not in stored(company)
    assert holds(company)
    await company.rest()
    assert MARK.encode() not in stored(company)


async def test_orders_of_a_forgotten_customer_stay_without_what_is_personal(
    found_company: Company,
) -> None:
    company = found_company
    shop = await Shop.open(company)
    company.crm.edit("customer", shop.account, {"BillingAddress": ADDRESS})
    await company.rest()
    shop.deal(Name=f"Deal with {MARK}")
    await company.rest()
    company.advance(minutes=5)
    await company.rest()
    assert len(shop.orders) == 1
    assert MARK.encode() in stored(company)
    result = forget(company, "customer", shop.account)
    assert result.documents >= 2
    assert MARK.encode() not in stored(company)
    await company.sync(full=True)
    await company.rest()
    assert MARK.encode() not in stored(company), "read again without it"
    assert len(shop.orders) == 1, "and ordered once"
    assert holds(company)


async def test_it_waits_for_what_is_under_way(found_company: Company) -> None:
    company = found_company
    mine = company.crm.add("customer", {"Name": MARK})
    await company.plan()
    company.ask(lambda tx: tx.conn.execute(update(outbox).values(state="in doubt")).rowcount)
    with pytest.raises(StaleStateError, match="under way"):
        forget(company, "customer", mine)
    assert company.ask(forgotten.identities) == set()
    assert not audit.forgotten_file(company.project()).exists()
    company.ask(lambda tx: tx.conn.execute(update(outbox).values(state="ready")).rowcount)
    forget(company, "customer", mine)
    assert MARK.encode() not in stored(company)


async def test_an_order_is_delivered_before_its_customer_is_forgotten(
    found_company: Company,
) -> None:
    company = found_company
    shop = await Shop.open(company)
    shop.deal(Name=f"Deal with {MARK}")
    await company.plan()
    company.advance(minutes=5)
    await company.plan()
    assert [w.entity for w in company.pending()] == ["order"]
    with pytest.raises(StaleStateError, match="not delivered yet"):
        forget(company, "customer", shop.account)
    await company.rest()
    assert len(shop.orders) == 1
    forget(company, "customer", shop.account)


async def _sells_projects(company: Company) -> Shop:
    (company.root / "rules.yaml").write_text(
        "schema_version: 1\norder_targets: [{where: {kind: Bundle}, target: both}]\n"
    )
    shop = await Shop.open(company)
    # a project is called after its customer
    company.crm.edit("customer", shop.account, {"Name": MARK})
    await company.rest()
    return shop


async def test_a_project_is_delivered_before_its_customer_is_forgotten(
    found_company: Company,
) -> None:
    company = found_company
    shop = await _sells_projects(company)
    company.erp_faults.arm(fail_before, operation="write", entity="project")
    shop.deal(Type="Bundle")
    await company.sync()
    assert [w.entity for w in company.pending()] == ["project"], "its order is made"
    with pytest.raises(StaleStateError, match="the project made from deal"):
        forget(company, "customer", shop.account)
    company.advance(minutes=5)
    await company.rest()
    assert len(company.erp.all("project")) == 1
    forget(company, "customer", shop.account)
    assert MARK.encode() not in stored(company)


async def test_nothing_is_left_of_a_project_the_erp_refused(found_company: Company) -> None:
    company = found_company
    shop = await _sells_projects(company)
    company.erp_faults.arm(answer_status(400), operation="write", entity="project", times=None)
    shop.deal(Type="Bundle")
    for _ in range(3):
        await company.sync()
        company.advance(minutes=10)
    assert [letter.entity for letter in company.letters()] == ["project"]
    forget(company, "customer", shop.account)
    assert MARK.encode() not in stored(company)
    assert company.letters() == []


async def test_what_waits_for_an_approval_is_dropped(found_company: Company) -> None:
    company = found_company
    mine = company.crm.add("customer", {"Name": MARK})
    await company.plan()
    assert company.pending()
    forget(company, "customer", mine)
    assert company.pending() == []
    assert MARK.encode() not in stored(company)
    company.approve()
    await company.rest()
    assert company.erp.all("customer") == {}


async def test_forgetting_twice_is_the_same(found_company: Company) -> None:
    company = found_company
    mine = await known(company)
    assert not forget(company, "customer", mine, "crm").already
    assert forget(company, "customer", mine, "crm").already
    assert holds(company)


async def test_what_cannot_be_forgotten_is_said(found_company: Company) -> None:
    company = found_company
    await known(company)
    with pytest.raises(ConfigurationError, match="knows no customer nobody in crm or erp"):
        forget(company, "customer", "nobody")
    with pytest.raises(ConfigurationError, match="no system is called 'sap'"):
        forget(company, "customer", "nobody", "sap")
    with pytest.raises(ConfigurationError, match="a product is nobody"):
        forget(company, "product", "1")
    with company.store() as store, pytest.raises(ConfigurationError, match="knows nobody"):
        forget_email(company.project(), store, "x@y.z", by="a", now=company.clock())
    assert not audit.forgotten_file(company.project()).exists()


async def test_the_list_outside_the_store_names_nobody(found_company: Company) -> None:
    company = found_company
    mine = await known(company)
    forget(company, "customer", mine)
    lines = audit.forgotten_file(company.project()).read_text().split()
    assert len(lines) == 2
    assert all(len(line) == 64 and mine not in line for line in lines)


@pytest.fixture
def found_company(found: Founding) -> Company:
    return found()
