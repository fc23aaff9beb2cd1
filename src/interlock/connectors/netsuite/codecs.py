"""Codecs for what NetSuite stores in its own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from interlock.mapping.codecs import CodecError, Number, Text
from interlock.model import (
    Address,
    FieldFacts,
    InvoiceStatus,
    Line,
    Money,
    OrderStatus,
    Ref,
    Value,
)

__all__ = [
    "BilledAmount", "BookedLines", "Flag", "Held", "InvoiceState", "OrderState", "Place", "Why",
]  # fmt: skip

_READ_ONLY: Final = FieldFacts(writable=False)
_PARTS: Final = {"city": ("city", 50), "region": ("state", 30), "postcode": ("zip", 36)}
_STREET: Final = ("addr1", "addr2", "addr3")
_STREET_LENGTH: Final = 150


@dataclass(frozen=True, slots=True)
class Flag:
    """A box, ``T`` or ``F`` in queries; ``inverse``: ticked means no."""

    inverse: bool = False
    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> bool | None:
        """Read the letter."""
        if raw is None:
            return None
        ticked = raw is True or str(raw).upper() == "T"
        return ticked is not self.inverse

    def encode(self, value: Value | None) -> Any:
        """Tick or untick."""
        return None if value is None else bool(value) is not self.inverse


@dataclass(frozen=True, slots=True)
class Place:
    """An address: up to three lines of street, city, state, zip and a country's code."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> Address | None:
        """Join the lines of the street."""
        if not raw:
            return None
        text = Text()
        lines = [text.decode(raw.get(key)) for key in _STREET]
        parts = {part: text.decode(raw.get(key)) for part, (key, _) in _PARTS.items()}
        country = text.decode(raw.get("country"))
        if country is not None and (len(country) != 2 or not country.isalpha()):
            raise CodecError("the country is not a two-letter ISO 3166 code")
        street = "\n".join(line for line in lines if line) or None
        return Address(street=street, country=country and country.upper(), **parts) or None

    def encode(self, value: Value | None) -> Any:
        """Give all parts, blank ones too, so that halves of two addresses never mix."""
        if value is None:
            return None
        if not isinstance(value, Address):
            raise CodecError("not an address")
        lines = [line.strip() for line in (value.street or "").splitlines() if line.strip()]
        if len(lines) > len(_STREET) or any(len(line) > _STREET_LENGTH for line in lines):
            raise CodecError(f"the street has more than {len(_STREET)} lines of "
                             f"{_STREET_LENGTH} characters")  # fmt: skip
        out: dict[str, Any] = {
            key: lines[number] if number < len(lines) else None
            for number, key in enumerate(_STREET)
        }
        for part, (key, length) in _PARTS.items():
            text = getattr(value, part)
            if text is not None and len(text) > length:
                raise CodecError(f"the {part} has more than {length} characters")
            out[key] = text
        return {**out, "country": value.country}


@dataclass(frozen=True, slots=True)
class Held:
    """Whether a customer's orders are held: the box on the customer, else limit and days overdue.

    The rule for ``AUTO`` is a belief: an account's own preferences decide, and are not readable.
    """

    over_limit: bool
    after_days: int | None
    facts: FieldFacts = field(default_factory=lambda: _READ_ONLY)

    def decode(self, raw: Any) -> bool | None:
        """Decide."""
        return _held(raw, over_limit=self.over_limit, after_days=self.after_days) is not None

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("a hold is put and lifted in NetSuite")


@dataclass(frozen=True, slots=True)
class Why:
    """Why a customer's orders are held."""

    over_limit: bool
    after_days: int | None
    facts: FieldFacts = field(default_factory=lambda: _READ_ONLY)

    def decode(self, raw: Any) -> str | None:
        """Tell the reason."""
        return _held(raw, over_limit=self.over_limit, after_days=self.after_days)

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("a hold is put and lifted in NetSuite")


def _held(raw: Mapping[str, Any], *, over_limit: bool, after_days: int | None) -> str | None:
    override = str(raw.get("override") or "AUTO").upper()
    if override == "ON":
        return "credit hold is switched on in NetSuite"
    if override == "OFF":
        return None
    number = Number()
    limit, balance = number.decode(raw.get("limit")), number.decode(raw.get("balance"))
    if over_limit and limit is not None and (balance or 0) > limit:
        return f"balance {balance} is over the credit limit {limit}"
    days = number.decode(raw.get("days")) or Decimal(0)
    if after_days is not None and days > after_days:
        return f"{days} days overdue"
    return None


@dataclass(frozen=True, slots=True)
class OrderState:
    """How far an order has come, by the letter of its status."""

    facts: FieldFacts = field(
        default_factory=lambda: FieldFacts(
            choices=(OrderStatus.DRAFT.value, OrderStatus.OPEN.value)
        )
    )

    def decode(self, raw: Any) -> str | None:
        """Read the letter, with or without the kind of transaction before it."""
        if not raw:
            return None
        letter = str(raw).rpartition(":")[2].strip()
        if letter not in _STATES:
            raise CodecError("the status is none of those a sales order has")
        return _STATES[letter].value

    def encode(self, value: Value | None) -> Any:
        """Give the letter; what follows from shipping and billing cannot be written."""
        if value is None:
            return None
        if value not in _WRITTEN:
            raise CodecError("an order is approved through the API, and nothing more",
                             fix="change the order in NetSuite")  # fmt: skip
        return _WRITTEN[str(value)]


_STATES: Final[Mapping[str, OrderStatus]] = {
    "A": OrderStatus.DRAFT, "B": OrderStatus.OPEN, "D": OrderStatus.OPEN, "E": OrderStatus.OPEN,
    "F": OrderStatus.FULFILLED, "G": OrderStatus.FULFILLED, "C": OrderStatus.CANCELLED,
    "H": OrderStatus.CANCELLED,
}  # fmt: skip
_WRITTEN: Final[Mapping[str, str]] = {
    OrderStatus.DRAFT.value: "A", OrderStatus.OPEN.value: "B",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class InvoiceState:
    """How far an invoice or a credit memo has come."""

    facts: FieldFacts = field(default_factory=lambda: _READ_ONLY)

    def decode(self, raw: Any) -> str | None:
        """Read the letter."""
        if not raw:
            return None
        letter = str(raw).rpartition(":")[2].strip()
        if letter not in _BILL_STATES:
            raise CodecError("the status is none of those an invoice has")
        return _BILL_STATES[letter].value

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("an invoice is not written")


_BILL_STATES: Final[Mapping[str, InvoiceStatus]] = {
    "A": InvoiceStatus.OPEN, "B": InvoiceStatus.PAID, "V": InvoiceStatus.CANCELLED,
    "D": InvoiceStatus.DRAFT, "E": InvoiceStatus.CANCELLED,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BilledAmount:
    """An amount of an invoice in its own currency; below zero on a credit memo."""

    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2, writable=False))

    def decode(self, raw: Any) -> Money | None:
        """Read both."""
        if not raw or raw.get("amount") is None or not raw.get("currency"):
            return None
        return Money(Decimal(str(raw["amount"])), str(raw["currency"]))

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("an invoice is not written")


@dataclass(frozen=True, slots=True)
class BookedLines:
    """An order's lines; in queries their amounts are bookings, with the opposite sign."""

    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=4, required=True))

    def decode(self, raw: Any) -> tuple[Line, ...] | None:
        """Read the lines in their order."""
        if not raw:
            return None
        return tuple(_line(row) for row in raw)

    def encode(self, value: Value | None) -> Any:
        """Make what the writer turns into lines of the record API."""
        if value is None:
            return None
        if not isinstance(value, tuple):
            raise CodecError("lines were expected")
        step = Decimal(1).scaleb(-(self.facts.decimals or 4))
        rows = []
        for line in value:
            if line.product is not None and line.product.is_link:
                raise CodecError("not the id of a product in this system")
            rows.append({
                "line_key": line.key, "item": line.product.id if line.product else None,
                "sku": line.sku, "memo": line.description, "quantity": line.quantity,
                "rate": line.unit_price.quantize(step), "amount": line.net,
            })  # fmt: skip
        return rows


def _line(row: Mapping[str, Any]) -> Line:
    number, text = Number(), Text()
    quantity, price = number.decode(row.get("quantity")), _price(row)
    net = number.decode(row.get("amount"))
    if price is None:
        # a discount's rate is a percentage
        price = net / quantity if net is not None and quantity else net or Decimal(0)
    item = text.decode(row.get("item"))
    return Line(
        key=text.decode(row.get("line_key")) or str(row.get("line_number")),
        sku=text.decode(row.get("sku")),
        product=Ref("product", item) if item else None, description=text.decode(row.get("memo")),
        quantity=quantity if quantity is not None else Decimal(1), unit_price=price, net=net,
    )  # fmt: skip


def _price(row: Mapping[str, Any]) -> Decimal | None:
    try:
        return Number().decode(row.get("rate"))
    except CodecError:
        return None
