"""pricing.yaml and the thresholds in rules.yaml: what compiles, and how mistakes are named."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from interlock.errors import ConfigurationError
from interlock.governance.compile_pricing import compile_pricing
from interlock.governance.compile_rules import compile_signal_rules
from interlock.governance.pricing import PricingRules, Verdict
from interlock.governance.signals import SignalRules, Thresholds
from interlock.model import Money, Schema
from interlock.project.yaml import parse_yaml

CUSTOMER = Schema({"customer": {"segment": "text", "since": "date"}})["customer"]


def pricing(text: str) -> PricingRules:
    return compile_pricing(parse_yaml("schema_version: 1\n" + text, "pricing.yaml"), CUSTOMER)


def rules(text: str) -> SignalRules:
    return compile_signal_rules(parse_yaml("schema_version: 1\n" + text, "rules.yaml"))


def test_a_full_file_compiles() -> None:
    found = pricing("""
customer_group: custom.segment
roles: {manager: [005-1, 7]}
default_role: junior
approvers: Ann
verdicts: {not_in_stock: ok}
rules:
  - name: spring
    sku: A-1
    family: [Forge, Tools]
    group: Wholesale
    role: [manager, junior]
    from_quantity: 10
    valid_from: 2026-03-01
    valid_until: "2026-05-31"
    max_discount: 12.5
    floor: 80.00 EUR
""")
    [rule] = found.rules
    assert (rule.skus, rule.families) == (("A-1",), ("Forge", "Tools"))
    assert (rule.groups, rule.roles) == (("Wholesale",), ("manager", "junior"))
    assert (rule.valid_from, rule.valid_until) == (date(2026, 3, 1), date(2026, 5, 31))
    assert (rule.max_discount, rule.floor) == (Decimal("12.5"), Money(Decimal("80.00"), "EUR"))
    assert found.approvers == ("Ann",)
    assert found.verdicts["not_in_stock"] is Verdict.OK
    assert found.verdicts["on_hold"] is Verdict.STOP
    assert found.customer_group == "custom.segment"
    assert [found.role_of(u) for u in ("005-1", "7", "8", None)] == [
        "manager", "manager", "junior", "junior",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("discounts: {}\n", 2, "unknown part of pricing 'discounts'"),
        ("customer_group: custom.since\n", 2, "a customer has no text 'custom.since'"),
        ("verdicts: {below_flor: stop}\n", 2, "unknown finding 'below_flor'"),
        ("verdicts: {below_floor: maybe}\n", 2, "'maybe' is no verdict"),
        ("rules:\n  - max_discount: 5\n", 3, "a rule needs a name"),
        ("rules:\n  - name: a\n", 3, "allows nothing and forbids nothing"),
        ("rules:\n  - name: a\n    max_discount: 101\n", 4, "a percentage up to 100"),
        ("rules:\n  - name: a\n    max_discount: five\n", 4, "must be a number, 0 or more"),
        ("rules:\n  - name: a\n    max_discount: .nan\n", 4, "must be a number, 0 or more"),
        ("rules:\n  - name: a\n    floor: 80\n", 4, "an amount with its currency"),
        ("rules:\n  - name: a\n    floor: 80 EUR\n    cost: 5\n", 5, "unknown part of a rule"),
        ("rules:\n  - name: a\n    floor: 8 EUR\n    role: boss\n", 5, "nobody has the role"),
        ("rules:\n  - name: a\n    floor: 8 EUR\n    sku: {}\n", 5, "a text or a list of texts"),
        ("rules:\n  - name: a\n    floor: 8 EUR\n    valid_from: soon\n", 5, "is no date"),
        (
            (
                "rules:\n  - name: a\n    floor: 8 EUR\n    valid_from: 2026-02-01\n"
                "    valid_until: 2026-01-01\n"
            ),
            6,
            "ends before it begins",
        ),
        (
            "rules:\n  - {name: a, floor: 8 EUR}\n  - {name: a, floor: 9 EUR}\n",
            4,
            "two rules are called 'a'",
        ),
        ("rules: none\n", 2, "rules must be a list"),
    ],
)
def test_mistakes_are_named_with_their_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        pricing(text)
    assert caught.value.problems[0].line == line
    assert caught.value.problems[0].file == "pricing.yaml"


def test_thresholds_of_stock_compile() -> None:
    stock = rules(
        "stock: {low: 10, families: {Screws: {low: 500, out: 50}}, products: {S-1: {out: 2}}}\n"
    ).stock
    assert stock.of("A-1", None) == Thresholds(Decimal(10), Decimal(0))
    assert stock.of("S-9", "Screws") == Thresholds(Decimal(500), Decimal(50))
    assert stock.of("S-1", "Screws") == Thresholds(Decimal(10), Decimal(2))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stock: {lo: 10}\n", "unknown part of stock 'lo'"),
        ("stock: {low: few}\n", "low must be a number"),
        ("stock: {low: 1, out: 2}\n", "out .2. lies above low .1."),
        ("stock: {families: {A: {min: 2}}}\n", "unknown threshold 'min'"),
        ("stock: {products: [A]}\n", "products must be a list of `name: value` lines"),
    ],
)
def test_wrong_thresholds_are_named(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        rules(text)
