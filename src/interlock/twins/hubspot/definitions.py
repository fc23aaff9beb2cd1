"""Properties and their groups, pipelines, owners."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from interlock.twins.calls import Answer, Call
from interlock.twins.hubspot.context import Context, body_object
from interlock.twins.hubspot.portal import FIRST_PIPELINE
from interlock.twins.hubspot.refusals import Refused, missing
from interlock.twins.hubspot.schema import Property
from interlock.twins.hubspot.values import iso

__all__ = [
    "archive_group", "archive_property", "create_group", "create_property", "list_groups",
    "list_owners", "list_pipelines", "list_properties", "property_of", "read_property",
]  # fmt: skip

_FIELD_TYPES: Final = {
    "string": ("text", "textarea", "html", "phonenumber", "file"), "number": ("number",),
    "date": ("date",), "datetime": ("date",), "bool": ("booleancheckbox",),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox"),
    "phone_number": ("phonenumber",),
}  # fmt: skip
_UNIQUE: Final = 10


def property_of(body: Mapping[str, Any]) -> Property:
    """Read the definition of a custom property; raises ``Refused``."""
    blank = [n for n in ("name", "label", "type", "fieldType", "groupName") if not body.get(n)]
    if blank:
        raise Refused("VALIDATION_ERROR", f"Some required fields were not set: {blank}")
    name, kind, field = (str(body[n]) for n in ("name", "type", "fieldType"))
    if field not in _FIELD_TYPES.get(kind, ()):
        raise Refused("VALIDATION_ERROR", f"fieldType {field} does not go with type {kind}")
    if not name.replace("_", "").isalnum() or name != name.lower() or name[0].isdigit():
        raise Refused("VALIDATION_ERROR", "a name has lower-case letters, digits and underscores")
    options = tuple((str(o["value"]), str(o["label"])) for o in body.get("options") or ())
    if kind == "bool" and not options:
        options = (("true", "Yes"), ("false", "No"))
    if kind == "enumeration" and not options:
        raise Refused("VALIDATION_ERROR", "a choice needs options")
    return Property(
        name=name, type=kind, field_type=field, label=str(body["label"]),
        group=str(body["groupName"]), options=options, unique=bool(body.get("hasUniqueValue")),
        custom=True,
    )  # fmt: skip


def list_properties(context: Context, call: Call, kind: str) -> Answer:
    """GET of all properties of a type."""
    one = context.allowed(kind, write=False, schema=True)
    if call.query.get("archived") == "true":
        return Answer(200, {"results": []})
    known = [p.shown() for p in one.properties.values() if context.portal.sees(one, p.name)]
    return Answer(200, {"results": known})


def read_property(context: Context, _call: Call, kind: str, name: str) -> Answer:
    """GET of one property."""
    one = context.allowed(kind, write=False, schema=True)
    if not context.portal.sees(one, name):
        raise missing()
    return Answer(200, one.properties[name].shown())


def create_property(context: Context, call: Call, kind: str) -> Answer:
    """POST of a new property; its group must be there."""
    one = context.allowed(kind, write=True, schema=True)
    item = property_of(body_object(call))
    if item.name in one.properties:
        raise Refused(
            "OBJECT_ALREADY_EXISTS", f"A property named '{item.name}' already exists.", status=409
        )
    if item.group not in one.groups:
        raise Refused("VALIDATION_ERROR", f"Property Group {item.group} does not exist")
    if item.unique and sum(p.unique and p.custom for p in one.properties.values()) >= _UNIQUE:
        raise Refused("VALIDATION_ERROR", f"{one.name} have {_UNIQUE} unique properties already")
    context.portal.put_property(one, item)
    return Answer(201, item.shown())


def archive_property(context: Context, _call: Call, kind: str, name: str) -> Answer:
    """DELETE of a custom property."""
    one = context.allowed(kind, write=True, schema=True)
    item = one.properties.get(name)
    if item is not None and not item.custom:
        raise Refused("VALIDATION_ERROR", "properties of HubSpot cannot be archived")
    context.portal.drop_property(one, name)
    return Answer(204)


def list_groups(context: Context, _call: Call, kind: str) -> Answer:
    """GET of the groups of a type's properties."""
    one = context.allowed(kind, write=False, schema=True)
    return Answer(200, {"results": [_group(name) for name in one.groups]})


def create_group(context: Context, call: Call, kind: str) -> Answer:
    """POST of a new group."""
    one = context.allowed(kind, write=True, schema=True)
    name = str(body_object(call).get("name") or "")
    if not name:
        raise Refused("VALIDATION_ERROR", "Some required fields were not set: [name]")
    if name in one.groups:
        raise Refused("OBJECT_ALREADY_EXISTS", "the group already exists", status=409)
    context.portal.types[one.name] = one.with_group(name)
    return Answer(201, _group(name))


def archive_group(context: Context, _call: Call, kind: str, name: str) -> Answer:
    """DELETE of a group that holds nothing any more."""
    one = context.allowed(kind, write=True, schema=True)
    if any(item.group == name for item in one.properties.values()):
        raise Refused("VALIDATION_ERROR", "the group still has properties")
    context.portal.types[one.name] = one.without_group(name)
    return Answer(204)


def list_pipelines(context: Context, _call: Call, kind: str) -> Answer:
    """GET of the pipelines of a type; deals have one."""
    one = context.allowed(kind, write=False)
    if one.name != "deals":
        return Answer(200, {"results": []})
    now = iso(context.portal.storage.clock())
    stages = [
        {"id": stage["id"], "label": stage["label"], "displayOrder": number, "archived": False,
         "createdAt": now, "updatedAt": now, "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
         "metadata": {
             "probability": stage["probability"],
             "isClosed": str(stage["probability"] in ("0.0", "1.0")).lower(),
         }}
        for number, stage in enumerate(context.portal.stages)
    ]  # fmt: skip
    pipeline = {
        "id": FIRST_PIPELINE, "label": "Sales pipeline", "displayOrder": 0, "archived": False,
        "createdAt": now, "updatedAt": now, "stages": stages,
    }  # fmt: skip
    return Answer(200, {"results": [pipeline]})


def list_owners(context: Context, _call: Call) -> Answer:
    """GET of the users records can belong to."""
    now = iso(context.portal.storage.clock())
    rows = context.portal.storage.rows("owners")
    owners = [{**row, "archived": False, "createdAt": now, "updatedAt": now} for row in rows]
    return Answer(200, {"results": owners})


def _group(name: str) -> dict[str, Any]:
    return {"name": name, "label": name, "displayOrder": -1, "archived": False}
