"""Codecs of HubSpot: everything is text there, and nothing is guessed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from interlock.connectors.hubspot.codecs import (
    AsText,
    DealAmount,
    Due,
    Flag,
    Lines,
    Outcome,
    PersonName,
    TaskText,
    WonAt,
)
from interlock.connectors.kit.codecs import FixedCurrency
from interlock.mapping.codecs import CodecError
from interlock.model import Money


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [("Ada Byron King", "Ada Byron", "King"), ("Cher", None, "Cher"), (None, None, None)],
)
def test_a_name_is_split_before_its_last_word(
    name: str | None, first: str | None, last: str | None
) -> None:
    parts = {"firstname": first, "lastname": last}
    assert PersonName().encode(name) == parts
    assert PersonName().decode(parts) == name


def test_flags_are_words() -> None:
    assert [Flag().encode(v) for v in (True, False, None)] == ["true", "false", None]
    assert [Flag().decode(v) for v in ("true", "false", "", None)] == [True, False, None, None]
    with pytest.raises(CodecError):
        Flag().decode("maybe")


def test_money_is_plain_digits() -> None:
    codec = AsText(FixedCurrency("EUR"))
    assert codec.encode(Money(Decimal("1E+6"), "EUR")) == "1000000.00"
    assert codec.decode("0.1") == Money(Decimal("0.1"), "EUR")
    with pytest.raises(CodecError):
        codec.encode(Money(Decimal(1), "USD"))


def test_a_deals_amount_has_the_deals_currency_or_the_companys() -> None:
    codec = DealAmount("EUR")
    assert codec.decode({"amount": "5", "currency": "USD"}) == Money(Decimal(5), "USD")
    assert codec.decode({"amount": "5", "currency": None}) == Money(Decimal(5), "EUR")
    assert codec.decode({"amount": None, "currency": "USD"}) is None


def test_only_a_won_deal_was_won_at_a_time() -> None:
    closes = "2026-02-03T10:00:00.000Z"
    assert WonAt().decode({"outcome": "won", "closes": closes}) == datetime(
        2026, 2, 3, 10, tzinfo=UTC
    )
    assert WonAt().decode({"outcome": "open", "closes": closes}) is None
    assert Outcome().decode("lost") == "lost"


@pytest.mark.parametrize(
    ("row", "price", "net"),
    [
        ({"quantity": "3", "price": "10", "amount": "27.00"}, Decimal(9), Decimal("27.00")),
        ({"quantity": "3", "price": "10", "amount": None}, Decimal(10), Decimal(30)),
        ({"quantity": "3", "price": "10", "amount": "10"}, Decimal("3.333333"), Decimal(10)),
        ({"quantity": "0", "price": "10", "amount": "0"}, Decimal(10), Decimal(0)),
    ],
)
def test_a_lines_price_is_net_of_its_discount(
    row: dict[str, Any], price: Decimal, net: Decimal
) -> None:
    (line,) = Lines().decode([{"id": 7, "hs_sku": "S", **row}])
    assert (line.key, line.unit_price, line.net) == ("7", price, net)


@pytest.mark.parametrize("missing", ["quantity", "price"])
def test_a_line_without_price_or_quantity_is_no_guess(missing: str) -> None:
    row = {"id": "7", "quantity": "1", "price": "1", missing: None}
    with pytest.raises(CodecError):
        Lines().decode([row])


def test_a_tasks_day_and_text_survive() -> None:
    assert Due().decode(Due().encode(date(2026, 3, 1))) == date(2026, 3, 1)
    text = 'Call <b>Ann</b> & "Bo"\nsoon'
    encoded = TaskText().encode(text)
    assert "<b>" not in encoded
    assert TaskText().decode(encoded) == text


@pytest.mark.parametrize("codec", [Outcome(), WonAt(), DealAmount("EUR"), Lines()])
def test_what_is_worked_out_is_not_written(codec: Any) -> None:
    with pytest.raises(CodecError):
        codec.encode("x")
