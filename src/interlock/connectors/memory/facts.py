"""What the memory systems can do, as data."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from interlock.connectors.base import (
    FULL,
    UNSUPPORTED,
    Capabilities,
    Capability,
    EntityCapabilities,
    Level,
)
from interlock.connectors.memory.config import MemorySettings
from interlock.connectors.memory.objects import CRM_MAPS, ERP_MAPS, made_as
from interlock.mapping.objectmap import ObjectMap
from interlock.mapping.overrides import MappingOverrides
from interlock.model import OrderDocument, OrderStatus

__all__ = ["REFERENCE", "capabilities", "maps"]

REFERENCE: Mapping[str, str] = {"crm": "InterlockRef__c", "erp": "ext_ref"}
"""The column of our key."""

_NEVER: Mapping[str, tuple[str, ...]] = {
    "crm": ("email_log", "call_notes", "qualification"),
    "erp": ("cost_price", "margin", "supplier_price"),
}
_NOT_MADE: Mapping[tuple[str, str], str] = {
    ("crm", "quote"): "quotes are made by people",
    ("erp", "price"): "price lists are the ERP's own business",
    ("erp", "invoice"): "invoices are the ERP's own business",
}
_READ_ONLY = frozenset({("erp", "price"), ("erp", "invoice")})
_SOLD = frozenset({"order", "project"})
_LOOKED_UP = frozenset({"customer", "contact", "product"})


def maps(kind: str, settings: MemorySettings, overrides: MappingOverrides) -> dict[str, ObjectMap]:
    """Give the object maps of a system with these settings, with the user's overrides."""
    declared = dict(CRM_MAPS if kind == "crm" else ERP_MAPS)
    if kind == "erp" and settings.orders_as != (OrderDocument.ORDER,):
        declared["order"] = made_as(settings.orders_as)
    if not settings.projects:
        declared.pop("project", None)
    if kind == "erp" and not settings.holds:
        shown = {f.field for f in declared["customer"].fields} - {"credit_hold", "hold_reason"}
        declared["customer"] = declared["customer"].limited_to(shown)
    return {entity: item.with_overrides(overrides) for entity, item in declared.items()}


def capabilities(kind: str, settings: MemorySettings, overrides: MappingOverrides) -> Capabilities:
    """Declare what a connection with these settings can do."""
    return Capabilities(
        entities={
            entity: _entity(kind, entity, item, settings)
            for entity, item in maps(kind, settings, overrides).items()
        },
        deletions=FULL,
        merges=FULL,
        webhooks=FULL
        if settings.webhook_secret.get_secret_value()
        else Capability(Level.UNSUPPORTED, "the settings name no webhook_secret"),
        provision=FULL,
        prices=FULL if kind == "erp" and settings.prices else UNSUPPORTED,
        never=_NEVER[kind],
    )


def _entity(
    kind: str, entity: str, item: ObjectMap, settings: MemorySettings
) -> EntityCapabilities:
    keyed = (kind, entity) not in _NOT_MADE
    written = (kind, entity) not in _READ_ONLY
    refusal = Capability(Level.UNSUPPORTED, _NOT_MADE.get((kind, entity), ""))
    return EntityCapabilities(
        changes=FULL if settings.changes else UNSUPPORTED,
        create=FULL if keyed else refusal,
        update=FULL if written else refusal,
        find=FULL if keyed else UNSUPPORTED,
        lookup=FULL if entity in _LOOKED_UP else UNSUPPORTED,
        version_check=FULL if settings.version_check and written else UNSUPPORTED,
        newest_version_comparable=settings.versions == "counted",
        reference=REFERENCE[kind] if keyed else "",
        enforces_reference=settings.enforces_reference and keyed,
        drafts=entity in _SOLD,
        amends=frozenset({OrderStatus.DRAFT} if entity in _SOLD else ()),
        cancels=frozenset({OrderStatus.DRAFT, OrderStatus.OPEN} if entity in _SOLD else ()),
        answers_with_values=settings.answers_with_values,
        page_size=settings.page_size,
        batch_size=settings.batch_size,
        settle_time=timedelta(seconds=settings.settle_time),
        read_lag=timedelta(seconds=settings.read_lag),
        commit_delay=timedelta(seconds=settings.commit_delay),
        fields=item.facts(),
    )
