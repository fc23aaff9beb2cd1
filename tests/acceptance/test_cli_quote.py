"""Checking a quote from the command line, and overriding what the check said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .shop import Shop


@pytest.fixture
def quoting(shop: Shop) -> Shop:
    with shop.erp() as erp:
        erp.add("product", {"sku": "Q-1", "title": "Quill", "list_price": "10.0000",
                            "lowest_price": "8.0000", "on_hand": "3", "lead_days": "4",
                            "cost_price": "1.23"})  # fmt: skip
    shop.do("plan")
    shop.do("approve", "--yes")
    shop.do("sync", "--once")
    return shop


def quote(shop: Shop, text: str, name: str = "quote.yaml") -> Path:
    file = shop.root / name
    file.write_text(text)
    return file


def test_a_quote_is_checked_and_a_stop_needs_a_person(quoting: Shop) -> None:
    file = quote(
        quoting,
        """
customer: 001-0000001
currency: EUR
lines:
  - {sku: Q-1, quantity: 5, unit_price: 7.99}
""",
    )
    result = quoting.do("quote", "check", file)
    assert result.code == 3
    assert "STOP" in result.flat
    assert "Q-1 at 7.99 EUR is below the lowest price of 8 (the ERP's lowest price)" in result.flat
    assert "10.0000 EUR (list price)" in result.flat
    assert "at most 20 % off" in result.flat
    answer = quoting.do("quote", "check", file, "--json").json
    assert answer["verdict"] == "stop"
    assert {f["code"] for f in answer["findings"]} == {"below_floor", "not_in_stock"}
    assert answer["live"] is True
    assert "1.23" not in json.dumps(answer)


def test_a_json_file_does_too_and_a_fair_price_is_ok(quoting: Shop) -> None:
    text = json.dumps({"customer": "001-0000001", "currency": "EUR",
                       "lines": [{"sku": "Q-1", "quantity": "2", "unit_price": "8.00"}]})  # fmt: skip
    result = quoting.do("quote", "check", quote(quoting, text, "quote.json"))
    assert (result.code, result.out.split()[0]) == (0, "OK")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lines: []\ncurrency: EUR\n", "there are no lines"),
        ("currency: EUR\n", "required field `lines`"),
        ("currency: EUR\nlines: [{sku: Q-1}]\n", "required field `quantity`"),
        ("currency: EUR\nlines: [{sku: Q-1, quantity: many}]\n", "this is no quote"),
        ("currency: EUR\nlines: [{sku: Q-1, quantity: 0}]\n", "quantity must be above 0"),
        ("currency: EUR\nlines: [{sku: Q-1, quantity: NaN}]\n", "quantity must be above 0"),
        ("currency: euro\nlines: [{sku: Q-1, quantity: 1}]\n", "ISO 4217"),
        ("currency: EUR\nline: []\nlines: []\n", "unknown field `line`"),
        ("- a list\n", "this is no quote"),
        ("currency: [\n", "broken YAML"),
    ],
)
def test_what_is_no_quote_is_refused_with_words(quoting: Shop, text: str, said: str) -> None:
    result = quoting.do("quote", "check", quote(quoting, text))
    assert result.code == 2
    assert said in result.flat


def test_a_file_that_is_not_there_is_named(quoting: Shop) -> None:
    result = quoting.do("quote", "check", "nowhere.yaml")
    assert result.code == 2
    assert "nowhere.yaml" in result.flat


def test_only_what_was_checked_can_be_overridden(quoting: Shop) -> None:
    result = quoting.do("quote", "override", "deal:006-9999999", "--reason", "because")
    assert result.code == 2
    assert "has not been checked" in result.flat


def test_an_override_is_shown_by_the_next_sync_and_by_explain(quoting: Shop) -> None:
    with quoting.crm() as crm:
        deal = crm.add("deal", {
            "Name": "Quills", "AccountId": "001-0000001", "StageName": "Proposal",
            "Amount": {"Amount": "5.00", "CurrencyIsoCode": "EUR"},
            "Lines": [{"Id": "1", "ProductCode": "Q-1", "Quantity": "1", "UnitPrice": "5.00"}],
        })  # fmt: skip
    quoting.do("sync", "--once")
    with quoting.crm() as crm:
        assert crm.all("deal")[deal]["QuoteCheck__c"] == "stop"
    result = quoting.do("quote", "override", deal, "--reason", "first order", "--by", "ann",
                        "--json")  # fmt: skip
    assert result.json == {
        "subject": f"deal:{deal}", "was": "stop", "reason": "first order", "by": "ann",
    }  # fmt: skip
    quoting.do("sync", "--once")
    with quoting.crm() as crm:
        assert crm.all("deal")[deal]["QuoteCheck__c"] == "ok"
        assert crm.all("deal")[deal]["QuoteCheckReason__c"] == "approved by ann: first order"
    assert quoting.do("explain", "deal", deal).code == 0
