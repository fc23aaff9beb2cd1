"""From BottleCRM's rows to records and back."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from interlock.connectors.bottlecrm.figures import FIGURE_MAPS
from interlock.connectors.bottlecrm.objects import CUSTOM_FIELDS, MAPS
from interlock.connectors.bottlecrm.places import RESOURCES
from interlock.connectors.bottlecrm.rows import (
    Organization,
    custom_keys,
    decode,
    flatten,
    model_field,
)
from interlock.mapping.codecs import CodecError
from interlock.model import (
    Address,
    ContactRole,
    Fields,
    Money,
    OrderStatus,
    PaymentStatus,
    Presence,
    Ref,
    agree,
)

ALL = Organization(
    "USD",
    {
        RESOURCES[entity].model: {field.key: field.kind for field in fields}
        for entity, fields in CUSTOM_FIELDS.items()
    },
)
NONE = Organization("USD")
ID = "71acc63b-1090-471e-b531-cff331a8a3f4"

ACCOUNT: dict[str, Any] = {
    "id": ID,
    "name": "Acme Ltd",
    "email": "",
    "phone": "09 111 22 33",
    "website": "https://acme.example",
    "currency": "EUR",
    "address_line": "1 High St\nFloor 2",
    "city": "London",
    "state": None,
    "postcode": "N1 1AA",
    "country": "GB",
    "description": "never to be seen",
    "is_active": True,
    "assigned_to": [{"id": "c3", "user_details": {"email": "a@x.example"}}, {"id": "b2"}],
    "custom_fields": {
        "interlock_ref": "il-4k2m9x-7QW3ERTY8UPA",
        "tax_id": "BE0123456789",
        "credit_limit": Decimal("1000.0"),
        "erp_balance": Decimal("12.5"),
        "balance": Decimal("12.5"),
        "balance_currency": "EUR",
        "credit_hold": True,
        "oldest_due_on": "2026-10-14",
        "days_overdue": Decimal("40.0"),
        "figures_at": "2026-11-23T05:43:51.001825+00:00",
    },
}
FIGURES: dict[str, Any] = {
    **{item.field: None for item in FIGURE_MAPS["customer"]},
    "balance": Money(Decimal("12.5"), "EUR"), "credit_hold": True,
    "oldest_due_on": date(2026, 10, 14), "days_overdue": Decimal(40),
    "figures_at": datetime(2026, 11, 23, 5, 43, 51, 1825, tzinfo=UTC),
}  # fmt: skip
DEAL: dict[str, Any] = {
    "id": ID,
    "name": "Deal 42",
    "account": {"id": "b691fd76-ca27-460d-b410-aa0236d21088", "name": "Acme Ltd"},
    "stage": "SIGNED",
    "stage_label": "Closed Won",
    "stage_kind": "open",
    "currency": None,
    "amount": "40.55",
    "line_items": [],
    "is_active": True,
    "stage_changed_at": "2026-11-23T05:43:51.001825Z",
    "custom_fields": {"erp_order_status": "open"},
}


def test_an_account_becomes_a_customer() -> None:
    record = decode("customer", ACCOUNT, ALL, MAPS["customer"])
    assert record.reference == "il-4k2m9x-7QW3ERTY8UPA"
    assert record.presence is Presence.PRESENT
    assert record.version is None
    assert record.fields == {
        "name": "Acme Ltd",
        "website": "https://acme.example",
        "email": None,
        "phone": "09 111 22 33",
        "tax_id": "BE0123456789",
        "billing_address": Address(
            street="1 High St\nFloor 2", city="London", postcode="N1 1AA", country="GB"
        ),
        "shipping_address": None,
        "payment_terms": None,
        # Typed by hand without its currency: the account's own holds.
        "credit_limit": Money(Decimal(1000), "EUR"),
        "other_id": None,
        # a person's id and nothing else of them; which of several does not change by itself
        "owner": "b2",
        **FIGURES,
    }


def test_people_s_tasks_are_read_without_their_text() -> None:
    task = {"id": ID, "title": "Call", "status": "Completed", "description": "told in confidence",
            "account": {"id": ID, "name": "Acme"}, "custom_fields": {}}  # fmt: skip
    theirs = decode("task", task, ALL, MAPS["task"])
    assert "body" not in theirs.fields
    assert (theirs.fields["done"], theirs.fields["customer"]) == (True, Ref("customer", ID))
    ours = decode("task", {**task, "custom_fields": {"interlock_ref": "il-1"}}, ALL, MAPS["task"])
    assert (ours.reference, ours.fields["body"]) == ("il-1", "told in confidence")


def test_a_custom_field_without_definition_is_unknown_not_blank() -> None:
    record = decode("customer", ACCOUNT, NONE, MAPS["customer"])
    native = {"name", "website", "email", "phone", "billing_address", "owner"}
    assert set(record.fields) == native


def test_an_inactive_account_is_archived() -> None:
    record = decode("customer", {**ACCOUNT, "is_active": False}, ALL, MAPS["customer"])
    assert record.presence is Presence.ARCHIVED


def test_an_unreadable_country_leaves_the_address_unknown_and_is_named() -> None:
    stored = {"shipping_country": "Belgium", "shipping_city": "Gent"}
    record = decode("customer", {**ACCOUNT, "custom_fields": stored}, ALL, MAPS["customer"])
    assert "shipping_address" not in record.fields
    assert "shipping_address" in (record.problems or {})
    assert "Belgium" not in str(record.problems)


@pytest.mark.parametrize("kind", ["open", "lost", "won"])
def test_a_deal_is_won_by_its_stages_kind_never_by_label_or_code(kind: str) -> None:
    record = decode("deal", {**DEAL, "stage_kind": kind}, ALL, MAPS["deal"])
    moved = datetime(2026, 11, 23, 5, 43, 51, 1825, tzinfo=UTC)
    assert record.fields["stage_kind"] == kind
    assert record.fields["won_at"] == (moved if kind == "won" else None)


def test_a_stage_its_pipeline_does_not_have_leaves_the_kind_unknown() -> None:
    record = decode("deal", {**DEAL, "stage_kind": None}, ALL, MAPS["deal"])
    assert "stage_kind" not in record.fields


def test_a_deal_without_currency_counts_in_the_organizations() -> None:
    record = decode("deal", DEAL, ALL, MAPS["deal"])
    assert record.fields["amount"] == Money(Decimal("40.55"), "USD")
    assert record.fields["customer"] == Ref("customer", "b691fd76-ca27-460d-b410-aa0236d21088")
    assert record.fields["lines"] == ()


@pytest.mark.parametrize(
    ("linked", "customer"),
    [((), None), (("a",), Ref("customer", "a")), (("a", "b"), None)],
)
def test_a_contact_listed_on_one_account_belongs_to_it(
    linked: tuple[str, ...], customer: Ref | None
) -> None:
    row = {"id": ID, "account": None, "linked_accounts": [{"id": one} for one in linked],
           "updated_at": "2026-11-23T05:44:45.674518Z"}  # fmt: skip
    record = decode("contact", row, ALL, MAPS["contact"])
    assert record.fields["customer"] == customer
    assert record.version == "2026-11-23T05:44:45.674518Z"


def test_a_discount_on_the_whole_estimate_leaves_its_lines_unknown() -> None:
    row = {"id": ID, "status": "Accepted", "currency": "EUR", "opportunity": {"id": "o"},
           "estimate_number": "EST-1", "discount_value": "5.00", "line_items": []}  # fmt: skip
    record = decode("quote", row, ALL, MAPS["quote"])
    assert "lines" not in record.fields
    assert "lines" in (record.problems or {})
    whole = decode("quote", {**row, "discount_value": "0.00"}, ALL, MAPS["quote"])
    assert whole.fields["lines"] == ()


def test_a_quote_as_listed_does_not_know_its_lines() -> None:
    row = {"id": ID, "status": "Sent", "currency": "EUR", "opportunity": None}
    record = decode("quote", row, ALL, MAPS["quote"])
    assert "lines" not in record.fields
    assert record.fields["deal"] is None
    assert record.problems is None


# ── round trip ───────────────────────────────────────────────────────────────────────────────

text = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=60)
part = st.none() | text
addresses = st.builds(
    Address,
    street=part,
    city=part,
    region=part,
    postcode=part,
    country=st.none() | st.sampled_from(["GB", "FR", "BE"]),
)
money = st.none() | st.builds(
    Money,
    st.decimals("-999999999", "999999999", places=2),
    st.sampled_from(["EUR", "USD", "JPY"]),
)
number = st.none() | st.integers(-9999, 9999).map(Decimal)
flag = st.none() | st.booleans()
day = st.none() | st.dates()
values: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "customer": {
        "name": text,
        "website": st.none() | st.just("https://acme.example/a?b=c"),
        "email": st.none() | text,
        "phone": st.none() | st.from_regex(r"\A[0-9+().-]{7,25}\Z"),
        "tax_id": part,
        "billing_address": st.none() | addresses,
        "shipping_address": st.none() | addresses,
        "payment_terms": part,
        "credit_limit": st.none()
        | st.builds(
            Money,
            st.decimals("0", "999999999", places=2),
            st.sampled_from(["EUR", "USD", "JPY"]),
        ),
        "other_id": part,
        **dict.fromkeys(
            ("balance", "overdue", "credit_balance", "revenue_12m", "lifetime_revenue"), money
        ),
        **dict.fromkeys(("days_overdue", "days_to_pay", "health_score", "revenue_change"), number),
        **dict.fromkeys(("oldest_due_on", "last_payment_on"), day),
        **dict.fromkeys(("health_reasons", "tier", "figures_from", "hold_reason"), part),
        "figures_at": st.none() | st.datetimes(timezones=st.just(UTC)),
        "credit_hold": flag,
    },
    "contact": {
        "customer": st.none() | st.builds(Ref, st.just("customer"), st.uuids().map(str)),
        "name": st.lists(text.filter(lambda t: t != "-"), min_size=1, max_size=4).map(" ".join),
        "email": st.none() | text,
        "phone": st.none() | st.from_regex(r"\A[0-9+().-]{7,25}\Z"),
        "role": st.none() | st.sampled_from([str(r) for r in ContactRole]),
        "other_id": part,
    },
    "product": {
        "sku": part,
        "name": text,
        "active": st.booleans(),
        "family": part,
        # 0 is what stands there when nobody stated a price
        "list_price": st.none()
        | st.builds(
            Money,
            st.decimals("0.01", "9999999999.99", places=2),
            st.sampled_from(["EUR", "USD", "JPY"]),
        ),
    },
    "deal": {
        "name": text,
        "customer": st.none() | st.builds(Ref, st.just("customer"), st.uuids().map(str)),
        "stage": text,
        "po_number": part,
        "order_number": part,
        "order_status": st.none() | st.sampled_from([str(s) for s in OrderStatus]),
        "other_id": part,
        "paused": flag,
        "paused_stage": part,
        "invoice_numbers": part,
        "invoice_total": money,
        "invoice_due_on": day,
        "payment_status": st.none() | st.sampled_from([str(s) for s in PaymentStatus]),
        "quote_check": st.none() | st.sampled_from(["ok", "warn", "stop"]),
        "quote_check_reason": part,
        "quote_checked_at": st.none() | st.datetimes(timezones=st.just(UTC)),
    },
    "task": {
        "subject": text,
        "body": part,
        "customer": st.none() | st.builds(Ref, st.just("customer"), st.uuids().map(str)),
        "owner": st.none() | st.uuids().map(str),
        "due": day,
        "done": st.booleans(),
    },
}


def stored(entity: str, body: dict[str, Any]) -> dict[str, Any]:
    """What BottleCRM shows after taking a body: blank custom values are not kept."""
    row = {"id": ID, **body}
    row["custom_fields"] = {
        key: value for key, value in body.get("custom_fields", {}).items() if value is not None
    }
    if entity in ("deal", "task") and body["account"] is not None:
        row["account"] = {"id": body["account"], "name": "Acme Ltd"}
    if entity == "task":
        row["custom_fields"]["interlock_ref"] = "il-1"
        row["assigned_to"] = [{"id": one} for one in body["assigned_to"]]
    if entity == "product":
        row.setdefault("currency", "USD")
    if entity == "customer":
        for key in ("address_line", "city", "state", "postcode", "country"):
            row.setdefault(key, None)
    return row


@pytest.mark.parametrize("entity", sorted(values))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_what_is_written_is_read_back(entity: str, data: st.DataObject) -> None:
    fields: Fields = data.draw(st.fixed_dictionaries(values[entity]))
    body = flatten(entity, MAPS[entity].encode(fields))
    record = decode(entity, stored(entity, body), ALL, MAPS[entity])
    facts = MAPS[entity].facts()
    for field, value in fields.items():
        assert agree(record.fields[field], value, facts[field]), field


def test_every_writable_field_is_covered_by_the_round_trip() -> None:
    for entity, mapping in MAPS.items():
        writable = {item.field for item in mapping.fields if item.writable}
        assert writable == set(values.get(entity, {})), entity


def test_a_price_with_more_digits_than_a_product_holds_is_refused() -> None:
    with pytest.raises(CodecError) as caught:
        MAPS["product"].encode({"list_price": Money(Decimal(10**10), "EUR")})
    assert caught.value.field == "list_price"


def test_an_address_is_written_whole() -> None:
    body = flatten("customer", MAPS["customer"].encode({"billing_address": Address(city="Gent")}))
    assert body == {
        "address_line": None, "city": "Gent", "state": None, "postcode": None, "country": None,
    }  # fmt: skip


def test_an_address_part_too_long_is_refused_rather_than_cut() -> None:
    with pytest.raises(CodecError) as caught:
        MAPS["customer"].encode({"billing_address": Address(postcode="1" * 65)})
    assert caught.value.field == "billing_address"


# ── names ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("name", "name"),
        ("address_line", "billing_address"),
        ("custom_fields.shipping_city", "shipping_address"),
        ("custom_fields.tax_id", "tax_id"),
        ("custom_fields.credit_limit_currency", "credit_limit"),
        ("industry", None),
    ],
)
def test_bottlecrms_field_is_named_as_ours(path: str, field: str | None) -> None:
    assert model_field("customer", MAPS["customer"], path) == field


def test_only_fields_let_through_need_custom_fields() -> None:
    limited = MAPS["customer"].limited_to({"name", "tax_id", "credit_limit"})
    assert set(custom_keys("customer", limited)) == {
        "tax_id", "credit_limit", "credit_limit_currency",
    }  # fmt: skip
