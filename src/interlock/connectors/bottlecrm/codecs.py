"""Codecs for what only BottleCRM stores in its way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from interlock.mapping.codecs import CodecError, Text
from interlock.model import FieldFacts, Line, Money, Ref, Value

__all__ = [
    "Amount", "Assignee", "Lines", "PersonName", "Phone", "ProductPrice", "TaskDone", "TaskText",
    "Website",
]  # fmt: skip

_MAX_NUMBER = Decimal(10) ** 13
"""Above this a JSON float no longer keeps cents; custom numbers are floats."""
_MAX_PRICE = Decimal(10) ** 10


@dataclass(frozen=True, slots=True)
class Phone:
    """A telephone number: 7 to 25 digits and separators; anything else is refused, never cut."""

    facts: FieldFacts = field(default_factory=lambda: FieldFacts(max_length=25))

    def decode(self, raw: Any) -> str | None:
        """Strip."""
        return Text().decode(raw)

    def encode(self, value: Value | None) -> Any:
        """Check against BottleCRM's own pattern."""
        if value is None:
            return None
        if not re.fullmatch(r"[\d\s\-()+.]{7,25}", str(value)):
            raise CodecError("a phone number here is 7 to 25 digits, spaces and any of + - . ( )",
                             fix="put extensions and notes into another field")  # fmt: skip
        return str(value)


@dataclass(frozen=True, slots=True)
class Website:
    """A web address; one without a scheme is refused by BottleCRM, so it gets ``https://``."""

    facts: FieldFacts = field(
        default_factory=lambda: FieldFacts(max_length=200, ignores_scheme=True)
    )

    def decode(self, raw: Any) -> str | None:
        """Strip."""
        return Text().decode(raw)

    def encode(self, value: Value | None) -> Any:
        """Add the scheme; too long is refused, since a cut address leads elsewhere."""
        if value is None:
            return None
        url = str(value) if "://" in str(value) else f"https://{value}"
        if len(url) > 200:
            raise CodecError("more than 200 characters")
        return url


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person's name in two fields that BottleCRM both requires.

    The last word is the last name.  Who has one name only gets "-" as the other, which is not read.
    """

    facts: FieldFacts = field(default_factory=lambda: FieldFacts(max_length=255))

    def decode(self, raw: Any) -> str | None:
        """Join the two."""
        parts = (Text().decode(raw.get(key)) for key in ("first_name", "last_name"))
        return " ".join(part for part in parts if part and part != "-") or None

    def encode(self, value: Value | None) -> Any:
        """Split before the last word."""
        first, _, last = " ".join(str(value or "")[:255].split()).rpartition(" ")
        if not last:
            return {"first_name": None, "last_name": None}
        return {"first_name": first or last, "last_name": last if first else "-"}


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in two fields, ``amount`` and ``currency``: keys of the raw mapping."""

    amount: str
    currency: str
    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2))

    def decode(self, raw: Any) -> Money | None:
        """Pair the number with its currency."""
        if raw.get(self.amount) in (None, ""):
            return None
        code = str(raw.get(self.currency) or "").strip().upper()
        if not re.fullmatch(r"[A-Z]{3}", code):
            raise CodecError("the currency is not a three-letter ISO 4217 code")
        return Money(Decimal(str(raw[self.amount])), code)

    def encode(self, value: Value | None) -> Any:
        """Write both fields, rounded to cents."""
        if value is None:
            return {self.amount: None, self.currency: None}
        if not isinstance(value, Money):
            raise CodecError("not an amount of money")
        if abs(value.amount) >= _MAX_NUMBER:
            raise CodecError("the amount is too large to be kept exactly in a custom field")
        return {self.amount: value.amount.quantize(Decimal("0.01")), self.currency: value.currency}


@dataclass(frozen=True, slots=True)
class ProductPrice:
    """A product's price; BottleCRM has no product without one, so that nothing is a price of 0."""

    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2))

    def decode(self, raw: Any) -> Money | None:
        """Pair the number with its currency; 0 is what stands there when nobody stated one."""
        if not Decimal(str(raw["price"] or 0)):
            return None
        return Amount("price", "currency").decode(raw)

    def encode(self, value: Value | None) -> Any:
        """Write both fields; the currency of no price is left as it is."""
        if value is None:
            return {"price": Decimal(0)}
        if isinstance(value, Money) and abs(value.amount) >= _MAX_PRICE:
            raise CodecError("the price has more digits than BottleCRM keeps of a product's")
        return Amount("price", "currency").encode(value)


@dataclass(frozen=True, slots=True)
class Lines:
    """Line items of a deal or an estimate, read only; ``net`` names the field with the line's net.

    The unit price is net of the line's discount: exact for percentages, to six decimals for a flat
    discount, whose ``net`` is exact.
    """

    net: str
    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2, writable=False))

    def decode(self, raw: Any) -> tuple[Line, ...]:
        """Read the items in their order."""
        return tuple(self._line(item) for item in raw or ())

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse: lines are the sales people's."""
        raise CodecError("lines are not written to BottleCRM")

    def _line(self, item: Mapping[str, Any]) -> Line:
        product = item.get("product")
        product = product if isinstance(product, Mapping) else {"id": product}
        quantity, net = Decimal(str(item["quantity"])), Decimal(str(item[self.net]))
        texts = (Text().decode(item.get(key)) for key in ("name", "description"))
        return Line(
            key=str(item["id"]),
            product=Ref("product", str(product["id"])) if product["id"] else None,
            sku=Text().decode(product.get("sku")),
            description="\n".join(t for t in texts if t) or None,
            quantity=quantity,
            unit_price=_net_price(item, quantity, net),
            net=net,
        )


def _net_price(item: Mapping[str, Any], quantity: Decimal, net: Decimal) -> Decimal:
    price = Decimal(str(item["unit_price"]))
    discount = Decimal(str(item.get("discount_value") or 0))
    if not discount:
        return price
    if item.get("discount_type") == "PERCENTAGE":
        return price * (100 - discount) / 100
    return round(net / quantity, 6) if quantity else price


@dataclass(frozen=True, slots=True)
class Assignee:
    """The user a record is assigned to; of several always the same one, which is not the first."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> str | None:
        """Read the id alone: the rest of the profile is a person's."""
        return min((str(user["id"]) for user in raw or ()), default=None)

    def encode(self, value: Value | None) -> Any:
        """Assign to this user and nobody else."""
        return [] if value is None else [str(value)]


@dataclass(frozen=True, slots=True)
class TaskText:
    """The text of a task of ours."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> str | None:
        """Strip."""
        return Text().decode(raw.get("description"))

    def encode(self, value: Value | None) -> Any:
        """Give the field that holds it."""
        return {"description": value}


@dataclass(frozen=True, slots=True)
class TaskDone:
    """Whether a task's status says that nothing is left to do."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> bool | None:
        """Compare with the one status that means it."""
        return None if raw is None else raw == "Completed"

    def encode(self, value: Value | None) -> Any:
        """Complete it, or begin it anew."""
        return "Completed" if value else "New"
