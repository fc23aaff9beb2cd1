"""Codecs for what Salesforce stores in its own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from interlock.mapping.codecs import CodecError, Text
from interlock.model import FieldFacts, Line, Ref, StageKind, Value

__all__ = ["Constant", "Lines", "PersonName", "Stage", "WonAt"]

_READ_ONLY = FieldFacts(writable=False)


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person's name in two fields; the last one is required and gets the last word."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> str | None:
        """Join the two."""
        parts = (Text().decode(raw.get(key)) for key in ("FirstName", "LastName"))
        return " ".join(part for part in parts if part) or None

    def encode(self, value: Value | None) -> Any:
        """Split before the last word."""
        first, _, last = " ".join(str(value or "").split()).rpartition(" ")
        if len(first) > 40 or len(last) > 80:
            raise CodecError("more than 40 characters before the last word, or 80 in it")
        return {"FirstName": first or None, "LastName": last or None}


@dataclass(frozen=True, slots=True)
class Stage:
    """What a stage means, from ``IsWon`` and ``IsClosed``, never from its label."""

    facts: FieldFacts = field(default_factory=lambda: _READ_ONLY)

    def decode(self, raw: Any) -> str:
        """Tell won, lost and open apart."""
        if raw.get("won"):
            return StageKind.WON
        return StageKind.LOST if raw.get("closed") else StageKind.OPEN

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("what a stage means follows from the stage")


@dataclass(frozen=True, slots=True)
class WonAt:
    """When a won deal was won: its close date, which people may type."""

    facts: FieldFacts = field(default_factory=lambda: _READ_ONLY)

    def decode(self, raw: Any) -> Any:
        """Give the beginning of the day, in UTC."""
        from interlock.mapping.codecs import Instant

        return Instant().decode(raw.get("closes")) if raw.get("won") else None

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("a deal is won by its stage")


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that is the same for every record, whatever the field it is read with."""

    value: str
    facts: FieldFacts = field(default_factory=lambda: _READ_ONLY)

    def decode(self, raw: Any) -> str:  # noqa: ARG002
        """Give it."""
        return self.value

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("it is a setting of the org")


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a deal or a quote, read only; the unit price is net of the line's discount."""

    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2, writable=False))

    def decode(self, raw: Any) -> tuple[Line, ...]:
        """Read the lines in their order."""
        return tuple(_line(row) for row in (raw or {}).get("records", ()))

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse: lines are the sales people's."""
        raise CodecError("lines are not written to Salesforce")


def _line(row: Mapping[str, Any]) -> Line:
    quantity, price, net = (Decimal(str(row[k])) for k in ("Quantity", "UnitPrice", "TotalPrice"))
    product = row.get("PricebookEntry") or {}
    if quantity * price != net and quantity:
        price = (net / quantity).quantize(Decimal("0.000001"))
    return Line(
        key=str(row["Id"]),
        product=Ref("product", str(product["Product2Id"])) if product.get("Product2Id") else None,
        sku=Text().decode(product.get("ProductCode")),
        quantity=quantity,
        unit_price=price,
        net=net,
    )
