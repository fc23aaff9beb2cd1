"""Which won deals a rehearsal is made of."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from interlock.model import Address, Line, Money, Record
from interlock.rehearsal import made_deals
from interlock.reports.sold import MOST, SoldDeal, Trait, choose, traits_of, unfit

WON = datetime(2026, 3, 2, 9, tzinfo=UTC)
CENT = Decimal("0.01")


def line(price: str = "5.00", quantity: str = "2", **more: Any) -> Line:
    return Line(key="1", sku="W-1", quantity=Decimal(quantity), unit_price=Decimal(price), **more)


def sold(place: int = 1, *lines: Line, currency: str = "EUR", **more: Any) -> SoldDeal:
    lines = lines or (line(),)
    total = sum((one.net or one.quantity * one.unit_price for one in lines), Decimal(0))
    deal = {"name": f"Deal {place}", "stage_kind": "won", "won_at": WON + timedelta(hours=place),
            "amount": Money(total, currency), "lines": lines}  # fmt: skip
    account = {"name": "Acme", "tax_id": "X1", **more.pop("account", {})}
    return SoldDeal(
        deal=Record(entity="deal", id=f"d{place:03}", fields=deal | more.pop("deal", {})),
        account=Record(entity="customer", id=f"a{place:03}", fields=account),
        **more,
    )


def test_the_same_deals_are_chosen_whatever_order_they_come_in() -> None:
    deals = [sold(n, currency=random.Random(n).choice(["EUR", "USD", "GBP"])) for n in range(60)]
    shuffled = list(deals)
    random.Random(4).shuffle(shuffled)
    first = [d.deal.id for d in choose(deals)]
    assert first == [d.deal.id for d in choose(shuffled)]
    assert len(first) == MOST


def test_the_one_deal_that_is_different_is_chosen_among_hundreds() -> None:
    ordinary = [sold(n, line(), line("3.00")) for n in range(200)]
    odd = [
        sold(300, line(), line("0")),
        sold(301, line("40.00", "3", net=Decimal(100))),
        sold(302, *[line()] * 50),
        sold(303, currency="JPY"),
        sold(304, account={"billing_address": Address(country="DE"),
                           "shipping_address": Address(country="FR")}),
        sold(305, unresolved=("W-1",)),
    ]  # fmt: skip
    # the odd ones are not the newest: they are chosen for what they are
    odd = [
        msgspec.structs.replace(
            d, deal=msgspec.structs.replace(d.deal, fields={**d.deal.fields, "won_at": WON})
        )
        for d in odd
    ]
    chosen = {d.deal.id for d in choose([*ordinary, *odd], 10)}
    assert chosen >= {d.deal.id for d in odd}


def test_deals_without_a_product_are_at_most_two() -> None:
    deals = [sold(n, unresolved=("W-1",)) for n in range(30)] + [sold(n) for n in range(40, 45)]
    assert sum(bool(d.unresolved) for d in choose(deals)) == 2
    assert len(choose(deals)) == 7


@pytest.mark.parametrize(
    ("deal", "why"),
    [
        (sold(deal={"stage_kind": "open"}), "not won, or nobody knows when"),
        (sold(deal={"won_at": None}), "not won, or nobody knows when"),
        (sold(deal={"order_number": "SO1"}), "has an order already"),
        (sold(deal={"amount": None}), "no amount"),
        (sold(deal={"lines": None}), "no lines"),
        (sold(1, line(quantity="0")), "a line without a quantity"),
        (sold(deal={"amount": Money(Decimal("10.02"), "EUR")}), "lines and amount differ"),
        (sold(deal={"amount": Money(Decimal("10.01"), "EUR")}), None),
        (sold(), None),
    ],
)
def test_deals_only_a_refusal_could_become_of_are_left_out(deal: SoldDeal, why: str | None) -> None:
    assert unfit(deal, CENT) == why


def test_two_customers_that_could_be_it_are_for_a_person() -> None:
    twins = tuple(Record(entity="customer", id=str(n), fields={}) for n in (1, 2))
    assert unfit(sold(known_as=twins), CENT) == (
        "several customers in the ERP could be its customer"
    )


def test_the_made_deals_cover_what_a_rehearsal_must() -> None:
    made = made_deals()
    traits = set().union(*(traits_of(deal) for deal in made))
    must = {Trait.DISCOUNT, Trait.NEW_CUSTOMER, Trait.EXISTING_CUSTOMER, Trait.SHIP_TO,
            Trait.UNRESOLVED, Trait.ZERO_PRICE, Trait.MANY_LINES}  # fmt: skip
    assert {str(t) for t in must} <= traits
    assert len({deal.currency for deal in made}) >= 2
    assert max(len(deal.lines) for deal in made) == 50
    assert all(unfit(deal, CENT) is None for deal in made)
    assert {d.deal.id for d in choose(made)} == {d.deal.id for d in made}
