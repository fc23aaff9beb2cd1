"""What is synced. Each field is here because something reads it.

Every field is *unknown* (``UNSET``), *blank* (``None``) or a value.  The structs are the schema:
field names and types are read from them, and processes use them for typed access.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec import UNSET, UnsetType

from interlock.model.values import Address, Line, Money, Ref

__all__ = [
    "Contact", "ContactRole", "Customer", "Deal", "Entity", "Order", "OrderStatus", "Product",
    "Quote", "StageKind",
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


class Entity(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of the synced entities."""


class Customer(Entity, frozen=True):
    """A company that buys: the CRM's account, the ERP's customer."""

    name: str | None | UnsetType = UNSET
    website: str | None | UnsetType = UNSET
    email: str | None | UnsetType = UNSET
    phone: str | None | UnsetType = UNSET
    tax_id: str | None | UnsetType = UNSET
    billing_address: Address | None | UnsetType = UNSET
    shipping_address: Address | None | UnsetType = UNSET
    payment_terms: str | None | UnsetType = UNSET
    credit_limit: Money | None | UnsetType = UNSET
    other_id: str | None | UnsetType = UNSET
    """The record's id in the other system, as this system shows it (the cross-reference)."""


class Contact(Entity, frozen=True):
    """A person at a customer."""

    customer: Ref | None | UnsetType = UNSET
    name: str | None | UnsetType = UNSET
    """The full name; systems that keep it in parts join and split it in their connector."""
    email: str | None | UnsetType = UNSET
    phone: str | None | UnsetType = UNSET
    role: str | None | UnsetType = UNSET
    other_id: str | None | UnsetType = UNSET


class Product(Entity, frozen=True):
    """Something sold; ``sku`` is the key both systems share."""

    sku: str | None | UnsetType = UNSET
    name: str | None | UnsetType = UNSET
    active: bool | None | UnsetType = UNSET


class Deal(Entity, frozen=True):
    """An opportunity; read for Interlock's decisions, and the place of the order's number."""

    name: str | None | UnsetType = UNSET
    customer: Ref | None | UnsetType = UNSET
    stage: str | None | UnsetType = UNSET
    stage_kind: str | None | UnsetType = UNSET
    won_at: datetime | None | UnsetType = UNSET
    amount: Money | None | UnsetType = UNSET
    po_number: str | None | UnsetType = UNSET
    lines: tuple[Line, ...] | None | UnsetType = UNSET
    order_number: str | None | UnsetType = UNSET
    order_status: str | None | UnsetType = UNSET
    other_id: str | None | UnsetType = UNSET


class Quote(Entity, frozen=True):
    """An offer made on a deal; an accepted one is what the customer agreed to."""

    deal: Ref | None | UnsetType = UNSET
    number: str | None | UnsetType = UNSET
    accepted: bool | None | UnsetType = UNSET
    currency: str | None | UnsetType = UNSET
    lines: tuple[Line, ...] | None | UnsetType = UNSET


class Order(Entity, frozen=True):
    """A sales order in the ERP, made from a won deal."""

    customer: Ref | None | UnsetType = UNSET
    number: str | None | UnsetType = UNSET
    status: str | None | UnsetType = UNSET
    currency: str | None | UnsetType = UNSET
    payment_terms: str | None | UnsetType = UNSET
    po_number: str | None | UnsetType = UNSET
    quote_number: str | None | UnsetType = UNSET
    billing_address: Address | None | UnsetType = UNSET
    shipping_address: Address | None | UnsetType = UNSET
    lines: tuple[Line, ...] | None | UnsetType = UNSET
    net_total: Decimal | None | UnsetType = UNSET
    other_id: str | None | UnsetType = UNSET
