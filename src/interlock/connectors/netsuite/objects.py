"""Which of NetSuite's records and fields Interlock uses, declared.

Paths are the record API's names.  In queries a field has the same name in lower case, unless
``COLUMNS`` says otherwise.  Some paths name a place that is put together:

- ``addressBook:billing``, ``addressBook:shipping``: the address with that default
- ``price:list``, ``locations:available``: of an item, in the price level and locations chosen
- ``item:lines``, ``item:net``: a transaction's lines and what they come to without tax
- ``billed:net`` and the like: amounts of an invoice with their currency, and its order
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from interlock.connectors.base import (
    FULL,
    NOT_IMPLEMENTED,
    Capabilities,
    Capability,
    EntityCapabilities,
    Level,
)
from interlock.connectors.kit.codecs import Exact, FixedCurrency, Reference
from interlock.connectors.kit.names import TwoNames
from interlock.connectors.netsuite.codecs import (
    BilledAmount,
    BookedLines,
    Flag,
    Held,
    InvoiceState,
    OrderState,
    Place,
    Why,
)
from interlock.connectors.netsuite.config import NetSuiteSettings
from interlock.governance.budget import BudgetLimits
from interlock.mapping.codecs import Date, Number, Text
from interlock.mapping.objectmap import FieldMap, ObjectMap
from interlock.model import FieldFacts, OrderStatus

__all__ = ["COLUMNS", "NEVER", "PARTS", "REFERENCE_FIELD", "capabilities", "object_maps"]

REFERENCE_FIELD: Final = "externalId"
"""Where our key of a record we created is kept: unique per record type, NetSuite sees to it."""

COLUMNS: Final[Mapping[str, str]] = MappingProxyType({
    "terms": "BUILTIN.DF(t.terms)", "priceLevel": "BUILTIN.DF(t.pricelevel)",
    "saleUnit": "BUILTIN.DF(t.saleunit)", "balance": "t.balancesearch",
    "daysOverdue": "t.daysoverduesearch",
    **{name: f"TO_CHAR(t.{name.lower()}, 'YYYY-MM-DD')" for name in ("tranDate", "dueDate",
                                                                     "closeDate")},
})  # fmt: skip
"""Path -> what a query selects for it."""

PARTS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({
    "addressBook:billing": (), "addressBook:shipping": (), "price:list": (),
    "locations:available": (), "item:lines": (), "item:net": (), "billed:order": (),
    "billed:net": ("currency", "type"), "billed:total": ("foreigntotal", "currency", "type"),
    "billed:open": ("foreignamountunpaid", "foreignpaymentamountunused", "currency", "type"),
    "currency.symbol": ("currency",),
})  # fmt: skip
"""Path that is put together -> the columns of the record itself it needs."""

NEVER: Final = (
    "comments", "cost", "averageCost", "lastPurchasePrice", "estGrossProfit",
    "estGrossProfitPercent", "totalCostEstimate",
)  # fmt: skip
"""What stays in NetSuite: notes, what things cost, and what is earned."""

_HOLD: Final = {
    "override": "creditHoldOverride", "limit": "creditLimit", "balance": "balance",
    "days": "daysOverdue",
}  # fmt: skip


def _text(length: int) -> Text:
    return Text(FieldFacts(max_length=length))


def _exact(length: int, **facts: Any) -> Exact:
    return Exact(FieldFacts(max_length=length, **facts))


_NAME: Final = FieldFacts(max_length=83, cut_mark="…")
_TERMS: Final = Text(FieldFacts(ignores_case=True))


def object_maps(settings: NetSuiteSettings) -> Mapping[str, ObjectMap]:
    """Declare the records of an account with these settings."""
    money = FixedCurrency(settings.currency)
    over, days = settings.auto_hold == "over_limit", settings.hold_after_days
    other = FieldMap("other_id", settings.customer_id_field, _exact(300))
    return {
        "customer": ObjectMap("customer", "customer", (
            FieldMap("name", "companyName", Text(_NAME), required=True),
            FieldMap("website", "url", _exact(255, ignores_scheme=True)),
            FieldMap("email", "email", _exact(254)),
            FieldMap("phone", "phone", _exact(32)),
            FieldMap("tax_id", settings.tax_id_field, _exact(20)),
            FieldMap("billing_address", "addressBook:billing", Place()),
            FieldMap("shipping_address", "addressBook:shipping", Place()),
            FieldMap("payment_terms", "terms", _TERMS),
            FieldMap("credit_limit", "creditLimit", money),
            FieldMap("price_list", "priceLevel", Text(), writable=False),
            FieldMap("balance", "balance", money, writable=False),
            FieldMap("credit_hold", "@hold", Held(over, days), writable=False, inputs=_HOLD),
            FieldMap("hold_reason", "@why", Why(over, days), writable=False, inputs=_HOLD),
            other,
        )),
        "contact": ObjectMap("contact", "contact", (
            FieldMap("customer", "company", Reference("customer")),
            FieldMap("name", "@name", TwoNames("firstName", "lastName", 32, 32), required=True,
                     inputs={"firstName": "firstName", "lastName": "lastName"}),
            FieldMap("email", "email", _exact(254)),
            FieldMap("phone", "phone", _exact(32)),
            other,
        )),
        "product": ObjectMap("product", "item", (
            FieldMap("sku", "itemId", Text(), writable=False),
            FieldMap("name", "displayName", Text(), writable=False),
            FieldMap("active", "isInactive", Flag(inverse=True), writable=False),
            FieldMap("unit", "saleUnit", Text(), writable=False),
            FieldMap("list_price", "price:list",
                     FixedCurrency(settings.currency, FieldFacts(decimals=4)), writable=False),
            FieldMap("stock_quantity", "locations:available", Number(), writable=False),
        )),
        "order": ObjectMap("order", "salesOrder", (
            FieldMap("customer", "entity", Reference("customer"), required=True),
            FieldMap("number", "tranId", Text(), writable=False),
            FieldMap("status", "status", OrderState()),
            FieldMap("currency", "currency.symbol", Text()),
            FieldMap("payment_terms", "terms", _TERMS),
            FieldMap("po_number", "otherRefNum", _text(45)),
            FieldMap("lines", "item:lines", BookedLines()),
            FieldMap("net_total", "item:net", Number(FieldFacts(decimals=2)), writable=False),
            FieldMap("ordered_on", "tranDate", Date(), writable=False),
            FieldMap("other_id", settings.order_id_field, _exact(300)),
        )),
        "invoice": ObjectMap("invoice", "invoice", (
            FieldMap("customer", "entity", Reference("customer"), writable=False),
            FieldMap("number", "tranId", Text(), writable=False),
            FieldMap("status", "status", InvoiceState(), writable=False),
            FieldMap("issued_on", "tranDate", Date(), writable=False),
            FieldMap("due_on", "dueDate", Date(), writable=False),
            FieldMap("net", "billed:net", BilledAmount(), writable=False),
            FieldMap("total", "billed:total", BilledAmount(), writable=False),
            FieldMap("open", "billed:open", BilledAmount(), writable=False),
            FieldMap("paid_on", "closeDate", Date(), writable=False),
            FieldMap("order", "billed:order", Reference("order"), writable=False),
        )),
    }  # fmt: skip


_READ_BEFORE: Final = Capability(
    Level.UNSUPPORTED, "NetSuite has no version check: the connector reads just before it writes"
)
_LEDGER: Final = Capability(Level.NOT_IMPLEMENTED, "invoices are the accountants' own business")
_BY_HAND: Final = Capability(
    Level.UNSUPPORTED, "custom fields cannot be made through REST: an administrator makes them"
)


def capabilities(maps: Mapping[str, ObjectMap], settings: NetSuiteSettings) -> Capabilities:
    """What a connection with these settings can do."""

    def entity(name: str, **facts: Any) -> EntityCapabilities:
        return EntityCapabilities(
            changes=FULL,
            version_check=_READ_BEFORE,
            newest_version_comparable=True,
            page_size=settings.page_size,
            settle_time=settings.settle_time,
            commit_delay=timedelta(seconds=settings.commit_delay),
            read_lag=timedelta(seconds=settings.read_lag),
            fields=maps[name].facts(),
            **facts,
        )

    written = {"create": FULL, "update": FULL, "find": FULL, "reference": REFERENCE_FIELD,
               "enforces_reference": True, "batch_size": 20}  # fmt: skip
    return Capabilities(
        entities={
            "customer": entity("customer", lookup=FULL, ages=("credit_hold",), **written),
            "contact": entity("contact", lookup=FULL, **written),
            "product": entity(
                "product", create=NOT_IMPLEMENTED, update=NOT_IMPLEMENTED, lookup=FULL
            ),
            "order": entity(
                "order", drafts=True, amends=frozenset({OrderStatus.DRAFT.value}),
                lookup=NOT_IMPLEMENTED, **written,
            ),
            "invoice": entity("invoice", create=_LEDGER, update=_LEDGER),
        },
        deletions=FULL if settings.deletions else Capability(
            Level.NOT_IMPLEMENTED, "switched off by the setting `deletions`"
        ),
        merges=Capability(Level.UNSUPPORTED, "NetSuite deletes the loser and keeps no trace"),
        webhooks=Capability(Level.UNSUPPORTED, "NetSuite has no webhooks"),
        provision=_BY_HAND,
        prices=NOT_IMPLEMENTED,
        calls=BudgetLimits(slots=settings.slots),
        never=NEVER,
    )  # fmt: skip
