"""What a check says of a quote: every verdict with its reason and its rule."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interlock.governance.pricing import DEFAULT_VERDICTS, PriceRule, PricingRules, Verdict
from interlock.model import Money, Offer, StockLevel
from interlock.processes.quote_check import (
    Answer,
    Credit,
    Looked,
    Question,
    QuoteLine,
    Sold,
    check_quote,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
LIVE = Looked(live=True, as_of=NOW)


def euro(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


def product(**more: Any) -> Sold:
    return Sold(**{
        "sku": "A-1", "family": "Forge", "active": True, "quantity": Decimal(100),
        "level": StockLevel.IN, "offer": Offer(price=euro("100.00"), source="list price"), **more,
    })  # fmt: skip


def checked(
    price: str | None = "100.00",
    sold: Sold | None = None,
    *,
    quantity: str = "1",
    rules: PricingRules | None = None,
    credit: Credit | None = None,
    looked: Looked = LIVE,
    **question: Any,
) -> Answer:
    line = QuoteLine(key="1", quantity=Decimal(quantity), sku="A-1", product="7",
                     unit_price=None if price is None else Decimal(price))  # fmt: skip
    asked = Question(**{"currency": "EUR", "lines": [line], "role": "rep", "on": date(2026, 3, 2),
                        **question})  # fmt: skip
    return check_quote(asked, {"1": sold or product()}, credit or Credit(),
                       rules or PricingRules(), looked)  # fmt: skip


def codes(answer: Answer) -> dict[str, str]:
    return {f.code: f.verdict.value for f in answer.findings}


def test_a_quote_at_the_erps_price_is_fine() -> None:
    answer = checked()
    assert (answer.verdict, codes(answer)) == (Verdict.OK, {})
    assert answer.reason == "prices, stock and credit are fine"
    [line] = answer.lines
    assert (line.price, line.price_source, line.floor) == (Decimal("100.00"), "list price", None)
    assert (line.availability, line.earliest) == ("in", date(2026, 3, 2))


def test_under_the_price_without_any_rule_is_a_warning() -> None:
    answer = checked("80.00")
    assert codes(answer) == {"below_price": "warn"}
    assert answer.reason == (
        "A-1 is 20 % under the ERP's 100 EUR (list price); no rule says how low it may go"
    )


def test_the_erps_own_floor_holds_without_a_file() -> None:
    answer = checked("89.99", product(floor=euro("90.00")))
    assert codes(answer) == {"below_floor": "stop"}
    assert answer.reason == (
        "A-1 at 89.99 EUR is below the lowest price of 90 (the ERP's lowest price)"
    )
    assert answer.lines[0].highest_discount == Decimal("10.0")
    assert checked("90.00", product(floor=euro("90.00"))).verdict is Verdict.OK


RULES = PricingRules(
    rules=[
        PriceRule(name="manager", roles=["manager"], max_discount=Decimal(30)),
        PriceRule(name="spring", families=["Forge"], valid_from=date(2026, 4, 1),
                  valid_until=date(2026, 5, 31), max_discount=Decimal(25)),
        PriceRule(name="volume", skus=["a-1"], from_quantity=Decimal(10),
                  max_discount=Decimal(20)),
        PriceRule(name="wholesale", groups=["Wholesale"], floor=euro("88.00")),
        PriceRule(name="everyone", max_discount=Decimal(5)),
    ],
    roles={"manager": ["005-1"]},
)  # fmt: skip


@pytest.mark.parametrize(
    ("question", "rule", "floor", "discount"),
    [
        ({}, "everyone", "95.00", "5"),
        ({"role": "manager"}, "manager", "70.00", "30"),
        ({"on": date(2026, 4, 1)}, "spring", "75.00", "25"),
        ({"on": date(2026, 5, 31)}, "spring", "75.00", "25"),
        ({"on": date(2026, 6, 1)}, "everyone", "95.00", "5"),
        ({"quantity": "10"}, "volume", "80.00", "20"),
        ({"quantity": "9.9"}, "everyone", "95.00", "5"),
        ({"group": "Wholesale"}, "wholesale", "88.00", "12.0"),
    ],
)
def test_the_first_rule_that_fits_says_how_low(
    question: dict[str, Any], rule: str, floor: str, discount: str
) -> None:
    [line] = checked(rules=RULES, **question).lines
    assert (line.rule, line.floor) == (f"rule {rule}", Decimal(floor))
    assert line.highest_discount == Decimal(discount)
    lowest = checked(floor, rules=RULES, **question)
    assert "below_floor" not in codes(lowest)
    under = checked(str(Decimal(floor) - Decimal("0.01")), rules=RULES, **question)
    [finding] = [f for f in under.findings if f.code == "below_floor"]
    assert finding.rule == f"rule {rule}"
    assert rule in finding.text


def test_of_the_erps_floor_and_a_rules_the_higher_holds() -> None:
    [line] = checked(sold=product(floor=euro("97.00")), rules=RULES).lines
    assert (line.floor, line.rule) == (Decimal("97.00"), "the ERP's lowest price")


def test_a_floor_in_another_currency_says_nothing() -> None:
    dollars = Offer(price=Money(Decimal("100.00"), "USD"), source="list price")
    answer = checked("10.00", product(offer=dollars, floor=euro("90.00")), currency="USD")
    assert codes(answer) == {"below_price": "warn"}


def test_what_is_not_sold_any_more_and_what_nobody_sells_stop() -> None:
    assert codes(checked(sold=product(active=False))) == {"discontinued": "stop"}
    line = QuoteLine(key="1", quantity=Decimal(1), sku="X-9")
    asked = Question(currency="EUR", lines=[line], role="rep", on=date(2026, 3, 2))
    answer = check_quote(asked, {}, Credit(), PricingRules(), LIVE)
    assert codes(answer) == {"unknown_product": "stop"}
    assert answer.reason == "X-9: the ERP has no such product"


def test_no_price_in_this_currency_is_said() -> None:
    answer = checked(sold=product(offer=None))
    assert codes(answer) == {"no_price": "warn"}


def test_stock_decides_on_the_date_and_is_not_told() -> None:
    short = product(quantity=Decimal(3), level=StockLevel.LOW, lead_time=Decimal(12))
    answer = checked(sold=short, quantity="4")
    assert codes(answer) == {"not_in_stock": "warn"}
    assert answer.reason == (
        "A-1: not enough in stock for 4, all of it ships 2026-03-14 at the earliest"
    )
    [line] = answer.lines
    assert (line.availability, line.earliest) == ("low", date(2026, 3, 14))
    assert checked(sold=short, quantity="3").lines[0].earliest == date(2026, 3, 2)
    no_date = checked(sold=product(quantity=Decimal(0), level=StockLevel.OUT))
    assert no_date.reason == "A-1: not enough in stock for 1, no date is known"


def test_stock_that_is_not_counted_is_no_shortage() -> None:
    answer = checked(sold=product(quantity=None, level=None, lead_time=Decimal(5)))
    assert answer.verdict is Verdict.OK
    assert (answer.lines[0].availability, answer.lines[0].earliest) == (
        "unknown", date(2026, 3, 7),
    )  # fmt: skip


def test_two_lines_of_one_product_share_its_stock() -> None:
    lines = [QuoteLine(key=k, quantity=Decimal(2), sku="A-1", product="7") for k in ("1", "2")]
    sold = product(quantity=Decimal(3))
    asked = Question(currency="EUR", lines=lines, role="rep", on=date(2026, 3, 2))
    answer = check_quote(asked, {"1": sold, "2": sold}, Credit(), PricingRules(), LIVE)
    assert [f.line for f in answer.findings if f.code == "not_in_stock"] == ["2"]


def test_a_customers_credit_is_part_of_the_verdict() -> None:
    held = checked(credit=Credit(hold=True, hold_reason="34 days overdue"))
    assert codes(held) == {"on_hold": "stop"}
    assert held.reason == "the customer is on credit hold: 34 days overdue"
    late = checked(credit=Credit(hold=False, overdue=euro("12.50"), days_overdue=Decimal(34)))
    assert late.reason == "12.50 EUR is overdue for 34 days"
    limit = Credit(balance=euro("4950.00"), limit=euro("5000.00"))
    assert checked("50.00", credit=limit, rules=PricingRules()).lines
    assert "over_limit" not in codes(checked("50.00", credit=limit))
    assert "over_limit" in codes(checked("50.01", credit=limit))
    foreign = Credit(balance=euro("4950.00"), limit=Money(Decimal(1), "USD"))
    assert "over_limit" not in codes(checked(credit=foreign))
    assert codes(checked(known_customer=False)) == {"unknown_customer": "warn"}


def test_what_was_seen_last_says_so_with_its_age() -> None:
    hour = timedelta(hours=3)
    seen = Looked(live=False, as_of=NOW - hour, age=hour, why="the ERP did not answer within 0.8 s")
    answer = checked(looked=seen)
    assert (answer.verdict, answer.live, answer.age_seconds) == (Verdict.OK, False, 10800)
    assert "the ERP did not answer within 0.8 s: as last seen 3 hours ago" in answer.reason
    just = Looked(live=False, as_of=NOW, why="the ERP gave no answer")
    assert checked(looked=just).note == "the ERP gave no answer: as last seen a moment ago"
    days = timedelta(days=3)
    old = Looked(live=False, as_of=NOW - days, age=days, old=True, why="the ERP gave no answer")
    assert codes(checked(looked=old)) == {"stale": "warn"}


def test_the_company_says_what_a_finding_means() -> None:
    rules = PricingRules(verdicts={**DEFAULT_VERDICTS, "below_price": Verdict.OK,
                                   "not_in_stock": Verdict.STOP})  # fmt: skip
    assert checked("10.00", rules=rules).verdict is Verdict.OK
    assert checked(sold=product(quantity=Decimal(0)), rules=rules).verdict is Verdict.STOP


def test_the_gravest_comes_first() -> None:
    answer = checked("10.00", product(active=False), credit=Credit(overdue=euro("1.00")))
    assert answer.verdict is Verdict.STOP
    assert answer.reason.startswith("A-1 is discontinued")


def test_without_a_price_asked_only_facts_are_told() -> None:
    answer = checked(None, product(floor=euro("90.00")))
    assert (answer.verdict, answer.lines[0].floor) == (Verdict.OK, Decimal("90.00"))


amounts = st.decimals(min_value="0.01", max_value="99999.99", places=2)


@settings(deadline=None, max_examples=60)
@given(price=amounts, discount=st.integers(min_value=0, max_value=100))
def test_a_price_with_exactly_the_allowed_discount_never_stops(
    price: Decimal, discount: int
) -> None:
    rules = PricingRules(rules=[PriceRule(name="r", max_discount=Decimal(discount))])
    sold = product(offer=Offer(price=Money(price, "EUR"), source="list price"))
    quoted = price * (100 - discount) / 100
    for rounding in ("ROUND_HALF_UP", "ROUND_HALF_EVEN", "ROUND_UP", "ROUND_DOWN"):
        answer = checked(str(quoted.quantize(Decimal("0.01"), rounding)), sold, rules=rules)
        assert "below_floor" not in codes(answer)
    floor = answer.lines[0].floor
    assert floor is not None
    if floor:
        low = checked(str(floor - Decimal("0.01")), sold, rules=rules)
        assert codes(low)["below_floor"] == "stop"
