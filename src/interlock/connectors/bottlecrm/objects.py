"""Which of BottleCRM's objects and fields Interlock uses, declared.

Fields without a native place are custom fields that ``provision`` makes.  BottleCRM lets no caller
choose the fields of an answer, so the object maps drop the rest before anything else sees it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from interlock.connectors.base import (
    FULL,
    NOT_IMPLEMENTED,
    UNSUPPORTED,
    Capabilities,
    Capability,
    EntityCapabilities,
    Level,
)
from interlock.connectors.bottlecrm.codecs import (
    Amount,
    Assignee,
    Lines,
    PersonName,
    Phone,
    ProductPrice,
    TaskDone,
    TaskText,
    Website,
)
from interlock.connectors.bottlecrm.figures import FIGURE_FIELDS, FIGURE_GROUPS, FIGURE_MAPS
from interlock.connectors.bottlecrm.places import (
    REFERENCE,
    REFERENCE_KEY,
    RESOURCES,
    CustomField,
    Group,
)
from interlock.connectors.kit.codecs import AddressParts, Exact, Reference, StatusIs
from interlock.mapping.codecs import Boolean, Choice, Date, Instant, Text
from interlock.mapping.objectmap import FieldMap, ObjectMap
from interlock.model import ContactRole, FieldFacts, OrderStatus, StageKind

__all__ = [
    "CUSTOM_FIELDS", "GROUPS", "MAPS", "NEVER", "REFERENCE_KEY", "RESOURCES", "capabilities",
]  # fmt: skip


# ── custom fields ────────────────────────────────────────────────────────────────────────────

_SHIPPING = {part: f"shipping_{part}" for part in
             ("street", "city", "region", "postcode", "country")}  # fmt: skip

CUSTOM_FIELDS: Mapping[str, tuple[CustomField, ...]] = {
    "customer": (
        REFERENCE,
        CustomField("erp_customer_id", "{other} customer id", field="other_id"),
        CustomField("tax_id", "Tax id", field="tax_id"),
        CustomField("payment_terms", "Payment terms", field="payment_terms"),
        CustomField("credit_limit", "Credit limit", "number", field="credit_limit"),
        CustomField("credit_limit_currency", "Credit limit currency", field="credit_limit"),
        CustomField("shipping_street", "Shipping street", "textarea", field="shipping_address"),
        CustomField("shipping_city", "Shipping city", field="shipping_address"),
        CustomField("shipping_region", "Shipping region", field="shipping_address"),
        CustomField("shipping_postcode", "Shipping postcode", field="shipping_address"),
        CustomField("shipping_country", "Shipping country (ISO code)", field="shipping_address"),
        *FIGURE_FIELDS["customer"],
    ),
    "contact": (
        REFERENCE,
        CustomField("erp_contact_id", "{other} contact id", field="other_id"),
        CustomField("contact_role", "Role", "dropdown", "role", tuple(ContactRole)),
    ),
    "deal": (
        CustomField("erp_order_id", "{other} order id", field="other_id"),
        CustomField("erp_order_number", "{other} order number", field="order_number"),
        CustomField("erp_order_status", "{other} order status", "dropdown", "order_status",
                    tuple(OrderStatus)),
        CustomField("po_number", "Purchase order number", field="po_number"),
        *FIGURE_FIELDS["deal"],
    ),
    "task": (REFERENCE,),
}  # fmt: skip


# ── object maps ──────────────────────────────────────────────────────────────────────────────


def _text(length: int | None = None, *, required: bool = False, unique: bool = False) -> Text:
    return Text(FieldFacts(max_length=length, required=required, unique=unique, cut_mark="…"))


def _choices(values: type[OrderStatus | ContactRole | StageKind]) -> Choice:
    words = tuple(str(v) for v in values)
    return Choice({w: w for w in words}, facts=FieldFacts(choices=words))


_BY_CUSTOMER = "an estimate is accepted by the customer, not through the API"

_BILLING = AddressParts(
    {"street": "address_line", "city": "city", "region": "state", "postcode": "postcode",
     "country": "country"},
    {"street": 255, "city": 255, "region": 255, "postcode": 64},
)  # fmt: skip

MAPS: Mapping[str, ObjectMap] = {
    "customer": ObjectMap("customer", "Account", (
        FieldMap("name", "name", _text(255, unique=True), required=True),
        FieldMap("website", "website", Website()),
        FieldMap("email", "email", Exact(FieldFacts(max_length=254))),
        FieldMap("phone", "phone", Phone()),
        FieldMap("tax_id", "custom_fields.tax_id", _text()),
        FieldMap("billing_address", "billing_address", _BILLING),
        FieldMap("shipping_address", "shipping_address", AddressParts(_SHIPPING)),
        FieldMap("payment_terms", "custom_fields.payment_terms", _text()),
        FieldMap("credit_limit", "credit_limit", Amount("credit_limit", "credit_limit_currency")),
        FieldMap("owner", "assigned_to", Assignee(), writable=False),
        FieldMap("other_id", "custom_fields.erp_customer_id", _text()),
        *FIGURE_MAPS["customer"],
    )),
    "contact": ObjectMap("contact", "Contact", (
        FieldMap("customer", "account", Reference("customer")),
        FieldMap("name", "name", PersonName(), required=True),
        FieldMap("email", "email", Exact(FieldFacts(max_length=254, unique=True))),
        FieldMap("phone", "phone", Phone()),
        FieldMap("role", "custom_fields.contact_role", _choices(ContactRole)),
        FieldMap("other_id", "custom_fields.erp_contact_id", _text()),
    )),
    "product": ObjectMap("product", "Product", (
        FieldMap("sku", "sku", Exact(FieldFacts(max_length=100, unique=True))),
        FieldMap("name", "name", _text(255), required=True),
        FieldMap("active", "is_active", Boolean()),
        FieldMap("family", "category", _text(100)),
        FieldMap("list_price", "list_price", ProductPrice()),
    )),
    "deal": ObjectMap("deal", "Opportunity", (
        FieldMap("name", "name", _text(255, unique=True), required=True),
        FieldMap("customer", "account", Reference("customer")),
        FieldMap("stage", "stage", _text(64)),
        FieldMap("stage_kind", "stage_kind", _choices(StageKind), writable=False),
        FieldMap("kind", "opportunity_type", _text(64), writable=False),
        FieldMap("owner", "assigned_to", Assignee(), writable=False),
        FieldMap("won_at", "won_at", Instant(), writable=False),
        FieldMap("amount", "amount", Amount("amount", "currency"), writable=False),
        FieldMap("po_number", "custom_fields.po_number", _text()),
        FieldMap("lines", "line_items", Lines(net="total"), writable=False),
        FieldMap("order_number", "custom_fields.erp_order_number", _text()),
        FieldMap("order_status", "custom_fields.erp_order_status", _choices(OrderStatus)),
        FieldMap("other_id", "custom_fields.erp_order_id", _text()),
        *FIGURE_MAPS["deal"],
    )),
    "quote": ObjectMap("quote", "Estimate", (
        FieldMap("deal", "opportunity.id", Reference("deal"), writable=False),
        FieldMap("number", "estimate_number", _text(50), writable=False),
        FieldMap("accepted", "status", StatusIs("Accepted", _BY_CUSTOMER), writable=False),
        FieldMap("currency", "currency", _text(3), writable=False),
        FieldMap("lines", "line_items", Lines(net="net_amount"), writable=False),
    )),
    "task": ObjectMap("task", "Task", (
        FieldMap("subject", "title", _text(200), required=True),
        FieldMap("body", "body", TaskText()),
        FieldMap("customer", "account", Reference("customer")),
        FieldMap("owner", "assigned_to", Assignee()),
        FieldMap("due", "due_date", Date()),
        FieldMap("done", "status", TaskDone()),
    )),
}  # fmt: skip

GROUPS: Mapping[str, tuple[Group, ...]] = {
    "customer": (
        Group("billing_address", "", tuple(_BILLING.keys.values())),
        Group("shipping_address", "custom_fields", tuple(_SHIPPING.values())),
        Group("credit_limit", "custom_fields", ("credit_limit", "credit_limit_currency")),
        *FIGURE_GROUPS["customer"],
    ),
    "product": (Group("list_price", "", ("price", "currency")),),
    "contact": (Group("name", "", ("first_name", "last_name")),),
    "deal": (Group("amount", "", ("amount", "currency")), *FIGURE_GROUPS["deal"]),
    # of our own tasks only (see rows): what people note is never read
    "task": (Group("body", "", ("description",)),),
}

NEVER = (
    "description", "comments", "attachments", "tasks", "cases", "tags", "rollups",
    "probability", "lead_source", "source_detail", "annual_revenue", "number_of_employees",
    "public_token", "public_url",
)  # fmt: skip
"""What stays in BottleCRM: notes, correspondence, qualification, derived figures, bearer links."""


# ── capabilities ─────────────────────────────────────────────────────────────────────────────

_NO_FEED = Capability(Level.UNSUPPORTED, "no list can be filtered by change time: it is swept")
_NO_CHECK = Capability(Level.UNSUPPORTED, "no version is checked: the connector reads just before")
_BY_REFERENCE = Capability(Level.FULL, "on SQLite, which cannot filter, by reading every record")


def capabilities(
    maps: Mapping[str, ObjectMap], page_size: int, settle_time: timedelta
) -> Capabilities:
    """What a connection with these maps can do."""

    def entity(name: str, **facts: Any) -> EntityCapabilities:
        return EntityCapabilities(
            changes=_NO_FEED,
            version_check=_NO_CHECK,
            page_size=page_size,
            batch_size=10,
            settle_time=settle_time,
            fields=maps[name].facts(),
            **facts,
        )

    created = {"create": FULL, "update": FULL, "find": _BY_REFERENCE, "lookup": FULL,
               "reference": f"custom_fields.{REFERENCE_KEY}"}  # fmt: skip
    return Capabilities(
        entities={
            "customer": entity("customer", **created),
            "contact": entity("contact", **created, newest_version_comparable=True),
            "product": entity(
                "product", create=Capability(Level.FULL, "by SKU: products hold no reference"),
                update=FULL, lookup=FULL, answers_with_values=True,
                newest_version_comparable=True,
            ),
            "deal": entity("deal", create=NOT_IMPLEMENTED, update=FULL),
            "quote": entity("quote", create=NOT_IMPLEMENTED, update=UNSUPPORTED),
            "task": entity("task", create=FULL, update=FULL, find=_BY_REFERENCE,
                           reference=f"custom_fields.{REFERENCE_KEY}"),
        },
        deletions=Capability(Level.UNSUPPORTED, "a deleted record is no longer listed"),
        merges=Capability(Level.UNSUPPORTED, "a merged record is deleted without a trace"),
        webhooks=Capability(Level.NOT_IMPLEMENTED, "BottleCRM sends them to public https only"),
        provision=FULL,
        never=NEVER,
    )  # fmt: skip
