"""Between BottleCRM's rows and records: what an object map alone cannot say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from interlock.connectors.bottlecrm.objects import GROUPS
from interlock.connectors.bottlecrm.places import REFERENCE_KEY, RESOURCES
from interlock.mapping.codecs import Instant
from interlock.mapping.objectmap import ObjectMap
from interlock.model import Presence, Record

__all__ = ["Organization", "custom_keys", "decode", "flatten", "model_field", "shape"]


@dataclass(frozen=True, slots=True)
class Organization:
    """What must be known of the organization: its currency and its active custom fields."""

    currency: str
    custom: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Model -> key of the custom field -> its type."""


def shape(entity: str, row: Mapping[str, Any], organization: Organization) -> dict[str, Any]:
    """Prepare a row for decoding: absent custom fields are blank, parts of one value together."""
    raw = dict(row)
    model = RESOURCES[entity].model
    defined = organization.custom.get(model, {})
    stored = row.get("custom_fields") or {}
    # A key without an active definition can neither be seen nor written by users: unknown.
    raw["custom_fields"] = {key: stored.get(key) for key in defined}
    if entity == "contact" and not row.get("account"):
        # A person added on the account's page is a member of it without being linked back.
        linked: Sequence[Any] = row.get("linked_accounts") or ()
        raw["account"] = linked[0]["id"] if len(linked) == 1 else None
    if entity == "deal":
        raw["account"] = (row.get("account") or {}).get("id")
        raw["won_at"] = row.get("stage_changed_at") if row.get("stage_kind") == "won" else None
        raw["currency"] = row.get("currency") or organization.currency
        if row.get("stage_kind") is None:
            raw.pop("stage_kind", None)
    if entity == "task":
        raw["account"] = (row.get("account") or {}).get("id")
        if not stored.get(REFERENCE_KEY):
            raw.pop("description", None)  # people's notes
    for group in GROUPS.get(entity, ()):
        source = raw[group.root] if group.root else raw
        if all(key in source for key in group.keys):
            raw[group.path] = {key: source[key] for key in group.keys}
    if entity == "customer" and "credit_limit" in raw:
        limit = raw["credit_limit"]
        limit["credit_limit_currency"] = (
            limit["credit_limit_currency"] or row.get("currency") or organization.currency
        )
    if entity == "quote":
        raw["opportunity"] = row.get("opportunity") or {"id": None}
        if _discounted(row):
            raw.pop("line_items", None)
    return raw


def _discounted(row: Mapping[str, Any]) -> bool:
    """Say whether the whole document is discounted: money that no line carries."""
    return bool(float(row.get("discount_value") or 0))


def decode(
    entity: str, row: Mapping[str, Any], organization: Organization, mapping: ObjectMap
) -> Record:
    """Make a record of a row as it stands in a list or in a read by id."""
    problems: dict[str, str] = {}
    wants_lines = any(item.field == "lines" for item in mapping.fields)
    if entity == "quote" and wants_lines and "line_items" in row and _discounted(row):
        problems["lines"] = "the estimate has a discount on the whole, which lines cannot carry"
    fields = mapping.decode(shape(entity, row, organization), problems)
    modified = Instant().decode(row.get(RESOURCES[entity].modified))
    archived = entity in ("customer", "contact", "deal") and row.get("is_active") is False
    return Record(
        entity=entity,
        id=str(row["id"]),
        fields=fields,
        # One spelling, so that versions can be ordered as text.
        version=f"{modified:%Y-%m-%dT%H:%M:%S.%fZ}" if modified else None,
        modified=modified,
        presence=Presence.ARCHIVED if archived else Presence.PRESENT,
        reference=(row.get("custom_fields") or {}).get(REFERENCE_KEY) or None,
        problems=problems or None,
    )


def flatten(entity: str, body: dict[str, Any]) -> dict[str, Any]:
    """Undo ``shape`` for an encoded (partial) object: parts go to the fields that hold them."""
    for group in GROUPS.get(entity, ()):
        if group.path in body:
            parts = body.pop(group.path)
            (body.setdefault(group.root, {}) if group.root else body).update(parts)
    return body


def custom_keys(entity: str, mapping: ObjectMap) -> Iterator[str]:
    """Keys of the custom fields a map uses."""
    groups = {g.path: g.keys for g in GROUPS.get(entity, ()) if g.root}
    for item in mapping.fields:
        if item.path.startswith("custom_fields."):
            yield item.path.removeprefix("custom_fields.")
        elif item.path in groups:
            yield from groups[item.path]


def model_field(entity: str, mapping: ObjectMap, path: str) -> str | None:
    """Name the model field a path of BottleCRM's belongs to."""
    path = next((g.path for g in GROUPS.get(entity, ()) if path in g.paths), path)
    return next((item.field for item in mapping.fields if item.path == path), None)
