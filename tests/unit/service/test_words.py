"""What services say of rules, and how they read what people type."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, cast

import pytest

from interlock.errors import ConfigurationError
from interlock.governance.rules import (
    ConflictRule,
    FieldRule,
    OnForeignEdit,
    Ownership,
    Side,
)
from interlock.model import Address, Money, Schema
from interlock.service.explaining import rule_in_words
from interlock.service.labels import known_entity, label_of
from interlock.service.letters import parse_value
from interlock.store.database import Tx

NAMES = {Side.CRM: "sales", Side.ERP: "books"}
TX = Tx(
    cast("Any", None), Schema({"customer": {"size": "number", "vip": "boolean", "since": "date"}})
)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"ownership": Ownership.CRM}, "sales owns it; an edit in books is put back"),
        (
            {"ownership": Ownership.ERP, "on_foreign_edit": OnForeignEdit.FLAG},
            "books owns it; an edit in sales is shown to a person",
        ),
        (
            {"ownership": Ownership.SHARED, "conflict": ConflictRule.ERP},
            "either system may change it; if both did, books wins",
        ),
        (
            {"ownership": Ownership.SHARED},
            "either system may change it; if both did, a person decides",
        ),
        (
            {"ownership": Ownership.SHARED, "conflict": ConflictRule.NEWEST},
            "either system may change it; if both did, the later change wins",
        ),
        (
            {"ownership": Ownership.LOCAL},
            "only read for Interlock's own decisions, never written to the other system",
        ),
    ],
)
def test_a_rule_is_said_in_a_sentence(rule: dict[str, Any], words: str) -> None:
    assert rule_in_words(FieldRule(field="phone", **rule), NAMES) == words


BONN = Address(street="1 Main St", city="Bonn", country="DE")


@pytest.mark.parametrize(
    ("field", "part", "text", "value"),
    [
        ("name", "", " Acme ", "Acme"),
        ("name", "", "", None),
        ("credit_limit", "", "1200.50 eur", Money(Decimal("1200.50"), "EUR")),
        ("billing_address", "city", "Köln",
         Address(street="1 Main St", city="Köln", country="DE")),
        ("billing_address", "country", "", Address(street="1 Main St", city="Bonn")),
        ("billing_address", "", "", None),
        ("custom.size", "", "12.5", Decimal("12.5")),
        ("custom.vip", "", "Yes", True),
        ("custom.vip", "", "no", False),
        ("custom.since", "", "2026-03-02", date(2026, 3, 2)),
    ],
)  # fmt: skip
def test_typed_values_become_values(field: str, part: str, text: str, value: Any) -> None:
    assert parse_value(TX, "customer", field, part, text, BONN) == value


@pytest.mark.parametrize(
    ("entity", "field", "part", "text"),
    [
        ("customer", "credit_limit", "", "1200"),
        ("customer", "credit_limit", "", "many EUR"),
        ("customer", "billing_address", "", "1 Main St, Bonn"),
        ("customer", "billing_address", "town", "Bonn"),
        ("customer", "name", "first", "Jo"),
        ("customer", "custom.size", "", "big"),
        ("customer", "custom.vip", "", "perhaps"),
        ("contact", "customer", "", "7"),
        ("order", "lines", "", "2 x W-1"),
        ("deal", "won_at", "", "yesterday"),
    ],
)
def test_what_is_no_value_is_refused_with_a_hint(
    entity: str, field: str, part: str, text: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_value(TX, entity, field, part, text, None)
    assert caught.value.fix


def test_instants_are_read_with_their_zone() -> None:
    read = parse_value(TX, "deal", "won_at", "", "2026-03-02T09:00:00Z", None)
    assert read == datetime(2026, 3, 2, 9, tzinfo=UTC)


def test_records_are_called_by_name_number_or_sku() -> None:
    assert label_of({"name": None, "number": "SO1"}) == "SO1"
    assert label_of({"sku": "W-1"}) == "W-1"
    assert label_of({"phone": "1"}) == ""


def test_an_entity_nobody_knows_is_refused_with_what_is_near() -> None:
    assert known_entity("customer") == "customer"
    with pytest.raises(ConfigurationError) as caught:
        known_entity("custmer")
    assert caught.value.fix == "did you mean 'customer'?"
