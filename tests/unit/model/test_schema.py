"""How records become bytes and come back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.model import ENTITIES, Address, Line, Money, Ref, Schema

VALUES: dict[Any, st.SearchStrategy[Any]] = {}
texts = st.text(max_size=20)
decimals = st.decimals(allow_nan=False, allow_infinity=False)
moneys = st.builds(Money, decimals, st.sampled_from(["EUR", "JPY"]))
addresses = st.builds(
    Address, street=st.none() | texts, city=st.none() | texts, country=st.none() | texts
)
refs = st.builds(Ref, st.sampled_from(list(ENTITIES)), texts)
lines = st.builds(
    Line, key=texts, product=st.none() | refs, sku=st.none() | texts, quantity=decimals,
    unit_price=decimals, net=st.none() | decimals,
)  # fmt: skip
instants = st.datetimes(timezones=st.just(UTC))
VALUES = {
    str: texts, Decimal: decimals, Money: moneys, Address: addresses, Ref: refs, bool: st.booleans(),
    tuple[Line, ...]: st.lists(lines, max_size=3).map(tuple), datetime: instants,
    date: st.dates(),
}  # fmt: skip
CUSTOM = {
    entity: {"t": "text", "n": "number", "b": "boolean", "d": "date", "i": "datetime"}
    for entity in ENTITIES
}
SCHEMA = Schema(CUSTOM)


@st.composite
def records(draw: Any, entity: str) -> dict[str, Any]:
    known = SCHEMA[entity].types
    names = draw(st.lists(st.sampled_from(sorted(known)), unique=True))
    return {name: draw(st.none() | VALUES[known[name]]) for name in names}


@pytest.mark.parametrize("entity", ENTITIES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_every_field_of_every_entity_comes_back(entity: str, data: Any) -> None:
    fields = data.draw(records(entity))
    back = SCHEMA[entity].decode(SCHEMA[entity].encode(fields))
    assert back == fields
    assert {f: type(v) for f, v in back.items()} == {f: type(v) for f, v in fields.items()}


@given(records("customer"))
def test_equal_fields_give_equal_bytes_whatever_their_order(fields: dict[str, Any]) -> None:
    turned = dict(reversed(list(fields.items())))
    assert SCHEMA["customer"].encode(turned) == SCHEMA["customer"].encode(fields)


def test_unknown_and_blank_stay_two_things() -> None:
    schema = SCHEMA["customer"]
    assert schema.decode(schema.encode({"name": None})) == {"name": None}
    assert schema.decode(schema.encode({})) == {}
    assert schema.encode({"name": None}) != schema.encode({})


def test_a_field_the_schema_no_longer_has_is_dropped() -> None:
    packed = SCHEMA["customer"].encode({"name": "a", "custom.t": "secret"})
    assert Schema()["customer"].decode(packed) == {"name": "a"}


def test_money_never_passes_through_a_float() -> None:
    schema = SCHEMA["customer"]
    exact = Money(Decimal("0.1000000000000000000000001"), "EUR")
    assert schema.decode(schema.encode({"credit_limit": exact})) == {"credit_limit": exact}


def test_typed_values_are_made_of_what_a_person_types() -> None:
    schema = SCHEMA["customer"]
    assert schema.convert("name", "Acme") == "Acme"
    assert schema.convert("name", None) is None
    assert schema.convert("credit_limit", {"amount": "5.00", "currency": "EUR"}) == Money(
        Decimal("5.00"), "EUR"
    )
    assert schema.convert("custom.n", "5") == Decimal(5)
    with pytest.raises(msgspec.ValidationError):
        schema.convert("billing_address", "1 Main St")
    with pytest.raises(msgspec.ValidationError):
        schema.convert("custom.b", "perhaps")


def test_a_schema_knows_its_entities_and_fields() -> None:
    assert set(SCHEMA) == set(ENTITIES)
    assert "customer" in SCHEMA
    assert "payslip" not in SCHEMA
    assert "custom.t" in SCHEMA["customer"]
    assert "custom.t" not in Schema()["customer"]


def test_an_address_is_something_when_any_part_is() -> None:
    assert not Address()
    assert not Address(street="")
    assert Address(country="DE")


def test_references_tell_whose_they_are() -> None:
    assert Ref("customer", "@7").is_link
    assert Ref("customer", "~7").is_foreign
    own = Ref("customer", "7")
    assert not own.is_link
    assert not own.is_foreign
