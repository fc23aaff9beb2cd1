"""What NetSuite stores in its own way."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from interlock.connectors.netsuite.client import first_error, told
from interlock.connectors.netsuite.codecs import BookedLines, Flag, InvoiceState, OrderState, Place
from interlock.mapping.codecs import CodecError
from interlock.model import Address, Line


@pytest.mark.parametrize(
    ("raw", "status"),
    [("A", "draft"), ("SalesOrd:B", "open"), ("D", "open"), ("E", "open"), ("F", "fulfilled"),
     ("G", "fulfilled"), ("C", "cancelled"), ("H", "cancelled"), (None, None)],
)  # fmt: skip
def test_a_status_is_read_with_or_without_its_kind(raw: Any, status: str | None) -> None:
    assert OrderState().decode(raw) == status


def test_a_letter_nobody_knows_is_a_problem_not_a_guess() -> None:
    for codec in (OrderState(), InvoiceState()):
        with pytest.raises(CodecError):
            codec.decode("Z")


@pytest.mark.parametrize("status", ["fulfilled", "cancelled"])
def test_what_follows_from_shipping_is_not_written(status: str) -> None:
    with pytest.raises(CodecError, match="approved"):
        OrderState().encode(status)


@pytest.mark.parametrize(("raw", "value"), [("T", True), ("F", False), (True, True), (None, None)])
def test_boxes(raw: Any, value: bool | None) -> None:
    assert Flag().decode(raw) is value
    turned = Flag(inverse=True).decode(raw)
    assert turned is (None if value is None else not value)


def test_a_street_has_three_lines_and_no_fourth() -> None:
    kept = Address(street="a\nb\nc", city="X", country="DE")
    assert Place().decode(Place().encode(kept)) == kept
    with pytest.raises(CodecError, match="3 lines"):
        Place().encode(Address(street="a\nb\nc\nd"))
    with pytest.raises(CodecError, match="city has more than 50"):
        Place().encode(Address(city="x" * 51))
    with pytest.raises(CodecError, match="two-letter"):
        Place().decode({"country": "Germany"})


def test_a_discounts_percentage_is_no_price() -> None:
    rows = [
        {"line_number": "1", "item": "7", "quantity": "2", "rate": "5", "amount": "10"},
        {"line_number": "2", "item": "8", "rate": "-10.0%", "amount": "-1"},
    ]
    first, second = BookedLines().decode(rows) or ()
    assert first == Line(key="1", product=first.product, quantity=Decimal(2),
                         unit_price=Decimal(5), net=Decimal(10))  # fmt: skip
    assert (second.quantity, second.unit_price, second.net) == (1, -1, -1)


def test_what_is_refused_is_not_quoted() -> None:
    message = ("Error while accessing a resource. You have entered an Invalid Field Value Ada "
               "Lovelace for the following field: email")  # fmt: skip
    assert "Ada" not in told(message)
    assert "email" in told(message)
    assert "@" not in told("Error while accessing a resource. a@b.example is not a valid email.")


@pytest.mark.parametrize(
    "data", [None, [], "x", {}, {"o:errorDetails": []}, {"o:errorDetails": [1]}]
)
def test_an_answer_of_another_shape_has_no_error_to_tell(data: Any) -> None:
    assert first_error(data) == ("", "", "")
