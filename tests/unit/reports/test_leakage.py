"""Leakage: which won deals have their order, and what most likely became of the others."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from interlock.reports.kinship import Tie
from interlock.reports.leakage import Cause, Leakage, OrphanCause, Tolerances, find_leaks
from interlock.reports.records import DealRecord, OrderRecord

DAY = date(2026, 3, 2)
TIES = {
    "acme": {"E1": Tie.SAME, "E2": Tie.DOUBLE},
    "zyx": {"E3": Tie.SAME},
}


def deal(amount: str, customer: str = "acme", **more: Any) -> DealRecord:
    values = {"id": f"D{amount}", "name": "", "customer_id": "", "customer": customer,
              "amount": Decimal(amount), "currency": "EUR", "won_on": DAY}  # fmt: skip
    return DealRecord(**(values | more))


def order(amount: str, customer: str = "E1", days: int = 3, **more: Any) -> OrderRecord:
    values = {"number": f"SO{amount}", "customer_id": "", "customer": customer,
              "amount": Decimal(amount), "currency": "EUR",
              "ordered_on": DAY + timedelta(days=days)}  # fmt: skip
    return OrderRecord(**(values | more))


def leaks(deals: list[DealRecord], orders: list[OrderRecord], **more: Any) -> Leakage:
    keys = [d.customer for d in deals], [o.customer for o in orders]
    return find_leaks(deals, orders, keys, TIES, Tolerances(), **more)


def cause(deals: list[DealRecord], orders: list[OrderRecord], **more: Any) -> Cause | None:
    found = leaks(deals, orders, **more).findings
    assert len(found) <= 1
    return found[0].cause if found else None


def lost(found: Leakage) -> dict[str, Decimal]:
    return {total.currency: total.leaking for total in found.totals}


def test_a_near_order_of_the_customer_covers_the_deal() -> None:
    assert cause([deal("1000")], [order("1019.99", days=30)]) is None
    assert cause([deal("1000")], [order("1000", days=-30)]) is None


def test_nearness_has_its_limits() -> None:
    assert cause([deal("1000")], [order("1020.01")]) is Cause.AMOUNT
    assert cause([deal("1000")], [order("1000", days=31)]) is Cause.LATE
    assert cause([deal("1000")], [order("1000", days=366)]) is Cause.NONE
    assert cause([deal("1000")], [order("1000", days=-31)]) is Cause.NONE


def test_the_likely_cause_is_named() -> None:
    assert cause([deal("1000", "")], []) is Cause.NO_CUSTOMER
    assert cause([deal("1000", "nobody")], []) is Cause.UNKNOWN
    assert cause([deal("1000", "nobody")], [], listed=False) is Cause.NONE
    assert cause([deal("1000")], []) is Cause.NONE
    assert cause([deal("1000")], [order("1000", cancelled=True)]) is Cause.CANCELLED
    assert cause([deal("1000")], [order("1000", currency="USD")]) is Cause.CURRENCY
    assert cause([deal("1000")], [order("600")]) is Cause.AMOUNT
    assert cause([deal("1000")], [order("1000", "E2")]) is Cause.DUPLICATE
    assert cause([deal("1000")], [order("1000", "E3")]) is Cause.ELSEWHERE
    assert cause([deal("1000")], [order("1000"), order("1000", number="B")]) is Cause.TWICE


def test_what_leaks_is_what_no_order_covers() -> None:
    assert lost(leaks([deal("1000")], [])) == {"EUR": Decimal(1000)}
    assert lost(leaks([deal("1000")], [order("600")])) == {"EUR": Decimal(400)}
    assert lost(leaks([deal("600")], [order("1000")])) == {"EUR": Decimal(0)}
    assert lost(leaks([deal("1000")], [order("1000", days=90)])) == {"EUR": Decimal(0)}


def test_currencies_are_never_added_up() -> None:
    deals = [deal("1000.10"), deal("500.20", currency="USD"), deal("0.30")]
    assert lost(leaks(deals, [])) == {"EUR": Decimal("1000.40"), "USD": Decimal("500.20")}


def test_an_order_covers_one_deal_only_and_the_nearest_one() -> None:
    deals = [deal("1000", id="far", won_on=DAY - timedelta(days=20)), deal("1000", id="near")]
    assert [f.deal for f in leaks(deals, [order("1000")]).findings] == ["far"]


def test_an_order_that_names_its_deal_belongs_to_it_whatever_else() -> None:
    deals = [deal("1000", id="D1"), deal("1000", id="D2", order_number="SO-9")]
    orders = [order("1000", number="SO-9"), order("1000", "E3", number="X", deal="d1")]
    assert leaks(deals, orders).findings == []


def test_a_named_order_that_differs_is_told() -> None:
    assert cause([deal("1000", id="D1")], [order("700", deal="D1")]) is Cause.AMOUNT


def test_orders_that_add_up_are_parts() -> None:
    found = leaks([deal("1000")], [order("400", number="A"), order("600", number="B")])
    assert (found.findings, found.in_parts, found.covered) == ([], 1, 1)


def test_a_second_deal_is_no_reason_to_call_an_order_doubled() -> None:
    deals = [deal("1000", id="a"), deal("1000", id="b")]
    assert leaks(deals, [order("1000", number="A"), order("1000", number="B")]).findings == []


def test_deals_of_other_periods_take_their_orders_and_are_not_reported() -> None:
    before = deal("1000", id="before", won_on=DAY - timedelta(days=2))
    found = leaks([before, deal("1000", id="in")], [order("1000", days=-1)], start=DAY)
    assert (found.deals, [f.deal for f in found.findings]) == (1, ["in"])


def test_a_currency_that_is_not_given_contradicts_none() -> None:
    assert cause([deal("1000", currency="")], [order("1000", currency="USD")]) is None


def test_one_customer_with_many_deals_and_orders_is_no_square() -> None:
    deals = [deal(str(100 * n + 1000), id=f"D{n}") for n in range(2_000)]
    orders = [order(str(100 * n + 1000), number=f"O{n}") for n in range(2_000)]
    near = Tolerances(amount=Decimal(0))
    keys = ["acme"] * len(deals), ["E1"] * len(orders)
    assert find_leaks(deals, orders, keys, TIES, near).covered == 2_000


def orphans(orders: list[OrderRecord], **more: Any) -> dict[str, OrphanCause]:
    found = leaks([deal("1000"), deal("7", won_on=DAY + timedelta(days=60))], orders, **more)
    return {orphan.order: orphan.cause for orphan in found.orphans}


def test_orders_without_a_won_deal_are_the_reverse() -> None:
    orders = [order("1000"), order("5"), order("6", "stranger"), order("8", days=90),
              order("9", cancelled=True)]  # fmt: skip
    assert orphans(orders) == {"SO5": OrphanCause.NONE, "SO6": OrphanCause.UNKNOWN}
    assert orphans(orders, both_listed=False)["SO6"] is OrphanCause.NONE
    assert orphans(orders, end=DAY) == {}


def test_an_order_may_belong_to_a_deal_that_is_not_won_yet() -> None:
    waiting = [(deal("5", id="open"), "acme"), (deal("6", id="else"), "zyx")]
    [orphan] = leaks([deal("1000")], [order("5", days=0)], others=waiting).orphans
    assert (orphan.cause, orphan.deals) == (OrphanCause.OPEN, ["open"])


def test_the_score_falls_with_every_difference() -> None:
    def score(**more: Any) -> float:
        values = {"amount": Decimal(1000), "days": 0} | more
        amount, days = str(values["amount"]), int(values["days"])
        return leaks([deal("1000")], [order(amount, days=days)]).probable[0].score

    assert score() == 1.0
    assert score(amount=Decimal(1020)) == 0.65
    assert score(days=30) == 0.75
    assert score(amount=Decimal(1010), days=15) == 0.7


def test_one_order_more_for_one_deal_more_is_found_by_exchanging() -> None:
    deals = [deal("1000", id="a"), deal("1015", id="b")]
    found = leaks(deals, [order("1008", number="X"), order("1030", number="Y")])
    assert {m.deal: list(m.orders) for m in found.probable} == {"a": ["X"], "b": ["Y"]}
