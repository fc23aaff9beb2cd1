"""Codecs for what QuickBooks stores in its own way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

from interlock.mapping.codecs import CodecError, Date, Number, Text
from interlock.model import Address, FieldFacts, InvoiceStatus, Line, Money, OrderStatus, Ref, Value
from interlock.model.countries import COUNTRIES, country_code

__all__ = [
    "Amount", "Billed", "InvoicedOrder", "Itself", "Lines", "Name", "Net", "OfEstimate",
    "PaidOn", "Postal",
]  # fmt: skip

_READ_ONLY = FieldFacts(writable=False)
_SALE: Final = "SalesItemLineDetail"
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Name:
    """A display name: unique among customers, vendors and employees, and without colons."""

    facts: FieldFacts

    def decode(self, raw: Any) -> str | None:
        """Strip."""
        return Text().decode(raw)

    def encode(self, value: Value | None) -> Any:
        """Cut to what the field holds; refuse what QuickBooks keeps for sub-customers."""
        text = Text(self.facts).encode(value)
        if text is not None and any(c in text for c in ":\t\n"):
            raise CodecError(
                "QuickBooks allows no colon, tab or line end in a name",
                fix="write the name without it in the CRM",
            )
        return text


@dataclass(frozen=True, slots=True)
class Postal:
    """An address; the street takes up to five lines, and the country is a name or a code."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> Address | None:
        """Collect the parts; a country nobody would know is an error."""
        if not isinstance(raw, Mapping):
            return None
        text = Text()
        lines = [text.decode(raw.get(name)) for name in _STREET]
        country = text.decode(raw.get("Country"))
        code = country_code(country) if country is not None else None
        if country is not None and code is None:
            raise CodecError("the country is neither a name nor a code of ISO 3166")
        return Address(
            street="\n".join(line for line in lines if line) or None, country=code,
            **{part: text.decode(raw.get(name)) for part, name in _PLACE.items()},
        ) or None  # fmt: skip

    def encode(self, value: Value | None) -> Any:
        """Give all parts, blank ones too, so that halves of two addresses never mix."""
        if value is not None and not isinstance(value, Address):
            raise CodecError("not an address")
        address = value if isinstance(value, Address) else Address()
        street = (address.street or "").splitlines()
        if len(street) > len(_STREET):
            raise CodecError("the street has more than five lines")
        out: dict[str, str] = dict.fromkeys(_STREET, "")
        out.update(zip(_STREET, street, strict=False))
        out.update({name: getattr(address, part) or "" for part, name in _PLACE.items()})
        out["Country"] = COUNTRIES.get(address.country or "", address.country or "")
        for name, text in out.items():
            if len(text) > _LONGEST[name]:
                raise CodecError(f"{name} has more than {_LONGEST[name]} characters")
        return out


_STREET: Final = ("Line1", "Line2", "Line3", "Line4", "Line5")
_PLACE: Final = {"city": "City", "region": "CountrySubDivisionCode", "postcode": "PostalCode"}
_LONGEST: Final = {
    **dict.fromkeys(_STREET, 500), "City": 255, "CountrySubDivisionCode": 255, "PostalCode": 30,
    "Country": 255,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lines:
    """Lines of a sale.  Their keys stand in the document's note, in the order of the lines.

    Where lines were added or taken away by hand the keys no longer fit, and none is made up from
    them.  Discounts and descriptions are lines to QuickBooks; here only what is sold counts.
    """

    tax_code: str | None = None
    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=5))

    def decode(self, raw: Any) -> tuple[Line, ...]:
        """Read what is sold."""
        rows = [row for row in raw["lines"] or () if row.get("DetailType") == _SALE]
        keys = raw["keys"] or ()
        fit = len(keys) == len(rows)
        return tuple(
            _line(row, keys[n] if fit else f"line-{row.get('Id') or n + 1}")
            for n, row in enumerate(rows)
        )

    def encode(self, value: Value | None) -> Any:
        """Give the lines and, apart from them, their keys."""
        if not isinstance(value, tuple):
            raise CodecError("a sale without lines is not possible in QuickBooks")
        return {"Line": [self._row(n, line) for n, line in enumerate(value, 1)],
                "lines": tuple(line.key for line in value)}  # fmt: skip

    def _row(self, number: int, line: Line) -> dict[str, Any]:
        if line.product is None or line.product.is_link:
            raise CodecError(f"line {line.key} has no product of this system")
        price = line.unit_price.quantize(Decimal(1).scaleb(-(self.facts.decimals or 0)))
        detail: dict[str, Any] = {
            "ItemRef": {"value": line.product.id, "sku": line.sku},
            "Qty": line.quantity, "UnitPrice": price,
        }  # fmt: skip
        if self.tax_code is not None:
            detail["TaxCodeRef"] = {"value": self.tax_code}
        row: dict[str, Any] = {
            "LineNum": number, "DetailType": _SALE, _SALE: detail,
            "Amount": (line.quantity * price).quantize(_CENT, rounding=ROUND_HALF_UP),
        }  # fmt: skip
        return row | ({"Description": line.description[:4000]} if line.description else {})


def _line(row: Mapping[str, Any], key: str) -> Line:
    detail = row.get(_SALE) or {}
    item = detail.get("ItemRef") or {}
    number = Number()
    net = number.decode(row.get("Amount")) or Decimal(0)
    quantity = number.decode(detail.get("Qty"))
    price = number.decode(detail.get("UnitPrice"))
    if quantity is None or price is None:
        # an amount typed without quantity
        quantity, price = Decimal(1), net
    return Line(
        key=key,
        product=Ref("product", str(item["value"])) if item.get("value") else None,
        sku=Text().decode(item.get("sku")),
        description=Text().decode(row.get("Description")),
        quantity=quantity,
        unit_price=price,
        net=net,
    )


@dataclass(frozen=True, slots=True)
class _ReadOnly:
    facts: FieldFacts = field(default_factory=lambda: _READ_ONLY)

    def encode(self, value: Value | None) -> Any:  # noqa: ARG002
        """Refuse."""
        raise CodecError("QuickBooks works it out itself")


@dataclass(frozen=True, slots=True)
class Net(_ReadOnly):
    """The total without tax."""

    def decode(self, raw: Any) -> Decimal | None:
        """Take the tax off."""
        total = Number().decode(raw["total"])
        return None if total is None else total - (Number().decode(raw["tax"]) or Decimal(0))


@dataclass(frozen=True, slots=True)
class Amount(_ReadOnly):
    """An amount in the document's currency; of a credit note below zero."""

    def decode(self, raw: Any) -> Money | None:
        """Sign it; without ``tax`` where there is any among the inputs."""
        amount = Number().decode(raw["amount"])
        if amount is None:
            return None
        amount -= Number().decode(raw.get("tax")) or Decimal(0)
        return Money(-amount if raw["credit"] else amount, str(raw["currency"]))


@dataclass(frozen=True, slots=True)
class Billed(_ReadOnly):
    """How far an invoice has come.  QuickBooks has no mark for it, only amounts and a note."""

    def decode(self, raw: Any) -> str:
        """Tell voided, paid and open apart."""
        if _voided(raw):
            return InvoiceStatus.CANCELLED
        return InvoiceStatus.OPEN if Number().decode(raw["balance"]) else InvoiceStatus.PAID


@dataclass(frozen=True, slots=True)
class InvoicedOrder:
    """How far an order has come that is an invoice: there are no drafts of one."""

    facts: FieldFacts = field(
        default_factory=lambda: FieldFacts(
            choices=(OrderStatus.OPEN, OrderStatus.FULFILLED, OrderStatus.CANCELLED)
        )
    )

    def decode(self, raw: Any) -> str:
        """Tell voided, paid and open apart."""
        if _voided(raw):
            return OrderStatus.CANCELLED
        return OrderStatus.OPEN if Number().decode(raw["balance"]) else OrderStatus.FULFILLED

    def encode(self, value: Value | None) -> Any:
        """Pass the word on to whoever writes."""
        if value is not None and value not in (self.facts.choices or ()):
            raise CodecError("an invoice is open, paid or void")
        return None if value is None else {"word": str(value)}


def _voided(raw: Any) -> bool:
    total = Number().decode(raw["total"])
    return not total and str(raw["rest"] or "").startswith("Voided")


@dataclass(frozen=True, slots=True)
class PaidOn(_ReadOnly):
    """When the last payment on an invoice was made, once nothing is left to pay."""

    def decode(self, raw: Any) -> date | None:
        """Read what the reader looked up."""
        return Date().decode(raw["on"])


@dataclass(frozen=True, slots=True)
class OfEstimate(_ReadOnly):
    """The estimate an invoice was made of; of several it belongs to none alone."""

    def decode(self, raw: Any) -> Ref | None:
        """Find the one link."""
        made = [x for x in raw or () if x.get("TxnType") == "Estimate" and x.get("TxnId")]
        return Ref("order", str(made[0]["TxnId"])) if len(made) == 1 else None


@dataclass(frozen=True, slots=True)
class Itself(_ReadOnly):
    """The order an invoice is itself."""

    def decode(self, raw: Any) -> Ref | None:
        """Point to it."""
        return Ref("order", str(raw)) if raw and str(raw).isdigit() else None
