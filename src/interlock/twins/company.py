"""An invented company to fill a twin with: what it sells, to whom, and what is in the pipeline.

The same seed makes the same company in every twin, so that two twins know the same customers.
Names, people and addresses are invented; e-mail addresses and websites end in ``.example``.
"""

from __future__ import annotations

import random
import unicodedata
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

__all__ = ["SEEDS", "Company", "Customer", "Deal", "DealLine", "Person", "Product", "invent"]

SEEDS: Final = {"empty": 0, "small": 12, "demo": 240}
"""Name of a set -> number of customers."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_STEMS: Final = _words(
    "Ashcombe Brindle Calderwood Dunhaven Ellerby Fernleigh Garrowby Hollowell Inglewood "
    "Juniper Kingsmere Lowfield Marchmont Netherby Oakridge Pemberley Quarrington Rosedale "
    "Stanwick Thistledown Underhill Valehurst Westerby Yarrowdale Bergholz Dünenfels "
    "Eichengrund Flößertal Grünwinkel Hohenstieg Boisclair Châtelneuf Grandpré Hautmont "
    "Vertbois"
)
_TRADES: Final = _words(
    "Bearings Ceramics Coatings Filtration Foods Instruments Joinery Lighting Logistics "
    "Optics Packaging Printing Pumps Robotics Textiles Timber Tooling Valves"
)
_PLACES: Final = {
    "US": ("Inc.", "{n} {s}", ("Foundry Ave", "Depot Rd", "Prospect St"), "+1 202 555 01{p:02}",
           (("Toledo", "OH", "43604"), ("Boise", "ID", "83702"), ("Macon", "GA", "31201"))),
    "GB": ("Ltd", "{n} {s}", ("Tannery Lane", "Quay Road", "Orchard Way"), "+44 20 7946 0{p:03}",
           (("Leeds", "West Yorkshire", "LS1 4DY"), ("Derby", "Derbyshire", "DE1 2PG"))),
    "DE": ("GmbH", "{s} {n}", ("Hafenstraße", "Mühlweg", "Industriering"), "+49 30 23125 {p:03}",
           (("Bremen", "", "28195"), ("Kassel", "", "34117"), ("Ulm", "", "89073"))),
    "FR": ("SARL", "{n} {s}", ("rue des Tanneurs", "avenue du Quai"), "+33 1 99 00 1{p:03}",
           (("Nantes", "", "44000"), ("Dijon", "", "21000"))),
}  # fmt: skip
_FIRST: Final = _words("Ada Bruno Celia Dario Edda Greta Hugo Inès Jonas Kira Leon Mona Zoë")
_LAST: Final = _words("Amberg Brandwell Corvino Dunmore Farrowby Hollin Jardell Müller Pérez")
_TITLES: Final = ("Head of Purchasing", "Managing Director", "Accounts Payable", "Plant Manager")
_INDUSTRIES: Final = ("Manufacturing", "Electronics", "Engineering", "Transportation", "Retail")
_GOODS: Final = (
    ("Gear pump", "Pumps", "480.00"), ("Dosing pump", "Pumps", "1250.00"),
    ("Filter housing", "Filters", "189.90"), ("Filter cartridge", "Filters", "24.95"),
    ("Ball valve", "Valves", "64.50"), ("Control valve", "Valves", "799.00"),
    ("Pressure sensor", "Sensors", "139.00"), ("Flow meter", "Sensors", "915.25"),
    ("Commissioning, per day", "Services", "980.00"), ("Annual maintenance", "Services", "2400.00"),
)  # fmt: skip
_STAGES: Final = ("won", "proposed", "lost", "new", "won", "qualified", "negotiating")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Someone who works at a customer."""

    first: str
    last: str
    email: str
    phone: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A company that buys, or might."""

    number: int
    name: str
    country: str
    street: str
    city: str
    region: str
    postcode: str
    phone: str
    website: str
    industry: str
    people: tuple[Person, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """Something on the price list."""

    sku: str
    name: str
    family: str
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DealLine:
    """Part of a deal."""

    product: Product
    quantity: Decimal
    unit_price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Deal:
    """A sale, in any of the stages new, qualified, proposed, negotiating, won and lost."""

    name: str
    customer: int
    """Position of its customer in ``Company.customers``."""
    stage: str
    closes: date
    lines: tuple[DealLine, ...]


@dataclass(frozen=True, slots=True)
class Company:
    """All of it."""

    products: tuple[Product, ...] = ()
    customers: tuple[Customer, ...] = ()
    deals: tuple[Deal, ...] = field(default=())


def invent(customers: int, today: date, seed: int = 7) -> Company:
    """Invent a company with that many customers, half as many deals, and ten products."""
    if customers == 0:
        return Company()
    chance = random.Random(seed)  # noqa: S311
    products = tuple(
        Product(
            sku=f"{family[:2].upper()}-{100 + n}", name=name, family=family, price=Decimal(cost)
        )
        for n, (name, family, cost) in enumerate(_GOODS)
    )
    pairs = [(stem, trade) for stem in _STEMS for trade in _TRADES]
    chance.shuffle(pairs)
    known = tuple(_customer(chance, n, *pairs[n]) for n in range(customers))
    deals = tuple(_deal(chance, n, known, products, today) for n in range(max(customers // 2, 1)))
    return Company(products, known, deals)


def _customer(chance: random.Random, number: int, stem: str, trade: str) -> Customer:
    country = chance.choice(sorted(_PLACES))
    legal, form, streets, phone, towns = _PLACES[country]
    city, region, postcode = chance.choice(towns)
    host = f"{_plain(stem)}-{_plain(trade)}.example"
    people = tuple(_person(chance, host, phone, n) for n in range(chance.choice((1, 1, 2, 3))))
    return Customer(
        number=number,
        name=f"{stem} {trade} {legal}",
        country=country,
        street=form.format(n=chance.randint(1, 199), s=chance.choice(streets)),
        city=city,
        region=region,
        postcode=postcode,
        phone=phone.format(p=number % 100),
        website=f"https://www.{host}",
        industry=chance.choice(_INDUSTRIES),
        people=people,
    )


def _person(chance: random.Random, host: str, phone: str, number: int) -> Person:
    first, last = chance.choice(_FIRST), chance.choice(_LAST)
    return Person(
        first=first,
        last=last,
        email=f"{_plain(first)}.{_plain(last)}{number or ''}@{host}",
        phone=phone.format(p=chance.randint(10, 99)),
        title=chance.choice(_TITLES),
    )


def _deal(
    chance: random.Random, number: int, customers: tuple[Customer, ...],
    products: tuple[Product, ...], today: date,
) -> Deal:  # fmt: skip
    position = chance.randrange(len(customers))
    # in turn, so that a small company has won and lost deals, too
    stage = _STAGES[number % len(_STAGES)]
    days = chance.randint(1, 90)
    closed = stage in ("won", "lost")
    lines = tuple(
        DealLine(
            product=product,
            quantity=Decimal(chance.randint(1, 20)),
            unit_price=(product.price * Decimal(chance.choice(("1", "0.95", "0.9")))).quantize(
                Decimal("0.01")
            ),
        )
        for product in chance.sample(products, chance.randint(1, 3))
    )
    return Deal(
        name=f"{customers[position].name.rsplit(' ', 1)[0]}: {lines[0].product.name} {number + 1}",
        customer=position,
        stage=stage,
        closes=today - timedelta(days=days) if closed else today + timedelta(days=days),
        lines=lines,
    )


def _plain(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(c for c in bare if c.isascii()).lower()
