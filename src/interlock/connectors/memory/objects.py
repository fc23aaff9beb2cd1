"""Object maps of the memory CRM and ERP: which of their columns is which field of the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from interlock.mapping.codecs import Boolean, Choice, CodecError, Date, Instant, Number, Text
from interlock.mapping.objectmap import FieldMap, ObjectMap
from interlock.model import Address, FieldFacts, Line, Money, Ref, Value

__all__ = ["CRM_MAPS", "ERP_MAPS", "made_as"]


@dataclass(frozen=True, slots=True)
class RefTo:
    """A record's id as a reference to that record."""

    entity: str
    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> Ref | None:
        """Read an id."""
        return Ref(self.entity, str(raw)) if raw else None

    def encode(self, value: Value | None) -> Any:
        """Give the id."""
        if isinstance(value, Ref) and value.entity != self.entity:
            raise CodecError(f"this is a {value.entity}, not a {self.entity}")
        return value.id if isinstance(value, Ref) else None


@dataclass(frozen=True, slots=True)
class AddressParts:
    """An address as a mapping; ``names``: part of the model's address -> the system's name."""

    names: Mapping[str, str]
    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> Address | None:
        """Read the parts; none filled is blank."""
        if raw is None:
            return None
        text = Text()
        parts = {part: text.decode(raw.get(name)) for part, name in self.names.items()}
        return Address(**parts) or None

    def encode(self, value: Value | None) -> Any:
        """Give every part, blanks too, so that halves of two addresses never mix."""
        if not isinstance(value, Address) or not value:
            return None
        return {name: getattr(value, part) or "" for part, name in self.names.items()}


@dataclass(frozen=True, slots=True)
class NameParts:
    """A person's name in two parts; the last word is the last name."""

    first: str
    last: str
    facts: FieldFacts = field(default_factory=lambda: FieldFacts(max_length=120))

    def decode(self, raw: Any) -> str | None:
        """Join both."""
        if raw is None:
            return None
        return Text().decode(f"{raw.get(self.first) or ''} {raw.get(self.last) or ''}")

    def encode(self, value: Value | None) -> Any:
        """Split before the last word."""
        words = str(Text(self.facts).encode(value) or "").split()
        if not words:
            return None
        return {self.first: " ".join(words[:-1]), self.last: words[-1]}


@dataclass(frozen=True, slots=True)
class AmountParts:
    """An amount with its currency as a mapping of two texts."""

    amount: str
    currency: str
    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2))

    def decode(self, raw: Any) -> Money | None:
        """Read both."""
        if raw is None:
            return None
        amount = Number().decode(raw.get(self.amount))
        return None if amount is None else Money(amount, str(raw.get(self.currency) or ""))

    def encode(self, value: Value | None) -> Any:
        """Give both."""
        if not isinstance(value, Money):
            return None
        return {
            self.amount: Number(self.facts).encode(value.amount),
            self.currency: value.currency,
        }


@dataclass(frozen=True, slots=True)
class AmountIn:
    """An amount without a currency, meant in the company's own."""

    currency: str
    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=2))

    def decode(self, raw: Any) -> Money | None:
        """Read the number."""
        amount = Number().decode(raw)
        return None if amount is None else Money(amount, self.currency)

    def encode(self, value: Value | None) -> Any:
        """Give the number; another currency has no form here."""
        if not isinstance(value, Money):
            return None
        if value.currency != self.currency:
            raise CodecError(f"the amount is in {value.currency}, kept here is {self.currency}",
                             fix=f"give the amount in {self.currency}")  # fmt: skip
        return Number(self.facts).encode(value.amount)


@dataclass(frozen=True, slots=True)
class Price:
    """A price and its currency, from two columns; it is the ERP's, so it is only read."""

    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=4, writable=False))

    def decode(self, raw: Any) -> Money | None:
        """Read both."""
        amount = Number().decode(raw["price"])
        return None if amount is None else Money(amount, str(raw["currency"]))

    def encode(self, value: Value | None) -> Any:
        """Refuse."""
        del value
        raise CodecError("a price is not written to the ERP")


@dataclass(frozen=True, slots=True)
class Unless:
    """A boolean kept as its opposite (active as not discontinued)."""

    facts: FieldFacts = field(default_factory=FieldFacts)

    def decode(self, raw: Any) -> bool | None:
        """Turn round."""
        value = Boolean().decode(raw)
        return None if value is None else not value

    def encode(self, value: Value | None) -> Any:
        """Turn round."""
        return None if value is None else not value


@dataclass(frozen=True, slots=True)
class LineRows:
    """Lines as a list of mappings; ``names``: part of a line -> the system's name."""

    names: Mapping[str, str]
    facts: FieldFacts = field(default_factory=lambda: FieldFacts(decimals=4))

    def decode(self, raw: Any) -> tuple[Line, ...] | None:
        """Read all lines; an empty list is blank."""
        if not raw:
            return None
        number, text, product = Number(), Text(), RefTo("product")
        lines = []
        for position, row in enumerate(raw, 1):
            cells = {part: row.get(name) for part, name in self.names.items()}
            quantity, price = number.decode(cells["quantity"]), number.decode(cells["unit_price"])
            if quantity is None or price is None:
                raise CodecError(f"line {position} has no quantity or price")
            lines.append(
                Line(
                    key=text.decode(cells["key"]) or str(position),
                    product=product.decode(cells["product"]),
                    sku=text.decode(cells["sku"]),
                    description=text.decode(cells["description"]),
                    quantity=quantity,
                    unit_price=price,
                    net=number.decode(cells.get("net")),
                )
            )
        return tuple(lines)

    def encode(self, value: Value | None) -> Any:
        """Give all lines; a net is the system's own business."""
        if not isinstance(value, tuple):
            return None
        price = Number(self.facts)
        return [
            {
                self.names["key"]: line.key,
                self.names["product"]: RefTo("product").encode(line.product),
                self.names["sku"]: line.sku,
                self.names["description"]: line.description,
                self.names["quantity"]: format(Decimal(line.quantity), "f"),
                self.names["unit_price"]: price.encode(line.unit_price),
            }
            for line in value
        ]


def _text(name: str, path: str, length: int, *, required: bool = False) -> FieldMap:
    return FieldMap(name, path, Text(FieldFacts(max_length=length)), required=required)


def _unique(name: str, path: str, length: int) -> FieldMap:
    facts = FieldFacts(max_length=length, unique=True)
    return FieldMap(name, path, Text(facts), required=True)


def _choice(name: str, path: str, values: Mapping[str, str], *, writable: bool = True) -> FieldMap:
    facts = FieldFacts(choices=tuple(values.values()))
    return FieldMap(name, path, Choice(values, facts=facts), writable=writable)


def _map(entity: str, name: str, *fields: FieldMap) -> ObjectMap:
    return ObjectMap(entity, name, fields)


def _crm_address(kind: str) -> AddressParts:
    return AddressParts({
        "street": f"{kind}Street", "city": f"{kind}City", "region": f"{kind}State",
        "postcode": f"{kind}PostalCode", "country": f"{kind}CountryCode",
    })  # fmt: skip


_ERP_ADDRESS = AddressParts({
    "street": "addr1", "city": "town", "region": "county", "postcode": "zip", "country": "iso",
})  # fmt: skip
_CRM_LINES = LineRows({
    "key": "Id", "product": "Product2Id", "sku": "ProductCode", "description": "Description",
    "quantity": "Quantity", "unit_price": "UnitPrice", "net": "TotalPrice",
}, FieldFacts(decimals=2))  # fmt: skip
_ERP_LINES = LineRows({
    "key": "line_ref", "product": "item_id", "sku": "sku", "description": "text",
    "quantity": "qty", "unit_price": "price", "net": "net",
})  # fmt: skip
_CRM_AMOUNT = AmountParts("Amount", "CurrencyIsoCode")
_CRM_PRICE = AmountParts("Amount", "CurrencyIsoCode", FieldFacts(decimals=4))
_ERP_PRICE = AmountIn("EUR", FieldFacts(decimals=4))
_ERP_AMOUNT = AmountParts("amt", "cur")
_CRM_TERMS = {
    "Due on receipt": "due on receipt", "Net 14": "net 14", "Net 30": "net 30", "Net 60": "net 60",
}  # fmt: skip
_ERP_TERMS = {"COD": "due on receipt", "N14": "net 14", "N30": "net 30", "N60": "net 60"}
_CRM_KEY = _text("other_id", "ErpId__c", 80)
_ERP_KEY = _text("other_id", "crm_id", 80)

_CHECKED = (
    _choice("quote_check", "QuoteCheck__c", {"ok": "ok", "warn": "warn", "stop": "stop"}),
    _text("quote_check_reason", "QuoteCheckReason__c", 255),
    FieldMap("quote_checked_at", "QuoteCheckedAt__c", Instant()),
)

CRM_MAPS: Mapping[str, ObjectMap] = {
    "customer": _map(
        "customer", "Account",
        _text("name", "Name", 255, required=True),
        _text("website", "Website", 255),
        _text("email", "Email", 80),
        _text("phone", "Phone", 40),
        _text("tax_id", "VatNumber", 20),
        FieldMap("billing_address", "BillingAddress", _crm_address("Billing")),
        FieldMap("shipping_address", "ShippingAddress", _crm_address("Shipping")),
        _choice("payment_terms", "PaymentTerms", _CRM_TERMS),
        FieldMap("credit_limit", "CreditLimit", _CRM_AMOUNT),
        _text("price_list", "PriceList__c", 80),
        FieldMap("balance", "Balance__c", _CRM_AMOUNT),
        FieldMap("overdue", "Overdue__c", _CRM_AMOUNT),
        FieldMap("oldest_due_on", "OldestDue__c", Date()),
        FieldMap("days_overdue", "DaysOverdue__c", Number(FieldFacts(decimals=0))),
        FieldMap("credit_balance", "CreditBalance__c", _CRM_AMOUNT),
        FieldMap("revenue_12m", "Revenue12m__c", _CRM_AMOUNT),
        FieldMap("revenue_change", "RevenueChange__c", Number(FieldFacts(decimals=1))),
        FieldMap("lifetime_revenue", "LifetimeRevenue__c", _CRM_AMOUNT),
        FieldMap("days_to_pay", "DaysToPay__c", Number(FieldFacts(decimals=0))),
        FieldMap("last_payment_on", "LastPayment__c", Date()),
        FieldMap("health_score", "HealthScore__c", Number(FieldFacts(decimals=0))),
        _text("health_reasons", "HealthReasons__c", 255),
        _text("tier", "Tier__c", 255),
        _text("figures_from", "FiguresFrom__c", 255),
        FieldMap("figures_at", "FiguresAt__c", Instant()),
        FieldMap("credit_hold", "CreditHold__c", Boolean()),
        _text("hold_reason", "HoldReason__c", 255),
        _text("owner", "OwnerId", 18),
        _CRM_KEY,
    ),
    "contact": _map(
        "contact", "Contact",
        FieldMap("customer", "AccountId", RefTo("customer")),
        FieldMap("name", "PersonName", NameParts("FirstName", "LastName"), required=True),
        _text("email", "Email", 80),
        _text("phone", "Phone", 40),
        _choice("role", "Role", {"Primary": "primary", "Billing": "billing", "Other": "other"}),
        _CRM_KEY,
    ),
    "product": _map(
        "product", "Product2",
        _unique("sku", "ProductCode", 64),
        _text("name", "Name", 255, required=True),
        FieldMap("active", "IsActive", Boolean()),
        _text("unit", "Unit", 20),
        _text("family", "Family", 255),
        FieldMap("list_price", "ListPrice", _CRM_PRICE),
        FieldMap("lead_time", "LeadTime__c", Number(FieldFacts(decimals=0))),
        _choice("stock", "Stock__c", {"in": "in", "low": "low", "out": "out"}),
    ),
    "price": _map(
        "price", "PricebookEntry",
        FieldMap("product", "Product2Id", RefTo("product"), required=True),
        _text("price_list", "Pricebook", 255),
        FieldMap("customer", "AccountId", RefTo("customer")),
        FieldMap("unit_price", "UnitPrice", _CRM_PRICE),
        FieldMap("from_quantity", "FromQuantity", Number()),
        FieldMap("valid_from", "ValidFrom", Date()),
        FieldMap("valid_until", "ValidUntil", Date()),
        _CRM_KEY,
    ),
    "deal": _map(
        "deal", "Opportunity",
        _text("name", "Name", 120, required=True),
        FieldMap("customer", "AccountId", RefTo("customer")),
        FieldMap("stage", "StageName", Text(FieldFacts(choices=(
            "Prospecting", "Proposal", "Negotiation", "On Hold", "Closed Won",
            "Closed Lost")))),
        _choice("stage_kind", "StageKind", {"open": "open", "won": "won", "lost": "lost"},
                writable=False),
        _text("kind", "Type", 40),
        _text("owner", "OwnerId", 18),
        FieldMap("paused", "HoldPaused__c", Boolean()),
        _text("paused_stage", "HoldStage__c", 80),
        FieldMap("won_at", "WonAt", Instant(), writable=False),
        FieldMap("amount", "Amount", AmountParts("Amount", "CurrencyIsoCode")),
        _text("po_number", "PoNumber", 40),
        FieldMap("lines", "Lines", _CRM_LINES),
        _text("order_number", "OrderNumber__c", 40),
        _text("order_status", "OrderStatus__c", 40),
        _text("project_number", "ProjectNumber__c", 40),
        _text("project_status", "ProjectStatus__c", 40),
        _text("invoice_numbers", "InvoiceNumbers__c", 255),
        FieldMap("invoice_total", "InvoiceTotal__c", _CRM_AMOUNT),
        FieldMap("invoice_due_on", "InvoiceDue__c", Date()),
        _text("payment_status", "PaymentStatus__c", 40),
        *_CHECKED,
        _CRM_KEY,
    ),
    "quote": _map(
        "quote", "Quote",
        FieldMap("deal", "OpportunityId", RefTo("deal"), required=True),
        _text("number", "QuoteNumber", 40, required=True),
        FieldMap("accepted", "IsAccepted", Boolean()),
        _text("currency", "CurrencyIsoCode", 3),
        FieldMap("lines", "Lines", _CRM_LINES),
        *_CHECKED,
    ),
    "task": _map(
        "task", "Task",
        _text("subject", "Subject", 255, required=True),
        _text("body", "Description", 32000),
        FieldMap("customer", "AccountId", RefTo("customer")),
        _text("owner", "OwnerId", 18),
        FieldMap("due", "DueDate", Date()),
        FieldMap("done", "IsDone", Boolean()),
    ),
}  # fmt: skip

ERP_MAPS: Mapping[str, ObjectMap] = {
    "customer": _map(
        "customer", "partner",
        _text("name", "name", 100, required=True),
        _text("website", "web", 100),
        _text("email", "mail", 100),
        _text("phone", "tel", 30),
        _text("tax_id", "vat_no", 20),
        FieldMap("billing_address", "bill_to", _ERP_ADDRESS),
        FieldMap("shipping_address", "ship_to", _ERP_ADDRESS),
        _choice("payment_terms", "terms", _ERP_TERMS),
        FieldMap("credit_limit", "credit_limit", AmountIn("EUR")),
        _text("price_list", "price_list", 60),
        FieldMap("balance", "open_balance", AmountIn("EUR"), writable=False),
        FieldMap("credit_hold", "on_hold", Boolean(), writable=False),
        FieldMap("hold_reason", "hold_note", Text(FieldFacts(max_length=200)), writable=False),
        _ERP_KEY,
    ),
    "contact": _map(
        "contact", "person",
        FieldMap("customer", "partner_id", RefTo("customer"), required=True),
        _text("name", "full_name", 100, required=True),
        _text("email", "mail", 100),
        _text("phone", "tel", 30),
        _choice("role", "function", {"main": "primary", "invoices": "billing", "none": "other"}),
        _ERP_KEY,
    ),
    "product": _map(
        "product", "item",
        _unique("sku", "sku", 40),
        _text("name", "title", 100, required=True),
        FieldMap("active", "discontinued", Unless()),
        _text("unit", "uom", 10),
        _text("family", "item_group", 60),
        FieldMap("list_price", "list_price", _ERP_PRICE),
        FieldMap("floor_price", "lowest_price", _ERP_PRICE),
        FieldMap("lead_time", "lead_days", Number(FieldFacts(decimals=0))),
        FieldMap("stock_quantity", "on_hand", Number()),
    ),
    "price": _map(
        "price", "price_list_row",
        FieldMap("product", "item_id", RefTo("product"), required=True),
        _text("price_list", "list", 60),
        FieldMap("customer", "partner_id", RefTo("customer")),
        FieldMap("unit_price", "price", Price(), inputs={"price": "price", "currency": "currency"},
                 writable=False),
        FieldMap("from_quantity", "from_qty", Number()),
        FieldMap("valid_from", "valid_from", Date()),
        FieldMap("valid_until", "valid_to", Date()),
    ),
    "order": _map(
        "order", "sales_order",
        FieldMap("customer", "partner_id", RefTo("customer"), required=True),
        FieldMap("number", "number", Text(), writable=False),
        _choice("status", "state", {"quotation": "draft", "confirmed": "open",
                                    "shipped": "fulfilled", "canceled": "cancelled"}),
        FieldMap("currency", "currency", Text(FieldFacts(choices=("EUR", "USD", "GBP", "CHF"))),
                 required=True),
        _choice("payment_terms", "terms", _ERP_TERMS),
        _text("po_number", "customer_po", 40),
        _text("quote_number", "quote_no", 40),
        FieldMap("billing_address", "bill_to", _ERP_ADDRESS),
        FieldMap("shipping_address", "ship_to", _ERP_ADDRESS),
        FieldMap("lines", "rows", _ERP_LINES),
        FieldMap("net_total", "net_total", Number(FieldFacts(decimals=2)), writable=False),
        FieldMap("ordered_on", "ordered_on", Date(), writable=False),
        _ERP_KEY,
    ),
    "project": _map(
        "project", "job",
        FieldMap("customer", "partner_id", RefTo("customer"), required=True),
        _text("name", "title", 120, required=True),
        FieldMap("number", "number", Text(), writable=False),
        _choice("status", "state", {"planned": "draft", "running": "open",
                                    "closed": "fulfilled", "dropped": "cancelled"}),
        FieldMap("currency", "currency", Text(FieldFacts(choices=("EUR", "USD", "GBP", "CHF"))),
                 required=True),
        _text("po_number", "customer_po", 40),
        _text("quote_number", "quote_no", 40),
        FieldMap("net_total", "sold_for", Number(FieldFacts(decimals=2))),
        _ERP_KEY,
    ),
    "invoice": _map(
        "invoice", "customer_invoice",
        FieldMap("customer", "partner_id", RefTo("customer"), writable=False),
        FieldMap("number", "number", Text(), writable=False),
        _choice("status", "state", {"draft": "draft", "posted": "open", "paid": "paid",
                                    "canceled": "cancelled"}, writable=False),
        FieldMap("issued_on", "invoice_date", Date(), writable=False),
        FieldMap("due_on", "due_date", Date(), writable=False),
        FieldMap("net", "net", _ERP_AMOUNT, writable=False),
        FieldMap("total", "total", _ERP_AMOUNT, writable=False),
        FieldMap("open", "open", _ERP_AMOUNT, writable=False),
        FieldMap("paid_on", "last_payment", Date(), writable=False),
        FieldMap("disputed", "disputed", Boolean(), writable=False),
        FieldMap("order", "order_id", RefTo("order"), writable=False),
    ),
}  # fmt: skip


def made_as(documents: Sequence[str]) -> ObjectMap:
    """The orders of a system that makes other documents in their place, too."""
    document = _choice("document", "doc_type", {d: d for d in documents})
    return _map("order", "sales_order", *ERP_MAPS["order"].fields, document)
