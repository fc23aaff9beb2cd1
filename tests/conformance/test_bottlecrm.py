"""The BottleCRM connector against a BottleCRM running for real."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from msgspec import structs

from interlock.connectors.base import Connector, Outcome, Severity
from interlock.errors import NotPermittedError
from interlock.model import Address, Fields, Money, Ref, StageKind
from interlock.testing.conformance import BEHAVIOURS, Conformance
from interlock.testing.conformance.suite import creating, fetch_one, read_round, updating, write_one
from tests.conformance.bottlecrm_harness import DEFINITIONS, Api, BottleCrmHarness
from tests.real.skipping import skip
from tests.real.systems.bottlecrm import BottleCrmServer, MissingPython, start_bottlecrm

pytestmark = pytest.mark.real


def _start(factory: pytest.TempPathFactory) -> BottleCrmServer:
    try:
        return start_bottlecrm(factory.mktemp("bottlecrm"))
    except MissingPython as missing:
        skip(str(missing))


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BottleCrmServer]:
    """One BottleCRM with the custom fields, for the whole module."""
    server = _start(tmp_path_factory)

    async def define() -> None:
        async with Api(server) as api:
            await api.define_fields()

    asyncio.run(define())
    BottleCrmHarness.server = server
    yield server
    server.stop()


def _under_test(base: type[Conformance]) -> type[Conformance]:
    name = f"TestBottleCrm{base.__name__.removeprefix('Base')}"
    return type(name, (base,), {"harness_class": BottleCrmHarness, "__module__": __name__})


for _base in BEHAVIOURS:
    _class = _under_test(_base)
    globals()[_class.__name__] = _class


@pytest_asyncio.fixture
async def harness(server: BottleCrmServer) -> AsyncIterator[BottleCrmHarness]:
    async with BottleCrmHarness() as harness:
        yield harness


@pytest_asyncio.fixture
async def connector(harness: BottleCrmHarness) -> AsyncIterator[Connector]:
    async with harness.connect() as connector:
        yield connector


# ── customers ────────────────────────────────────────────────────────────────────────────────


async def test_every_field_of_a_customer_survives(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    fields = {
        "name": f"Çelik {harness.token} 株式会社",
        "website": f"https://{harness.token}.example",
        "email": f"info@{harness.token}.example",
        "phone": "+32 (0)2 555-01.02",
        "tax_id": "BE0123456789",
        "billing_address": Address(
            street="1 High St\nFloor 2", city="London", region="LDN", postcode="N1", country="GB"
        ),
        "shipping_address": Address(street="Dock 1\nGate 2", city="Paris", country="FR"),
        "payment_terms": "Net 30",
        "credit_limit": Money(Decimal("1234567.89"), "EUR"),
        "other_id": "C-42",
    }
    receipt = await write_one(connector, creating("customer", fields, f"il-{harness.token}"))
    assert receipt.outcome is Outcome.CREATED, receipt.reason
    assert receipt.record_id is not None
    seen = (await fetch_one(connector, "customer", receipt.record_id)).fields
    assert {name: value for name, value in seen.items() if value is not None} == fields
    blank = {name: None for name in fields if name != "name"}
    assert (await write_one(connector, updating("customer", receipt.record_id, blank))).outcome \
        is Outcome.UPDATED  # fmt: skip
    shown = (await fetch_one(connector, "customer", receipt.record_id)).fields
    assert {name: shown[name] for name in fields} == {**blank, "name": fields["name"]}


async def test_what_the_erp_tells_of_a_customer_survives(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    owed, earned = Money(Decimal("1234.50"), "EUR"), Money(Decimal("-0.01"), "USD")
    fields: Fields = {
        "balance": owed, "overdue": owed, "oldest_due_on": date(2026, 10, 14),
        "days_overdue": Decimal(40), "credit_balance": earned, "revenue_12m": earned,
        "revenue_change": Decimal("-12.5"), "lifetime_revenue": owed, "days_to_pay": Decimal(31),
        "last_payment_on": date(2026, 2, 28), "health_score": Decimal(40),
        "health_reasons": "-30 overdue since 40 days; -30 on credit hold", "tier": "gold",
        "figures_from": "worked out from the ERP's invoices", "credit_hold": True,
        "figures_at": datetime(2026, 11, 23, 5, 43, 51, 1825, tzinfo=UTC),
        "hold_reason": "dunned (Standard): 1234.50 EUR due since 2026-10-14",
    }  # fmt: skip
    account = await harness.seed_sample("customer")
    user = harness.server.profile_id
    await harness.edit("customer", account, {"assigned_to": [user]})  # type: ignore[dict-item]
    await write_one(connector, updating("customer", account, fields))
    shown = (await fetch_one(connector, "customer", account)).fields
    assert {name: shown[name] for name in fields} == fields
    assert shown["owner"] == user
    off: Fields = {"credit_hold": False, "hold_reason": None, "oldest_due_on": None}
    await write_one(connector, updating("customer", account, off))
    shown = (await fetch_one(connector, "customer", account)).fields
    assert {name: shown[name] for name in off} == off
    assert shown["balance"] == owed


async def test_a_deal_is_paused_and_let_go_on(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    deal = await harness.seed_sample("deal")
    await harness.edit("deal", deal, {"opportunity_type": "RENEWAL", "stage": "PROPOSAL"})
    seen = await fetch_one(connector, "deal", deal)
    assert (seen.fields["kind"], seen.fields["paused"]) == ("RENEWAL", None)
    pause: Fields = {"paused": True, "paused_stage": "PROPOSAL", "stage": "QUALIFICATION"}
    assert (await write_one(connector, updating("deal", deal, pause, seen=seen))).outcome \
        is Outcome.UPDATED  # fmt: skip
    shown = (await fetch_one(connector, "deal", deal)).fields
    assert {name: shown[name] for name in pause} == pause
    await harness.edit("deal", deal, {"stage": "NEGOTIATION"})
    resume: Fields = {"paused": False, "paused_stage": None, "stage": "PROPOSAL"}
    write = updating("deal", deal, resume, seen=await fetch_one(connector, "deal", deal))
    late = structs.replace(write, expected={"stage": "QUALIFICATION"})
    assert (await write_one(connector, late)).outcome is Outcome.CONFLICT
    assert (await write_one(connector, write)).outcome is Outcome.UPDATED
    shown = (await fetch_one(connector, "deal", deal)).fields
    assert {name: shown[name] for name in resume} == resume


async def test_a_deal_shows_what_the_check_of_it_says(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    deal = await harness.seed_sample("deal")
    told: Fields = {
        "quote_check": "stop", "quote_check_reason": "A-1 at 80 EUR is below … 90\nönly",
        "quote_checked_at": datetime(2026, 3, 2, 9, 30, 0, 5000, tzinfo=UTC),
    }  # fmt: skip
    assert (await write_one(connector, updating("deal", deal, told))).outcome is Outcome.UPDATED
    seen = await fetch_one(connector, "deal", deal)
    assert {name: seen.fields[name] for name in told} == told


async def test_a_product_keeps_its_family_and_its_price_or_none(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    """Nothing stated is 0 in BottleCRM, which is not taken for a price."""
    product = await harness.seed_sample("product")
    seen = await fetch_one(connector, "product", product)
    assert (seen.fields["family"], seen.fields["list_price"]) == (None, None)
    for family, price in (("Forge", Money(Decimal("12.50"), "EUR")), (None, None)):
        fields: Fields = {"family": family, "list_price": price}
        write = updating("product", product, fields, seen=seen)
        assert (await write_one(connector, write)).outcome is Outcome.UPDATED
        seen = await fetch_one(connector, "product", product)
        assert {name: seen.fields[name] for name in fields} == fields


async def test_a_task_is_made_once_and_ticked_off(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    account, reference = await harness.seed_sample("customer"), f"il-{harness.token}-t"
    fields: Fields = {
        "subject": "Credit hold: talk to finance", "body": "The customer was placed on hold.",
        "customer": Ref("customer", account), "owner": harness.server.profile_id,
        "due": date(2026, 11, 24),
    }  # fmt: skip
    await harness.api.call("POST", "/api/tasks/", {
        "title": "Call them", "description": f"private-{harness.token}", "account": account,
        "status": "New", "priority": "Low"})  # fmt: skip
    assert await connector.find("task", [reference]) == {}
    receipt = await write_one(connector, creating("task", fields, reference))
    assert receipt.outcome is Outcome.CREATED, receipt.reason
    assert receipt.record is not None
    assert dict(receipt.record.fields) == {**fields, "done": False}
    [found] = (await connector.find("task", [reference]))[reference]
    assert found.record.id == receipt.record_id
    done = updating("task", found.record.id, {"done": True}, seen=found.record)
    assert (await write_one(connector, done)).outcome is Outcome.UPDATED
    assert (await fetch_one(connector, "task", found.record.id)).fields["done"] is True
    everything = list((await read_round(connector.sweep, "task", None))[0])
    assert f"private-{harness.token}" not in repr(everything)


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"email": "nobody"}, "invalid_value", "email"),
        ({"phone": "555 01 02 ext 3"}, "invalid_value", "phone"),
        ({"billing_address": Address(country="XX")}, "unknown_choice", "billing_address"),
        ({"billing_address": Address(postcode="1" * 65)}, "too_long", "billing_address"),
    ],
)
async def test_a_refusal_names_our_field(
    harness: BottleCrmHarness, connector: Connector, fields: dict[str, Any], code: str, field: str
) -> None:
    sample = {**await harness.sample("customer"), **fields}
    receipt = await write_one(connector, creating("customer", sample, "il-x"))
    assert receipt.outcome is Outcome.REJECTED
    assert receipt.reason is not None
    assert (receipt.reason.code, receipt.reason.field) == (code, field)


@pytest.mark.parametrize("entity", ["customer", "product"])
async def test_a_name_or_sku_already_there_is_a_duplicate(
    harness: BottleCrmHarness, connector: Connector, entity: str
) -> None:
    fields = await harness.sample(entity)
    await harness.seed(entity, fields)
    receipt = await write_one(connector, creating(entity, fields, None))
    assert receipt.outcome is Outcome.REJECTED
    assert receipt.reason is not None
    assert receipt.reason.code == "duplicate"
    assert receipt.reason.field == ("sku" if entity == "product" else "name")


async def test_a_value_already_there_is_not_written_again(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    record_id = await harness.seed_sample("customer")
    seen = await fetch_one(connector, "customer", record_id)
    write = updating("customer", record_id, {"name": seen.fields["name"]}, seen=seen)
    assert (await write_one(connector, write)).outcome is Outcome.UNCHANGED
    assert harness.proxy.count(method="PATCH") == 0


async def test_a_deactivated_custom_field_is_unknown_and_never_written_in_vain(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    """BottleCRM answers 200 to a key it drops: the connector must refuse it."""
    record_id = await harness.seed_sample("customer")
    rows = (await harness.api.call("GET", "/api/custom-fields/"))["definitions"]
    [row] = [r for r in rows if (r["target_model"], r["key"]) == ("Account", "payment_terms")]
    await harness.api.call("DELETE", f"/api/custom-fields/{row['id']}/")
    try:
        async with harness.connect() as late:
            record = await fetch_one(late, "customer", record_id)
            assert "payment_terms" not in record.fields
            assert record.fields["tax_id"] is None
            with pytest.raises(NotPermittedError, match="payment_terms"):
                await late.write(
                    "customer", [updating("customer", record_id, {"payment_terms": "Net 30"})]
                )
            report = await late.check()
            assert not report.ok
            assert report.unwritable["customer"] == {"payment_terms"}
    finally:
        await connector.provision(dry_run=False)
    report = await connector.check()
    assert report.ok


# ── contacts, deals and quotes ───────────────────────────────────────────────────────────────


async def test_a_contact_added_on_the_accounts_page_belongs_to_it(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    account = await harness.seed_sample("customer")
    contact = await harness.seed("contact", {"name": f"Jo {harness.token}"})
    await harness.api.call("PATCH", f"/api/accounts/{account}/", {"contacts": [contact]})
    record = await fetch_one(connector, "contact", contact)
    assert record.fields["customer"] == Ref("customer", account)


async def _deal_with_lines(harness: BottleCrmHarness) -> tuple[str, str]:
    """Make a deal of three lines (plain, percentage, flat discount); its id and the product's."""
    product = await harness.seed("product", {"sku": f"W-{harness.token}", "name": "Widget"})
    deal = await harness.seed_sample("deal")
    for line in (
        {"product_id": product, "quantity": "3", "unit_price": "9.50"},
        {"name": "Service", "quantity": "2", "unit_price": "100", "discount_type": "PERCENTAGE",
         "discount_value": "12.5"},
        {"name": "Fee", "quantity": "3", "unit_price": "10", "discount_type": "FIXED",
         "discount_value": "0.01"},
    ):  # fmt: skip
        await harness.api.call("POST", f"/api/opportunities/{deal}/line-items/", line)
    await harness.api.call(
        "PATCH", f"/api/opportunities/{deal}/",
        {"stage": "CLOSED_WON", "closed_on": "2026-11-30", "currency": "EUR"},
    )  # fmt: skip
    return deal, product


async def test_a_won_deal_shows_its_lines_also_in_the_sweep(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    deal, product = await _deal_with_lines(harness)
    fetched = await fetch_one(connector, "deal", deal)
    records, _ = await read_round(connector.sweep, "deal", None)
    assert [record for record in records if record.id == deal] == [fetched]
    fields = fetched.fields
    assert fields["stage_kind"] == StageKind.WON
    assert fields["won_at"] is not None
    lines = fields["lines"]
    assert isinstance(lines, tuple)
    assert [(line.sku, line.quantity, line.unit_price, line.net) for line in lines] == [
        (f"W-{harness.token}", 3, Decimal("9.5"), Decimal("28.5")),
        (None, 2, Decimal("87.5"), Decimal(175)),
        (None, 3, Decimal("9.996667"), Decimal("29.99")),
    ]
    assert lines[0].product == Ref("product", product)
    assert fields["amount"] == Money(Decimal("233.49"), "EUR")
    assert sum(line.net or 0 for line in lines) == Decimal("233.49")


async def test_a_won_deal_takes_the_orders_number_and_status(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    deal, _ = await _deal_with_lines(harness)
    seen = await fetch_one(connector, "deal", deal)
    change = {"order_number": "SO-7", "order_status": "open", "other_id": "7", "po_number": "PO-1"}
    receipt = await write_one(connector, updating("deal", deal, change, seen=seen))
    assert receipt.outcome is Outcome.UPDATED, receipt.reason
    now = await fetch_one(connector, "deal", deal)
    assert dict(now.fields) == {**seen.fields, **change}


async def test_won_is_the_kind_of_the_stage_not_its_name(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    pipelines = "/api/opportunities/pipelines/"
    name = f"Odd {harness.token}"
    await harness.api.call("POST", pipelines, {"name": name})

    async def shown() -> dict[str, Any]:
        rows = (await harness.api.call("GET", pipelines))["pipelines"]
        [row] = [row for row in rows if row["name"] == name]
        return dict(row)

    pipeline = await shown()
    added = {"label": "Handed over", "kind": "won"}
    await harness.api.call("POST", f"{pipelines}{pipeline['id']}/stages/", added)
    [stage] = [s for s in (await shown())["stages"] if s["label"] == "Handed over"]
    deal = await harness.seed_sample("deal")
    await harness.api.call(
        "PATCH", f"/api/opportunities/{deal}/",
        {"pipeline": pipeline["id"], "stage": stage["code"], "amount": "5.00",
         "closed_on": "2026-11-30"},
    )  # fmt: skip
    fields = (await fetch_one(connector, "deal", deal)).fields
    assert fields["stage_kind"] == StageKind.WON
    assert fields["amount"] == Money(Decimal(5), "USD")


async def test_a_quote_is_accepted_when_its_customer_says_so(
    harness: BottleCrmHarness, connector: Connector
) -> None:
    deal, product = await _deal_with_lines(harness)
    account = await harness.seed_sample("customer")
    contact = await harness.seed(
        "contact", {"name": f"Jo {harness.token}", "customer": Ref("customer", account)}
    )
    body = {
        "title": "Offer", "account_id": account, "contact_id": contact, "opportunity_id": deal,
        "currency": "EUR", "tax_rate": "20",
        "line_items": [{"product": product, "name": "Widget", "quantity": "3",
                        "unit_price": "9.50", "discount_type": "PERCENTAGE",
                        "discount_value": "10"}],
    }  # fmt: skip
    estimate = (await harness.api.call("POST", "/api/invoices/estimates/", body))["estimate"]
    draft = await fetch_one(connector, "quote", estimate["id"])
    assert draft.fields["accepted"] is False
    await harness.api.call("POST", f"/api/invoices/estimates/{estimate['id']}/send/", {})
    link = f"/api/public/estimate/{urlsplit(estimate['public_url']).path.split('/')[-1]}/accept/"
    await harness.api.call("POST", link, {"name": "Jo", "email": "jo@example.org"})
    quote = await fetch_one(connector, "quote", estimate["id"])
    assert quote.fields["accepted"] is True
    assert quote.fields["deal"] == Ref("deal", deal)
    assert quote.fields["number"] == estimate["estimate_number"]
    assert quote.fields["currency"] == "EUR"
    [line] = quote.fields["lines"]  # type: ignore[misc, union-attr]
    assert (line.sku, line.product) == (f"W-{harness.token}", Ref("product", product))
    assert (line.quantity, line.unit_price, line.net) == (3, Decimal("8.55"), Decimal("25.65"))
    records, _ = await read_round(connector.sweep, "quote", None)
    [swept] = [record for record in records if record.id == quote.id]
    assert {**quote.fields, "lines": None} == {**swept.fields, "lines": None}
    assert "lines" not in swept.fields


# ── rights and set-up ────────────────────────────────────────────────────────────────────────


_READS = ("org:read", "profile:read", "custom-fields:read", "accounts:read", "contacts:read",
          "opportunities:read", "invoices:read", "tasks:read")  # fmt: skip


async def test_a_token_without_a_scope_is_told_which_one(harness: BottleCrmHarness) -> None:
    await harness.limit_token(*_READS)
    async with harness.connect() as connector:
        report = await connector.check()
        told = {f.subject: f for f in report.findings if f.severity is Severity.WARNING}
        assert "accounts:write" in told["customer"].message
        assert "accounts:write" in told["customer"].fix
        assert "name" in report.unwritable["customer"]
        await connector.sweep("customer", None)
        write = creating("customer", await harness.sample("customer"), "il-x")
        with pytest.raises(NotPermittedError, match="accounts:write"):
            await connector.write("customer", [write])


async def test_a_token_that_may_not_read_an_object_names_it(harness: BottleCrmHarness) -> None:
    await harness.limit_token(*(scope for scope in _READS if scope != "opportunities:read"))
    async with harness.connect() as connector:
        with pytest.raises(NotPermittedError, match="opportunities:read"):
            await connector.sweep("deal", None)
        report = await connector.check()
        assert not report.ok
        assert "lines" in report.unreadable["deal"]
        assert "customer" not in report.unreadable


async def test_the_scopes_of_the_guide_are_enough(harness: BottleCrmHarness) -> None:
    await harness.limit_token(
        *_READS, "accounts:write", "contacts:write", "opportunities:write", "invoices:write",
        "tasks:write",
    )  # fmt: skip
    async with harness.connect() as connector:
        assert (await connector.check()).ok
        write = creating("customer", await harness.sample("customer"), f"il-{harness.token}")
        assert (await write_one(connector, write)).outcome is Outcome.CREATED
        assert await connector.find("customer", [f"il-{harness.token}"])
        assert await connector.lookup("customer", {"name": write.fields["name"]})
        task = creating("task", {"subject": "Call"}, f"il-{harness.token}-task")
        assert (await write_one(connector, task)).outcome is Outcome.CREATED


async def test_check_measures_the_clock(connector: Connector) -> None:
    skew = (await connector.check()).clock_skew
    assert skew is not None
    assert abs(skew.total_seconds()) < 2


async def test_fields_are_made_taken_back_and_made_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """On a BottleCRM of its own, where there are none yet."""
    server = _start(tmp_path_factory)
    try:
        async with Api(server) as api:
            theirs = {"target_model": "Account", "key": "tax_id", "label": "VAT no.",
                      "field_type": "text"}  # fmt: skip
            await api.call("POST", "/api/custom-fields/", theirs)
            harness = BottleCrmHarness()
            harness.server = server  # type: ignore[misc]
            async with harness, harness.connect() as connector:
                await _make_and_take_back(connector, api)
    finally:
        server.stop()


async def _make_and_take_back(connector: Connector, api: Api) -> None:
    wanted = {f"{model}.{key}" for model, key, _ in DEFINITIONS}

    async def there() -> set[str]:
        rows = (await api.call("GET", "/api/custom-fields/"))["definitions"]
        return {f"{row['target_model']}.{row['key']}" for row in rows if row["is_active"]}

    with pytest.raises(NotPermittedError, match="interlock_ref"):
        await connector.write("customer", [creating("customer", {"name": "Acme"}, "il-x")])
    planned = await connector.provision(dry_run=True)
    assert {step.subject for step in planned} == wanted
    assert await there() == {"Account.tax_id"}
    for _ in range(2):
        made = await connector.provision(dry_run=False)
        assert all(step.action in ("created", "present") for step in made)
        assert await there() == wanted
    assert {step.action for step in await connector.provision(dry_run=False)} == {"present"}
    receipt = await write_one(connector, creating("customer", {"name": "Acme"}, "il-x"))
    assert receipt.record_id is not None

    dry = await connector.deprovision(dry_run=True)
    assert {step.action for step in dry} == {"would remove", "kept"}
    assert await there() == wanted
    await connector.deprovision(dry_run=False)
    assert await there() == {"Account.tax_id"}
    await connector.provision(dry_run=False)
    assert (await fetch_one(connector, "customer", receipt.record_id)).reference == "il-x"
