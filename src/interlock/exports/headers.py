"""Headers: which column of an export is what, by the names the programs give their columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

import msgspec

__all__ = ["FIELDS", "NEEDED", "Columns", "Headers", "Kind", "columns_of", "folded"]


class Kind(StrEnum):
    """What the rows of an export are."""

    CUSTOMERS = "customers"
    DEALS = "deals"
    ORDERS = "orders"


FIELDS: Mapping[Kind, Mapping[str, str]] = {
    Kind.CUSTOMERS: {
        "id": "the customer's id or number",
        "name": "the company's name",
        "website": "the web address",
        "email": "an e-mail address",
        "phone": "a phone number",
        "street": "street and house number",
        "city": "the city",
        "region": "state or region",
        "postcode": "the postal code",
        "country": "the country",
        "tax_id": "the tax or VAT id",
        "currency": "the customer's currency",
        "payment_terms": "the payment terms",
    },
    Kind.DEALS: {
        "id": "the deal's id",
        "name": "the deal's name",
        "customer_id": "the id of its customer",
        "customer": "the name of its customer",
        "amount": "its value",
        "currency": "the currency of its value",
        "date": "the day it was won (the close date)",
        "stage": "its stage",
        "won": "whether it is won",
        "order_number": "the number of its order",
    },
    Kind.ORDERS: {
        "id": "the order's id",
        "number": "the order's number",
        "customer_id": "the id of its customer",
        "customer": "the name of its customer",
        "amount": "its net total",
        "currency": "the currency of its total",
        "date": "the order's date",
        "status": "its status",
        "deal_id": "the deal it was made from",
    },
}
"""The fields of each kind of row, in words."""

NEEDED: Mapping[Kind, Sequence[Sequence[str]]] = {
    Kind.CUSTOMERS: (("name",),),
    Kind.DEALS: (("customer", "customer_id"), ("amount",), ("date",)),
    Kind.ORDERS: (("customer", "customer_id"), ("amount",), ("date",)),
}
"""Fields without which nothing can be said; of each group one is enough."""


class Headers(msgspec.Struct, frozen=True, kw_only=True):
    """How one program names its columns.

    ``names``: kind -> field -> headers, the best first; a field of several columns (a street of
    two lines) has a tuple of them in place of one.  ``unverified``: headers that are taken from
    general knowledge and were not seen in a document or a file of the program.
    """

    title: str
    names: Mapping[Kind, Mapping[str, Sequence[str | tuple[str, ...]]]]
    unverified: frozenset[str] = frozenset()


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """Where each field stands: places of its columns, from 0; ``program``: whose headers they are.

    ``doubled``: headers that stand twice; the first column counts.
    """

    program: str
    places: Mapping[str, tuple[int, ...]]
    doubled: Sequence[str] = ()

    def missing(self, kind: Kind) -> Sequence[Sequence[str]]:
        """Groups of needed fields of which none is there."""
        return [g for g in NEEDED[kind] if not any(field in self.places for field in g)]


_SEPARATORS = re.compile(r"[\s_\-./:*#]+")


def folded(header: str) -> str:
    """A header without case and punctuation."""
    return _SEPARATORS.sub(" ", header.replace("\ufeff", "")[:200]).strip().lower()


def columns_of(
    header: Sequence[str],
    kind: Kind,
    programs: Iterable[Headers],
    told: Mapping[str, str] | None = None,
) -> Columns:
    """Recognise the columns; the program that explains most of them wins.

    ``told``: header -> field as a person said; it goes before what is recognised, and the field
    "" takes a column out.  Of programs that explain as many, the first one wins.
    """
    names = [folded(cell) for cell in header]
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        first.setdefault(name, place)
    said = {folded(name): field for name, field in (told or {}).items()}
    free = {name: place for name, place in first.items() if name and name not in said}
    title, places = "", dict[str, tuple[int, ...]]()
    for program in programs:
        found = _explained(program.names.get(kind, {}), free)
        if _explains(found) > _explains(places):
            title, places = program.title, found
    for name, field in said.items():
        if field and name in first:
            places = {**places, field: (first[name],)}
    used = {place for group in places.values() for place in group}
    doubled = [header[p] for p in sorted(used) if names.count(names[p]) > 1]
    return Columns(program=title, places=places, doubled=doubled)


def _explains(places: Mapping[str, tuple[int, ...]]) -> int:
    """How many columns are explained; one that serves as two fields is one."""
    return len({place for group in places.values() for place in group})


def _explained(
    names: Mapping[str, Sequence[str | tuple[str, ...]]], free: Mapping[str, int]
) -> dict[str, tuple[int, ...]]:
    found = {}
    for field, headers in names.items():
        for header in headers:
            parts = (header,) if isinstance(header, str) else header
            places = tuple(free[folded(part)] for part in parts if folded(part) in free)
            if places and folded(parts[0]) in free:
                found[field] = places
                break
    return found
