"""Deals made up for a rehearsal where there are no real ones: each has a difficulty of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from interlock.model import Address, Fields, Line, Money, Record, Ref, StageKind
from interlock.model.currencies import round_money
from interlock.reports.sold import SoldDeal

__all__ = ["made_deals"]

_WON = datetime(2026, 1, 5, 9, tzinfo=UTC)
_MISSING = "REH-NONE"
"""The SKU that the ERP does not have."""

_Sold = tuple[str, str, str | None]
"""Quantity, price, and the net amount where it is not their product."""

_PLACES = {
    "EUR": ("Lindenweg 4", "10115", "Berlin", "DE"),
    "USD": ("12 Elm Street", "02110", "Boston", "US"),
    "GBP": ("3 Mill Lane", "M1 1AE", "Manchester", "GB"),
    "CHF": ("Seegasse 9", "8001", "Zurich", "CH"),
    "JPY": ("1-2-3 Honmachi", "541-0053", "Osaka", "JP"),
    "KWD": ("8 Gulf Road", "13001", "Kuwait City", "KW"),
}

_DEALS: Sequence[tuple[str, str, str, Sequence[_Sold]]] = (
    # what is special, currency, the customer's terms, lines
    ("Discount", "EUR", "net 30", [("3", "40.00", "100.00"), ("2", "19.99", "33.98")]),
    ("Second currency", "USD", "net 60", [("10", "12.50", None), ("1", "999.00", None)]),
    ("New customer", "EUR", "net 14", [("5", "80.00", None)]),
    ("Existing customer", "GBP", "net 30", [("4", "25.00", None), ("8", "3.75", None)]),
    ("Ship-to other than bill-to", "EUR", "net 30", [("2", "150.00", None)]),
    ("Unresolved SKU", "EUR", "net 30", [("1", "10.00", None), ("1", "5.00", None)]),
    ("Zero-price line", "CHF", "net 30", [("6", "45.00", None), ("6", "0", None)]),
    ("Fifty lines", "EUR", "net 60", [(str(n), f"{n}.{n:02d}", None) for n in range(1, 51)]),
    ("Part of a unit", "USD", "net 30", [("2.5", "33.30", None), ("0.75", "120.00", None)]),
    ("Prices below a cent", "EUR", "net 30", [("6000", "0.0123", None)]),
    ("No decimals", "JPY", "net 30", [("3", "1200", None), ("7", "35.5", "249")]),
    ("Three decimals", "KWD", "net 14", [("3", "1.255", None), ("9", "0.333", None)]),
    ("Accepted quote", "EUR", "net 30", [("4", "60.00", "216.00")]),
    ("Large amount", "USD", "net 60", [("2500", "1899.99", None)]),
)


def made_deals() -> tuple[SoldDeal, ...]:
    """Give the made deals; always the same ones.

    A customer on hold belongs here as soon as customers carry a hold.
    """
    return tuple(_deal(place, *deal) for place, deal in enumerate(_DEALS, 1))


def _deal(place: int, title: str, currency: str, terms: str, sold: Sequence[_Sold]) -> SoldDeal:
    lines = tuple(
        _line(f"{place}-{number}", f"REH-{place:02d}{number:02d}", *line)
        for number, line in enumerate(sold, 1)
    )
    unresolved: tuple[str, ...] = ()
    if title == "Unresolved SKU":
        lines = (*lines[:-1], _line(lines[-1].key, _MISSING, *sold[-1]))
        unresolved = (_MISSING,)
    total = sum(
        (
            round_money(line.quantity * line.unit_price, currency) if line.net is None else line.net
            for line in lines
        ),
        Decimal(0),
    )
    account = _account(place, title, currency, terms)
    deal = Record(
        entity="deal",
        id=f"made-{place:02d}",
        fields={
            "name": f"Rehearsal: {title}",
            "customer": Ref("customer", account.id),
            "stage_kind": StageKind.WON.value,
            "won_at": _WON + timedelta(hours=place),
            "amount": Money(total, currency),
            "po_number": f"PO-{place:03d}",
            "lines": lines,
        },
    )
    return SoldDeal(
        deal=deal,
        account=account,
        quote=_quote(place, currency, lines) if title == "Accepted quote" else None,
        known_as=(_known(account),) if place % 2 == 0 and title != "Unresolved SKU" else (),
        unresolved=unresolved,
    )


def _line(key: str, sku: str, quantity: str, price: str, net: str | None) -> Line:
    return Line(
        key=key,
        sku=sku,
        description=f"Article {sku}",
        quantity=Decimal(quantity),
        unit_price=Decimal(price),
        net=None if net is None else Decimal(net),
    )


def _quote(place: int, currency: str, lines: tuple[Line, ...]) -> Record:
    return Record(
        entity="quote",
        id=f"quote-{place:02d}",
        fields={
            "deal": Ref("deal", f"made-{place:02d}"),
            "number": f"Q-{place:03d}",
            "accepted": True,
            "currency": currency,
            "lines": lines,
        },
    )


def _account(place: int, title: str, currency: str, terms: str) -> Record:
    street, postcode, city, country = _PLACES[currency]
    # names far from each other: nobody must be asked which of them is which
    word = _WORDS[place - 1]
    bill = Address(street=f"{street}-{place}", postcode=postcode, city=city, country=country)
    ship = bill
    if title == "Ship-to other than bill-to":
        ship = Address(street="Hafenstrasse 77", postcode="20457", city="Hamburg", country="DE")
    fields: Fields = {
        "name": f"{word} {_TRADES[place - 1]}",
        "website": f"https://{word.lower()}.example",
        "email": f"office@{word.lower()}.example",
        "tax_id": f"{country}{place * 7919 + 100000000}",
        "billing_address": bill,
        "shipping_address": ship,
        "payment_terms": terms,
    }
    return Record(entity="customer", id=f"account-{place:02d}", fields=fields)


def _known(account: Record) -> Record:
    """The same customer as the ERP has it."""
    return Record(entity="customer", id=f"customer-{account.id}", fields=account.fields)


_WORDS = (
    "Abendrot", "Brookfield", "Caldera", "Dunmore", "Eschenbach", "Fjordland", "Gletscher",
    "Hollander", "Ironwood", "Jasminum", "Kitahama", "Liwan", "Morgenthal", "Northgate",
)  # fmt: skip
_TRADES = (
    "Werkzeugbau", "Logistics", "Energietechnik", "Foods", "Druckerei", "Papierhandel", "Optik",
    "Maschinenbau", "Outdoor", "Kosmetik", "Denki", "Trading", "Brauerei", "Aviation",
)  # fmt: skip
