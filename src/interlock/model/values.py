"""The values a field can have: text, numbers, money, addresses, references, lines."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

import msgspec

__all__ = ["Address", "Fields", "Line", "Money", "Ref", "Value"]


class Money(msgspec.Struct, frozen=True):
    """An amount in one currency (ISO 4217, upper case); never converted, never a float."""

    amount: Decimal
    currency: str


class Address(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A postal address as one value: halves of two addresses never mix.

    ``street`` may hold several lines; ``country`` is ISO 3166-1 alpha-2, upper case.
    """

    street: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: str | None = None

    def __bool__(self) -> bool:
        """Say whether any part is filled."""
        return any((self.street, self.city, self.region, self.postcode, self.country))


class Ref(msgspec.Struct, frozen=True):
    """A pointer to another record of the same system.

    While a value travels from one system to the other the id is a link's (``@7``), or, as long as
    there is no link, the one of the record in the system it comes from (``~3f2a``).
    """

    entity: str
    id: str

    @property
    def is_link(self) -> bool:
        """Say whether the id is one of Interlock's links."""
        return self.id.startswith("@")

    @property
    def is_foreign(self) -> bool:
        """Say whether the id is one of the other system, not linked when it was read."""
        return self.id.startswith("~")


class Line(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of a deal, quote or order.

    ``unit_price`` is net of discount and tax; ``key`` identifies the line within its
    document and travels into the order, so that a half-written order is recognised.
    """

    key: str
    product: Ref | None = None
    sku: str | None = None
    description: str | None = None
    quantity: Decimal
    unit_price: Decimal
    net: Decimal | None = None


Value: TypeAlias = (
    str | bool | int | Decimal | date | datetime | Money | Address | Ref | tuple[Line, ...]
)

Fields: TypeAlias = dict[str, Value | None]
"""Field name to value. A missing name is *unknown*, ``None`` is positively *blank*."""
