"""Values are shown as people write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from interlock.cli.values import field_name, how, show_value
from interlock.service.explaining import LinkStory


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "(blank)"),
        (True, "yes"),
        (False, "no"),
        ("text", "text"),
        ({"amount": "1200.50", "currency": "EUR"}, "1200.50 EUR"),
        ({"street": "1 Main St\nFloor 2", "city": "Bonn", "country": "DE"},
         "1 Main St Floor 2, Bonn, DE"),
        ({"entity": "customer", "id": "42"}, "customer 42"),
        ({"entity": "customer", "id": "@7"}, "Acme (link 7)"),
        ({"entity": "customer", "id": "@8"}, "customer of link 8"),
        ({"entity": "customer", "id": "~001"}, "customer 001, not linked yet"),
        ([{"key": "a", "sku": "W-1", "quantity": "2.00", "unit_price": "9.5"},
          {"key": "b", "product": {"entity": "product", "id": "3"}, "quantity": "100",
           "unit_price": "1"}], "2 x W-1 at 9.5; 100 x 3 at 1"),
    ],
)  # fmt: skip
def test_show_value(value: Any, shown: str) -> None:
    assert show_value(value, {7: "Acme"}) == shown


def test_a_long_value_is_cut_unless_it_is_asked_for_in_full() -> None:
    assert show_value("x" * 200).endswith("…")
    assert len(show_value("x" * 200)) == 70
    assert show_value("x" * 200, full=True) == "x" * 200


def test_names_of_fields() -> None:
    assert field_name("billing_address") == "billing address"
    assert field_name("custom.region_code") == "region code"


def test_how_a_link_came_to_be() -> None:
    link = LinkStory(
        id=1, origin="alone", evidence="no counterpart", since=datetime(2026, 3, 2, tzinfo=UTC)
    )
    assert how(link) == "created from the other side"
    assert how(link, whole=False) == "to be created on the other side"
