"""What the conformance suite does not ask of every connector."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from interlock.connectors.base import ConnectorContext, Outcome, Severity, WriteKind, WriteRequest
from interlock.connectors.memory import MemorySystem, crm_plugin, register
from interlock.connectors.memory.config import MemorySettings
from interlock.errors import (
    ConfigurationError,
    NotPermittedError,
    RejectedError,
    ThrottledError,
    TransientError,
    UnknownOutcomeError,
)
from interlock.mapping.codecs import Text
from interlock.mapping.overrides import FieldOverride, MappingOverrides
from interlock.model import Address, Fields, Money, Presence, Ref
from interlock.testing.clock import VirtualClock
from interlock.testing.faults import Faults, answer_status, answer_without_body, lose_answer
from tests.unit.connectors.memory.conftest import Connect


def create(number: int, fields: Fields | None = None, entity: str = "customer") -> WriteRequest:
    return WriteRequest(
        id=f"w{number}", entity=entity, kind=WriteKind.CREATE,
        fields={"name": f"C{number}"} if fields is None else fields, reference=f"il-1-{number}",
    )  # fmt: skip


async def test_every_customer_field_reaches_its_own_column(
    crm: MemorySystem, erp: MemorySystem, connect: Connect
) -> None:
    address = Address(street="Weg 1\nHof", city="Ulm", region="BW", postcode="89073", country="DE")
    fields: Fields = {
        "name": "Acme", "website": "acme.example", "email": "a@acme.example", "phone": "1",
        "tax_id": "DE1", "billing_address": address, "shipping_address": None,
        "payment_terms": "net 30", "credit_limit": Money(Decimal(5000), "EUR"), "price_list": "Wholesale", "other_id": "9",
    }  # fmt: skip
    figures: Fields = {
        "balance": Money(Decimal("7.50"), "EUR"), "overdue": Money(Decimal("1.00"), "EUR"),
        "oldest_due_on": date(2026, 2, 1), "days_overdue": Decimal(3),
        "credit_balance": Money(Decimal("0.10"), "EUR"),
        "revenue_12m": Money(Decimal(9), "EUR"), "revenue_change": Decimal("-1.5"),
        "lifetime_revenue": Money(Decimal(99), "EUR"), "days_to_pay": Decimal(14),
        "last_payment_on": date(2026, 1, 5), "health_score": Decimal(85),
        "health_reasons": "-15 overdue", "tier": "A", "figures_from": "the ERP",
        "figures_at": datetime(2026, 3, 2, tzinfo=UTC),
    }  # fmt: skip
    only_read = {"crm": figures, "erp": {"balance": None}}
    shown = {}
    for system in (crm, erp):
        more = figures if system.kind == "crm" else {}
        [receipt] = await connect(system).write("customer", [create(1, fields | more)])
        assert receipt.outcome is Outcome.CREATED
        assert receipt.record is not None
        assert {f: receipt.record.fields[f] for f in (*fields, *only_read[system.kind])} == (
            fields | only_read[system.kind]
        )
        shown[system.kind] = system.all("customer")[str(receipt.record_id)]
    assert shown["crm"]["BillingAddress"]["BillingCity"] == "Ulm"
    assert shown["crm"]["CreditLimit"] == {"Amount": "5000.00", "CurrencyIsoCode": "EUR"}
    assert shown["crm"]["PaymentTerms"] == "Net 30"
    assert shown["erp"]["bill_to"]["town"] == "Ulm"
    assert shown["erp"]["credit_limit"] == "5000.00"
    assert shown["erp"]["terms"] == "N30"
    assert shown["erp"]["ext_ref"] == "il-1-1"


async def test_values_without_a_form_are_rejected_by_themselves(
    erp: MemorySystem, connect: Connect
) -> None:
    dollars = Money(Decimal(1), "USD")
    receipts = await connect(erp).write(
        "customer",
        [
            create(1, {"name": "A", "credit_limit": dollars}),
            create(2, {"name": "B", "payment_terms": "net 99"}),
            create(3, {"name": "C", "colour": "red"}),
            create(4),
        ],
    )
    reasons = [(r.reason.code, r.reason.field) if r.reason else None for r in receipts]
    assert reasons == [
        ("invalid_value", "credit_limit"), ("unknown_choice", "payment_terms"),
        ("not_permitted", "colour"), None,
    ]  # fmt: skip
    assert len(erp.all("customer")) == 1


async def test_the_systems_refusals_name_our_field_and_a_fix(
    erp: MemorySystem, connect: Connect
) -> None:
    erp.add("product", {"sku": "S", "title": "T"})
    connector = connect(erp)
    [twice] = await connector.write("product", [create(1, {"sku": "S", "name": "T"}, "product")])
    assert twice.reason is not None
    assert (twice.reason.code, twice.reason.field) == ("duplicate", "sku")
    assert twice.reason.fix
    lost = Ref("customer", "77")
    [nowhere] = await connector.write(
        "contact", [create(2, {"name": "Ada", "customer": lost}, "contact")]
    )
    assert nowhere.reason is not None
    assert (nowhere.reason.code, nowhere.reason.field) == ("not_found", "customer")


@pytest.mark.parametrize(
    ("act", "rest"),
    [
        (answer_status(429, retry_after=5), [Outcome.THROTTLED, Outcome.THROTTLED]),
        (answer_status(503), [Outcome.TRANSIENT, Outcome.TRANSIENT]),
        (answer_status(403), [Outcome.TRANSIENT, Outcome.TRANSIENT]),
        (lose_answer, [Outcome.UNKNOWN, Outcome.TRANSIENT]),
    ],
    ids=["throttled", "overloaded", "not permitted", "lost"],
)  # fmt: skip
async def test_what_was_written_before_a_failure_is_told(
    crm: MemorySystem, connect: Connect, act: object, rest: list[Outcome]
) -> None:
    faults = crm.faults = Faults(crm)
    faults.arm(act, operation="write", skip=1)  # type: ignore[arg-type]
    connector = connect(crm, batch_size=1)
    receipts = await connector.write("customer", [create(1), create(2), create(3)])
    assert [receipt.outcome for receipt in receipts] == [Outcome.CREATED, *rest]
    assert crm.written["customer"] == 1 + rest.count(Outcome.UNKNOWN)


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (answer_status(429), ThrottledError),
        (answer_status(503), TransientError),
        (answer_status(403), NotPermittedError),
        (answer_status(400), RejectedError),
    ],
)
async def test_nothing_written_is_an_error(
    crm: MemorySystem, connect: Connect, act: object, error: type[Exception]
) -> None:
    crm.faults = faults = Faults(crm)
    faults.arm(act)  # type: ignore[arg-type]
    with pytest.raises(error):
        await connect(crm).write("customer", [create(1)])
    assert crm.all("customer") == {}


@pytest.mark.parametrize(
    "act", [answer_status(500), answer_status(200, html=True), answer_without_body]
)
async def test_an_answer_that_cannot_be_trusted_leaves_a_create_unknown(
    crm: MemorySystem, connect: Connect, act: object
) -> None:
    crm.faults = faults = Faults(crm)
    faults.arm(act)  # type: ignore[arg-type]
    [receipt] = await connect(crm).write("customer", [create(1)])
    assert receipt.outcome is Outcome.UNKNOWN


async def test_an_update_answered_without_body_is_done_but_unconfirmed(
    crm: MemorySystem, connect: Connect
) -> None:
    record_id = crm.add("customer", {"Name": "A"})
    crm.faults = faults = Faults(crm)
    faults.arm(answer_without_body)
    update = WriteRequest(id="w", entity="customer", kind=WriteKind.UPDATE, record_id=record_id,
                          fields={"name": "B"})  # fmt: skip
    [receipt] = await connect(crm).write("customer", [update])
    assert (receipt.outcome, receipt.record_id, receipt.record) == (
        Outcome.UPDATED, record_id, None,
    )  # fmt: skip
    [receipt] = await connect(crm).write("customer", [update])
    assert receipt.outcome is Outcome.UNCHANGED


async def test_an_enforced_reference_sends_us_to_look_it_up(
    clock: VirtualClock, connect: Connect
) -> None:
    crm = MemorySystem("crm", clock=clock, unique_references=True)
    connector = connect(crm, enforces_reference=True)
    await connector.write("customer", [create(1)])
    [again] = await connector.write("customer", [create(1)])
    assert again.outcome is Outcome.UNKNOWN
    assert again.reason is not None
    assert again.reason.code == "duplicate"


async def test_copies_of_a_reference_are_all_found(crm: MemorySystem, connect: Connect) -> None:
    ids = [crm.add("customer", {"Name": n, "InterlockRef__c": "il-1-1"}) for n in "AB"]
    found = await connect(crm).find("customer", ["il-1-1", "IL-1-1"])
    assert {key: [hit.record.id for hit in hits] for key, hits in found.items()} == {"il-1-1": ids}


async def test_lookup_spells_websites_as_people_do(crm: MemorySystem, connect: Connect) -> None:
    ids = {crm.add("customer", {"Name": site, "Website": site})
           for site in ("acme.example", "https://www.acme.example/")}  # fmt: skip
    other = crm.add("customer", {"Name": "x", "Website": "acme.example.org"})
    found = await connect(crm).lookup("customer", {"website": "http://ACME.example"})
    assert {record.id for record in found} == ids
    assert other not in ids


async def test_tombstones_come_without_fields(
    crm: MemorySystem, connect: Connect, clock: VirtualClock
) -> None:
    record_id = crm.add("customer", {"Name": "A"})
    connector = connect(crm)
    clock.advance(1)
    start = await connector.changes("customer", None)
    crm.delete("customer", record_id)
    page = await connector.changes("customer", start.cursor)
    assert [(r.id, r.presence, r.fields) for r in page.records] == [
        (record_id, Presence.GONE, {})
    ]  # fmt: skip


async def test_custom_fields_and_other_codecs_come_from_overrides(
    crm: MemorySystem, connect: Connect
) -> None:
    overrides = MappingOverrides(fields={"customer": {
        "payment_terms": FieldOverride(codec=Text()), "phone": FieldOverride(off=True),
    }})  # fmt: skip
    connector = connect(crm, overrides=overrides)
    assert "phone" not in connector.capabilities.entities["customer"].fields
    [receipt] = await connector.write("customer", [create(1, {"name": "A", "payment_terms": "X"})])
    assert receipt.reason is not None
    assert (receipt.reason.code, receipt.reason.field) == ("unknown_choice", "payment_terms")


async def test_provision_makes_what_is_missing_and_deprovision_drops_it(
    clock: VirtualClock, connect: Connect
) -> None:
    erp = MemorySystem("erp", clock=clock, provisioned=False)
    connector = connect(erp)
    report = await connector.check()
    assert not report.ok
    assert all(finding.fix for finding in report.findings)
    [refused] = await connector.write("customer", [create(1)])
    assert refused.reason is not None
    assert refused.reason.code == "not_permitted"
    planned = await connector.provision(dry_run=True)
    assert {step.action for step in planned} == {"would create"}
    assert erp.custom_columns() == frozenset()
    await connector.provision(dry_run=False)
    assert (await connector.check()).ok
    [made] = await connector.write("customer", [create(1)])
    record_id = str(made.record_id)
    gone = await connector.deprovision(dry_run=False)
    assert {step.action for step in gone} == {"removed"}
    assert erp.all("customer")[record_id]["ext_ref"] is None
    assert {step.action for step in await connector.deprovision(dry_run=True)} == {"absent"}


async def test_check_tells_the_clocks_apart(
    crm: MemorySystem, connect: Connect, clock: VirtualClock
) -> None:
    ahead = VirtualClock(clock())
    ahead.advance(90)
    crm.clock = ahead
    report = await connect(crm).check()
    assert report.clock_skew is not None
    assert report.clock_skew.total_seconds() == 90
    assert [finding.severity for finding in report.findings] == [Severity.OK]


async def test_a_path_is_opened_at_the_first_call_and_closed(
    crm: MemorySystem, connect: Connect, tmp_path: Path
) -> None:
    path = tmp_path / "crm.db"
    async with connect(crm, path=path) as connector:
        assert not path.exists()
        [receipt] = await connector.write("customer", [create(1)])
    system = MemorySystem("crm", path=path)
    assert set(system.all("customer")) == {receipt.record_id}
    system.close()


async def test_what_cannot_be_opened_is_told(
    crm: MemorySystem, erp: MemorySystem, connect: Connect, tmp_path: Path
) -> None:
    with pytest.raises(TransientError, match="cannot reach"):
        await connect(crm, path=tmp_path / "missing" / "crm.db").sweep("customer", None)
    (tmp_path / "text.db").write_text("this is no database, just text" * 50)
    with pytest.raises(TransientError, match="cannot be used"):
        await connect(crm, path=tmp_path / "text.db").sweep("customer", None)
    MemorySystem("erp", path=tmp_path / "erp.db").close()
    with pytest.raises(ConfigurationError, match="holds a company's erp"):
        await connect(crm, path=tmp_path / "erp.db").sweep("customer", None)
    register("the-erp", erp)
    context = ConnectorContext(connection="c", installation="i", clock=crm.clock, wanted={})
    connector = crm_plugin.connect(MemorySettings(system="the-erp"), context)
    with pytest.raises(ConfigurationError, match="not its crm"):
        await connector.sweep("customer", None)


@pytest.mark.parametrize("given", [{}, {"path": "a.db", "system": "x"}, {"system": "x", "size": 1}])
def test_settings_name_one_system(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        MemorySettings(**given)  # type: ignore[arg-type]


async def test_unknown_outcome_is_never_raised_for_reads(
    crm: MemorySystem, connect: Connect
) -> None:
    crm.faults = faults = Faults(crm)
    faults.arm(lose_answer, operation="listed")
    with pytest.raises(TransientError) as caught:
        await connect(crm).sweep("customer", None)
    assert not isinstance(caught.value, UnknownOutcomeError)
