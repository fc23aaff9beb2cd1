"""Which of several prices holds."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from interlock.model import Money, Ref, price_of

LIST = Money(Decimal(100), "EUR")


def price(amount: str, **more: Any) -> dict[str, Any]:
    currency = more.pop("currency", "EUR")
    return {"unit_price": Money(Decimal(amount), currency), **more}


PRICES = [
    price("95"),
    price("90", price_list="Wholesale", from_quantity=Decimal(0)),
    price("80", price_list="Wholesale", from_quantity=Decimal(10)),
    price("70", price_list="Wholesale", from_quantity=Decimal(10), valid_from=date(2026, 6, 1)),
    price("60", customer=Ref("customer", "7"), valid_until=date(2026, 3, 31)),
    price("99", currency="USD"),
]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, ("95", "the general price list")),
        ({"price_list": "Wholesale"}, ("90", "price list Wholesale")),
        ({"price_list": "Wholesale", "quantity": "9.99"}, ("90", "price list Wholesale")),
        ({"price_list": "Wholesale", "quantity": "10"}, ("80", "price list Wholesale")),
        (
            {"price_list": "Wholesale", "quantity": "10", "on": date(2026, 6, 1)},
            ("70", "price list Wholesale"),
        ),
        ({"customer": "7", "price_list": "Wholesale"}, ("60", "its own price")),
        ({"customer": "7", "on": date(2026, 4, 1)}, ("95", "the general price list")),
        ({"customer": "8"}, ("95", "the general price list")),
        ({"currency": "USD"}, ("99", "the general price list")),
        ({"currency": "GBP"}, None),
    ],
)
def test_the_nearest_price_holds(asked: dict[str, Any], expected: tuple[str, str] | None) -> None:
    question: dict[str, Any] = {
        "customer": None, "price_list": None, "currency": "EUR", "on": date(2026, 3, 31),
        **asked, "quantity": Decimal(asked.get("quantity", 1)),
    }  # fmt: skip
    found = price_of(PRICES, LIST, **question)
    assert (found and (str(found.price.amount), found.source)) == expected


def test_without_any_the_list_price_holds_in_its_own_currency_only() -> None:
    question: dict[str, Any] = {
        "customer": "7", "price_list": None, "quantity": Decimal(1), "on": date(2026, 3, 2),
    }  # fmt: skip
    found = price_of((), LIST, currency="EUR", **question)
    assert found is not None
    assert (found.price, found.source) == (LIST, "list price")
    assert price_of((), LIST, currency="USD", **question) is None
    assert price_of((), None, currency="EUR", **question) is None
