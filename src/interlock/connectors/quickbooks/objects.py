"""Which of QuickBooks' objects and properties Interlock uses, declared.

A path that begins with ``@`` is no property: the reader works it out, or the writer takes it apart.
Our own words in ``PrivateNote`` and ``Notes`` are read as if they were properties of the note.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import msgspec

from interlock.connectors.base import (
    FULL,
    NOT_IMPLEMENTED,
    UNSUPPORTED,
    Capabilities,
    Capability,
    EntityCapabilities,
    Level,
)
from interlock.connectors.kit.codecs import Exact, FixedCurrency, Reference
from interlock.connectors.quickbooks.codecs import (
    Amount,
    Billed,
    InvoicedOrder,
    Itself,
    Lines,
    Name,
    Net,
    OfEstimate,
    PaidOn,
    Postal,
)
from interlock.connectors.quickbooks.config import QuickBooksSettings
from interlock.governance.budget import BudgetLimits
from interlock.mapping.codecs import Boolean, Choice, Codec, Date, Text
from interlock.mapping.objectmap import FieldMap, ObjectMap
from interlock.model import FieldFacts, OrderStatus

__all__ = [
    "LIFE", "NEVER", "NOTES", "SOURCES", "Source", "capabilities", "object_maps", "sources",
]  # fmt: skip

LIFE: Final = {
    "Pending": OrderStatus.DRAFT.value, "Accepted": OrderStatus.OPEN.value,
    "Closed": OrderStatus.FULFILLED.value, "Rejected": OrderStatus.CANCELLED.value,
}  # fmt: skip
"""Status of an estimate -> ours."""

NOTES: Final = {"Customer": "Notes", "Estimate": "PrivateNote", "Invoice": "PrivateNote"}
"""Object -> the property our reference stands in."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """An object an entity is read from.

    ``prefix`` of its ids tells records of several apart.  ``listed``: rows are made inactive and
    never deleted.  ``lacks``: properties of the map it does not have; ``instead``: another one in
    the place of one.
    """

    object: str
    prefix: str = ""
    listed: bool = False
    lacks: frozenset[str] = frozenset()
    instead: Mapping[str, str] = {}


_CREDIT_MEMO: Final = Source(
    object="CreditMemo", prefix="CM", lacks=frozenset({"DueDate", "LinkedTxn"}),
    instead={"Balance": "RemainingCredit"},
)  # fmt: skip
SOURCES: Final[Mapping[str, tuple[Source, ...]]] = {
    "customer": (Source(object="Customer", listed=True),),
    "product": (Source(object="Item", listed=True),),
    "invoice": (Source(object="Invoice"), _CREDIT_MEMO),
}


def sources(order_as: str) -> Mapping[str, tuple[Source, ...]]:
    """Give what each entity is read from; orders are estimates or invoices."""
    return {**SOURCES, "order": (Source(object=order_as.capitalize()),)}


def _read(name: str, path: str, codec: Codec | None = None, **inputs: str) -> FieldMap:
    return FieldMap(name, path, codec or Text(), writable=False, inputs=inputs)


def _text(length: int) -> Text:
    return Text(FieldFacts(max_length=length))


def object_maps(settings: QuickBooksSettings) -> Mapping[str, ObjectMap]:
    """Declare the objects of a company."""
    money = {"currency": "CurrencyRef.value", "credit": "@credit"}
    how_far = {"total": "TotalAmt", "balance": "Balance", "rest": "PrivateNote.rest"}
    as_estimate = settings.order_as == "estimate"
    status = (
        FieldMap("status", "TxnStatus",
                 Choice(LIFE, facts=FieldFacts(choices=tuple(LIFE.values()))))
        if as_estimate
        else FieldMap("status", "@status", InvoicedOrder(), inputs=how_far)
    )  # fmt: skip
    return {
        "customer": ObjectMap("customer", "Customer", (
            FieldMap("name", "DisplayName",
                     Name(FieldFacts(max_length=100, cut_mark="...", unique=True)),
                     required=True),
            FieldMap("website", "WebAddr.URI",
                     Exact(FieldFacts(max_length=1000, ignores_scheme=True))),
            FieldMap("email", "PrimaryEmailAddr.Address", Exact(FieldFacts(max_length=100))),
            FieldMap("phone", "PrimaryPhone.FreeFormNumber", Exact(FieldFacts(max_length=30))),
            FieldMap("billing_address", "BillAddr", Postal()),
            FieldMap("shipping_address", "ShipAddr", Postal()),
            FieldMap("payment_terms", "SalesTermRef.name", _text(31)),
        )),
        "product": ObjectMap("product", "Item", (
            _read("sku", "Sku", Exact(FieldFacts(max_length=100))),
            _read("name", "Name", _text(100)),
            _read("active", "Active", Boolean()),
            _read("list_price", "UnitPrice", FixedCurrency(settings.currency)),
        )),
        "order": ObjectMap("order", settings.order_as.capitalize(), (
            FieldMap("customer", "CustomerRef.value", Reference("customer"), required=True),
            FieldMap("document", "@document", Choice(
                {settings.order_as: settings.order_as},
                facts=FieldFacts(choices=(settings.order_as,)),
            )),
            _read("number", "DocNumber"),
            status,
            FieldMap("currency", "CurrencyRef.value", Text()),
            FieldMap("po_number", "PrivateNote.po", _text(100)),
            FieldMap("quote_number", "PrivateNote.quote", _text(100)),
            FieldMap("billing_address", "BillAddr", Postal()),
            FieldMap("shipping_address", "ShipAddr", Postal()),
            FieldMap("lines", "@lines", Lines(settings.tax_code), required=True,
                     inputs={"lines": "Line", "keys": "PrivateNote.lines"}),
            _read("net_total", "@net", Net(), total="TotalAmt", tax="TxnTaxDetail.TotalTax"),
            _read("ordered_on", "TxnDate", Date()),
        )),
        "invoice": ObjectMap("invoice", "Invoice", (
            _read("customer", "CustomerRef.value", Reference("customer")),
            _read("number", "DocNumber"),
            _read("status", "@status", Billed(), **how_far),
            _read("issued_on", "TxnDate", Date()),
            _read("due_on", "DueDate", Date()),
            _read("net", "@net", Amount(), amount="TotalAmt", tax="TxnTaxDetail.TotalTax", **money),
            _read("total", "@total", Amount(), amount="TotalAmt", **money),
            _read("open", "@open", Amount(), amount="Balance", **money),
            _read("paid_on", "@paid", PaidOn(), links="LinkedTxn", on="@paid_on"),
            _read("order", "LinkedTxn", OfEstimate()) if as_estimate
            else _read("order", "@itself", Itself()),
        )),
    }  # fmt: skip


NEVER: Final = (
    "PurchaseCost", "AvgCost", "PurchaseDesc", "ExpenseAccountRef", "COGSAccountRef",
    "PrefVendorRef", "CustomerMemo", "BillEmail", "PrimaryTaxIdentifier", "AlternatePhone",
    "Mobile", "Fax", "CCDetail", "PaymentMethodRef", "OpenBalanceDate", "CreditCardPayment",
)  # fmt: skip
"""What stays in QuickBooks: what things cost, how people pay, private numbers, messages."""

_NO_ORDERS: Final = "QuickBooks Online has no sales orders: an order is an estimate or an invoice"


def capabilities(maps: Mapping[str, ObjectMap], settings: QuickBooksSettings) -> Capabilities:
    """What a connection with these maps can do."""

    def entity(name: str, **facts: Any) -> EntityCapabilities:
        return EntityCapabilities(
            changes=FULL,
            newest_version_comparable=True,
            page_size=settings.page_size,
            batch_size=30,
            settle_time=settings.settle_time,
            commit_delay=timedelta(seconds=settings.commit_delay),
            fields=maps[name].facts(),
            **facts,
        )

    made: dict[str, Any] = {"create": FULL, "update": FULL, "find": FULL, "version_check": FULL}
    as_estimate = settings.order_as == "estimate"
    draft, opened = OrderStatus.DRAFT.value, OrderStatus.OPEN.value
    return Capabilities(
        entities={
            "customer": entity("customer", **made, lookup=FULL, reference="Notes"),
            "product": entity(
                "product", lookup=FULL,
                create=Capability(Level.NOT_IMPLEMENTED, "an item needs an income account"),
                update=NOT_IMPLEMENTED,
            ),
            "order": entity(
                "order", **{**made, "create": Capability(Level.FULL, _NO_ORDERS)},
                reference="PrivateNote", drafts=as_estimate,
                amends=frozenset({draft} if as_estimate else ()),
                cancels=frozenset({draft, opened} if as_estimate else {opened}),
            ),
            "invoice": entity(
                "invoice", create=Capability(Level.NOT_IMPLEMENTED, "invoices are the ERP's"),
                update=NOT_IMPLEMENTED,
            ),
        },
        deletions=Capability(Level.FULL, "estimates, invoices and credit memos of the last 30 days;"
                             " customers and items are made inactive, never deleted"),
        merges=Capability(Level.UNSUPPORTED, "the API does not show which customer won a merge"),
        webhooks=FULL if settings.webhook_token is not None
        else Capability(Level.NOT_IMPLEMENTED, "the connection has no webhook_token"),
        provision=UNSUPPORTED,
        calls=BudgetLimits(per_window=500, window=timedelta(minutes=1), slots=5),
        never=NEVER,
    )  # fmt: skip
