"""The Tryton connector against a Tryton 8.2 running for real."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
import pytest_asyncio

from interlock.connectors.base import Connector, Outcome, Severity
from interlock.errors import NotPermittedError, RejectedError
from interlock.model import Address, Fields, Line, Money, Record, Ref
from interlock.testing.conformance import BEHAVIOURS, Conformance
from interlock.testing.conformance.suite import (
    creating,
    fetch_one,
    read_round,
    updating,
    write_one,
)
from tests.conformance.tryton_harness import MODELS, TrytonHarness
from tests.real.systems.tryton import TrytonServer, start_tryton

pytestmark = pytest.mark.real


@pytest.fixture(scope="module", autouse=True)
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    """One Tryton with the relation types of contacts, for the whole module."""
    server = start_tryton(tmp_path_factory.mktemp("tryton"))
    TrytonHarness.server = server
    TrytonHarness.admin = admin = server.rpc(admin=True)
    admin.model(
        "party.relation.type", "create",
        [{"name": "Primary contact of"}, {"name": "Billing contact of"}],
    )  # fmt: skip
    TrytonHarness.user = _finance_user(server)
    yield server
    server.stop()


def _finance_user(server: TrytonServer) -> tuple[str, str]:
    """Make a user like the seeded one who may also set credit limits."""
    admin = server.rpc(admin=True)
    [seeded] = admin.model("res.user", "read", [server.ids["interlock_user"]], ["groups"])
    [group] = admin.model("res.group", "search", [["name", "=", "Account Credit Limit"]])
    login, password = "finance", secrets.token_urlsafe(12)
    [made] = admin.model("res.user", "create", [{
        "name": "Finance", "login": login, "password": password,
        "groups": [["add", [*seeded["groups"], group]]],
        "companies": [["add", [server.ids["company"]]]],
    }])  # fmt: skip
    admin.model("res.user", "write", [made], {"company": server.ids["company"]})
    return login, password


def _under_test(base: type[Conformance]) -> type[Conformance]:
    name = f"TestTryton{base.__name__.removeprefix('Base')}"
    return type(name, (base,), {"harness_class": TrytonHarness, "__module__": __name__})


for _base in BEHAVIOURS:
    _class = _under_test(_base)
    globals()[_class.__name__] = _class


@pytest_asyncio.fixture
async def harness(server: TrytonServer) -> AsyncIterator[TrytonHarness]:
    async with TrytonHarness() as harness:
        yield harness


@pytest_asyncio.fixture
async def connector(harness: TrytonHarness) -> AsyncIterator[Connector]:
    async with harness.connect() as connector:
        yield connector


async def created(connector: Connector, entity: str, fields: Fields, reference: str = "") -> Record:
    """Create a record through the connector and give it as it now is."""
    receipt = await write_one(connector, creating(entity, fields, reference or f"il-{uuid4().hex}"))
    assert receipt.outcome is Outcome.CREATED, receipt.reason
    assert receipt.record is not None
    return receipt.record


async def order_fields(harness: TrytonHarness, price: str = "10") -> Fields:
    customer = await harness.seed_sample("customer")
    lines = (Line(key="d1/1", sku="W-001", quantity=Decimal(2), unit_price=Decimal(price)),)
    return {"customer": Ref("customer", customer), "lines": lines, "po_number": "PO 1"}


# ── customers ────────────────────────────────────────────────────────────────────────────────


async def test_every_field_of_a_customer_survives(
    harness: TrytonHarness, connector: Connector
) -> None:
    fields: Fields = {
        "name": f"Çelik {harness.token} 株式会社",
        "website": f"https://{harness.token}.example",
        "email": f"info@{harness.token}.example",
        "phone": "+32 (0)2 555-01.02",
        "tax_id": "BE0428759497",
        "billing_address": Address(street="1 High St\nFloor 2", city="London", country="GB"),
        "shipping_address": Address(street="Dock 1", city="Paris", postcode="75001", country="FR"),
        "payment_terms": "Net 30",
        "credit_limit": Money(Decimal("1234567.89"), "USD"),
        "other_id": "001 A/ü",
    }
    facts = connector.capabilities.entities["customer"].fields
    assert {name for name in facts if facts[name].writable} == set(fields)
    theirs: Fields = {"credit_hold": False, "hold_reason": None, "price_list": None}
    record = await created(connector, "customer", fields)
    assert dict(record.fields) == {**fields, **theirs}
    blank: Fields = {name: None for name in fields if name != "name"}
    receipt = await write_one(connector, updating("customer", record.id, blank))
    assert receipt.outcome is Outcome.UPDATED, receipt.reason
    assert dict((await fetch_one(connector, "customer", record.id)).fields) == {
        **blank, **theirs, "name": fields["name"],
    }  # fmt: skip


async def test_one_address_for_both_purposes_is_split_when_one_of_them_moves(
    harness: TrytonHarness, connector: Connector
) -> None:
    party = await harness.seed_sample("customer")
    before = await fetch_one(connector, "customer", party)
    home = before.fields["billing_address"]
    assert home == before.fields["shipping_address"]
    dock = Address(street="Dock 1", city="Paris", country="FR")
    write = updating("customer", party, {"shipping_address": dock}, seen=before)
    assert (await write_one(connector, write)).outcome is Outcome.UPDATED
    after = await fetch_one(connector, "customer", party)
    assert (after.fields["billing_address"], after.fields["shipping_address"]) == (home, dock)
    write = updating("customer", party, {"shipping_address": home}, seen=after)
    assert (await write_one(connector, write)).outcome is Outcome.UPDATED
    after = await fetch_one(connector, "customer", party)
    assert (after.fields["billing_address"], after.fields["shipping_address"]) == (home, home)


@pytest.mark.parametrize(
    ("given", "kind", "shown"),
    [
        ("US04-2103594", "us_ein", "US042103594"),
        ("GB 980 7806 84", "gb_vat", "GB980780684"),
        ("be 0428.759.497", "eu_vat", "BE0428759497"),
        ("CHE-107.787.577 IVA", "ch_vat", "CHE107787577IVA"),
        ("AU 83 914 571 673", "au_vat", "AU83914571673"),
    ],
)
async def test_a_tax_id_becomes_the_typed_identifier_a_clerk_would_choose(
    harness: TrytonHarness, connector: Connector, given: str, kind: str, shown: str
) -> None:
    record = await created(connector, "customer", {"name": harness.token, "tax_id": given})
    assert record.fields["tax_id"] == shown
    row = harness.one("party.party", record.id, "tax_identifier.type")
    assert row["tax_identifier."]["type"] == kind
    found = await connector.lookup("customer", {"tax_id": given})
    assert record.id in {r.id for r in found}


async def test_a_customer_is_looked_up_by_name_in_any_case_site_and_mail(
    harness: TrytonHarness, connector: Connector
) -> None:
    token = harness.token
    made = await created(connector, "customer", {
        "name": f"100%_{token} Ltd", "website": f"https://www.{token}.example/en/",
        "email": f"Info@{token}.example",
    })  # fmt: skip
    probes: list[Fields] = [
        {"name": f"100%_{token.upper()}  ltd"}, {"website": f"{token}.example"},
        {"email": f"info@{token}.EXAMPLE"},
    ]  # fmt: skip
    for probe in probes:
        assert [r.id for r in await connector.lookup("customer", probe)] == [made.id], probe


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"tax_id": "BE0428759498"}, "invalid_value", "tax_id"),
        ({"tax_id": "04-2103594"}, "invalid_value", "tax_id"),
        ({"payment_terms": "Net 13"}, "unknown_choice", "payment_terms"),
        ({"credit_limit": Money(Decimal(5), "EUR")}, "invalid_value", "credit_limit"),
        ({"billing_address": Address(country="XX")}, "unknown_choice", "billing_address"),
        ({"name": None}, "required", "name"),
    ],
)
async def test_a_refusal_names_our_field_and_how_to_mend_it(
    harness: TrytonHarness, connector: Connector, fields: Fields, code: str, field: str
) -> None:
    sample = {**await harness.sample("customer"), **fields}
    receipt = await write_one(connector, creating("customer", sample, "il-x"))
    assert receipt.outcome is Outcome.REJECTED
    assert receipt.reason is not None
    assert (receipt.reason.code, receipt.reason.field) == (code, field)


async def test_what_only_tryton_refuses_is_told_in_our_words(
    harness: TrytonHarness, connector: Connector
) -> None:
    """A plain user may not set the credit limit; the rest of the batch is not held up."""
    harness.user = (harness.server.login, harness.server.password)  # type: ignore[misc]
    sample = await harness.sample("customer")
    limited = {**await harness.sample("customer"), "credit_limit": Money(Decimal(5), "USD")}
    async with harness.connect() as plain:
        report = await plain.check()
        assert report.unwritable["customer"] == {"credit_limit"}
        refused, made = await plain.write(
            "customer",
            [creating("customer", limited, "il-a"), creating("customer", sample, "il-b")],
        )
    assert made.outcome is Outcome.CREATED
    assert refused.reason is not None
    assert (refused.reason.code, refused.reason.field) == ("not_permitted", "credit_limit")


async def test_regions_are_resolved_by_code_and_unknown_ones_refused(
    harness: TrytonHarness,
) -> None:
    us = harness.server.ids["countries"]["US"]
    if not harness.call("country.subdivision", "search", [["code", "=", "US-NY"]]):
        harness.call("country.subdivision", "create", [
            {"country": us, "code": "US-NY", "name": "New York", "type": "state"},
        ])  # fmt: skip
    harness.options = {"regions": "code"}
    address = Address(street="1 Main St", city="Albany", region="NY", country="US")
    async with harness.connect() as connector:
        sample = {**await harness.sample("customer"), "billing_address": address}
        record = await created(connector, "customer", sample)
        assert record.fields["billing_address"] == address
        moved = Address(street="1 Main St", city="Mons", country="BE")
        write = updating("customer", record.id, {"billing_address": moved}, seen=record)
        receipt = await write_one(connector, write)
        assert receipt.outcome is Outcome.UPDATED, receipt.reason
        nowhere = Address(city="Albany", region="ZZ", country="US")
        write = updating("customer", record.id, {"billing_address": nowhere})
        reason = (await write_one(connector, write)).reason
        assert reason is not None
        assert (reason.code, reason.field) == ("unknown_choice", "billing_address")


async def test_moving_an_address_takes_the_former_state_off_it(
    harness: TrytonHarness, connector: Connector
) -> None:
    """Regions are off: the state a user chose in Tryton must not stay with another city."""
    us = harness.server.ids["countries"]["US"]
    [state] = harness.call("country.subdivision", "create", [
        {"country": us, "code": f"US-{harness.token}", "name": "Ohio", "type": "state"},
    ])  # fmt: skip
    party = await harness.seed_sample("customer")
    [row] = harness.one("party.party", party, "addresses")["addresses"]
    harness.call("party.address", "write", [row], {"subdivision": state})
    moved = Address(street="9 Rue", city="Mons", country="BE")
    fields: Fields = {"billing_address": moved, "shipping_address": moved}
    receipt = await write_one(connector, updating("customer", party, fields))
    assert receipt.outcome is Outcome.UPDATED, receipt.reason
    assert harness.one("party.address", row, "subdivision")["subdivision"] is None


async def test_an_archived_customer_refuses_to_be_changed(
    harness: TrytonHarness, connector: Connector
) -> None:
    party = await harness.seed_sample("customer")
    await harness.archive("customer", party)
    receipt = await write_one(connector, updating("customer", party, {"name": "New"}))
    assert receipt.outcome is Outcome.REJECTED
    assert receipt.reason is not None
    assert receipt.reason.code == "locked"


async def test_a_record_merged_away_is_still_found_by_its_reference(
    harness: TrytonHarness, connector: Connector
) -> None:
    """It lives on in the winner: making it anew would double the customer."""
    made = await created(connector, "customer", await harness.sample("customer"), "il-merged-1")
    winner = await harness.seed_sample("customer")
    await harness.merge("customer", made.id, winner)
    found = await connector.find("customer", ["il-merged-1"])
    assert [hit.record.id for hit in found["il-merged-1"]] == [winner]


# ── who is a customer, who a contact ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("category", ["Customer", None])
async def test_the_company_itself_and_contact_persons_are_no_customers(
    harness: TrytonHarness, category: str | None
) -> None:
    harness.options = {"customer_category": category}
    [other] = harness.call("party.party", "create", [{"name": f"Supplier {harness.token}"}])
    customer = await harness.seed_sample("customer")
    contact = await harness.seed_sample("contact")
    own = str(harness.server.ids["company_party"])
    async with harness.connect() as connector:
        customers, _ = await read_round(connector.sweep, "customer", None)
        contacts, _ = await read_round(connector.sweep, "contact", None)
        assert await connector.fetch("customer", [own, contact]) == []
    ids = {record.id for record in customers}
    assert customer in ids
    assert not {own, contact} & ids
    assert (str(other) in ids) is (category is None)
    assert contact in {record.id for record in contacts}
    assert not ids & {record.id for record in contacts}


async def test_a_contact_keeps_its_role_and_may_move_to_another_customer(
    harness: TrytonHarness, connector: Connector
) -> None:
    first, second = [await harness.seed_sample("customer") for _ in range(2)]
    fields: Fields = {
        "name": "Jan van der Berg", "customer": Ref("customer", first), "role": "billing",
        "phone": "+31 20 555 0102", "email": "jan@example.nl", "other_id": "003x",
    }  # fmt: skip
    record = await created(connector, "contact", fields)
    assert dict(record.fields) == fields
    moved: Fields = {"customer": Ref("customer", second), "role": "primary"}
    receipt = await write_one(connector, updating("contact", record.id, moved, seen=record))
    assert receipt.outcome is Outcome.UPDATED, receipt.reason
    shown = await fetch_one(connector, "contact", record.id)
    assert dict(shown.fields) == {**fields, **moved}
    assert len(harness.one("party.party", record.id, "relations")["relations"]) == 1


async def test_provision_makes_what_contacts_need_or_says_who_may(harness: TrytonHarness) -> None:
    name = f"Chief of {harness.token}"
    harness.options = {"contact_relations": {"other": "Contact of", "primary": name}}
    async with harness.connect() as connector:
        assert {step.action for step in await connector.provision(dry_run=False)} == {
            "present", "failed",
        }  # fmt: skip
    server = harness.server
    harness.user = (server.admin_login, server.admin_password)  # type: ignore[misc]
    async with harness.connect() as connector:
        steps = await connector.provision(dry_run=False)
        assert [s.action for s in steps if name in s.subject] == ["created"]
        report = await connector.check()
    assert report.ok
    assert any(f.subject == "user" and f.severity is Severity.WARNING for f in report.findings)


# ── changes of what is below a record ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("entity", "part", "change", "field"),
    [
        ("customer", "addresses", {"city": "Elsewhere"}, "billing_address"),
        ("customer", "contact_mechanisms", {"value": "new@example.org"}, "email"),
        ("contact", "contact_mechanisms", {"value": "new@example.org"}, "email"),
        ("contact", "relations", {"type": "Billing contact of"}, "role"),
        ("order", "lines", {"quantity": 7.0}, "net_total"),
        ("product", "template", {"active": False}, "active"),
    ],
)
async def test_an_edit_below_a_record_is_a_change_of_it_and_refuses_an_old_decision(
    harness: TrytonHarness, connector: Connector, entity: str, part: str,
    change: dict[str, object], field: str,
) -> None:  # fmt: skip
    record_id = await harness.seed_sample(entity)
    harness.stamp(entity, record_id, datetime.now(UTC) - timedelta(hours=1))
    before = await fetch_one(connector, entity, record_id)
    _, cursor = await read_round(connector.changes, entity, None)
    models = {"addresses": "party.address", "contact_mechanisms": "party.contact_mechanism",
              "relations": "party.relation.all", "lines": "sale.line",
              "template": "product.template"}  # fmt: skip
    below = harness.one(MODELS[entity], record_id, part)[part]
    row = below if isinstance(below, int) else below[0]
    if part == "relations":
        [kind] = harness.call("party.relation.type", "search", [["name", "=", change["type"]]])
        change = {"type": kind}
    harness.call(models[part], "write", [row], change)
    records, _ = await read_round(connector.changes, entity, cursor)
    [seen] = {record.id: record for record in records if record.id == record_id}.values()
    assert seen.fields[field] != before.fields[field]
    if entity == "product":
        return
    name = harness.text_field[entity]
    write = updating(entity, record_id, {name: "Ours"}, seen=before)
    outcome = (await write_one(connector, write)).outcome
    # a relation carries no time stamp of its own; only its own fields are compared
    assert outcome is (Outcome.UPDATED if part == "relations" else Outcome.CONFLICT)


async def test_an_address_is_never_written_over_one_edited_since(
    harness: TrytonHarness, connector: Connector
) -> None:
    """The party's own time stamp does not move with its address; ours does."""
    party = await harness.seed_sample("customer")
    seen = await fetch_one(connector, "customer", party)
    [row] = harness.one("party.party", party, "addresses")["addresses"]
    harness.call("party.address", "write", [row], {"city": "Theirs"})
    ours = Address(street="1 Main St", city="Ours", country="US")
    write = updating("customer", party, {"billing_address": ours}, seen=seen)
    assert (await write_one(connector, write)).outcome is Outcome.CONFLICT
    assert harness.one("party.address", row, "city")["city"] == "Theirs"


# ── orders ───────────────────────────────────────────────────────────────────────────────────


async def test_an_order_is_what_a_clerk_would_have_entered(
    harness: TrytonHarness, connector: Connector
) -> None:
    fields = await order_fields(harness, "9.1234")
    ship = Address(street="Dock 7", city="Mons", country="BE")
    record = await created(connector, "order", {
        **fields, "other_id": "006 x", "quote_number": "Q-1", "payment_terms": "Net 60",
        "shipping_address": ship, "currency": "EUR",
    })  # fmt: skip
    sale = harness.one(
        "sale.sale", record.id, "reference", "description", "warehouse", "tax_amount", "state",
        "untaxed_amount", "currency.code", "lines.unit", "shipment_address.party",
    )  # fmt: skip
    assert sale["reference"] == "PO 1"
    assert sale["description"] == f"interlock:{record.reference} other:006%20x quote:Q-1"
    assert sale["warehouse"] == harness.server.ids["warehouse"]
    assert sale["untaxed_amount"]["decimal"] == "18.25"
    assert sale["tax_amount"]["decimal"] == "3.65"
    assert sale["lines."][0]["unit"] == harness.server.ids["unit"]
    shown = {name: record.fields[name] for name in ("other_id", "quote_number", "payment_terms",
             "shipping_address", "currency", "status", "net_total", "number")}  # fmt: skip
    assert shown == {
        "other_id": "006 x", "quote_number": "Q-1", "payment_terms": "Net 60", "number": None,
        "shipping_address": ship, "currency": "EUR", "status": "draft",
        "net_total": Decimal("18.25"),
    }  # fmt: skip
    again = await created(connector, "order", {**fields, "shipping_address": ship})
    assert again.fields["shipping_address"] == ship
    party = int(fields["customer"].id)  # type: ignore[union-attr]
    assert len(harness.one("party.party", party, "addresses")["addresses"]) == 2


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (Line(key="d/2", sku="NOPE", quantity=Decimal(1), unit_price=Decimal(1)), "not_found"),
        (Line(key="d/2", quantity=Decimal(1), unit_price=Decimal(1)), "not_found"),
        (Line(key="d/2", product=Ref("product", "99999"), quantity=Decimal(1),
              unit_price=Decimal(1)), "not_found"),
        (Line(key="d/2", sku="W-001", quantity=Decimal("1.5"), unit_price=Decimal(1)),
         "invalid_value"),
    ],
)  # fmt: skip
async def test_a_line_that_cannot_be_ordered_leaves_nothing_behind(
    harness: TrytonHarness, connector: Connector, line: Line, code: str
) -> None:
    fields = await order_fields(harness)
    before = await harness.ids("order")
    lines = (*fields["lines"], line)  # type: ignore[misc]
    write = creating("order", {**fields, "lines": lines}, "il-bad-line")
    receipt = await write_one(connector, write)
    assert receipt.outcome is Outcome.REJECTED
    assert receipt.reason is not None
    assert (receipt.reason.code, receipt.reason.field) == (code, "lines")
    assert code != "not_found" or "d/2" in receipt.reason.message
    assert await harness.ids("order") == before
    assert await connector.find("order", ["il-bad-line"]) == {}


async def test_an_order_over_the_credit_limit_waits_for_a_person(
    harness: TrytonHarness, connector: Connector
) -> None:
    """A plain user is refused, one who may decide is asked, an accepted warning passes."""
    fields = await order_fields(harness, "100")
    party = fields["customer"].id  # type: ignore[union-attr]
    limit = await write_one(
        connector, updating("customer", party, {"credit_limit": Money(Decimal(50), "USD")})
    )
    assert limit.outcome is Outcome.UPDATED, limit.reason
    order = (await created(connector, "order", fields)).id
    confirm = updating("order", order, {"status": "open"})
    server = harness.server
    asking = harness.user
    harness.user = (server.login, server.password)  # type: ignore[misc]
    async with harness.connect() as plain:
        receipt = await write_one(plain, confirm)
    assert receipt.outcome is Outcome.REJECTED
    assert receipt.reason is not None
    assert (receipt.reason.code, "credit limit" in receipt.reason.message) == ("rejected", True)
    assert receipt.reason.fix
    receipt = await write_one(connector, confirm)
    assert receipt.outcome is Outcome.REJECTED
    assert receipt.reason is not None
    assert receipt.reason.code == "needs_confirmation"
    assert (await fetch_one(connector, "order", order)).fields["status"] == "draft"
    harness.user = asking  # type: ignore[misc]
    harness.options = {"accept_warnings": [".credit_limit_amount"]}
    async with harness.connect() as accepting:
        receipt = await write_one(accepting, confirm)
    assert receipt.outcome is Outcome.UPDATED, receipt.reason
    assert (await fetch_one(connector, "order", order)).fields["status"] == "open"


async def test_an_order_is_changed_only_where_it_may_be(
    harness: TrytonHarness, connector: Connector
) -> None:
    order = (await created(connector, "order", await order_fields(harness))).id
    opened: Fields = {"status": "open", "po_number": "PO 2", "other_id": "006y"}
    receipt = await write_one(connector, updating("order", order, opened))
    assert receipt.outcome is Outcome.UPDATED, receipt.reason
    assert receipt.record is not None
    assert {name: receipt.record.fields[name] for name in opened} == opened
    assert receipt.record.fields["number"]
    po = updating("order", order, {"po_number": "PO 3"})
    assert (await write_one(connector, po)).outcome is Outcome.UPDATED
    for fields in ({"lines": ()}, {"status": "cancelled"}, {"status": "draft"}, {"other_id": "z"}):
        receipt = await write_one(connector, updating("order", order, fields))  # type: ignore[arg-type]
        assert receipt.outcome is Outcome.REJECTED
        assert receipt.reason is not None
        assert receipt.reason.code == "locked", fields
    draft = (await created(connector, "order", await order_fields(harness))).id
    cancel = updating("order", draft, {"status": "cancelled"})
    assert (await write_one(connector, cancel)).outcome is Outcome.UPDATED
    assert (await write_one(connector, cancel)).outcome is Outcome.UNCHANGED
    receipt = await write_one(connector, updating("order", draft, {"status": "open"}))
    assert receipt.outcome is Outcome.REJECTED


# ── the connection ───────────────────────────────────────────────────────────────────────────


async def test_a_session_that_ran_out_is_renewed_without_anyone_noticing(
    harness: TrytonHarness, connector: Connector
) -> None:
    await connector.sweep("product", None)
    login = harness.user[0]
    [user] = harness.call("res.user", "search", [["login", "=", login]])
    harness.end_sessions(user)
    assert (await connector.sweep("product", None)).records
    assert harness.proxy.count(body="common.db.login") == 2


@pytest.mark.parametrize("groups", [[], ["Sales"]])
async def test_the_group_sales_is_enough_and_without_it_orders_are_said_to_be_missing(
    harness: TrytonHarness, groups: list[str]
) -> None:
    login, password = f"clerk-{harness.token}", secrets.token_urlsafe(12)
    ids = harness.call("res.group", "search", [["name", "in", groups]])
    company = harness.server.ids["company"]
    [user] = harness.call("res.user", "create", [{
        "name": "Clerk", "login": login, "password": password, "groups": [["add", ids]],
        "companies": [["add", [company]]],
    }])  # fmt: skip
    harness.call("res.user", "write", [user], {"company": company})
    order = await order_fields(harness)
    harness.user = (login, password)  # type: ignore[misc]
    async with harness.connect() as clerk:
        await created(clerk, "customer", await harness.sample("customer"))
        report = await clerk.check()
        assert report.ok is bool(groups)
        if groups:
            made = await created(clerk, "order", order)
            receipt = await write_one(clerk, updating("order", made.id, {"status": "open"}))
            assert receipt.outcome is Outcome.UPDATED, receipt.reason
        else:
            with pytest.raises(NotPermittedError):
                await clerk.sweep("order", None)
            receipt = await write_one(clerk, creating("order", order, "il-x"))
            assert receipt.outcome is Outcome.REJECTED
            assert receipt.reason is not None
            assert receipt.reason.code == "not_permitted"


async def test_another_database_name_says_that_it_is_not_there(harness: TrytonHarness) -> None:
    harness.options = {"database": "nowhere"}
    async with harness.connect() as connector:
        with pytest.raises(RejectedError, match="nowhere"):
            await connector.sweep("product", None)
        report = await connector.check()
    assert not report.ok


async def test_never_asks_for_a_password_on_every_call(
    harness: TrytonHarness, connector: Connector
) -> None:
    for _ in range(3):
        await connector.sweep("product", None)
    assert harness.proxy.count(body="common.db.login") == 1
