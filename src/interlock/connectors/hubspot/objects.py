"""Which of HubSpot's objects and properties Interlock uses, declared.

A path that begins with ``@`` is no property: the reader works it out, from associations or from the
stages of a pipeline.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from interlock.connectors.hubspot.client import BATCH
from interlock.connectors.hubspot.codecs import (
    AsText,
    DealAmount,
    Due,
    Flag,
    Lines,
    Outcome,
    PersonName,
    TaskDone,
    TaskText,
    WonAt,
)
from interlock.connectors.hubspot.config import HubSpotSettings
from interlock.connectors.hubspot.custom import FIGURES, REFERENCE
from interlock.connectors.kit.codecs import AddressParts, Exact, FixedCurrency, Reference
from interlock.governance.budget import BudgetLimits
from interlock.mapping.codecs import Choice, Codec, Date, Instant, Number, Text
from interlock.mapping.objectmap import FieldMap, ObjectMap
from interlock.model import ContactRole, FieldFacts, OrderStatus, PaymentStatus, StockLevel

__all__ = [
    "MODIFIED", "NEVER", "OTHER_ENDS", "SINGULAR", "capabilities", "flatten", "model_field",
    "object_maps",
]  # fmt: skip

MODIFIED: Final = {"contacts": "lastmodifieddate"}
"""Type -> the property with the time of the last change, where it is not the usual one."""
SINGULAR: Final = {
    "customer": "company", "contact": "contact", "product": "product", "deal": "deal",
    "quote": "quote", "task": "task",
}  # fmt: skip
OTHER_ENDS: Final = {
    ("contact", "@customer"): "companies", ("deal", "@customer"): "companies",
    ("quote", "@deal"): "deals", ("task", "@customer"): "companies",
}  # fmt: skip
"""Entity and path -> the type of records the association leads to."""

_LONGEST: Final = 65_536


def _text(*, required: bool = False) -> Text:
    return Text(FieldFacts(max_length=_LONGEST, required=required, cut_mark="…"))


def _exact() -> Exact:
    return Exact(FieldFacts(max_length=_LONGEST))


def _choices(
    values: type[OrderStatus | ContactRole | PaymentStatus | StockLevel],
) -> Choice:
    words = tuple(str(v) for v in values)
    return Choice({w: w for w in words}, facts=FieldFacts(choices=words))


def _figures(entity: str, currency: str) -> tuple[FieldMap, ...]:
    codecs: Mapping[str, Codec] = {
        "money": AsText(FixedCurrency(currency)),
        "number": Number(),
        "string": _text(),
        "date": Date(),
        "datetime": Instant(FieldFacts(resolution=timedelta(milliseconds=1))),
    }
    return tuple(
        FieldMap(field, f"interlock_{field}", codecs[kind])
        for field, kind in FIGURES[entity].items()
    )


_PLACE: Final = AddressParts(
    {"street": "address", "city": "city", "region": "state", "postcode": "zip",
     "country": "country"},
    names_countries=True,
)  # fmt: skip


def object_maps(currency: str) -> Mapping[str, ObjectMap]:
    """Declare the objects of a portal whose company currency is this."""
    money = AsText(FixedCurrency(currency))
    return {
        "customer": ObjectMap("customer", "companies", (
            FieldMap("name", "name", _text(required=True), required=True),
            FieldMap("website", "website",
                     Exact(FieldFacts(max_length=_LONGEST, ignores_scheme=True))),
            FieldMap("email", "interlock_email", _exact()),
            FieldMap("phone", "phone", _exact()),
            FieldMap("tax_id", "interlock_tax_id", _exact()),
            FieldMap("billing_address", "@billing_address", _PLACE,
                     inputs={key: key for key in _PLACE.keys.values()}),
            FieldMap("payment_terms", "interlock_payment_terms", _text()),
            FieldMap("credit_limit", "interlock_credit_limit", money),
            FieldMap("credit_hold", "interlock_credit_hold", Flag()),
            FieldMap("hold_reason", "interlock_hold_reason", _text()),
            FieldMap("owner", "hubspot_owner_id", _exact(), writable=False),
            FieldMap("other_id", "interlock_other_id", _exact()),
            *_figures("customer", currency),
        )),
        "contact": ObjectMap("contact", "contacts", (
            FieldMap("customer", "@customer", Reference("customer")),
            FieldMap("name", "@name", PersonName(), required=True,
                     inputs={"firstname": "firstname", "lastname": "lastname"}),
            FieldMap("email", "email", Exact(FieldFacts(
                max_length=_LONGEST, ignores_case=True, unique=True))),
            FieldMap("phone", "phone", _exact()),
            FieldMap("role", "interlock_role", _choices(ContactRole)),
            FieldMap("other_id", "interlock_other_id", _exact()),
        )),
        "product": ObjectMap("product", "products", (
            FieldMap("sku", "hs_sku", _exact()),
            FieldMap("name", "name", _text(required=True), required=True),
            FieldMap("active", "interlock_active", Flag()),
            FieldMap("list_price", "price", money),
            FieldMap("stock", "interlock_stock", _choices(StockLevel)),
        )),
        "deal": ObjectMap("deal", "deals", (
            FieldMap("name", "dealname", _text(required=True), required=True),
            FieldMap("customer", "@customer", Reference("customer")),
            FieldMap("stage", "dealstage", _text()),
            FieldMap("stage_kind", "@outcome", Outcome(), writable=False),
            FieldMap("kind", "dealtype", _text(), writable=False),
            FieldMap("owner", "hubspot_owner_id", _exact(), writable=False),
            FieldMap("paused", "interlock_paused", Flag()),
            FieldMap("paused_stage", "interlock_paused_stage", _text()),
            FieldMap("won_at", "@won_at", WonAt(), writable=False,
                     inputs={"outcome": "@outcome", "closes": "closedate"}),
            FieldMap("amount", "@amount", DealAmount(currency), writable=False,
                     inputs={"amount": "amount", "currency": "deal_currency_code"}),
            FieldMap("po_number", "interlock_po_number", _text()),
            FieldMap("lines", "@lines", Lines(), writable=False),
            FieldMap("order_number", "interlock_order_number", _text()),
            FieldMap("order_status", "interlock_order_status", _choices(OrderStatus)),
            FieldMap("payment_status", "interlock_payment_status", _choices(PaymentStatus)),
            FieldMap("other_id", "interlock_other_id", _exact()),
            *_figures("deal", currency),
        )),
        "quote": ObjectMap("quote", "quotes", (
            FieldMap("deal", "@deal", Reference("deal"), writable=False),
            FieldMap("number", "hs_quote_number", _text(), writable=False),
            FieldMap("accepted", "interlock_accepted", Flag(), writable=False),
            FieldMap("currency", "hs_currency", _text(), writable=False),
            FieldMap("lines", "@lines", Lines(), writable=False),
        )),
        "task": ObjectMap("task", "tasks", (
            FieldMap("subject", "hs_task_subject", _text(), required=True),
            FieldMap("body", "hs_task_body", TaskText()),
            FieldMap("customer", "@customer", Reference("customer")),
            FieldMap("owner", "hubspot_owner_id", _exact()),
            FieldMap("due", "hs_timestamp", Due(), required=True),
            FieldMap("done", "hs_task_status", TaskDone()),
        )),
    }  # fmt: skip


NEVER: Final = (
    "description", "about_us", "annualrevenue", "numberofemployees", "total_money_raised",
    "lifecyclestage", "hs_lead_status", "closed_lost_reason", "closed_won_reason",
    "hs_forecast_amount", "hs_deal_stage_probability", "hs_predictivecontactscore_v2",
    "hubspotscore", "date_of_birth", "gender", "marital_status", "message", "hs_comments",
    "hs_internal_notes", "notes_last_updated", "hs_email_optout", "hs_ip_timezone",
    "hs_cost_of_goods_sold", "hs_analytics_source",
)  # fmt: skip
"""What stays in HubSpot: notes, qualification, forecasts, tracking, what people like or refuse."""


def flatten(body: Mapping[str, Any]) -> dict[str, Any]:
    """Spread what was written under ``@`` over the properties that hold it."""
    out: dict[str, Any] = {}
    for name, value in body.items():
        out.update(value if isinstance(value, Mapping) else {name: value})
    return out


def model_field(mapping: ObjectMap, name: str) -> str | None:
    """Name the model field that is kept in a property."""
    return next((f.field for f in mapping.fields if name in f.paths), None)


_READ_BEFORE = Capability(
    Level.UNSUPPORTED, "HubSpot checks no version: the connector reads just before it writes"
)
_BY_LIST = Capability(
    Level.UNSUPPORTED, "a search shows no archived record; a full read does, and so does a fetch"
)
_OURS = Capability(Level.NOT_IMPLEMENTED, "tasks are Interlock's own; others are not read")


def capabilities(maps: Mapping[str, ObjectMap], settings: HubSpotSettings) -> Capabilities:
    """What a connection with these maps can do."""

    def entity(name: str, **facts: Any) -> EntityCapabilities:
        known: dict[str, Any] = {"changes": FULL, **facts}
        return EntityCapabilities(
            version_check=_READ_BEFORE,
            newest_version_comparable=True,
            answers_with_values=True,
            page_size=settings.page_size,
            batch_size=BATCH,
            settle_time=timedelta(seconds=settings.settle_time),
            commit_delay=timedelta(seconds=settings.index_lag),
            fields=maps[name].facts(),
            **known,
        )

    made = {"create": FULL, "update": FULL, "find": FULL, "lookup": FULL,
            "reference": REFERENCE, "enforces_reference": True}  # fmt: skip
    unmade = dict.fromkeys(("create", "find", "lookup"), NOT_IMPLEMENTED)
    return Capabilities(
        entities={
            "customer": entity("customer", **made),
            "contact": entity("contact", **made),
            "product": entity("product", **made),
            "deal": entity("deal", **unmade, update=FULL),
            "quote": entity("quote", **unmade, update=NOT_IMPLEMENTED),
            "task": entity("task", **{**made, "changes": _OURS, "lookup": UNSUPPORTED}),
        },
        deletions=_BY_LIST,
        merges=Capability(Level.FULL, "companies, contacts and deals"),
        webhooks=FULL
        if settings.webhook_secret.get_secret_value()
        else Capability(Level.UNSUPPORTED, "the settings name no webhook_secret"),
        provision=FULL,
        # of the smallest subscription; the day's quota is told by every answer
        calls=BudgetLimits(per_window=100, window=timedelta(seconds=10)),
        never=NEVER,
    )
