"""Which of Salesforce's objects and fields Interlock uses, declared.

Fields without a standard place are custom fields that ``provision`` makes, with the rights to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from interlock.connectors.base import (
    FULL,
    NOT_IMPLEMENTED,
    UNSUPPORTED,
    Capabilities,
    Capability,
    EntityCapabilities,
    Level,
)
from interlock.connectors.kit.codecs import (
    AddressParts,
    Exact,
    FixedCurrency,
    Reference,
    StatusIs,
)
from interlock.connectors.salesforce.codecs import Constant, Lines, PersonName, Stage, WonAt
from interlock.connectors.salesforce.figures import (
    CHECKBOX,
    FIGURES,
    METADATA,
    figure_maps,
    place,
)
from interlock.mapping.codecs import Boolean, Choice, Text
from interlock.mapping.objectmap import FieldMap, ObjectMap
from interlock.model import ContactRole, FieldFacts, OrderStatus, PaymentStatus

__all__ = [
    "CHILDREN", "CUSTOM_FIELDS", "NEVER", "REFERENCE_FIELD", "CustomField", "capabilities",
    "flatten", "model_field", "object_maps",
]  # fmt: skip

REFERENCE_FIELD: Final = "Interlock_Ref__c"
"""Custom field that holds our key of a record we created."""

_LINE: Final = (
    "Id, Quantity, UnitPrice, TotalPrice, PricebookEntry.Product2Id, PricebookEntry.ProductCode"
)
CHILDREN: Final = {
    # a query that shows the recycle bin would show lines in it, too
    name: f"(SELECT {_LINE} FROM {name} WHERE IsDeleted = false ORDER BY CreatedDate, Id)"
    for name in ("OpportunityLineItems", "QuoteLineItems")
}
"""Relationship of an object's children -> the query inside the query."""


@dataclass(frozen=True, slots=True)
class CustomField:
    """A custom field ``provision`` makes, as the Tooling API wants it."""

    name: str
    label: str
    metadata: Mapping[str, Any] = field(default_factory=lambda: {"type": "Text", "length": 255})


def _figures(entity: str) -> tuple[CustomField, ...]:
    return tuple(
        CustomField(place(name), name.replace("_", " ").capitalize(), METADATA[kind])
        for name, kind in FIGURES[entity].items()
    )


def _choice(words: type[OrderStatus | ContactRole | PaymentStatus]) -> dict[str, Any]:
    values = [{"fullName": str(w), "label": str(w).capitalize(), "default": False} for w in words]
    definition = {"sorted": False, "value": values}
    return {"type": "Picklist", "valueSet": {"restricted": True, "valueSetDefinition": definition}}


_REFERENCE: Final = CustomField(
    REFERENCE_FIELD, "Interlock reference",
    {"type": "Text", "length": 80, "externalId": True, "unique": True, "caseSensitive": False},
)  # fmt: skip
_OTHER_ID: Final = CustomField("ERP_Id__c", "{other} id")

CUSTOM_FIELDS: Final[Mapping[str, tuple[CustomField, ...]]] = {
    "Account": (
        _REFERENCE,
        _OTHER_ID,
        CustomField("Email__c", "Email", {"type": "Email"}),
        CustomField("Tax_Id__c", "Tax id"),
        CustomField("Payment_Terms__c", "Payment terms"),
        CustomField("Credit_Limit__c", "Credit limit",
                    {"type": "Currency", "precision": 18, "scale": 2}),
        CustomField("Credit_Hold__c", "Credit hold", CHECKBOX),
        CustomField("Hold_Reason__c", "Reason of the hold"),
        *_figures("customer"),
    ),
    "Contact": (_REFERENCE, _OTHER_ID, CustomField("Role__c", "Role", _choice(ContactRole))),
    "Product2": (_REFERENCE,),
    "Opportunity": (
        _OTHER_ID,
        CustomField("Order_Number__c", "{other} order number"),
        CustomField("Order_Status__c", "{other} order status", _choice(OrderStatus)),
        CustomField("PO_Number__c", "Purchase order number"),
        CustomField("Paused__c", "Paused by Interlock", CHECKBOX),
        CustomField("Paused_Stage__c", "Stage before the pause"),
        CustomField("Payment_Status__c", "Payment status", _choice(PaymentStatus)),
        *_figures("deal"),
    ),
}  # fmt: skip


def _text(length: int, *, required: bool = False) -> Text:
    return Text(FieldFacts(max_length=length, required=required, cut_mark="…"))


def _exact(length: int) -> Exact:
    return Exact(FieldFacts(max_length=length))


def _choices(values: type[OrderStatus | ContactRole | PaymentStatus]) -> Choice:
    words = tuple(str(v) for v in values)
    return Choice({w: w for w in words}, facts=FieldFacts(choices=words))


def _place(name: str, prefix: str) -> FieldMap:
    keys = {part: f"{prefix}{ending}" for part, (ending, _) in _PARTS.items()}
    lengths = {part: length for part, (_, length) in _PARTS.items()}
    codec = AddressParts(keys, lengths, names_countries=True)
    return FieldMap(name, f"@{name}", codec, inputs={key: key for key in keys.values()})


_PARTS: Final = {
    "street": ("Street", 255), "city": ("City", 40), "region": ("State", 80),
    "postcode": ("PostalCode", 20), "country": ("Country", 80),
}  # fmt: skip
"""Part of our address -> the ending of Salesforce's field, and its length."""

_BY_CUSTOMER: Final = "a quote is accepted by the customer, not through the API"


def object_maps(currency: str) -> Mapping[str, ObjectMap]:
    """Declare the objects of an org with this currency.

    A path that begins with ``@`` is no field: what is written there is spread over several.
    """
    return {
        "customer": ObjectMap("customer", "Account", (
            FieldMap("name", "Name", _text(255), required=True),
            FieldMap("website", "Website", Exact(FieldFacts(max_length=255, ignores_scheme=True))),
            FieldMap("email", "Email__c", _exact(80)),
            FieldMap("phone", "Phone", _exact(40)),
            FieldMap("tax_id", "Tax_Id__c", _exact(255)),
            _place("billing_address", "Billing"),
            _place("shipping_address", "Shipping"),
            FieldMap("payment_terms", "Payment_Terms__c", _text(255)),
            FieldMap("credit_limit", "Credit_Limit__c", FixedCurrency(currency)),
            FieldMap("credit_hold", "Credit_Hold__c", Boolean()),
            FieldMap("hold_reason", "Hold_Reason__c", _text(255)),
            FieldMap("owner", "OwnerId", _exact(18), writable=False),
            *figure_maps("customer", currency),
            FieldMap("other_id", "ERP_Id__c", _exact(255)),
        )),
        "contact": ObjectMap("contact", "Contact", (
            FieldMap("customer", "AccountId", Reference("customer")),
            FieldMap("name", "@name", PersonName(), required=True,
                     inputs={"FirstName": "FirstName", "LastName": "LastName"}),
            FieldMap("email", "Email", _exact(80)),
            FieldMap("phone", "Phone", _exact(40)),
            FieldMap("role", "Role__c", _choices(ContactRole)),
            FieldMap("other_id", "ERP_Id__c", _exact(255)),
        )),
        "product": ObjectMap("product", "Product2", (
            FieldMap("sku", "ProductCode", _exact(255)),
            FieldMap("name", "Name", _text(255), required=True),
            FieldMap("active", "IsActive", Boolean()),
        )),
        "deal": ObjectMap("deal", "Opportunity", (
            FieldMap("name", "Name", _text(120), required=True),
            FieldMap("customer", "AccountId", Reference("customer")),
            FieldMap("stage", "StageName", _text(255)),
            FieldMap("stage_kind", "@stage_kind", Stage(), writable=False,
                     inputs={"won": "IsWon", "closed": "IsClosed"}),
            FieldMap("kind", "Type", _text(255), writable=False),
            FieldMap("owner", "OwnerId", _exact(18), writable=False),
            FieldMap("paused", "Paused__c", Boolean()),
            FieldMap("paused_stage", "Paused_Stage__c", _text(255)),
            FieldMap("won_at", "@won_at", WonAt(), writable=False,
                     inputs={"won": "IsWon", "closes": "CloseDate"}),
            FieldMap("amount", "Amount", FixedCurrency(currency), writable=False),
            FieldMap("po_number", "PO_Number__c", _text(255)),
            FieldMap("lines", "OpportunityLineItems", Lines(), writable=False),
            FieldMap("order_number", "Order_Number__c", _text(255)),
            FieldMap("order_status", "Order_Status__c", _choices(OrderStatus)),
            FieldMap("payment_status", "Payment_Status__c", _choices(PaymentStatus)),
            *figure_maps("deal", currency),
            FieldMap("other_id", "ERP_Id__c", _exact(255)),
        )),
        "quote": ObjectMap("quote", "Quote", (
            FieldMap("deal", "OpportunityId", Reference("deal"), writable=False),
            FieldMap("number", "QuoteNumber", _text(30), writable=False),
            FieldMap("accepted", "Status", StatusIs("Accepted", _BY_CUSTOMER), writable=False),
            # the org's currency; it has no field in an org with one currency
            FieldMap("currency", "QuoteNumber", Constant(currency), writable=False),
            FieldMap("lines", "QuoteLineItems", Lines(), writable=False),
        )),
    }  # fmt: skip


NEVER: Final = (
    "Description", "AnnualRevenue", "NumberOfEmployees", "NextStep", "LeadSource", "AccountSource",
    "Probability", "ForecastCategory", "ForecastCategoryName", "Birthdate", "HasOptedOutOfEmail",
    "DoNotCall", "Discount", "Fax", "Rating",
)  # fmt: skip
"""What stays in Salesforce: notes, qualification, forecasts, what people like or refuse."""


def flatten(body: Mapping[str, Any]) -> dict[str, Any]:
    """Spread what was written under ``@`` over the fields that hold it."""
    out: dict[str, Any] = {}
    for name, value in body.items():
        out.update(value if name.startswith("@") else {name: value})
    return out


def model_field(mapping: ObjectMap, name: str) -> str | None:
    """Name the model field that is kept in a field of Salesforce's."""
    return next((f.field for f in mapping.fields if name in f.paths), None)


_READ_BEFORE = Capability(
    Level.UNSUPPORTED,
    "stamps are whole seconds: the connector reads just before, and sends If-Unmodified-Since",
)


def capabilities(
    maps: Mapping[str, ObjectMap], page_size: int, settle_time: timedelta, commit_delay: timedelta
) -> Capabilities:
    """What a connection with these maps can do."""

    def entity(name: str, **facts: Any) -> EntityCapabilities:
        return EntityCapabilities(
            changes=FULL,
            version_check=_READ_BEFORE,
            newest_version_comparable=True,
            page_size=page_size,
            batch_size=200,
            settle_time=settle_time,
            commit_delay=commit_delay,
            fields=maps[name].facts(),
            **facts,
        )

    made = {"create": FULL, "update": FULL, "find": FULL, "lookup": FULL,
            "reference": REFERENCE_FIELD, "enforces_reference": True}  # fmt: skip
    return Capabilities(
        entities={
            "customer": entity("customer", **made),
            "contact": entity("contact", **made),
            "product": entity("product", **made),
            "deal": entity("deal", create=NOT_IMPLEMENTED, update=FULL),
            "quote": entity("quote", create=NOT_IMPLEMENTED, update=UNSUPPORTED),
        },
        deletions=FULL,
        merges=Capability(Level.FULL, "accounts and contacts"),
        webhooks=Capability(Level.UNSUPPORTED, "Salesforce has no signed HTTP webhooks"),
        provision=FULL,
        never=NEVER,
    )
