"""Codecs for what Salesforce stores in its own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from interlock.mapping.codecs import CodecError, Number, Text
from interlock.model import Address, FieldFacts, Line, Money, Ref, StageKind, Value
from interlock.model.countries import COUNTRIES, country_code

__all__ = [
    "Accepted", "Amount", "Constant", "Exact", "Lines", "PersonName", "Place", "Reference", "Stage",
    "WonAt",
]  # fmt: skip

_READ_ONLY = FieldFacts(writable=False)


@dataclass(frozen=True, slots=True)
class Exact:
    """Text that means something else when cut, such as an e-mail address."""

    facts: FieldFacts

    def decode(self, raw: Any) -> str | None:
        """Strip."""
        return Text().decode(raw)

    def encode(self, value: Value | None) -> Any:
        """Refuse what is too long."""
        limit = self.facts.max_length
        if value is not None and limit is not None and len(str(value)) > limit:
            raise CodecError(f"more than {limit} characters")
        return None if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Reference:
    """The id of another record."""

    entity: str
    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> Ref | None:
        """Point to the record."""
        return Ref(self.entity, str(raw)) if raw else None

    def encode(self, value: Value | None) -> Any:
        """Give the bare id."""
        if value is None:
            return None
        if not isinstance(value, Ref) or value.is_link:
            raise CodecError(f"not the id of a {self.entity} in Salesforce")
        return value.id


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
class Place:
    """An address in five fields that begin alike; the country is its English name."""

    prefix: str
    facts: FieldFacts = field(default_factory=FieldFacts)

    @property
    def inputs(self) -> dict[str, str]:
        """Name the fields, part of our address -> Salesforce's field."""
        return {part: f"{self.prefix}{name}" for part, (name, _) in _PARTS.items()}

    def decode(self, raw: Any) -> Address | None:
        """Collect the parts; a country nobody would know is an error."""
        parts = {part: Text().decode(raw.get(part)) for part in _PARTS}
        if parts["country"] is not None:
            code = country_code(parts["country"])
            if code is None:
                raise CodecError("the country is neither a name nor a code of ISO 3166")
            parts["country"] = code
        return Address(**parts) or None

    def encode(self, value: Value | None) -> Any:
        """Give all parts, blank ones too, so that halves of two addresses never mix."""
        if value is not None and not isinstance(value, Address):
            raise CodecError("not an address")
        out: dict[str, str | None] = {}
        for part, (name, length) in _PARTS.items():
            text = getattr(value, part) if value is not None else None
            if text is not None and part == "country":
                text = COUNTRIES.get(text, text)
            if text is not None and len(text) > length:
                raise CodecError(f"the {part} has more than {length} characters")
            out[f"{self.prefix}{name}"] = text
        return out


_PARTS = {
    "street": ("Street", 255), "city": ("City", 40), "region": ("State", 80),
    "postcode": ("PostalCode", 20), "country": ("Country", 80),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Amount:
    """Money in a field without a currency of its own: the org's."""

    currency: str
    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2))

    def decode(self, raw: Any) -> Money | None:
        """Add the currency."""
        number = Number().decode(raw)
        return None if number is None else Money(number, self.currency)

    def encode(self, value: Value | None) -> Any:
        """Round to cents; another currency has no place."""
        if value is None:
            return None
        if not isinstance(value, Money):
            raise CodecError("not an amount of money")
        if value.currency != self.currency:
            raise CodecError(f"the org holds amounts in {self.currency} only")
        return value.amount.quantize(Decimal("0.01"))


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
class Accepted:
    """Whether a quote's status says that the customer agreed."""

    facts: FieldFacts = field(default_factory=lambda: _READ_ONLY)

    def decode(self, raw: Any) -> bool | None:
        """Compare with the one status that means agreement."""
        return None if raw is None else raw == "Accepted"

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("a quote is accepted by the customer, not through the API")


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
