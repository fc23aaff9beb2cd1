"""The metadata catalogue: record types as JSON Schema."""

from __future__ import annotations

from typing import Any, Final

from interlock.twins.netsuite.account import Account
from interlock.twins.netsuite.schema import RecordType

__all__ = ["describe", "listed"]

_KINDS: Final[dict[str, dict[str, Any]]] = {
    "text": {"type": "string"}, "email": {"type": "string", "format": "email"},
    "flag": {"type": "boolean"}, "integer": {"type": "integer"},
    "number": {"type": "number", "format": "double"}, "amount": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "moment": {"type": "string", "format": "date-time"},
}  # fmt: skip
_REFERENCE: Final = {
    "type": "object",
    "properties": {"id": {"type": "string"}, "refName": {"type": "string"},
                   "externalId": {"type": "string"}},
}  # fmt: skip


def listed(account: Account, base: str) -> dict[str, Any]:
    """List the record types there are."""
    links = {name: f"{base}/metadata-catalog/{name}" for name in account.types}
    items = [
        {"name": name, "links": [{"rel": "canonical", "href": href,
                                  "mediaType": "application/schema+json"}]}
        for name, href in links.items()
    ]  # fmt: skip
    return {"items": items, "links": []}


def describe(account: Account, kind: RecordType) -> dict[str, Any]:
    """Describe one record type."""
    properties: dict[str, Any] = {"id": {"type": "string"}}
    for field in account.fields_of(kind).values():
        shape = dict(_KINDS.get(field.kind, _REFERENCE))
        if field.length is not None:
            shape["maxLength"] = field.length
        properties[field.name] = {**shape, "title": field.name, "readOnly": field.fixed,
                                  "nullable": not field.required}  # fmt: skip
    for name in kind.sublists:
        items = {"type": "array", "items": {"type": "object"}}
        properties[name] = {"type": "object", "properties": {"items": items}}
    return {"type": "object", "properties": properties}
