"""Codecs for what several vendors store in the same way."""

from __future__ import annotations

from decimal import Decimal

import pytest

from interlock.connectors.kit.codecs import (
    AddressParts,
    Exact,
    FixedCurrency,
    Reference,
    StatusIs,
)
from interlock.mapping.codecs import CodecError
from interlock.model import Address, FieldFacts, Money, Ref
from interlock.model.countries import COUNTRIES

PARTS = {"street": "line", "city": "town", "country": "land"}


@pytest.mark.parametrize("code", sorted(COUNTRIES))
def test_every_country_comes_back_from_its_name(code: str) -> None:
    place = AddressParts(PARTS, names_countries=True)
    written = place.encode(Address(country=code))
    assert written["land"] == COUNTRIES[code]
    assert place.decode(written) == Address(country=code)


def test_a_country_nobody_would_know_is_an_error() -> None:
    with pytest.raises(CodecError, match="ISO 3166"):
        AddressParts(PARTS, names_countries=True).decode({"land": "Atlantis"})
    with pytest.raises(CodecError, match="two-letter"):
        AddressParts(PARTS).decode({"land": "Belgium"})


def test_a_part_of_an_address_that_is_too_long_is_refused_by_name() -> None:
    with pytest.raises(CodecError, match="the city has more than 40"):
        AddressParts(PARTS, {"city": 40}).encode(Address(city="x" * 41))


def test_a_blank_address_blanks_every_part() -> None:
    assert AddressParts(PARTS).encode(None) == {"line": None, "town": None, "land": None}


def test_what_cannot_be_cut_is_refused() -> None:
    sku = Exact(FieldFacts(max_length=100))
    assert sku.encode("x" * 100) == "x" * 100
    with pytest.raises(CodecError):
        sku.encode("x" * 101)


def test_a_link_is_no_id_of_a_system() -> None:
    assert Reference("customer").encode(Ref("customer", "12")) == "12"
    with pytest.raises(CodecError):
        Reference("customer").encode(Ref("customer", "@12"))


def test_money_of_another_currency_has_no_place() -> None:
    assert FixedCurrency("EUR").decode(Decimal("12.50")) == Money(Decimal("12.50"), "EUR")
    assert FixedCurrency("EUR").encode(Money(Decimal("12.504"), "EUR")) == Decimal("12.50")
    with pytest.raises(CodecError, match="EUR only"):
        FixedCurrency("EUR").encode(Money(Decimal(1), "USD"))


@pytest.mark.parametrize(
    ("status", "accepted"), [("Draft", False), ("Accepted", True), (None, None)]
)
def test_only_one_status_means_yes(status: str | None, accepted: bool | None) -> None:
    codec = StatusIs("Accepted", "the customer accepts")
    assert codec.decode(status) is accepted
    with pytest.raises(CodecError, match="the customer accepts"):
        codec.encode(True)
