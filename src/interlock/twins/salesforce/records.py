"""Single records: create, read, change, delete, and all of it by external id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from interlock.twins.calls import Answer, Call
from interlock.twins.salesforce.context import Context, body_object
from interlock.twins.salesforce.ids import long_id
from interlock.twins.salesforce.org import Org
from interlock.twins.salesforce.query import record_url
from interlock.twins.salesforce.refusals import Refused
from interlock.twins.salesforce.schema import Field, SObject
from interlock.twins.salesforce.values import read_value, show_value
from interlock.twins.storage import Row

__all__ = [
    "change", "change_by_key", "create", "external_id", "read", "read_by_key", "remove",
    "remove_by_key", "shown", "upserted",
]  # fmt: skip

_CREATED_SINCE = 46
"""From this version on an upsert that updates answers 200 with a body, before it 204."""


def create(context: Context, call: Call, name: str) -> Answer:
    """POST of a new record."""
    one = context.org.object(name)
    key = context.org.insert(one, body_object(call))
    where = {"Location": record_url(context.version, one, key)}
    return Answer(201, {"id": key, "success": True, "errors": []}, where)


def read(context: Context, call: Call, name: str, key: str) -> Answer:
    """GET of a record, or of some of its fields."""
    one = context.org.object(name)
    row = _there(context.org, one, key)
    if not _changed_since(call, row):
        return Answer(304)
    _check_unchanged(call, row)
    return Answer(200, shown(context, one, row, call.query.get("fields")))


def change(context: Context, call: Call, name: str, key: str) -> Answer:
    """PATCH of a record."""
    one = context.org.object(name)
    body = body_object(call)
    row = _there(context.org, one, key, deleted=True)
    _check_unchanged(call, row)
    context.org.update(one, key, body)
    return Answer(204)


def remove(context: Context, _call: Call, name: str, key: str) -> Answer:
    """DELETE of a record; headers about its age are not looked at."""
    one = context.org.object(name)
    _there(context.org, one, key, deleted=True)
    context.org.delete(one, key)
    return Answer(204)


def read_by_key(context: Context, call: Call, name: str, field: str, value: str) -> Answer:
    """GET of a record by external id."""
    one, found = _by_key(context, name, field, value)
    if len(found) > 1:
        return _many(context, one, found)
    if not found:
        raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
    return Answer(200, shown(context, one, found[0], call.query.get("fields")))


def change_by_key(context: Context, call: Call, name: str, field: str, value: str) -> Answer:
    """PATCH by external id: makes the record or changes it, or finds several and does nothing."""
    org, body = context.org, body_object(call)
    if field.lower() == "id":
        return change(context, call, name, value)
    one, found = _by_key(context, name, field, value)
    item = external_id(org, one, field)
    if any(sent.lower() == item.name.lower() for sent in body):
        raise Refused(
            "INVALID_FIELD", f"The {item.name} field should not be specified in the sobject data."
        )
    if len(found) > 1:
        return _many(context, one, found)
    if found:
        _check_unchanged(call, found[0])
    elif call.query.get("updateOnly", "").lower() == "true":
        raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
    key, created = upserted(org, one, item, value, body)
    where = {"Location": record_url(context.version, one, key)}
    answer: dict[str, Any] = {"id": key, "success": True, "errors": []}
    if float(context.version) >= _CREATED_SINCE:
        return Answer(201 if created else 200, {**answer, "created": created}, where)
    return Answer(201, answer, where) if created else Answer(204)


def remove_by_key(context: Context, _call: Call, name: str, field: str, value: str) -> Answer:
    """DELETE by external id."""
    one, found = _by_key(context, name, field, value)
    if len(found) > 1:
        return _many(context, one, found)
    if not found:
        raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
    context.org.delete(one, found[0]["Id"])
    return Answer(204)


def upserted(
    org: Org, one: SObject, field: Field, value: Any, sent: Mapping[str, Any]
) -> tuple[str, bool]:
    """Make a record or change the one with this external id; returns its id and if it is new."""
    wanted = read_value(field, value)
    found = [] if wanted is None else org.matching(one, field, wanted)
    if len(found) > 1:
        ids = ", ".join(row["Id"] for row in found)
        raise Refused(
            "DUPLICATE_EXTERNAL_ID",
            f"{field.name}: more than one record found for external id field: [{ids}]",
            fields=[field.name],
        )
    rest = {k: v for k, v in sent.items() if k.lower() != field.name.lower()}
    if found:
        org.update(one, found[0]["Id"], rest)
        return found[0]["Id"], False
    return org.insert(one, {**rest, field.name: value}), True


def external_id(org: Org, one: SObject, name: str) -> Field:
    """Find an external id field the caller may see."""
    field = one.named(name)
    if field is None or not org.readable(one, field) or not (field.external_id or field.unique):
        raise Refused(
            "NOT_FOUND",
            "Provided external ID field does not exist or is not accessible: " + name,
            status=404,
        )
    return field


def shown(context: Context, one: SObject, row: Row, names: str | None = None) -> dict[str, Any]:
    """Show a record: all fields the caller may see, or those named."""
    org = context.org
    fields = [f for f in one.fields.values() if org.readable(one, f)]
    if names is not None:
        fields = [_named(org, one, n.strip()) for n in names.split(",") if n.strip()]
    attributes = {"type": one.name, "url": record_url(context.version, one, row["Id"])}
    record = {"attributes": attributes, **{f.name: show_value(f, row) for f in fields}}
    return record if "Id" in record else {**record, "Id": row["Id"]}


def _named(org: Org, one: SObject, name: str) -> Field:
    field = one.named(name)
    if field is None or not org.readable(one, field):
        raise Refused("INVALID_FIELD", f"No such column '{name}' on sobject of type {one.name}")
    return field


def _there(org: Org, one: SObject, key: str, *, deleted: bool = False) -> Row:
    full = long_id(key)
    if full is None or not full.startswith(one.prefix):
        raise Refused(
            "NOT_FOUND",
            f"Provided external ID field does not exist or is not accessible: {key}",
            status=404,
        )
    row = org.storage.get(one.name, full)
    if row is not None and row["IsDeleted"] and deleted:
        raise Refused("ENTITY_IS_DELETED", "entity is deleted", status=404)
    if row is None or row["IsDeleted"]:
        raise Refused("NOT_FOUND", "The requested resource does not exist", status=404)
    return row


def _by_key(context: Context, name: str, field: str, value: str) -> tuple[SObject, list[Row]]:
    one = context.org.object(name)
    item = external_id(context.org, one, field)
    return one, context.org.matching(one, item, read_value(item, value))


def _many(context: Context, one: SObject, found: list[Row]) -> Answer:
    return Answer(300, [record_url(context.version, one, row["Id"]) for row in found])


# ── conditions about a record's age ──────────────────────────────────────────────────────────


def _changed_since(call: Call, row: Row) -> bool:
    since = _header_date(call, "if-modified-since")
    return since is None or row["LastModifiedDate"] > since


def _check_unchanged(call: Call, row: Row) -> None:
    if "if-match" in call.headers or "if-none-match" in call.headers:
        raise Refused("INVALID_HEADER", "This twin does not support If-Match and If-None-Match")
    since = _header_date(call, "if-unmodified-since")
    if since is not None and row["LastModifiedDate"] > since:
        raise Refused(
            "PRECONDITION_FAILED", "The record was modified after the given date.", status=412
        )


def _header_date(call: Call, name: str) -> datetime | None:
    text = call.headers.get(name)
    if text is None:
        return None
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError as error:
        raise Refused("INVALID_HEADER", f"{name} is not an HTTP date: {text}") from error
