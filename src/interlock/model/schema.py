"""Entity schemas: which fields exist, of which type, and how they are stored as bytes."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypedDict, cast

import msgspec

from interlock.model.entities import (
    Contact,
    Customer,
    Deal,
    Entity,
    Invoice,
    Order,
    Price,
    Product,
    Project,
    Quote,
    Task,
)
from interlock.model.values import Fields, Value

__all__ = [
    "CUSTOM_TYPES",
    "ENTITIES",
    "HOLD_FIELDS",
    "PERSONAL",
    "SIGNALS",
    "WRITTEN",
    "EntitySchema",
    "Schema",
]

ENTITIES: Mapping[str, type[Entity]] = types.MappingProxyType(
    {
        "customer": Customer,
        "contact": Contact,
        "product": Product,
        "price": Price,
        "deal": Deal,
        "quote": Quote,
        "order": Order,
        "project": Project,
        "invoice": Invoice,
    }
)

WRITTEN: Mapping[str, type[Entity]] = types.MappingProxyType({"task": Task})
"""What Interlock writes of its own accord; nobody owns it, so no file names it and none is read."""

CUSTOM_TYPES: Mapping[str, type] = types.MappingProxyType(
    {
        "text": str,
        "number": Decimal,
        "boolean": bool,
        "date": date,
        "datetime": datetime,
    }
)
"""Types a custom field may declare in a mapping file."""

PERSONAL: Mapping[str, frozenset[str]] = types.MappingProxyType(
    {
        "customer": frozenset(
            {
                "name",
                "website",
                "email",
                "phone",
                "tax_id",
                "billing_address",
                "shipping_address",
                "hold_reason",
            }
        ),
        "contact": frozenset({"name", "email", "phone", "role"}),
        # a verdict may say why a customer is on hold, or what an approver wrote
        "deal": frozenset({"name", "quote_check_reason"}),
        "quote": frozenset({"quote_check_reason"}),
        "order": frozenset({"billing_address", "shipping_address"}),
        # called after its deal
        "project": frozenset({"name"}),
    }
)
"""Fields that tell of a person; a customer may be one (a sole trader), a deal be named after one.

Custom texts are personal too, wherever a record is somebody's: nobody knows what stands in them.
"""


_CHECKED = frozenset({"quote_check", "quote_check_reason", "quote_checked_at"})

SIGNALS: Mapping[str, frozenset[str]] = types.MappingProxyType(
    {
        "customer": frozenset(
            {
                "balance",
                "overdue",
                "oldest_due_on",
                "days_overdue",
                "credit_balance",
                "revenue_12m",
                "revenue_change",
                "lifetime_revenue",
                "days_to_pay",
                "last_payment_on",
                "health_score",
                "health_reasons",
                "tier",
                "figures_from",
                "figures_at",
            }
        ),
        "order": frozenset(
            {"invoice_numbers", "invoice_total", "invoice_due_on", "payment_status"}
        ),
        "deal": frozenset(
            {"invoice_numbers", "invoice_total", "invoice_due_on", "payment_status", *_CHECKED}
        ),
        "quote": _CHECKED,
        "product": frozenset({"stock"}),
    }
)
"""Figures about a record of the ERP that move with the calendar and with other records.

What counts is what was last made public of them, not what the record itself shows (rule 27).
"""


HOLD_FIELDS = ("credit_hold", "hold_reason")
"""What a customer shows of a hold: the ERP's own, one worked out by rule, or a further member's."""


def _without_unset(annotation: Any) -> Any:
    """Strip ``UnsetType`` and ``None`` from a struct field's annotation."""
    args = [
        a for a in typing.get_args(annotation) if a is not msgspec.UnsetType and a is not type(None)
    ]
    if not args:
        return annotation
    return args[0] if len(args) == 1 else typing.Union[tuple(args)]  # noqa: UP007


class EntitySchema:
    """Fields of one entity, standard and custom, with their types and a byte codec."""

    def __init__(self, name: str, custom: Mapping[str, str] | None = None) -> None:
        self.name = name
        hints = typing.get_type_hints({**ENTITIES, **WRITTEN}[name])
        self.types: dict[str, Any] = {f: _without_unset(t) for f, t in hints.items()}
        for field, kind in (custom or {}).items():
            self.types[f"custom.{field}"] = CUSTOM_TYPES[kind]
        marked = PERSONAL.get(name, frozenset())
        texts = {f for f, t in self.types.items() if f.startswith("custom.") and t is str}
        self.personal = marked | texts if marked else marked
        """Fields whose values are encrypted in the history and destroyed by ``forget``."""
        optional = {f: t | None for f, t in self.types.items()}
        shape = TypedDict(f"{name.title()}Fields", optional, total=False)  # type: ignore[misc]
        self._decoder = msgspec.msgpack.Decoder(shape)
        self._encoder = msgspec.msgpack.Encoder(decimal_format="string", order="sorted")

    def __contains__(self, field: str) -> bool:
        """Say whether the entity has this field."""
        return field in self.types

    def encode(self, fields: Mapping[str, Value | None]) -> bytes:
        """Pack fields; equal fields give equal bytes, so the bytes can be hashed."""
        return self._encoder.encode(fields)

    def decode(self, data: bytes) -> Fields:
        """Unpack what ``encode`` made; fields the schema no longer has are dropped."""
        try:
            return cast("Fields", self._decoder.decode(data))
        except msgspec.ValidationError:
            return self._fitting(data)

    def _fitting(self, data: bytes) -> Fields:
        """Keep what still fits: a custom field may have been given another type since."""
        fields: Fields = {}
        for name, value in msgspec.msgpack.decode(data).items():
            if name in self.types:
                try:
                    fields[name] = msgspec.convert(value, self.types[name] | None)
                except msgspec.ValidationError:
                    continue
        return fields

    def convert(self, field: str, raw: object) -> Value | None:
        """Make a typed value from JSON-like input; raises ``msgspec.ValidationError``."""
        return cast("Value | None", msgspec.convert(raw, self.types[field] | None, strict=False))


class Schema:
    """All entity schemas of a project."""

    def __init__(self, custom: Mapping[str, Mapping[str, str]] | None = None) -> None:
        """``custom``: entity -> custom field -> type name of ``CUSTOM_TYPES``."""
        extra = custom or {}
        self._entities = {name: EntitySchema(name, extra.get(name)) for name in ENTITIES}
        self._written = {name: EntitySchema(name) for name in WRITTEN}

    def __getitem__(self, entity: str) -> EntitySchema:
        return self._written.get(entity) or self._entities[entity]

    def __contains__(self, entity: str) -> bool:
        return entity in self._entities

    def __iter__(self) -> typing.Iterator[str]:
        return iter(self._entities)
