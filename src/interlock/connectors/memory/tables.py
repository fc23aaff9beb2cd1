"""What the memory CRM and ERP keep: tables and columns in their own names, and their rules.

The names differ on purpose (``BillingAddress.BillingStreet`` here, ``bill_to.addr1`` there), as
they do between any two vendors.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

__all__ = ["CRM_TABLES", "ERP_TABLES", "Column", "Refused", "Table", "Type", "unlisted"]


class Refused(Exception):  # noqa: N818  the system's answer to a bad record, not a fault of code
    """The system refuses a record: its own code, the column, a message without values."""

    def __init__(self, code: str, message: str, column: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.column = column


class Type(StrEnum):
    """What a column holds."""

    TEXT = "text"
    NUMBER = "number"
    """A decimal as text."""
    BOOLEAN = "boolean"
    INSTANT = "instant"
    """ISO 8601 text with offset."""
    DATE = "date"
    """ISO 8601 text."""
    REF = "ref"
    """The id of a record of ``target``."""
    PARTS = "parts"
    """A mapping of texts: an address, an amount with its currency."""
    LINES = "lines"
    """A list of mappings."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column and what the system lets into it."""

    name: str
    type: Type = Type.TEXT
    required: bool = False
    unique: bool = False
    length: int | None = None
    choices: tuple[str, ...] = ()
    decimals: int | None = None
    target: str = ""
    computed: bool = False
    """Set by the system; programs may read it only."""
    custom: bool = False
    """Added to the system for Interlock (``provision``)."""
    default: Any = None


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The records of one entity."""

    entity: str
    name: str
    prefix: str
    """Before the number in every id."""
    columns: Mapping[str, Column]


def unlisted(table: Table) -> Table:
    """The same table, which takes any terms and currency, and a SKU more than once."""
    free = {"PaymentTerms", "terms", "currency"}
    columns = {
        name: msgspec.structs.replace(
            column, unique=False, choices=() if name in free else column.choices
        )
        for name, column in table.columns.items()
    }
    return msgspec.structs.replace(table, columns=columns)


def _table(entity: str, name: str, prefix: str, *columns: Column) -> Table:
    return Table(entity=entity, name=name, prefix=prefix, columns={c.name: c for c in columns})


def _text(name: str, length: int, *, required: bool = False, unique: bool = False) -> Column:
    return Column(name=name, length=length, required=required, unique=unique)


def _custom(name: str) -> Column:
    return Column(name=name, length=80, custom=True)


def _flag(name: str, *, custom: bool = False) -> Column:
    return Column(name=name, type=Type.BOOLEAN, custom=custom, default=False)


def _choice(name: str, *choices: str, default: str | None = None) -> Column:
    return Column(name=name, choices=choices, default=default)


def _parts(name: str) -> Column:
    return Column(name=name, type=Type.PARTS)


def _ref(name: str, target: str, *, required: bool = False) -> Column:
    return Column(name=name, type=Type.REF, target=target, required=required)


def _figures() -> list[Column]:
    """Where an account shows the ERP's figures."""
    parts = ("Balance__c", "Overdue__c", "CreditBalance__c", "Revenue12m__c", "LifetimeRevenue__c")
    numbers = ("DaysOverdue__c", "RevenueChange__c", "DaysToPay__c", "HealthScore__c")
    dates = ("OldestDue__c", "LastPayment__c")
    texts = ("HealthReasons__c", "Tier__c", "FiguresFrom__c")
    return [
        *(Column(name=n, type=Type.PARTS, custom=True) for n in parts),
        *(Column(name=n, type=Type.NUMBER, custom=True) for n in numbers),
        *(Column(name=n, type=Type.DATE, custom=True) for n in dates),
        *(Column(name=n, length=255, custom=True) for n in texts),
        Column(name="FiguresAt__c", type=Type.INSTANT, custom=True),
    ]


_CRM_KEYS = (_custom("ErpId__c"), _custom("InterlockRef__c"))
_CRM_TERMS = ("Due on receipt", "Net 14", "Net 30", "Net 60")

CRM_TABLES: Mapping[str, Table] = {
    "customer": _table(
        "customer", "Account", "001",
        _text("Name", 255, required=True),
        _text("Website", 255),
        _text("Email", 80),
        _text("Phone", 40),
        _text("VatNumber", 20),
        _parts("BillingAddress"),
        _parts("ShippingAddress"),
        _choice("PaymentTerms", *_CRM_TERMS),
        _parts("CreditLimit"),
        _custom("PriceList__c"),
        *_figures(),
        _text("OwnerId", 18),
        _flag("CreditHold__c", custom=True),
        Column(name="HoldReason__c", length=255, custom=True),
        *_CRM_KEYS,
        _text("email_log", 32000),
        _text("call_notes", 32000),
    ),
    "contact": _table(
        "contact", "Contact", "003",
        _ref("AccountId", "customer"),
        Column(name="PersonName", type=Type.PARTS, required=True),
        _text("Email", 80),
        _text("Phone", 40),
        _choice("Role", "Primary", "Billing", "Other"),
        *_CRM_KEYS,
        _text("call_notes", 32000),
    ),
    "product": _table(
        "product", "Product2", "01t",
        _text("ProductCode", 64, required=True, unique=True),
        _text("Name", 255, required=True),
        Column(name="IsActive", type=Type.BOOLEAN, default=True),
        _text("Unit", 20),
        _text("Family", 255),
        _parts("ListPrice"),
        Column(name="LeadTime__c", type=Type.NUMBER, custom=True),
        Column(name="Stock__c", length=10, choices=("in", "low", "out"), custom=True),
        *_CRM_KEYS,
    ),
    "price": _table(
        "price", "PricebookEntry", "01u",
        _ref("Product2Id", "product", required=True),
        _text("Pricebook", 255),
        _ref("AccountId", "customer"),
        _parts("UnitPrice"),
        Column(name="FromQuantity", type=Type.NUMBER),
        Column(name="ValidFrom", type=Type.DATE),
        Column(name="ValidUntil", type=Type.DATE),
        *_CRM_KEYS,
    ),
    "deal": _table(
        "deal", "Opportunity", "006",
        _text("Name", 120, required=True),
        _ref("AccountId", "customer"),
        _choice("StageName", "Prospecting", "Proposal", "Negotiation", "On Hold", "Closed Won",
                "Closed Lost", default="Prospecting"),
        Column(name="StageKind", computed=True),
        Column(name="WonAt", type=Type.INSTANT, computed=True),
        _text("Type", 40),
        _text("OwnerId", 18),
        _flag("HoldPaused__c", custom=True),
        Column(name="HoldStage__c", length=80, custom=True),
        _parts("Amount"),
        _text("PoNumber", 40),
        Column(name="Lines", type=Type.LINES),
        Column(name="OrderNumber__c", length=40, custom=True),
        Column(name="OrderStatus__c", length=40, custom=True),
        Column(name="ProjectNumber__c", length=40, custom=True),
        Column(name="ProjectStatus__c", length=40, custom=True),
        Column(name="InvoiceNumbers__c", length=255, custom=True),
        Column(name="InvoiceTotal__c", type=Type.PARTS, custom=True),
        Column(name="InvoiceDue__c", type=Type.DATE, custom=True),
        Column(name="PaymentStatus__c", length=40, custom=True),
        Column(name="QuoteCheck__c", length=10, choices=("ok", "warn", "stop"), custom=True),
        Column(name="QuoteCheckReason__c", length=255, custom=True),
        Column(name="QuoteCheckedAt__c", type=Type.INSTANT, custom=True),
        *_CRM_KEYS,
        _text("qualification", 32000),
        _text("email_log", 32000),
    ),
    "quote": _table(
        "quote", "Quote", "0Q0",
        _ref("OpportunityId", "deal", required=True),
        _text("QuoteNumber", 40, required=True),
        Column(name="IsAccepted", type=Type.BOOLEAN, default=False),
        Column(name="CurrencyIsoCode", length=3),
        Column(name="Lines", type=Type.LINES),
        Column(name="QuoteCheck__c", length=10, choices=("ok", "warn", "stop"), custom=True),
        Column(name="QuoteCheckReason__c", length=255, custom=True),
        Column(name="QuoteCheckedAt__c", type=Type.INSTANT, custom=True),
    ),
    "task": _table(
        "task", "Task", "00T",
        _text("Subject", 255, required=True),
        _text("Description", 32000),
        _ref("AccountId", "customer"),
        _text("OwnerId", 18),
        Column(name="DueDate"),
        Column(name="IsDone", type=Type.BOOLEAN, default=False),
        _custom("InterlockRef__c"),
    ),
}  # fmt: skip

_ERP_KEYS = (_custom("crm_id"), _custom("ext_ref"))
_ERP_TERMS = ("COD", "N14", "N30", "N60")

ERP_TABLES: Mapping[str, Table] = {
    "customer": _table(
        "customer", "partner", "",
        Column(name="number", computed=True),
        _text("name", 100, required=True),
        _text("web", 100),
        _text("mail", 100),
        _text("tel", 30),
        _text("vat_no", 20),
        _parts("bill_to"),
        _parts("ship_to"),
        _choice("terms", *_ERP_TERMS),
        Column(name="credit_limit", type=Type.NUMBER, decimals=2),
        _text("price_list", 60),
        # the ledger's own balance, where the accountants keep one
        Column(name="open_balance", type=Type.NUMBER, decimals=2),
        Column(name="on_hold", type=Type.BOOLEAN, default=False),
        _text("hold_note", 200),
        *_ERP_KEYS,
    ),
    "contact": _table(
        "contact", "person", "",
        _ref("partner_id", "customer", required=True),
        _text("full_name", 100, required=True),
        _text("mail", 100),
        _text("tel", 30),
        _choice("function", "main", "invoices", "none"),
        *_ERP_KEYS,
    ),
    "product": _table(
        "product", "item", "",
        _text("sku", 40, required=True, unique=True),
        _text("title", 100, required=True),
        Column(name="discontinued", type=Type.BOOLEAN, default=False),
        _text("uom", 10),
        _text("item_group", 60),
        Column(name="list_price", type=Type.NUMBER, decimals=4),
        Column(name="lowest_price", type=Type.NUMBER, decimals=4),
        Column(name="lead_days", type=Type.NUMBER, decimals=0),
        Column(name="on_hand", type=Type.NUMBER),
        *_ERP_KEYS,
        _text("cost_price", 40),
        _text("margin", 40),
        _text("supplier_price", 40),
    ),
    "price": _table(
        "price", "price_list_row", "",
        _ref("item_id", "product", required=True),
        _text("list", 60),
        _ref("partner_id", "customer"),
        Column(name="currency", required=True, choices=("EUR", "USD", "GBP", "CHF")),
        Column(name="price", type=Type.NUMBER, required=True, decimals=4),
        Column(name="from_qty", type=Type.NUMBER),
        Column(name="valid_from", type=Type.DATE),
        Column(name="valid_to", type=Type.DATE),
        _text("margin", 40),
    ),
    "order": _table(
        "order", "sales_order", "",
        Column(name="number", computed=True),
        _ref("partner_id", "customer", required=True),
        _choice("doc_type", "order", "estimate", "invoice", default="order"),
        _choice("state", "quotation", "confirmed", "shipped", "canceled", default="quotation"),
        Column(name="currency", required=True, choices=("EUR", "USD", "GBP", "CHF")),
        _choice("terms", *_ERP_TERMS),
        _text("customer_po", 40),
        _text("quote_no", 40),
        _parts("bill_to"),
        _parts("ship_to"),
        Column(name="rows", type=Type.LINES),
        Column(name="net_total", type=Type.NUMBER, computed=True),
        Column(name="ordered_on", computed=True),
        *_ERP_KEYS,
        _text("margin", 40),
    ),
    "project": _table(
        "project", "job", "",
        Column(name="number", computed=True),
        _ref("partner_id", "customer", required=True),
        _text("title", 120, required=True),
        _choice("state", "planned", "running", "closed", "dropped", default="planned"),
        Column(name="currency", required=True, choices=("EUR", "USD", "GBP", "CHF")),
        Column(name="sold_for", type=Type.NUMBER, decimals=2),
        _text("customer_po", 40),
        _text("quote_no", 40),
        *_ERP_KEYS,
        _text("margin", 40),
    ),
    "invoice": _table(
        "invoice", "customer_invoice", "",
        Column(name="number", computed=True),
        _ref("partner_id", "customer", required=True),
        _ref("order_id", "order"),
        _choice("state", "draft", "posted", "paid", "canceled", default="draft"),
        Column(name="currency", required=True, choices=("EUR", "USD", "GBP", "CHF")),
        Column(name="invoice_date", type=Type.DATE),
        Column(name="due_date", type=Type.DATE),
        Column(name="net_amount", type=Type.NUMBER, decimals=2, required=True),
        Column(name="tax_amount", type=Type.NUMBER, decimals=2, default="0.00"),
        Column(name="paid_amount", type=Type.NUMBER, decimals=2, default="0.00"),
        Column(name="last_payment", type=Type.DATE),
        Column(name="disputed", type=Type.BOOLEAN, default=False),
        Column(name="net", type=Type.PARTS, computed=True),
        Column(name="total", type=Type.PARTS, computed=True),
        Column(name="open", type=Type.PARTS, computed=True),
        _text("margin", 40),
    ),
}  # fmt: skip
