"""Object maps: which of Tryton's fields and rows hold a model's field.

Some paths name a place among a record's rows rather than a field of its own:

- ``addresses:invoice``, ``addresses:delivery``: the address with that flag
- ``contact_mechanisms:email``: the first active one of that type
- ``identifiers:tax``, ``identifiers:other``: the tax id; the other system's id
- ``relations:customer``, ``relations:role``: the customer a contact person belongs to, and as what
- ``sale:active``: a product is sold: neither it nor its template is archived
- ``sale:list_price``: what it costs without a price list
- ``stock:quantity``: what of it lies in the warehouses
- ``billed:net`` and the like: amounts, dates and the order of an invoice
- ``dunning:hold``, ``dunning:reason``: whether and why dunning stops the customer's credit
- ``work:state``, ``work:currency``: how a project stands; the company's currency
- ``key:other``, ``key:quote``: words in the text field of a sale or project that holds our keys

``parties``, ``orders``, ``projects``, ``invoices`` and ``holds`` make these from rows and turn them
into rows again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from interlock.connectors.tryton.config import TrytonSettings
from interlock.connectors.tryton.holds import HOLD
from interlock.connectors.tryton.invoices import INVOICE_COLUMNS, DueDate
from interlock.connectors.tryton.projects import COMMENT, WORK
from interlock.connectors.tryton.taxids import TaxId
from interlock.mapping.codecs import Boolean, Choice, CodecError, Date, Number, Text
from interlock.mapping.objectmap import FieldMap, ObjectMap
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

__all__ = ["MODELS", "NEVER", "PARTS", "columns_of", "key_field_of", "object_maps"]

MODELS: Mapping[str, str] = MappingProxyType({
    "customer": "party.party", "contact": "party.party",
    "product": "product.product", "order": "sale.sale", "invoice": "account.invoice",
    "project": WORK,
})  # fmt: skip

NEVER = (
    "cost_price", "cost_prices", "cost_price_uom", "cost_value", "product_suppliers", "accounts",
    "bank_accounts",
)  # fmt: skip

_ADDRESS = ("active", "invoice", "delivery", "street", "city", "postal_code", "country.code",
            "subdivision.code", "subdivision.name")  # fmt: skip
_MECHANISM = ("active", "type", "value")
_IDENTIFIER = ("active", "type", "code", "code_compact")
_RELATION = ("active", "to", "type.name")
_LINE = ("type", "note", "product", "product.code", "description", "quantity", "unit_price",
         "amount")  # fmt: skip

PARTS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "addresses": _ADDRESS, "contact_mechanisms": _MECHANISM, "identifiers": _IDENTIFIER,
    "relations": _RELATION, "lines": _LINE, "invoice_address": _ADDRESS,
    "shipment_address": _ADDRESS,
})  # fmt: skip
"""Rows below a record, and the columns read of each."""

_WORKED_OUT: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "sale:active": ("active", "template.active", "template.salable"),
    "sale:list_price": ("sale_price_uom",),
    "stock:quantity": ("quantity",),
    "work:state": ("status.progress",),
    "work:currency": (),
})  # fmt: skip

_PARTY_PARTS = frozenset({"addresses", "contact_mechanisms", "identifiers"})


def key_field_of(entity: str, settings: TrytonSettings) -> str:
    """Name the text field of a sale or project that holds our keys."""
    return COMMENT if entity == "project" else settings.order_key_field


def columns_of(path: str, key_field: str = "description") -> tuple[str, ...]:
    """Name the columns to request for a path."""
    if path in INVOICE_COLUMNS:
        return INVOICE_COLUMNS[path]
    if path.startswith(HOLD):
        return ()  # rows of another model, which the party does not point to
    head = path.partition(":")[0]
    if head == "key":
        return (key_field,)
    if path in _WORKED_OUT:
        return _WORKED_OUT[path]
    if head not in PARTS:
        return (head,)
    stamped = ("_timestamp",) if head in _PARTY_PARTS or head == "lines" else ()
    return tuple(f"{head}.{column}" for column in (*PARTS[head], *stamped))


@dataclass(frozen=True, slots=True)
class PostalAddress:
    """Codec of an address row; ``region`` is ``off`` or the subdivision's ``code`` or ``name``."""

    region: str = "off"
    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> Address | None:
        """Read the parts Interlock keeps; an address without any is blank."""
        if not raw:
            return None
        text = Text()
        return Address(
            street=text.decode(raw.get("street")), city=text.decode(raw.get("city")),
            postcode=text.decode(raw.get("postal_code")), country=raw.get("country"),
            region=None if self.region == "off" else text.decode(raw.get("region")),
        ) or None  # fmt: skip

    def encode(self, value: Value | None) -> Any:
        """Make the parts of a row, with country and region by code or name."""
        if value is None:
            return None
        if not isinstance(value, Address):
            raise CodecError("an address was expected")
        row: dict[str, Any] = {
            "street": value.street, "city": value.city, "postal_code": value.postcode,
            "country": value.country,
        }  # fmt: skip
        if self.region != "off":
            if value.region and not value.country:
                raise CodecError("a region needs its country", fix="fill in the country")
            row["region"] = value.region
        return row


@dataclass(frozen=True, slots=True)
class CompanyMoney:
    """Codec of ``{"amount": .., "currency": ..}``, an amount in the company's currency."""

    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2))

    def decode(self, raw: Any) -> Money | None:
        """Read it; no amount is blank."""
        if not raw or raw.get("amount") is None:
            return None
        return Money(Decimal(raw["amount"]), raw["currency"])

    def encode(self, value: Value | None) -> Any:
        """Round to cents."""
        if value is None:
            return None
        if not isinstance(value, Money):
            raise CodecError("an amount with its currency was expected")
        return {"amount": value.amount.quantize(Decimal("0.01")), "currency": value.currency}


@dataclass(frozen=True, slots=True)
class UnitCode:
    """Codec of a unit's symbol as its UN/ECE code; a unit without one keeps its symbol."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> str | None:
        """Read the symbol."""
        return _UNITS.get(raw, raw) or None

    def encode(self, value: Value | None) -> Any:
        """Refuse: units are only read."""
        del value
        raise CodecError("a product is not written")


_UNITS = {
    "u": "C62", "kg": "KGM", "g": "GRM", "l": "LTR", "m": "MTR", "cm": "CMT", "m²": "MTK",
    "m³": "MTQ", "s": "SEC", "min": "MIN", "h": "HUR", "d": "DAY", "in": "INH", "ft": "FOT",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Days:
    """Codec of a length of time in whole days, a part of one counted as one."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> Decimal | None:
        """Round up."""
        return None if raw is None else Decimal(-(-raw // timedelta(days=1)))

    def encode(self, value: Value | None) -> Any:
        """Refuse: lead times are only read."""
        del value
        raise CodecError("a product is not written")


@dataclass(frozen=True, slots=True)
class Pointer:
    """Codec of a many2one: the id of a record of ``entity``."""

    entity: str
    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> Ref | None:
        """Read an id."""
        return None if raw is None else Ref(self.entity, str(raw))

    def encode(self, value: Value | None) -> Any:
        """Make an id; a link's id has no meaning here."""
        if value is None:
            return None
        if not isinstance(value, Ref) or not value.id.isdecimal():
            raise CodecError(f"the id of a {self.entity} in Tryton was expected")
        return int(value.id)


@dataclass(frozen=True, slots=True)
class SaleLines:
    """Codec of a sale's lines; prices keep four decimals.

    Tryton rounds each line to the currency's digits, half to even (``currency.round``).
    """

    facts: FieldFacts = field(
        default_factory=lambda: FieldFacts(decimals=4, required=True, half_even=True)
    )

    def decode(self, raw: Any) -> tuple[Line, ...] | None:
        """Read the lines in their order."""
        return None if raw is None else tuple(
            Line(
                key=row["key"], sku=row["sku"], description=row["description"],
                product=None if row["product"] is None else Ref("product", str(row["product"])),
                quantity=Decimal(row["quantity"] or 0), unit_price=Decimal(row["unit_price"] or 0),
                net=row["net"],
            ) for row in raw
        )  # fmt: skip

    def encode(self, value: Value | None) -> Any:
        """Make what ``orders`` resolves into rows."""
        if value is None:
            return None
        if not isinstance(value, tuple):
            raise CodecError("lines were expected")
        product, step = Pointer("product"), Decimal(1).scaleb(-(self.facts.decimals or 4))
        return [
            {
                "key": line.key, "sku": line.sku, "description": line.description,
                "product": product.encode(line.product), "quantity": line.quantity,
                "unit_price": line.unit_price.quantize(step), "net": line.net,
            } for line in value
        ]  # fmt: skip


def object_maps(settings: TrytonSettings) -> dict[str, ObjectMap]:
    """Give the maps of all entities."""
    parts: tuple[str, ...] = ("street", "city", "region", "postcode", "country")
    if settings.regions == "off":
        parts = tuple(part for part in parts if part != "region")
    address = PostalAddress(settings.regions, FieldFacts(address_parts=parts))
    maps = {
        "customer": _customer(address, settings), "contact": _contact(settings),
        "product": _PRODUCT, "price": _PRICE, "order": _order(address), "invoice": _INVOICE,
        "project": _PROJECT,
    }  # fmt: skip
    if not settings.projects:
        del maps["project"]
    if not settings.contacts:
        del maps["contact"]
    return maps


# a payment term is found by its name in any case, and shown as Tryton spells it
_ANY_CASE = Text(FieldFacts(ignores_case=True))
# acme.example and https://acme.example are one site; nobody wants a write for that
_WEBSITE = Text(FieldFacts(ignores_scheme=True))


def _customer(address: PostalAddress, settings: TrytonSettings) -> ObjectMap:
    return ObjectMap("customer", "party.party", (
        FieldMap("name", "name", Text(), required=True),
        FieldMap("website", "contact_mechanisms:website", _WEBSITE),
        FieldMap("email", "contact_mechanisms:email", Text()),
        FieldMap("phone", "contact_mechanisms:phone", Text()),
        FieldMap("tax_id", "identifiers:tax", TaxId(settings.tax_types)),
        FieldMap("billing_address", "addresses:invoice", address),
        FieldMap("shipping_address", "addresses:delivery", address),
        FieldMap("payment_terms", "customer_payment_term.name", _ANY_CASE),
        FieldMap("credit_limit", "credit_limit_amount", CompanyMoney()),
        FieldMap("price_list", "sale_price_list.name", Text(), writable=False),
        FieldMap("credit_hold", "dunning:hold", Boolean(), writable=False),
        FieldMap("hold_reason", "dunning:reason", Text(), writable=False),
        FieldMap("other_id", "identifiers:other", Text()),
    ))  # fmt: skip


def _contact(settings: TrytonSettings) -> ObjectMap:
    roles = tuple(role.value for role in settings.contact_relations)
    role = Choice(
        {name: role.value for role, name in settings.contact_relations.items()},
        facts=FieldFacts(choices=roles),
    )
    return ObjectMap("contact", "party.party", (
        FieldMap("customer", "relations:customer", Pointer("customer"), required=True),
        FieldMap("name", "name", Text(), required=True),
        FieldMap("email", "contact_mechanisms:email", Text()),
        FieldMap("phone", "contact_mechanisms:phone", Text()),
        FieldMap("role", "relations:role", role),
        FieldMap("other_id", "identifiers:other", Text()),
    ))  # fmt: skip


_PRODUCT = ObjectMap("product", "product.product", (
    FieldMap("sku", "code", Text(), writable=False),
    FieldMap("name", "name", Text(), writable=False),
    FieldMap("active", "sale:active", Boolean(), writable=False),
    FieldMap("unit", "sale_uom.symbol", UnitCode(), writable=False),
    FieldMap("family", "account_category.name", Text(), writable=False),
    FieldMap("list_price", "sale:list_price", CompanyMoney(FieldFacts(decimals=4)), writable=False),
    FieldMap("lead_time", "lead_time", Days(), writable=False),
    FieldMap("stock_quantity", "stock:quantity", Number(), writable=False),
))  # fmt: skip

# worked out by Tryton, row by row; one customer's own prices and validity are not offered
_PRICE = ObjectMap("price", "product.price_list.line", (
    FieldMap("product", "product", Pointer("product"), writable=False),
    FieldMap("price_list", "price_list.name", Text(), writable=False),
    FieldMap("unit_price", "price", CompanyMoney(FieldFacts(decimals=4)), writable=False),
    FieldMap("from_quantity", "quantity", Number(), writable=False),
))  # fmt: skip

_INVOICE = ObjectMap("invoice", "account.invoice", (
    FieldMap("customer", "party", Pointer("customer"), writable=False),
    FieldMap("number", "number", Text(), writable=False),
    FieldMap("status", "state", Choice({
        "draft": InvoiceStatus.DRAFT.value, "validated": InvoiceStatus.DRAFT.value,
        "posted": InvoiceStatus.OPEN.value, "paid": InvoiceStatus.PAID.value,
        "cancelled": InvoiceStatus.CANCELLED.value,
    }), writable=False),
    FieldMap("issued_on", "invoice_date", Date(), writable=False),
    FieldMap("due_on", "billed:due", DueDate(), writable=False),
    FieldMap("net", "billed:net", CompanyMoney(), writable=False),
    FieldMap("total", "billed:total", CompanyMoney(), writable=False),
    FieldMap("open", "billed:open", CompanyMoney(), writable=False),
    FieldMap("paid_on", "billed:paid", Date(), writable=False),
    FieldMap("order", "billed:sale", Pointer("order"), writable=False),
))  # fmt: skip

# what it was sold for and the PO number have no place in Tryton's projects
_PROJECT = ObjectMap("project", WORK, (
    FieldMap("customer", "party", Pointer("customer"), required=True),
    FieldMap("name", "name", Text(), required=True),
    FieldMap("number", "number", Text(), writable=False),
    FieldMap("status", "work:state", Choice({
        "open": OrderStatus.OPEN.value, "done": OrderStatus.FULFILLED.value,
    }), writable=False),
    FieldMap("currency", "work:currency", Text()),
    FieldMap("quote_number", "key:quote", Text()),
    FieldMap("other_id", "key:other", Text()),
))  # fmt: skip

_STATUS = MappingProxyType({
    "draft": OrderStatus.DRAFT.value, "quotation": OrderStatus.DRAFT.value,
    "confirmed": OrderStatus.OPEN.value, "processing": OrderStatus.OPEN.value,
    "done": OrderStatus.FULFILLED.value, "cancelled": OrderStatus.CANCELLED.value,
})  # fmt: skip


def _order(address: PostalAddress) -> ObjectMap:
    statuses = FieldFacts(choices=tuple(status.value for status in OrderStatus))
    return ObjectMap("order", "sale.sale", (
        FieldMap("customer", "party", Pointer("customer"), required=True),
        FieldMap("number", "number", Text(), writable=False),
        FieldMap("status", "state", Choice(_STATUS, facts=statuses)),
        FieldMap("currency", "currency.code", Text()),
        FieldMap("payment_terms", "payment_term.name", _ANY_CASE),
        FieldMap("po_number", "reference", Text()),
        FieldMap("quote_number", "key:quote", Text()),
        FieldMap("billing_address", "invoice_address", address),
        FieldMap("shipping_address", "shipment_address", address),
        FieldMap("lines", "lines", SaleLines()),
        FieldMap("net_total", "untaxed_amount", Number(), writable=False),
        FieldMap("ordered_on", "sale_date", Date(), writable=False),
        FieldMap("other_id", "key:other", Text()),
    ))  # fmt: skip
