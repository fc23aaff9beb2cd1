"""What is synced: entities, values, records and what a system can hold of them. No I/O."""

from interlock.model.entities import (
    Contact,
    ContactRole,
    Customer,
    Deal,
    Invoice,
    InvoiceStatus,
    Order,
    OrderStatus,
    PaymentStatus,
    Price,
    Product,
    Quote,
    StageKind,
    StockLevel,
    Task,
)
from interlock.model.facts import ANYTHING, FieldFacts, agree, project
from interlock.model.prices import Asked, Offer, price_of
from interlock.model.record import Presence, Record, WriteKind
from interlock.model.schema import ENTITIES, SIGNALS, WRITTEN, EntitySchema, Schema
from interlock.model.values import Address, Fields, Line, Money, Ref, Value

__all__ = [
    "Address",
    "Fields",
    "Line",
    "Money",
    "Ref",
    "Value",
    "Contact",
    "ContactRole",
    "Customer",
    "Deal",
    "Invoice",
    "InvoiceStatus",
    "Order",
    "OrderStatus",
    "PaymentStatus",
    "Price",
    "Product",
    "Quote",
    "StageKind",
    "StockLevel",
    "Task",
    "ENTITIES",
    "SIGNALS",
    "WRITTEN",
    "EntitySchema",
    "Schema",
    "Presence",
    "Record",
    "WriteKind",
    "Asked",
    "Offer",
    "price_of",
    "ANYTHING",
    "FieldFacts",
    "agree",
    "project",
]
