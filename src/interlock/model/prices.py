"""Which of several prices holds: a customer's own, its list's, else the general one.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import msgspec

from interlock.model.values import Fields, Money, Ref

__all__ = ["Asked", "Offer", "price_of"]


class Asked(msgspec.Struct, frozen=True):
    """A product of the ERP, by its id there, and how much of it."""

    product: str
    quantity: Decimal


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """What one unit costs, net of tax; ``source`` says in plain words whose price that is."""

    price: Money
    source: str


def price_of(
    prices: Iterable[Fields],
    list_price: Money | None,
    *,
    customer: str | None,
    price_list: str | None,
    quantity: Decimal,
    currency: str,
    on: date,
) -> Offer | None:
    """Choose among a product's prices; of equals the larger quantity, then the newer one counts.

    ``prices``: the fields of the product's prices; ``customer``: its id in the ERP, and the list it
    buys from.  ``None``: nobody says what it costs in this currency.
    """
    found: list[tuple[tuple[int, Decimal, date], Offer]] = []
    for fields in prices:
        price, own, named = fields.get("unit_price"), fields.get("customer"), _list_of(fields)
        least = fields.get("from_quantity")
        first = fields.get("valid_from")
        if not isinstance(price, Money) or price.currency != currency or not _valid(fields, on):
            continue
        if isinstance(own, Ref) and own.id != customer:
            continue
        if named is not None and named != price_list and own is None:
            continue
        if isinstance(least, Decimal) and quantity < least:
            continue
        source = "its own price" if own is not None else f"price list {named}" if named else ""
        rank = 2 if own is not None else 1 if named is not None else 0
        order = (
            rank,
            least if isinstance(least, Decimal) else Decimal(0),
            first if isinstance(first, date) else date.min,
        )
        found.append((order, Offer(price=price, source=source or "the general price list")))
    if found:
        return max(found, key=lambda each: each[0])[1]
    if list_price is not None and list_price.currency == currency:
        return Offer(price=list_price, source="list price")
    return None


def _list_of(fields: Fields) -> str | None:
    named = fields.get("price_list")
    return named if isinstance(named, str) and named else None


def _valid(fields: Fields, on: date) -> bool:
    first, last = fields.get("valid_from"), fields.get("valid_until")
    return (not isinstance(first, date) or first <= on) and (
        not isinstance(last, date) or on <= last
    )
