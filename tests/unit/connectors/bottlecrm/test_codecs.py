"""Codecs of BottleCRM's own forms."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.connectors.bottlecrm.codecs import (
    Amount,
    Lines,
    PersonName,
    Phone,
    Website,
)
from interlock.mapping.codecs import CodecError
from interlock.model import Money, Ref, agree


def item(**changes: Any) -> dict[str, Any]:
    """A line item of a deal as BottleCRM shows it."""
    return {
        "id": "907c9d3c-1b2f-4ddd-9d81-262205fdea26",
        "product": {"id": "7eb3ff49-784f-4046-8df0-621a5bb37b55", "sku": "W-001"},
        "name": "Widget 001",
        "description": "",
        "quantity": "3.00",
        "unit_price": "9.50",
        "discount_type": "",
        "discount_value": "0.00",
        "total": "28.50",
    } | changes


def test_a_line_names_its_product_and_sku() -> None:
    (line,) = Lines(net="total").decode([item()])
    assert line.key == "907c9d3c-1b2f-4ddd-9d81-262205fdea26"
    assert line.product == Ref("product", "7eb3ff49-784f-4046-8df0-621a5bb37b55")
    assert (line.sku, line.description) == ("W-001", "Widget 001")
    assert (line.quantity, line.unit_price, line.net) == (3, Decimal("9.5"), Decimal("28.5"))


def test_a_line_of_free_text_has_no_product() -> None:
    (line,) = Lines(net="total").decode([item(product=None, name="", description="On site")])
    assert (line.product, line.sku, line.description) == (None, None, "On site")


def test_an_estimates_line_names_its_product_by_id() -> None:
    raw = item(product="7eb3ff49-784f-4046-8df0-621a5bb37b55", net_amount="28.50", name=None)
    (line,) = Lines(net="net_amount").decode([raw])
    assert line.product == Ref("product", "7eb3ff49-784f-4046-8df0-621a5bb37b55")
    assert line.description is None


@pytest.mark.parametrize(
    ("discount", "net", "price"),
    [
        (("PERCENTAGE", "10.00"), "25.65", "8.55"),
        (("PERCENTAGE", "33.33"), "19.00", "6.33365"),
        (("FIXED", "1.00"), "27.50", "9.166667"),
        # A blank type with a value is a flat discount to BottleCRM.
        (("", "1.50"), "27.00", "9"),
    ],
)
def test_the_unit_price_is_net_of_the_lines_discount(
    discount: tuple[str, str], net: str, price: str
) -> None:
    raw = item(discount_type=discount[0], discount_value=discount[1], total=net)
    (line,) = Lines(net="total").decode([raw])
    assert line.unit_price == Decimal(price)
    assert line.net == Decimal(net)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("Ada King Lovelace", "Ada King", "Lovelace"), ("Ada", "Ada", "-"), (None, None, None)],
)
def test_a_name_is_split_before_its_last_word(
    name: str | None, first: str | None, last: str | None
) -> None:
    assert PersonName().encode(name) == {"first_name": first, "last_name": last}
    assert PersonName().decode(PersonName().encode(name)) == name


@pytest.mark.parametrize("number", ["+32 (0)2 555-01.02", "5550102"])
def test_a_phone_number_passes_as_it_is(number: str) -> None:
    assert Phone().encode(number) == number


@pytest.mark.parametrize("number", ["555 01 02 ext 3", "12345", "1" * 26])
def test_a_phone_number_is_refused_rather_than_cut(number: str) -> None:
    with pytest.raises(CodecError):
        Phone().encode(number)


def test_a_website_without_a_scheme_gets_one() -> None:
    assert Website().encode("acme.example") == "https://acme.example"
    assert Website().encode("http://acme.example") == "http://acme.example"


def test_the_added_scheme_is_no_change_of_the_website() -> None:
    shown = Website().decode(Website().encode("acme.example/"))
    assert agree(shown, "acme.example", Website().facts)
    assert not agree(shown, "acme.example.org", Website().facts)


@given(
    st.decimals("-9999999999999", "9999999999999", places=2),
    st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=3, max_size=3),
)
def test_money_keeps_every_cent_through_bottlecrms_floats(amount: Decimal, currency: str) -> None:
    codec = Amount("credit_limit", "credit_limit_currency")
    raw = codec.encode(Money(amount, currency))
    stored = {**raw, "credit_limit": Decimal(repr(float(raw["credit_limit"])))}
    assert codec.decode(stored) == Money(amount, currency)


def test_money_too_large_for_a_float_is_refused() -> None:
    with pytest.raises(CodecError):
        Amount("a", "c").encode(Money(Decimal(10) ** 13, "EUR"))
