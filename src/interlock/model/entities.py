"""What is synced. Each field is here because something reads it.

Every field is *unknown* (``UNSET``), *blank* (``None``) or a value.  The structs are the schema:
field names and types are read from them, and processes use them for typed access.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from interlock.model.values import Address, Line, Money, Ref

__all__ = [
    "Contact",
    "ContactRole",
    "Customer",
    "Deal",
    "Entity",
    "Invoice",
    "InvoiceStatus",
    "Order",
    "OrderDocument",
    "OrderStatus",
    "PaymentStatus",
    "Price",
    "Product",
    "Project",
    "Quote",
    "StageKind",
    "StockLevel",
    "Task",
]


class StageKind(StrEnum):
    """What a deal's stage means, whatever its label says."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"


class ContactRole(StrEnum):
    """What a contact is to its customer."""

    PRIMARY = "primary"
    BILLING = "billing"
    OTHER = "other"


class OrderStatus(StrEnum):
    """How far an order has come, in words both sides share."""

    DRAFT = "draft"
    OPEN = "open"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"


class OrderDocument(StrEnum):
    """What a system makes where others make sales orders."""

    ORDER = "order"
    ESTIMATE = "estimate"
    INVOICE = "invoice"
    """One that stays a draft until the accountants post it."""


class InvoiceStatus(StrEnum):
    """How far an invoice has come; whether it is overdue is the calendar's business."""

    DRAFT = "draft"
    OPEN = "open"
    """Posted, and not paid in full."""
    PAID = "paid"
    CANCELLED = "cancelled"


class PaymentStatus(StrEnum):
    """How far the invoices of an order are paid."""

    OPEN = "open"
    PARTLY = "partly paid"
    PAID = "paid"
    OVERDUE = "overdue"
    DISPUTED = "disputed"


class StockLevel(StrEnum):
    """How much of a product is left, as far as a rep need know."""

    IN = "in"
    LOW = "low"
    OUT = "out"


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the synced entities."""


class Customer(Entity, frozen=True):
    """A company that buys: the CRM's account, the ERP's customer."""

    name: str | UnsetType | None = UNSET
    website: str | UnsetType | None = UNSET
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    tax_id: str | UnsetType | None = UNSET
    billing_address: Address | UnsetType | None = UNSET
    shipping_address: Address | UnsetType | None = UNSET
    payment_terms: str | UnsetType | None = UNSET
    credit_limit: Money | UnsetType | None = UNSET
    price_list: str | UnsetType | None = UNSET
    """Name of the price list the customer buys from; blank: the general one."""
    credit_hold: bool | UnsetType | None = UNSET
    hold_reason: str | UnsetType | None = UNSET
    owner: str | UnsetType | None = UNSET
    """The user whose account it is, by the system's own id."""
    other_id: str | UnsetType | None = UNSET
    """The record's id in the other system, as this system shows it (the cross-reference)."""

    # the ERP's figures, for the CRM to show; in the company's currency
    balance: Money | UnsetType | None = UNSET
    """What is open, credit notes deducted."""
    overdue: Money | UnsetType | None = UNSET
    oldest_due_on: date | UnsetType | None = UNSET
    """When the oldest overdue invoice was due."""
    days_overdue: Decimal | UnsetType | None = UNSET
    credit_balance: Money | UnsetType | None = UNSET
    """What the customer has to its credit: open credit notes and prepayments."""
    revenue_12m: Money | UnsetType | None = UNSET
    """Invoiced in the last twelve months, without tax."""
    revenue_change: Decimal | UnsetType | None = UNSET
    """Percent against the twelve months before; blank where nothing was invoiced then."""
    lifetime_revenue: Money | UnsetType | None = UNSET
    days_to_pay: Decimal | UnsetType | None = UNSET
    """Days from invoice to payment, averaged over what was paid in the last twelve months."""
    last_payment_on: date | UnsetType | None = UNSET
    health_score: Decimal | UnsetType | None = UNSET
    """From 100, nothing to complain of, down to 0."""
    health_reasons: str | UnsetType | None = UNSET
    tier: str | UnsetType | None = UNSET
    figures_from: str | UnsetType | None = UNSET
    """Whose figures these are, and at which rates other currencies were counted."""
    figures_at: datetime | UnsetType | None = UNSET
    """When they were worked out."""


class Contact(Entity, frozen=True):
    """A person at a customer."""

    customer: Ref | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET
    """The full name; systems that keep it in parts join and split it in their connector."""
    email: str | UnsetType | None = UNSET
    phone: str | UnsetType | None = UNSET
    role: str | UnsetType | None = UNSET
    other_id: str | UnsetType | None = UNSET


class Product(Entity, frozen=True):
    """Something sold; ``sku`` is the key both systems share."""

    sku: str | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET
    active: bool | UnsetType | None = UNSET
    """Whether it is sold; false: discontinued."""
    unit: str | UnsetType | None = UNSET
    """What quantities count, as a UN/ECE code where the ERP's unit has one."""
    family: str | UnsetType | None = UNSET
    """The group of products it belongs to: what floors and thresholds may be stated for."""
    list_price: Money | UnsetType | None = UNSET
    """For one unit, where no price list says otherwise."""
    floor_price: Money | UnsetType | None = UNSET
    """The lowest price the ERP lets it be sold at."""
    lead_time: Decimal | UnsetType | None = UNSET
    """Days until it can be shipped when it is not in stock."""
    stock_quantity: Decimal | UnsetType | None = UNSET
    """What can be shipped now."""
    stock: str | UnsetType | None = UNSET
    """In, low or out: all the CRM need know of the quantity."""


class Price(Entity, frozen=True):
    """What a product costs those who buy from a price list, from a quantity on."""

    product: Ref | UnsetType | None = UNSET
    price_list: str | UnsetType | None = UNSET
    """Name of the list; blank: the general one."""
    customer: Ref | UnsetType | None = UNSET
    """The only customer it holds for; blank: whoever buys from the list."""
    unit_price: Money | UnsetType | None = UNSET
    from_quantity: Decimal | UnsetType | None = UNSET
    valid_from: date | UnsetType | None = UNSET
    valid_until: date | UnsetType | None = UNSET
    """The last day it holds."""
    other_id: str | UnsetType | None = UNSET


class Deal(Entity, frozen=True):
    """An opportunity; read for Interlock's decisions, and the place of the order's number."""

    name: str | UnsetType | None = UNSET
    customer: Ref | UnsetType | None = UNSET
    stage: str | UnsetType | None = UNSET
    stage_kind: str | UnsetType | None = UNSET
    kind: str | UnsetType | None = UNSET
    """New business, renewal, upsell: in the system's own words."""
    owner: str | UnsetType | None = UNSET
    paused: bool | UnsetType | None = UNSET
    """Set by Interlock while the customer is on credit hold."""
    paused_stage: str | UnsetType | None = UNSET
    """The stage a paused deal had."""
    won_at: datetime | UnsetType | None = UNSET
    amount: Money | UnsetType | None = UNSET
    po_number: str | UnsetType | None = UNSET
    lines: tuple[Line, ...] | UnsetType | None = UNSET
    order_number: str | UnsetType | None = UNSET
    order_status: str | UnsetType | None = UNSET
    project_number: str | UnsetType | None = UNSET
    project_status: str | UnsetType | None = UNSET
    invoice_numbers: str | UnsetType | None = UNSET
    invoice_total: Money | UnsetType | None = UNSET
    invoice_due_on: date | UnsetType | None = UNSET
    payment_status: str | UnsetType | None = UNSET
    quote_check: str | UnsetType | None = UNSET
    """What the check of its lines said: ok, warn or stop."""
    quote_check_reason: str | UnsetType | None = UNSET
    quote_checked_at: datetime | UnsetType | None = UNSET
    other_id: str | UnsetType | None = UNSET


class Quote(Entity, frozen=True):
    """An offer made on a deal; an accepted one is what the customer agreed to."""

    deal: Ref | UnsetType | None = UNSET
    number: str | UnsetType | None = UNSET
    accepted: bool | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    lines: tuple[Line, ...] | UnsetType | None = UNSET
    quote_check: str | UnsetType | None = UNSET
    quote_check_reason: str | UnsetType | None = UNSET
    quote_checked_at: datetime | UnsetType | None = UNSET


class Order(Entity, frozen=True):
    """A sales order in the ERP, or what it has in its place, made from a won deal."""

    document: str | UnsetType | None = UNSET
    """What it is there, where the system does not make sales orders alone."""

    customer: Ref | UnsetType | None = UNSET
    number: str | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    payment_terms: str | UnsetType | None = UNSET
    po_number: str | UnsetType | None = UNSET
    quote_number: str | UnsetType | None = UNSET
    billing_address: Address | UnsetType | None = UNSET
    shipping_address: Address | UnsetType | None = UNSET
    lines: tuple[Line, ...] | UnsetType | None = UNSET
    net_total: Decimal | UnsetType | None = UNSET
    ordered_on: date | UnsetType | None = UNSET
    """The day the customer ordered, as the ERP says."""
    other_id: str | UnsetType | None = UNSET
    invoice_numbers: str | UnsetType | None = UNSET
    invoice_total: Money | UnsetType | None = UNSET
    invoice_due_on: date | UnsetType | None = UNSET
    """When the next unpaid invoice of the order is due."""
    payment_status: str | UnsetType | None = UNSET


class Project(Entity, frozen=True):
    """A project or job in the ERP, made from a won deal; its states are an order's."""

    customer: Ref | UnsetType | None = UNSET
    name: str | UnsetType | None = UNSET
    number: str | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET
    currency: str | UnsetType | None = UNSET
    po_number: str | UnsetType | None = UNSET
    quote_number: str | UnsetType | None = UNSET
    lines: tuple[Line, ...] | UnsetType | None = UNSET
    """Where the system sells a project by lines."""
    net_total: Decimal | UnsetType | None = UNSET
    """What it was sold for, without tax: written where the system does not work it out."""
    other_id: str | UnsetType | None = UNSET


class Invoice(Entity, frozen=True):
    """What a customer was billed, as the ERP says; a credit note is one with amounts below zero."""

    customer: Ref | UnsetType | None = UNSET
    number: str | UnsetType | None = UNSET
    status: str | UnsetType | None = UNSET
    issued_on: date | UnsetType | None = UNSET
    due_on: date | UnsetType | None = UNSET
    """When what is open is due; the earliest date of several."""
    net: Money | UnsetType | None = UNSET
    """Without tax: what revenue is counted in."""
    total: Money | UnsetType | None = UNSET
    open: Money | UnsetType | None = UNSET
    """What is left to pay, in the invoice's currency."""
    paid_on: date | UnsetType | None = UNSET
    """When the last payment on it was made."""
    disputed: bool | UnsetType | None = UNSET
    order: Ref | UnsetType | None = UNSET


class Task(Entity, frozen=True):
    """Something a CRM user is asked to do.  Interlock writes its own and reads no others."""

    subject: str | UnsetType | None = UNSET
    body: str | UnsetType | None = UNSET
    customer: Ref | UnsetType | None = UNSET
    owner: str | UnsetType | None = UNSET
    due: date | UnsetType | None = UNSET
    done: bool | UnsetType | None = UNSET
